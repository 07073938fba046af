"""A batch goes to the bank: as files that an operator uploads there, or order by order through a payout service.

By API it is claim, call, record: an order is known to the service by the payout's number, so whoever does not know
whether it arrived (silence, a kill between the call and the record) hands it over again, and it is taken once.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

import structlog

from mopos.actions.services import Services
from mopos.actions.take_results import Result, take_results
from mopos.base.clock import TEHRAN
from mopos.base.errors import Refused
from mopos.base.money import Rial
from mopos.domain.operators.model import Operator
from mopos.domain.settlement import ccti, file_store, rule_store
from mopos.domain.settlement.ccti import PROFILES, Header, Paper, Transfer
from mopos.domain.settlement.channels import Channel
from mopos.domain.settlement.file_store import Going, Kept, Listed
from mopos.domain.settlement.rules import rules_on
from mopos.outside.payouts import Accepted, Order, PayoutBank, Pending, Returned, Settled, Silent, Unknown
from mopos.outside.payouts import Refused as NotTaken

# Handed over in one call: few enough that each is known within the lease, also when each has to be asked by itself.
PAGE = 50
# Questions to a service at once.
_AT_ONCE = 8
# Waits double up to this: cycles are hours apart.
_WAIT_MAX = timedelta(hours=1)
# A transferred payout comes back within a few bank days; Nowruz is two weeks.
WATCH = timedelta(days=20)
_WATCH_EVERY = timedelta(hours=12)
# A batch is settled some days after its day; whatever is older was watched long enough.
_WATCH_BATCHES = WATCH + timedelta(days=15)
_LEASE_SLACK = timedelta(seconds=5)

log = structlog.get_logger()


# --- files ------------------------------------------------------------------------------------------------------------


class PayoutFile(NamedTuple):
    """A file for the bank, and the facts of the paper form that some banks want with it."""

    name: str
    body: bytes
    media_type: str
    paper: Paper


async def make_file(services: Services, operator: Operator, batch_id: int, channel: str) -> PayoutFile:
    """The file of a batch's channel. Made once; after that the same again, byte for byte. Raises `Refused`:
    `channel_unknown`, `batch_not_approved`, `batch_goes_by_api`, `batch_has_stopped`, `batch_empty`, `payer_not_set`,
    `profile_unknown`, `payout_file_moved`, `payout_file_differs`."""
    if channel not in list(Channel):
        raise Refused(["channel_unknown"])
    going = await _going(services, batch_id)
    kept = await file_store.kept_file(services.db, batch_id, channel)
    if kept is not None:
        return await _again(services, kept)
    if going.state != "APPROVED":
        raise Refused(["batch_empty"])
    if going.stopped:
        raise Refused(["batch_has_stopped"])
    try:
        return await _first(services, operator, going, channel)
    except Refused:
        # Perhaps since we looked somebody else has made it.
        kept = await file_store.kept_file(services.db, batch_id, channel)
        if kept is None:
            raise
        return await _again(services, kept)


async def _going(services: Services, batch_id: int) -> Going:
    going = await file_store.batch(services.db, batch_id)
    if going is None or going.state in ("DRAFT", "CANCELLED"):
        raise Refused(["batch_not_approved"])
    if going.way != "file":
        raise Refused(["batch_goes_by_api"])
    return going


async def _first(services: Services, operator: Operator, going: Going, channel: str) -> PayoutFile:
    listed = await file_store.to_file(services.db, going.id, channel)
    if not listed:
        raise Refused(["batch_empty"])
    now = services.clock()
    rules = await rule_store.rules(services.db, now.astimezone(TEHRAN).date())
    if not (rules.payer_iban and rules.payer_name):
        raise Refused(["payer_not_set"])
    if rules.profile not in PROFILES:
        raise Refused(["profile_unknown"])
    serial = await file_store.next_serial(services.db)
    number = ccti.message_id(rules.payer_iban, serial)
    body = _written(number, rules.profile, now, rules.payer_name, listed)
    total = Rial(sum(int(one.amount) for one in listed))
    kept = Kept(number, rules.profile, len(listed), total, len(body), hashlib.sha256(body).digest(), now)
    made = await file_store.keep_file(
        services.db,
        kept,
        batch_id=going.id,
        channel=channel,
        serial=serial,
        payout_ids=[one.id for one in listed],
        operator_id=operator.id,
        now=now,
    )
    if not made:
        raise Refused(["payout_file_moved"])
    return _file(kept, body)


async def _again(services: Services, kept: Kept) -> PayoutFile:
    # The payer's name as it was set when the file was made; what was set since is of no concern.
    settings = [row for row in await rule_store.settings(services.db) if row.at <= kept.created_at]
    payer_name = rules_on(kept.created_at.astimezone(TEHRAN).date(), settings).payer_name
    listed = await file_store.in_file(services.db, kept.id)
    try:
        body = _written(kept.id, kept.profile, kept.created_at, payer_name, listed)
    except KeyError:
        raise Refused(["profile_unknown"]) from None
    if hashlib.sha256(body).digest() != kept.sha256:
        raise Refused(["payout_file_differs"])
    return _file(kept, body)


def _written(number: str, profile: str, at: datetime, payer_name: str, listed: Sequence[Listed]) -> bytes:
    total = Rial(sum(int(one.amount) for one in listed))
    header = Header(number, at, number[: ccti.IBAN_LENGTH], payer_name, len(listed), total)
    transfers = (Transfer(one.iban, one.payee, one.amount, one.national_id, description(one)) for one in listed)
    return ccti.write(PROFILES[profile], header, transfers)


def description(one: Listed) -> str:
    """What the receiver's statement may show, with the payout's number."""
    return f"{'بازپرداخت' if one.is_refund else 'تسویه'} {one.id}"


def _file(kept: Kept, body: bytes) -> PayoutFile:
    form = ccti.paper(kept.id, kept.payouts, kept.total, len(body))
    return PayoutFile(form.file_name, body, ccti.MEDIA_TYPE, form)


async def mark_submitted(services: Services, operator: Operator, batch_id: int) -> int:
    """The bank has all files of a batch: from now on its payouts are on their way. Returns how many. Raises `Refused`:
    `batch_not_approved` (also when it was marked already), `batch_goes_by_api`, `batch_empty`, `payout_file_not_made`.
    Payouts that were stopped after their file was made are in it all the same: what the bank has is told as it is."""
    count = await file_store.submit(services.db, batch_id, way="file", operator_id=operator.id, now=services.clock())
    if count is not None:
        return count
    going = await _going(services, batch_id)
    if going.state != "APPROVED":
        raise Refused(["batch_not_approved"])
    raise Refused(["payout_file_not_made" if going.unfiled else "batch_empty"])


# --- by API -----------------------------------------------------------------------------------------------------------


async def submit_due(services: Services) -> int:
    """Hand over what is approved and goes by API. Returns how many orders were looked at; 0 means that nothing is
    due."""
    if services.payouts is None:
        return 0
    # A batch in whose way something stands (a merchant's payouts were stopped) waits for an operator.
    for batch_id in await file_store.approved_for_api(services.db):
        await file_store.submit(services.db, batch_id, way="api", operator_id=None, now=services.clock())

    # claim
    now = services.clock()
    listed = await file_store.claim_unsent(services.db, now=now, lease_until=now + _lease(services), limit=PAGE)
    if not listed:
        return 0

    # call
    answers = await services.payouts.submit([_order(one) for one in listed])

    # record
    now = services.clock()
    silent: dict[int, datetime] = {}
    refused: list[Result] = []
    accepted: list[int] = []
    for one, answer in zip(listed, answers, strict=True):
        match answer:
            case Accepted():
                accepted.append(one.id)
            case NotTaken(reason):
                refused.append(Result(one.id, "returned", "", now.astimezone(TEHRAN).date(), reason))
            case Silent() as silence:
                log.warning("payout.not_handed_over", payout=one.id, why=silence.why)
                silent[one.id] = now + _wait(services, one.tries)
    if accepted:
        await file_store.sent(services.db, accepted, now=now, ask_at=now + _wait(services, 0))
    if silent:
        await file_store.ask_later(services.db, silent)
    if refused:
        await _take(services, refused)
    return len(listed)


async def ask_due(services: Services) -> int:
    """Ask the service what became of orders that are due: those on their way, and for a while those that were settled,
    since a transferred order can come back. Returns how many were asked about; 0 means that nothing is due."""
    bank = services.payouts
    if bank is None:
        return 0
    now = services.clock()
    today = now.astimezone(TEHRAN).date()
    await file_store.watch_settled(
        services.db, settled_after=today - WATCH, batches_after=today - _WATCH_BATCHES, ask_at=now + _WATCH_EVERY
    )

    # claim
    listed = await file_store.claim_to_ask(services.db, now=now, lease_until=now + _lease(services), limit=PAGE)
    if not listed:
        return 0

    # call
    answers = await _ask_all(bank, [_order(one) for one in listed])

    # record
    now = services.clock()
    results: list[Result] = []
    later: dict[int, datetime] = {}
    for one, answer in zip(listed, answers, strict=True):
        match answer:
            case Settled(tracking_no, on):
                if not one.settled:
                    results.append(Result(one.id, "settled", tracking_no, on))
                later[one.id] = now + _WATCH_EVERY
            case Returned(reason, on):
                results.append(Result(one.id, "returned", "", on, reason))
                later[one.id] = now + _WATCH_EVERY
            case Pending():
                later[one.id] = now + _wait(services, one.tries)
            case Unknown():
                # It once said that it has this order: to hand it over again could be to pay it twice.
                log.error("payout.forgotten", payout=one.id)
                later[one.id] = now + _WAIT_MAX
            case Silent() as silence:
                log.warning("payout.silence", payout=one.id, why=silence.why)
                later[one.id] = now + _wait(services, one.tries)
    # First this: what is refused below (a day that cannot be) is asked about again, and not at once.
    if later:
        await file_store.ask_later(services.db, later)
    if results:
        await _take(services, results)
    return len(listed)


async def _take(services: Services, results: Sequence[Result]) -> None:
    taken = await take_results(services, results, actor="worker", operator_id=None)
    for result, code in taken.refused:
        log.error("payout.result_refused", payout=result.payout_id, outcome=result.outcome, code=code)


_Said = Settled | Returned | Pending | Unknown | Silent


async def _ask_all(bank: PayoutBank, orders: Sequence[Order]) -> list[_Said]:
    few = asyncio.Semaphore(_AT_ONCE)

    async def one(order: Order) -> _Said:
        async with few:
            return await bank.ask(order)

    return list(await asyncio.gather(*(one(order) for order in orders)))


def _order(one: Listed) -> Order:
    return Order(one.id, one.iban, one.payee, one.amount, one.channel, description(one))


def _wait(services: Services, tries: int) -> timedelta:
    seconds = services.settings.ask_again_s * float(2 ** min(tries, 20))
    return min(_WAIT_MAX, timedelta(seconds=seconds))


def _lease(services: Services) -> timedelta:
    # A token, the page, and at the worst each order by itself with a question, a few at once.
    calls = 3 + 2 * (PAGE // _AT_ONCE + 1)
    return timedelta(seconds=calls * services.settings.bank_deadline_s) + _LEASE_SLACK
