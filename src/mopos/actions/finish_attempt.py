"""The buyer comes back from the bank: claim, call, record (guide section 2, steps 4 and 5).

What the browser brings proves nothing. It is a reason to ask the bank, and a hint which question to ask.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import structlog

from mopos.actions.services import Services
from mopos.actions.terminals import TerminalUnknown
from mopos.banks.asking import Answer, after_return, ask, is_about
from mopos.banks.port import Attempt, Confirmed, Decline, Declined, Facts, Pending, Returned, Silent
from mopos.base.money import Rial
from mopos.domain.ledger.entries import booking
from mopos.domain.payments import store
from mopos.domain.payments.model import VERSION_MAX, Purchase, next_check, terminal_of_ref
from mopos.domain.payments.states import ENDED_UNPAID, Event, Move, State, move
from mopos.domain.payments.store import AttemptEnd, BankRefUsed, Change, Hint

# A claim is given up for dead, and its purchase looked at by the worker, after three deadlines and a little more.
_LEASE_SLACK = timedelta(seconds=5)

# Somebody else is just asking the bank about an attempt that ended unpaid.
BEING_ASKED = Silent("being_asked")

log = structlog.get_logger()


async def finish_attempt(services: Services, ref: str, fields: Mapping[str, str]) -> Purchase | None:
    """The browser is back at an attempt's return address. Returns the purchase, for its page; None: no such address.

    However often, however late and by whomever it is called, the bank is asked at most once at a time, and the
    purchase moves only by what the bank itself says."""
    terminal_id = terminal_of_ref(ref)
    if terminal_id is None:
        return None
    try:
        bank = services.terminals.of(terminal_id)
    except TerminalUnknown:
        return None
    returned = bank.read_return(fields)

    now = services.clock()
    claimed = await store.claim_return(
        services.db,
        ref,
        now=now,
        next_check_at=now + lease(services),
        data=_claims(returned),
        hint=_hint(bank.facts, returned),
    )
    if claimed is None:
        return None
    if claimed.won:
        answer = await after_return(bank, at_bank(claimed.purchase, returned), returned)
        await record_answer(services, claimed.purchase, answer, actor="system")
    elif _may_be_late(services, claimed.purchase, ref, returned):
        await ask_about(services, claimed.purchase, actor="buyer", returned=returned)
    return claimed.purchase


async def ask_about(
    services: Services, purchase: Purchase, *, actor: str, returned: Returned | None = None
) -> tuple[Answer, bool]:
    """Ask the bank what became of a purchase's latest attempt, confirm it when the bank waits for that, and record the
    answer. The flag: something was recorded.

    A purchase that ended unpaid is claimed first, and so is one whose buyer is still expected where the question itself
    confirms. The bank may keep the money from this call on, so no new attempt begins beside it, no browser's no ends
    it, and the worker goes on where this process dies."""
    if listed := _claim(services, purchase):
        now = services.clock()
        hint = _hint(facts_of(services, purchase), returned) if returned else None
        claim = Change(listed, now, actor, next_check_at=now + lease(services), attempt=hint)
        if purchase.version >= VERSION_MAX or not await store.record(services.db, purchase, claim):
            return BEING_ASKED, False
        purchase = replace(purchase, state=listed.end, version=purchase.version + 1)
    answer = await ask(services.terminals.of(purchase.terminal_id), at_bank(purchase, returned))
    return answer, await record_answer(services, purchase, answer, actor=actor)


def _claims(returned: Returned) -> dict[str, Any]:
    """What a browser said, for the journal. Without a `code` it was not the bank's no."""
    said_no = returned.code and not returned.claims_paid
    return {"claims_paid": returned.claims_paid} | ({"code": returned.code} if said_no else {})


def _claim(services: Services, purchase: Purchase) -> Move | None:
    """The move by which whoever asks claims a purchase first. None: asking needs no claim."""
    listed = move(purchase.state, Event.ASKED_AGAIN)
    if listed is None or purchase.state in ENDED_UNPAID:
        return listed
    facts = facts_of(services, purchase)
    confirms = not facts.can_inquire and not (facts.asks_by_ref and purchase.returned_ref is None)
    # At the last version no return can claim it either.
    return listed if confirms and purchase.version < VERSION_MAX else None


def _hint(facts: Facts, returned: Returned) -> Hint | None:
    """What is to be kept of a return, as the bank will want it or will not tell it: whoever asks later needs it."""
    if facts.can_inquire and not facts.asks_by_ref:
        return None
    return Hint(returned.bank_ref, returned.masked_pan, returned.order_number, returned.token)


