"""A payment is given back whole before it is settled, by the bank's own reversal: claim, call, record.

While the bank is silent the purchase stays REVERSING and the worker's round asks again: first what became of it, then
to reverse it, which a bank does once. Only the bank's own no makes it PAID again.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from psycopg.errors import CheckViolation, RestrictViolation

from mopos.actions.finish_attempt import ask_again, at_bank, booking_of, facts_of, lease
from mopos.actions.notices import NOTICES
from mopos.actions.services import Services
from mopos.banks.port import Confirmed, Decline, Declined, Pending, Silent, Unverified
from mopos.base.clock import TEHRAN
from mopos.base.errors import Refused
from mopos.base.ids import without_check_digit
from mopos.base.money import Rial
from mopos.base.text import persian_digits
from mopos.domain.accounts import gateways, notify
from mopos.domain.operators import proposals
from mopos.domain.operators.model import Act, Operator, about_purchase, number_in
from mopos.domain.operators.proposals import Proposal
from mopos.domain.payments import store
from mopos.domain.payments.model import Purchase
from mopos.domain.payments.refund_rules import why_not_reversed
from mopos.domain.payments.refund_store import Who
from mopos.domain.payments.refunds import wait
from mopos.domain.payments.states import Event, Move, State, move
from mopos.domain.payments.store import ByTwo, Change
from mopos.domain.payments.told import Told
from mopos.domain.settlement import rule_store

# What PostgreSQL refuses in the end, as codes of the catalogue.
_CODES: dict[str, str] = {
    "reversal_before_settlement": "reversal_after_settlement",
    "purchase_refund_of_paid": "reversal_beside_refunds",
    "ledger_floor": "balance_insufficient",
}

Said = Confirmed | Unverified | Declined | Pending | Silent


async def two_persons_above(services: Services) -> Rial:
    """What one person may give back alone; above it, a second one has to agree."""
    day = services.clock().astimezone(TEHRAN).date()
    return Rial((await rule_store.rules(services.db, day)).refund_two_persons_rial)


async def reverse(
    services: Services, purchase: Purchase, who: Who, *, reason: str, ip: str = "", by_two: ByTwo | None = None
) -> State:
    """Give a payment back whole. Returns how it stands then: REVERSED, REVERSING (the bank is silent), or PAID (it
    refused).

    Raises `Refused`: `purchase_not_paid`, `purchase_being_reversed`, `reversal_beside_refunds`, `reversal_too_late`
    (the bank's window), `reversal_needs_two` (above what one person may give back, without `by_two`),
    `reversal_after_settlement`, `balance_insufficient`, `refund_changed`, `proposal_gone`."""
    code = why_not_reversed(purchase, facts_of(services, purchase).reverse_within, services.clock())
    if code:
        raise Refused([code])
    if by_two is None and purchase.amount > await two_persons_above(services):
        raise Refused(["reversal_needs_two"])

    # claim
    claimed = await _claim(services, purchase, who, reason, ip, by_two)

    # call
    answer = await services.terminals.of(claimed.terminal_id).reverse(at_bank(claimed))

    # record
    return await _record(services, claimed, answer, "system")


async def propose_reversal(services: Services, operator: Operator, purchase: Purchase, reason: str) -> int:
    """An operator asks another one to agree to a reversal. Returns the proposal's number. Raises `Refused`: as
    `reverse` would by the purchase's own row, `proposal_exists`."""
    code = why_not_reversed(purchase, facts_of(services, purchase).reverse_within, services.clock())
    if code:
        raise Refused([code])
    return await proposals.propose(
        services.db,
        operator,
        Act.APPROVE_REFUND,
        subject=about_purchase(purchase.number),
        data={"amount": int(purchase.amount), "version": purchase.version, "state": purchase.state},
        reason=reason,
        now=services.clock(),
    )


async def reverse_by_two(services: Services, approver: Operator, proposal: Proposal, note: str) -> None:
    """The second operator agrees: it is claimed by the statement that approves it. Raises `Refused`:
    `proposal_outdated`, `proposal_gone`, `reversal_refused` by the bank, and what `reverse` refuses."""
    purchase = await store.by_id(services.db, without_check_digit(number_in(proposal.subject)))
    if purchase is None or purchase.version != proposal.data["version"]:
        raise Refused(["proposal_outdated"])
    stands = await reverse(
        services,
        purchase,
        Who("operator", operator_id=proposal.proposed_by),
        reason=proposal.reason,
        by_two=ByTwo(proposal.id, approver.id, note),
    )
    if stands is State.PAID:
        raise Refused(["reversal_refused"])


async def go_on_reversing(services: Services, purchase: Purchase, actor: str) -> Said:
    """The bank was silent, or whoever asked it died: ask what became of it, and to reverse it where it was not."""
    bank = services.terminals.of(purchase.terminal_id)
    said: Said = await bank.inquire(at_bank(purchase))
    # Where a bank has no inquiry, to ask for the reversal again is the question.
    if not (bank.facts.can_inquire and isinstance(said, Silent)) and said != Declined(
        Decline.GIVEN_BACK, getattr(said, "code", "")
    ):
        said = await bank.reverse(at_bank(purchase))
    await _record(services, purchase, said, actor)
    return said


async def _claim(
    services: Services, purchase: Purchase, who: Who, reason: str, ip: str, by_two: ByTwo | None
) -> Purchase:
    now = services.clock()
    listed = _move(State.PAID, Event.REVERSAL_REQUESTED)
    change = Change(
        listed,
        now,
        who.actor,
        next_check_at=now + lease(services),
        booking=booking_of(purchase, listed),
        data={"reason": reason} | {k: v for k, v in who.params.items() if v is not None and k != "actor"},
        by_two=by_two,
        # An approval tells the log by itself.
        told=None
        if by_two
        else Told(
            "reversal_requested",
            purchase.number,
            int(purchase.amount),
            reason,
            who.person_id,
            who.operator_id,
            ip,
        ),
    )
    try:
        won = await store.record(services.db, purchase, change)
    except CheckViolation as error:
        code = _CODES.get(error.diag.constraint_name or "")
        raise (Refused([code]) if code else error) from error
    except RestrictViolation:
        raise Refused(["proposal_gone"]) from None
    if not won:
        raise Refused(["refund_changed"])
    return replace(purchase, state=State.REVERSING, version=purchase.version + 1, check_count=0)


async def _record(services: Services, purchase: Purchase, said: Said, actor: str) -> State:
    now = services.clock()
    match said:
        case Declined(Decline.GIVEN_BACK):
            event = Event.REVERSAL_CONFIRMED
        case Declined():
            event = Event.REVERSAL_REFUSED
        case _:
            await store.postpone(services.db, purchase, now + _wait(services, purchase))
            return State.REVERSING
    listed = _move(State.REVERSING, event)
    change = Change(listed, now, actor, booking=booking_of(purchase, listed), data={"code": said.code})
    if not await store.record(services.db, purchase, change):
        present = await store.by_id(services.db, purchase.id)
        return present.state if present else purchase.state
    if listed.end is State.PAID:
        await _tell_refusal(services, purchase, now)
    return listed.end


def _wait(services: Services, purchase: Purchase) -> timedelta:
    return wait(purchase.check_count, ask_again(services))


def _move(start: State, event: Event) -> Move:
    listed = move(start, event)
    if listed is None:
        raise LookupError(f"no move from {start} by {event}")
    return listed


async def _tell_refusal(services: Services, purchase: Purchase, now: datetime) -> None:
    account_id = await gateways.account_of(services.db, purchase.gateway_id)
    if account_id is None:
        return
    await notify.tell(
        services.db,
        account_id,
        act="reversal_refused",
        subject=purchase.number,
        data={"amount": int(purchase.amount)},
        mobiles=await notify.whom_to_tell(services.db, account_id, notify.Event.REFUND),
        text=NOTICES["reversal_refused"].format(purchase=persian_digits(purchase.number)),
        now=now,
    )
