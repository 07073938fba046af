"""A refund: asked for by one person, agreed to by a second one where it is large, refused or taken back.

The money is set aside by the very statement that writes the refund down: whoever is too late, or asks for more than is
there, is refused by PostgreSQL itself. The worker sends it (`send_refunds.py`), or the next settlement run (by Paya).
"""

from __future__ import annotations

from mopos.actions.notices import NOTICES
from mopos.actions.reverse import two_persons_above
from mopos.actions.services import Services
from mopos.base.errors import Refused
from mopos.base.ids import with_check_digit
from mopos.base.money import Rial
from mopos.base.text import persian_digits
from mopos.domain.accounts import notify
from mopos.domain.ledger.entries import booking
from mopos.domain.payments import refund_store, store
from mopos.domain.payments.model import Purchase
from mopos.domain.payments.refund_rules import first_state, methods, why_not_refunded
from mopos.domain.payments.refund_store import Change, NewRefund, Refund, Who
from mopos.domain.payments.refunds import Method, RefundMove, RefundState, move
from mopos.domain.payments.told import Told


async def request_refund(
    services: Services,
    purchase: Purchase,
    new: NewRefund,
    who: Who,
    *,
    ip: str = "",
    seen: Rial | None = None,
) -> int:
    """Ask for a refund. Returns its id; it is REQUESTED above the amount that one person may give back, else APPROVED.
    `seen`: what the payment's refunds came to on the asker's page, so that a form that is sent twice asks once.

    Raises `Refused`: `purchase_not_paid`, `purchase_being_reversed`, `refund_exceeds`, `balance_insufficient`,
    `refund_changed`."""
    if code := why_not_refunded(purchase):
        raise Refused([code])
    now = services.clock()
    owners = {"gateway": purchase.gateway_id, "terminal": purchase.terminal_id}
    refund_id = await refund_store.request(
        services.db,
        new,
        state=first_state(purchase, new.amount, await two_persons_above(services)),
        who=who,
        booking=booking("refund_requested", {"amount": new.amount}, owners).params,
        now=now,
        next_check_at=now,
        told=_told("refund_requested", purchase.number, new.amount, new.reason, who, ip),
        seen=seen,
    )
    if refund_id is None:
        present = await store.by_id(services.db, purchase.id)
        code = why_not_refunded(present) if present else ""
        raise Refused([code if code and code != "refund_exceeds" else "refund_changed"])
    return refund_id


async def ways(services: Services, purchase: Purchase) -> list[Method]:
    """How a purchase's money can go back: by the bank where it can; by Paya where it cannot, or has refused."""
    bank_can = services.terminals.of(purchase.terminal_id).facts.can_refund
    failed = bank_can and any(
        one.method is Method.BANK and one.state is RefundState.FAILED
        for one in await refund_store.of_purchase(services.db, purchase.id)
    )
    return methods(bank_can=bank_can, bank_failed=failed)


async def approve(services: Services, refund: Refund, who: Who, *, ip: str = "") -> None:
    """The second person agrees. Raises `Refused`: `own_refund`, `refund_gone`."""
    if refund.is_own(who):
        raise Refused(["own_refund"])
    await _decide(services, refund, "approved", who, ip, decides=True)


async def refuse(services: Services, refund: Refund, who: Who, *, reason: str = "", ip: str = "") -> None:
    """The second person says no, or the first takes it back: the money is the merchant's again. Raises `Refused`:
    `refund_gone`."""
    await _decide(services, refund, "refused", who, ip, decides=not refund.is_own(who), reason=reason)


async def _decide(
    services: Services, refund: Refund, event: str, who: Who, ip: str, *, decides: bool, reason: str = ""
) -> None:
    listed = move(RefundState.REQUESTED, event)
    if listed is None:
        raise LookupError(event)
    now = services.clock()
    change = Change(
        listed,
        who,
        now,
        booking=booking_of(listed, refund.amount, refund.owners),
        reason=reason,
        decides=decides,
        next_check_at=now if listed.end is RefundState.APPROVED else None,
        told=_told(f"refund_{event}", with_check_digit(refund.purchase_id), refund.amount, reason, who, ip),
        gateway_id=refund.gateway_id,
    )
    if not await refund_store.record(services.db, refund.id, change):
        raise Refused(["refund_gone"])


def booking_of(listed: RefundMove, amount: Rial, owners: dict[str, int]) -> dict[str, object] | None:
    """What a move of a refund writes into the books; None: no money moves."""
    return booking(listed.entry, {"amount": amount}, owners).params if listed.entry else None


def _told(act: str, subject: str, amount: Rial, reason: str, who: Who, ip: str) -> Told | None:
    if who.person_id is None and who.operator_id is None:
        return None
    return Told(act, subject, int(amount), reason, who.person_id, who.operator_id, ip)


async def tell_failure(services: Services, account_id: int | None, purchase_id: int, amount: Rial) -> None:
    """Money that was to go back to a buyer did not: the account's members are told. A gateway without an account has
    nobody to tell."""
    if account_id is None:
        return
    number = with_check_digit(purchase_id)
    await notify.tell(
        services.db,
        account_id,
        act="refund_failed",
        subject=number,
        data={"amount": int(amount)},
        mobiles=await notify.whom_to_tell(services.db, account_id, notify.Event.REFUND),
        text=NOTICES["refund_failed"].format(
            amount=persian_digits(f"{int(amount):,}").replace(",", "٬"), purchase=persian_digits(number)
        ),
        now=services.clock(),
    )