def _may_be_late(services: Services, purchase: Purchase, ref: str, returned: Returned) -> bool:
    """The buyer of an attempt that ended unpaid says that he has paid: the bank may have taken the money after all, as
    long as it has not given back what nobody confirmed."""
    is_his = purchase.ref == ref and returned.claims_paid and is_about(returned, at_bank(purchase))
    return purchase.state in ENDED_UNPAID and is_his and services.clock() < over_at(services, purchase)


async def record_answer(services: Services, purchase: Purchase, answer: Answer, *, actor: str) -> bool:
    """Write what the bank said, all or nothing. False: nothing changed, as the purchase has already moved on or the
    answer is no news.

    A yes is written wherever the purchase has moved to meanwhile: what the bank has taken is never dropped."""
    answer = await _by_rule(services, purchase, answer)
    recorded = await _record(services, purchase, answer, actor)
    while isinstance(answer, Confirmed) and not recorded:
        moved = await store.by_id(services.db, purchase.id)
        if moved is None or moved.version == purchase.version:
            return False
        if moved.ref != purchase.ref:
            log.error("attempt.confirmed_beside_a_new_one", purchase=purchase.number, order=purchase.order_number)
            return False
        purchase = moved
        recorded = await _record(services, purchase, answer, actor)
    return recorded


async def _record(services: Services, purchase: Purchase, answer: Answer, actor: str) -> bool:
    change = decide(services, purchase, _event(purchase, answer), answer, actor)
    if change is None:
        return False
    try:
        return await store.record(services.db, purchase, change)
    except BankRefUsed:
        # One bank reference pays one attempt. A bank that names it twice is for a person to look at.
        conflict = decide(services, purchase, Event.BANK_DIFFERS, answer, actor)
        return conflict is not None and await store.record(services.db, purchase, conflict)


async def _by_rule(services: Services, purchase: Purchase, answer: Answer) -> Answer:
    """Nobody can pay an attempt any more whose bank's page has closed, and what was paid unconfirmed was given back by
    now: "not yet" is a no then.

    Not where the bank may have confirmed it to us: the buyer came back without the bank's no, our only question, which
    confirms, was met by silence, and now the bank knows nothing of it."""
    is_told = not isinstance(answer, Pending) or purchase.attempt_state == "FAILED"
    if is_told or services.clock() < over_at(services, purchase):
        return answer
    if not facts_of(services, purchase).can_inquire and await store.was_silent_of_return(services.db, purchase):
        return Silent("perhaps_confirmed")
    return Declined(Decline.SESSION_EXPIRED, "never_paid")


def over_at(services: Services, purchase: Purchase) -> datetime:
    """When a bank has given back whatever its buyer may have paid, if nobody has confirmed it."""
    facts = facts_of(services, purchase)
    return purchase.attempt_started_at + facts.session + facts.verify_deadline


def decide(services: Services, purchase: Purchase, event: Event, answer: Answer, actor: str) -> Change | None:
    """Which change of state an answer makes. None: the table has no such move, so nothing changes."""
    now = services.clock()
    listed = move(purchase.state, event)
    if listed is None:
        return None
    return Change(
        move=listed,
        now=now,
        actor=actor,
        next_check_at=_next_check_at(services, purchase, listed, now),
        attempt=_attempt_end(event, answer),
        late=listed.end is State.PAID and purchase.attempt_state == "FAILED",
        booking=booking_of(purchase, listed),
        data=_facts(answer),
    )


def _event(purchase: Purchase, answer: Answer) -> Event:
    match answer:
        case Confirmed(amount, order_number):
            ours = amount == purchase.charge and order_number == purchase.order_number
            return Event.BANK_CONFIRMED if ours else Event.BANK_DIFFERS
        case Declined(reason):
            return _UNPAID.get(reason, Event.BANK_DECLINED)
        case Pending() if purchase.attempt_state == "FAILED":
            # It was asked again, and has nothing new to say: the attempt ends as it had ended.
            return _UNPAID.get(purchase.decline, Event.BANK_DECLINED)
        case Pending():
            return Event.STILL_OPEN
        case Silent():
            return Event.BANK_SILENT


_UNPAID: dict[str | None, Event] = {
    Decline.CANCELLED: Event.BUYER_CANCELLED,
    Decline.SESSION_EXPIRED: Event.EXPIRED,
}


