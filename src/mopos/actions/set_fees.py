"""Fees are set: a new plan, a new version of one, and which gateway has which from when on.

A purchase keeps the fee that it was registered with. So nothing here reaches into the past, and nothing that was in
force is ever changed: what is to be different begins at a moment to come, or now.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date, datetime, timedelta

from persiantools.jdatetime import JalaliDate

from mopos.base.clock import TEHRAN, Clock
from mopos.base.db import Database
from mopos.base.errors import Refused
from mopos.base.ids import has_check_digit, with_check_digit, without_check_digit
from mopos.base.money import Rial
from mopos.base.text import latin_digits
from mopos.domain.operators.model import about_gateway, check_reason
from mopos.domain.payments.model import AMNT_RIAL_MAX, AMNT_RIAL_MIN
from mopos.domain.settlement import fee_store
from mopos.domain.settlement.fee_store import By
from mopos.domain.settlement.fees import Bracket, Plan, Quote, Version, check, read_bearer, read_name

# Announced further ahead than this, it is a slip in the year.
AHEAD_MAX = timedelta(days=3 * 366)


async def add_plan(
    db: Database,
    clock: Clock,
    *,
    name: str,
    bearer: str,
    brackets: Sequence[Bracket],
    valid_from: datetime | None,
    operator_id: int | None,
    reason: str,
) -> int:
    """A new plan, whose first version begins at `valid_from` (None: now). Returns its number. Raises `Refused`."""
    by = By(operator_id, check_reason(reason), clock())
    borne = read_bearer(bearer)
    version = Version(_not_past(valid_from, by.now), borne, check(brackets, AMNT_RIAL_MIN))
    return await fee_store.add_plan(db, read_name(name), borne, version, by)


async def add_version(
    db: Database,
    clock: Clock,
    plan_id: int,
    *,
    brackets: Sequence[Bracket],
    valid_from: datetime | None,
    operator_id: int | None,
    reason: str,
) -> None:
    """What a plan is to say from a moment on (None: from now on). Raises `Refused`."""
    by = By(operator_id, check_reason(reason), clock())
    plan = await _plan(db, plan_id)
    version = Version(_not_past(valid_from, by.now), plan.bearer, check(brackets, AMNT_RIAL_MIN))
    await fee_store.add_version(db, plan, version, by)


async def assign(
    db: Database,
    clock: Clock,
    gateway_id: int,
    plan_id: int | None,
    *,
    valid_from: datetime | None,
    operator_id: int | None,
    reason: str,
) -> None:
    """A gateway has a plan from a moment on (None: from now on); without a plan its purchases cost nothing. Raises
    `Refused`: also for a plan whose first version begins later, which would cost nothing until then."""
    by = By(operator_id, check_reason(reason), clock())
    begins = _not_past(valid_from, by.now)
    plan = await _plan(db, plan_id) if plan_id is not None else None
    if plan is not None and plan.at(begins) is None:
        raise Refused(["fee_plan_not_begun"])
    subject = about_gateway(with_check_digit(gateway_id))
    if not await fee_store.assign(db, gateway_id, plan, begins, subject, by):
        raise Refused(["fee_gateway_unknown"])


async def quote(db: Database, gateway_id: int, amount: str, at: datetime) -> Quote:
    """What a purchase of an amount (as typed) would cost at a gateway. Raises `Refused`."""
    return await fee_store.fee_of(db, gateway_id, read_amount(amount), at)


def read_amount(text: str) -> Rial:
    """An amount that can be bought. Raises `Refused`."""
    plain = latin_digits(text).translate(_SEPARATORS)
    if not (plain.isascii() and plain.isdigit()) or len(plain) > _DIGITS_MAX:
        raise Refused(["fee_amount_wrong"])
    amount = Rial(int(plain))
    if not AMNT_RIAL_MIN <= amount <= AMNT_RIAL_MAX:
        raise Refused(["fee_amount_wrong"])
    return amount


def read_gateway(number: str) -> int:
    """A gateway's number with its check digit, as its id. Raises `Refused`."""
    plain = latin_digits(number).strip()
    if not has_check_digit(plain) or len(plain) > _DIGITS_MAX:
        raise Refused(["fee_gateway_unknown"])
    return without_check_digit(plain)


def read_moment(text: str) -> datetime | None:
    """From when on: a day of Tehran's, `1405/10/01`, with an hour where wanted, `1405/10/01 14:30`; by the Gregorian
    calendar too. Empty: None, which is now. Raises `Refused`."""
    plain = latin_digits(text).strip()
    if not plain:
        return None
    found = _MOMENT.fullmatch(plain)
    if found is None:
        raise Refused(["fee_from_malformed"])
    year, month, day, hour, minute = (int(part or 0) for part in found.groups())
    try:
        on = JalaliDate(year, month, day).to_gregorian() if year < _GREGORIAN_SINCE else date(year, month, day)
        return datetime(on.year, on.month, on.day, hour, minute, tzinfo=TEHRAN)
    except (ValueError, OverflowError):
        raise Refused(["fee_from_malformed"]) from None


_MOMENT = re.compile(r"(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})(?:[ T]+(\d{1,2}):(\d{2}))?")
# No Jalali year of ours is above it, no Gregorian one below.
_GREGORIAN_SINCE = 1900
# The longest number that a bigint always holds.
_DIGITS_MAX = 18
_SEPARATORS = str.maketrans("", "", ",_٬، ")


def _not_past(valid_from: datetime | None, now: datetime) -> datetime:
    if valid_from is None:
        return now
    if valid_from < now:
        raise Refused(["fee_from_past"])
    if valid_from > now + AHEAD_MAX:
        raise Refused(["fee_from_malformed"])
    return valid_from


async def _plan(db: Database, plan_id: int) -> Plan:
    found = await fee_store.plan(db, plan_id)
    if found is None:
        raise Refused(["fee_plan_unknown"])
    return found
