"""A registered purchase goes to the bank, the buyer's browser with it (guide section 2, step 3)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from mopos.actions.finish_attempt import first_look
from mopos.actions.services import Services
from mopos.banks.port import Declined, Opened, Order, Redirect, Silent
from mopos.domain.payments import store
from mopos.domain.payments.model import Purchase, new_ref
from mopos.domain.payments.states import Event, Move, State, move
from mopos.domain.payments.store import AttemptEnd, AttemptOpening, Change, TerminalOff


class BankUnavailable(Exception):
    """The bank did not open the payment. Nothing was taken; the buyer may try again."""

    def __init__(self, purchase: Purchase) -> None:
        super().__init__("the bank did not open the payment")
        self.purchase = purchase


async def send_to_bank(services: Services, purchase: Purchase, *, is_new: bool = False) -> Redirect | None:
    """How the buyer's browser gets to the bank. None: there is nothing to pay now, or somebody else is just sending
    this buyer there; the purchase's own page says which.

    An attempt that the bank has open is continued, so that a refresh or the back button never makes a second one. A
    new attempt is made only once the old one is known to have taken nothing. A purchase that this very request
    registered (`is_new`) goes with its first attempt; others make a new one, as the first may be on its way. Where the
    buyer bears a fee that he has not seen, his page comes first: to call this is to say that he has agreed."""
    if not purchase.may_try_again(services.clock()):
        return None
    if purchase.state is State.AT_BANK:
        return _read_redirect(purchase.bank_redirect)
    if not is_new:
        again = await _go_on(services, purchase)
        if again is None:
            return None
        purchase = again
    return await _open(services, purchase)


async def _go_on(services: Services, purchase: Purchase) -> Purchase | None:
    if purchase.asks_for_fee:
        return await store.agree_to_fee(services.db, purchase, services.clock())
    return await _start_again(services, purchase)


async def _start_again(services: Services, purchase: Purchase) -> Purchase | None:
    now = services.clock()
    terminal = services.terminals.choose(purchase.gateway_id, purchase.charge)
    try:
        return await store.start_attempt(
            services.db,
            purchase,
            ref=new_ref(terminal.id),
            terminal_id=terminal.id,
            now=now,
            next_check_at=purchase.expires_at,
        )
    except TerminalOff:
        raise BankUnavailable(purchase) from None


async def _open(services: Services, purchase: Purchase) -> Redirect | None:
    if purchase.terminal_off:
        await store.record(services.db, purchase, _not_opened(services, purchase, Silent("terminal_off")))
        raise BankUnavailable(purchase)
    order = Order(
        number=purchase.order_number,
        amount=purchase.charge,
        return_url=f"{services.settings.public_url}/pay/return/{purchase.ref}",
        description=purchase.dsc,
    )
    match await services.terminals.of(purchase.terminal_id).open(order):
        case Opened(token, redirect):
            change = _sent(services, purchase, token, redirect)
            return redirect if await store.record(services.db, purchase, change) else None
        case (Declined() | Silent()) as answer:
            await store.record(services.db, purchase, _not_opened(services, purchase, answer))
            raise BankUnavailable(purchase)


def _sent(services: Services, purchase: Purchase, token: str, redirect: Redirect) -> Change:
    now = services.clock()
    return Change(
        move=_listed(State.REGISTERED, Event.SENT_TO_BANK),
        now=now,
        actor="system",
        # In time to confirm a payment whose buyer does not come back.
        next_check_at=now + first_look(services.terminals.of(purchase.terminal_id).facts),
        attempt=AttemptOpening(token, _write_redirect(redirect)),
    )


def _not_opened(services: Services, purchase: Purchase, answer: Declined | Silent) -> Change:
    code = answer.code if isinstance(answer, Declined) else answer.why
    now = services.clock()
    return Change(
        move=_listed(State.REGISTERED, Event.BANK_UNAVAILABLE),
        now=now,
        actor="system",
        next_check_at=max(purchase.expires_at, now + timedelta(seconds=services.settings.ask_again_s)),
        # The buyer was never sent there, so nothing can have been paid, whatever the bank may have made of our call.
        attempt=AttemptEnd("FAILED", bank_code=code),
        data={"bank": code},
    )


def _listed(start: State, event: Event) -> Move:
    listed = move(start, event)
    if listed is None:
        raise LookupError(f"no move from {start} by {event}")
    return listed


def _write_redirect(redirect: Redirect) -> dict[str, Any]:
    return {"method": redirect.method, "url": redirect.url, "fields": dict(redirect.fields)}


def _read_redirect(kept: dict[str, Any] | None) -> Redirect | None:
    return Redirect(kept["method"], kept["url"], kept["fields"]) if kept else None