def _next_check_at(services: Services, purchase: Purchase, listed: Move, now: datetime) -> datetime | None:
    if listed.end is State.UNKNOWN:
        return next_silent_check(services, purchase, now)
    if listed.end is State.AT_BANK:
        return next_look(services, purchase, now)
    return None


def first_look(facts: Facts) -> timedelta:
    """How long after a buyer was sent to a bank it is first asked about him, if he has not come back: when its page has
    closed, but early enough to confirm what he may have paid at once."""
    return min(facts.session, facts.verify_deadline / 2)


def next_look(services: Services, purchase: Purchase, now: datetime) -> datetime:
    """When to ask again about a buyer who may still be paying."""
    facts, over = facts_of(services, purchase), over_at(services, purchase)
    closed = purchase.attempt_started_at + facts.session
    if facts.asks_by_ref and purchase.returned_ref is None:
        # Until he returns there is nothing to ask by.
        look = over
    elif now < closed:
        look = min(closed, now + facts.verify_deadline / 2)
    else:
        look = min(over, now + _often(facts))
    return max(look, now + ask_again(services))


def next_silent_check(services: Services, purchase: Purchase, now: datetime) -> datetime:
    """When to ask a silent bank again; see `payments.model.next_check`."""
    often, until = _often(facts_of(services, purchase)), over_at(services, purchase)
    return next_check(now, purchase.check_count, ask_again(services), often, until)


def _often(facts: Facts) -> timedelta:
    """The longest that a bank is not asked while it can still confirm: it is asked several times before it gives back,
    whenever the buyer paid."""
    return facts.verify_deadline / 4


def ask_again(services: Services) -> timedelta:
    """The first wait before the bank is asked again."""
    return timedelta(seconds=services.settings.ask_again_s)


def lease(services: Services) -> timedelta:
    """How long a claim may take: three calls to the bank with their deadlines (inquire, verify, settle), and a little
    more."""
    return timedelta(seconds=3 * services.settings.bank_deadline_s) + _LEASE_SLACK


def facts_of(services: Services, purchase: Purchase) -> Facts:
    """What the bank of a purchase's latest attempt is like."""
    return services.terminals.of(purchase.terminal_id).facts


def at_bank(purchase: Purchase, returned: Returned | None = None) -> Attempt:
    """The purchase's latest attempt as the bank knows it, with what its browser has just brought or brought before."""
    attempt = Attempt(
        purchase.order_number,
        purchase.charge,
        purchase.bank_token,
        purchase.bank_ref or purchase.returned_ref,
        purchase.masked_pan or purchase.returned_pan,
    )
    if returned is None or not is_about(returned, attempt):
        return attempt
    return replace(
        attempt,
        bank_ref=returned.bank_ref or attempt.bank_ref,
        masked_pan=returned.masked_pan or attempt.masked_pan,
    )


def _attempt_end(event: Event, answer: Answer) -> AttemptEnd | None:
    match answer:
        case Confirmed():
            state = "CONFIRMED" if event is Event.BANK_CONFIRMED else "CONFLICTED"
            return AttemptEnd(state, answer.bank_ref, answer.trace, answer.masked_pan)
        case Declined():
            return AttemptEnd("FAILED", decline=answer.reason, bank_code=answer.code)
        case _:
            return None


def booking_of(purchase: Purchase, listed: Move) -> dict[str, object] | None:
    """What a move of a purchase writes into the books; None: no money moves."""
    if not listed.entry:
        return None
    fee, nothing = Rial(purchase.fee_rial), Rial(0)
    amounts = {
        "amount": purchase.amount,
        "merchant_fee": nothing if purchase.fee_by_buyer else fee,
        "buyer_fee": fee if purchase.fee_by_buyer else nothing,
        "charge": purchase.charge,
    }
    owners = {"terminal": purchase.terminal_id, "gateway": purchase.gateway_id}
    return booking(listed.entry, amounts, owners).params


def _facts(answer: Answer) -> dict[str, Any]:
    """What the bank said, for the journal."""
    match answer:
        case Confirmed():
            return {
                "amount": int(answer.amount),
                "order": answer.order_number,
                "bank_ref": answer.bank_ref,
                "trace": answer.trace,
            }
        case Declined():
            return {"reason": answer.reason, "code": answer.code}
        case Silent():
            return {"why": answer.why}
        case _:
            return {}
