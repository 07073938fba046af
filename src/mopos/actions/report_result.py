"""`PayRep`: the merchant's server asks what became of a purchase (guide section 4)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from mopos.actions.services import Services
from mopos.base.hosts import plain_address
from mopos.base.ids import has_check_digit, without_check_digit
from mopos.base.secret import Secret, keyed_hash, same
from mopos.base.text import latin_digits
from mopos.domain.payments import store
from mopos.domain.payments.model import RES_LENGTH_MAX, Purchase
from mopos.domain.payments.states import State
from mopos.domain.payments.store import ForPayRep, Settled

WRONG_ID_OR_RMZ = 90
RES_UNKNOWN = 91
SOURCE_NOT_ALLOWED = 92
GATEWAY_STOPPED = 93

# Compared with when there is no such gateway, so that a wrong ID takes the same time as a wrong Rmz.
_NOBODY = bytes(32)


class Rmz(Enum):
    """Which of a gateway's two passwords was given."""

    PRESENT = 1
    OLD = 2


@dataclass(frozen=True, slots=True)
class Report:
    """The answer: `err` as in the catalogue, and the purchase when the caller may know of it."""

    err: int
    purchase: Purchase | None = None
    settled: Settled | None = None
    """How the money reached the merchant; None: not yet."""


async def report_result(
    services: Services, gateway_number: str, rmz: Secret, res: str, source: str | None = None
) -> Report:
    """What became of the purchase `res`. Err 0 only when the bank's money is certain; the same answer for ever.

    It changes nothing but `acknowledged_at`, the first time that it says 0. A wrong ID and a wrong Rmz are not told
    apart (90). A right one from an address that the gateway does not list: 92. `source` is the caller's address; None:
    we ask ourselves, from the merchant's own panel. A stopped gateway still answers for what it has sold; of
    other Res it says 93."""
    source = plain_address(source) if source else None
    number = latin_digits(gateway_number).strip()
    found = await _look_up(services, number, res.strip(), source)
    now = services.clock()
    right = _right_rmz(found, keyed_hash(services.settings.rmz_key, rmz.reveal()), now)
    if right is None or found is None:
        return Report(WRONG_ID_OR_RMZ)
    if right is Rmz.OLD:
        await store.note_old_rmz(services.db, without_check_digit(number), source=source, now=now)
    if not found.source_is_allowed:
        return Report(SOURCE_NOT_ALLOWED)
    purchase = found.purchase
    if purchase is None:
        return Report(GATEWAY_STOPPED if found.stopped else RES_UNKNOWN)
    if purchase.state is State.PAID and purchase.acknowledged_at is None:
        await store.acknowledge(services.db, purchase, now)
    return await report_of(services, purchase, found.settled_upto)


async def report_of(services: Services, purchase: Purchase, settled_upto: int) -> Report:
    """The answer about a purchase. Whether it is settled is looked up only where it can be: a shop that asks at once,
    as almost all do, waits for no second statement."""
    may_be = purchase.state is State.PAID and purchase.entry_id is not None and purchase.entry_id <= settled_upto
    settled = await store.settled_by(services.db, purchase) if may_be else None
    return Report(purchase.err, purchase, settled)


async def _look_up(services: Services, number: str, res: str, source: str | None) -> ForPayRep | None:
    if not has_check_digit(number) or len(number) > 18:
        return None
    # A longer Res was never registered; PostgreSQL need not carry it, nor a NUL, which it does not know.
    known = res if len(res) <= RES_LENGTH_MAX and "\0" not in res else ""
    return await store.for_pay_rep(services.db, without_check_digit(number), known, source)


def _right_rmz(found: ForPayRep | None, given: bytes, now: datetime) -> Rmz | None:
    present = found.rmz_hash if found else _NOBODY
    old = found.old_rmz_hash if found and found.old_rmz_hash else _NOBODY
    old_is_valid = found is not None and found.old_rmz_until is not None and now < found.old_rmz_until
    # Both are always compared.
    right, right_before = same(given, present), same(given, old)
    if right and found is not None:
        return Rmz.PRESENT
    return Rmz.OLD if right_before and old_is_valid else None
