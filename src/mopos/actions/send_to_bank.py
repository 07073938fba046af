"""A registered purchase goes to the bank, the buyer's browser with it (guide section 2, step 3).

Which bank is ours to decide until the buyer has seen one: where a terminal does not open the payment, the next is tried
in the same breath, and he notices nothing but a short wait.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from mopos.actions.finish_attempt import first_look
from mopos.actions.services import Services
from mopos.actions.terminals import NoTerminal
from mopos.banks.port import Declined, Facts, Opened, Order, Redirect, Silent
from mopos.domain.payments import store
from mopos.domain.payments.model import Purchase, new_ref
from mopos.domain.payments.states import Event, Move, State, move
from mopos.domain.payments.store import AttemptEnd, AttemptOpening, Change, TerminalOff
from mopos.domain.routing.model import Terminal

# Terminals that one click may try. When three banks fail at once it is our line that is broken.
TRIES_MAX = 3
# No other terminal is tried after so many deadlines: with its own one the buyer has waited for two, about as long as
# browsers and people do. A little more than one, as one deadline is always a little more than one.
_TRY_FOR = 1.2


class BankUnavailable(Exception):
    """No bank opened the payment. Nothing was taken; the buyer may try again."""

    def __init__(self, purchase: Purchase) -> None:
        super().__init__("the bank did not open the payment")
        self.purchase = purchase


@dataclass(frozen=True, slots=True)
class WayToBank(Redirect):
    """How the buyer's browser gets to the bank, and to which."""

    facts: Facts | None = None


async def send_to_bank(
    services: Services, purchase: Purchase, *, is_new: bool = False, bank: str = ""
) -> WayToBank | None:
    """How the buyer's browser gets to the bank. None: there is nothing to pay now, or somebody else is just sending
    this buyer there; the purchase's own page says which. `bank`: the one that the buyer wishes for a new attempt.

    An attempt that the bank has open is continued, so that a refresh or the back button never makes a second one. A
    new attempt is made only once the old one is known to have taken nothing. A purchase that this very request
    registered (`is_new`) goes with its first attempt; others make a new one, as the first may be on its way. Where the
    buyer bears a fee that he has not seen, his page comes first: to call this is to say that he has agreed. Raises
    `BankUnavailable` when no terminal opens it."""
    if not purchase.may_try_again(services.clock()):
        return None
    if purchase.state is State.AT_BANK:
        return _read_redirect(services, purchase)
    if not is_new:
        again = await _go_on(services, purchase, bank)
        if again is None:
            return None
        purchase = again
    return await _open(services, purchase)


async def _go_on(services: Services, purchase: Purchase, bank: str) -> Purchase | None:
    if purchase.asks_for_fee:
        return await store.agree_to_fee(services.db, purchase, services.clock())
    return await _start_again(services, purchase, bank)


async def _start_again(services: Services, purchase: Purchase, bank: str) -> Purchase | None:
    now = services.clock()
    off: set[int] = set()
    while True:
        terminal = _next_terminal(services, purchase, off, bank)
        if terminal is None:
            raise BankUnavailable(purchase)
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
            off.add(terminal.id)


def _next_terminal(services: Services, purchase: Purchase, without: set[int], bank: str = "") -> Terminal | None:
    if len(without) >= TRIES_MAX:
        return None
    try:
        return services.terminals.choose(purchase.gateway_id, purchase.charge, bank=bank, without=without)
    except NoTerminal:
        return None


async def _open(services: Services, purchase: Purchase) -> WayToBank | None:
    """Open the attempt at its terminal, or the next ones at others."""
    tried: set[int] = set()
    until = services.clock() + timedelta(seconds=services.settings.bank_deadline_s * _TRY_FOR)
    current: Purchase | None = purchase
    while current is not None:
        purchase = current
        tried.add(purchase.terminal_id)
        answer = _not_asked(services, purchase) or await _ask_to_open(services, purchase)
        if isinstance(answer, Opened):
            change = _sent(services, purchase, answer)
            if not await store.record(services.db, purchase, change):
                return None
            return _way(services, purchase, answer.redirect)
        current = await _reroute(services, purchase, answer, tried, until)
    return None


def _not_asked(services: Services, purchase: Purchase) -> Silent | None:
    """Why the attempt's terminal is not even asked. None: it is."""
    if purchase.terminal_off:
        return Silent("terminal_off")
    if not services.terminals.takes(purchase.terminal_id, purchase.charge):
        # Chosen by the amount, before it was known what fee the buyer bears.
        return Silent("terminal_limits")
    if services.terminals.is_fit(purchase.terminal_id):
        return None
    # Chosen when the form came; it may have fallen sick while the buyer read about a fee.
    better = _next_terminal(services, purchase, {purchase.terminal_id})
    return Silent("terminal_sick") if better and services.terminals.is_fit(better.id) else None


async def _ask_to_open(services: Services, purchase: Purchase) -> Opened | Declined | Silent:
    order = Order(
        number=purchase.order_number,
        amount=purchase.charge,
        return_url=f"{services.settings.public_url}/pay/return/{purchase.ref}",
        description=purchase.dsc,
    )
    return await services.terminals.open(purchase.terminal_id, order, f"purchase {purchase.id}")


async def _reroute(
    services: Services, purchase: Purchase, answer: Declined | Silent, tried: set[int], until: datetime
) -> Purchase | None:
    """The purchase with its next attempt, at a terminal that was not tried. None: somebody else has moved it."""
    while services.clock() < until and (terminal := _next_terminal(services, purchase, tried)):
        try:
            return await store.reroute(
                services.db,
                purchase,
                bank_code=_code(answer),
                ref=new_ref(terminal.id),
                terminal_id=terminal.id,
                now=services.clock(),
                next_check_at=_next_check_at(services, purchase),
            )
        except TerminalOff:
            tried.add(terminal.id)
    await store.record(services.db, purchase, _not_opened(services, purchase, answer))
    raise BankUnavailable(purchase)


def _sent(services: Services, purchase: Purchase, opened: Opened) -> Change:
    now = services.clock()
    return Change(
        move=_listed(State.REGISTERED, Event.SENT_TO_BANK),
        now=now,
        actor="system",
        # In time to confirm a payment whose buyer does not come back.
        next_check_at=now + first_look(services.terminals.of(purchase.terminal_id).facts),
        attempt=AttemptOpening(opened.token, _write_redirect(opened.redirect)),
    )


def _not_opened(services: Services, purchase: Purchase, answer: Declined | Silent) -> Change:
    code = _code(answer)
    return Change(
        move=_listed(State.REGISTERED, Event.BANK_UNAVAILABLE),
        now=services.clock(),
        actor="system",
        next_check_at=_next_check_at(services, purchase),
        # The buyer was never sent there, so nothing can have been paid, whatever the bank may have made of our call.
        attempt=AttemptEnd("FAILED", bank_code=code),
        data={"bank": code},
    )


def _code(answer: Declined | Silent) -> str:
    return answer.code if isinstance(answer, Declined) else answer.why


def _next_check_at(services: Services, purchase: Purchase) -> datetime:
    return max(purchase.expires_at, services.clock() + timedelta(seconds=services.settings.ask_again_s))


def _listed(start: State, event: Event) -> Move:
    listed = move(start, event)
    if listed is None:
        raise LookupError(f"no move from {start} by {event}")
    return listed


def _write_redirect(redirect: Redirect) -> dict[str, Any]:
    return {"method": redirect.method, "url": redirect.url, "fields": dict(redirect.fields)}


def _read_redirect(services: Services, purchase: Purchase) -> WayToBank | None:
    kept: dict[str, Any] | None = purchase.bank_redirect
    if not kept:
        return None
    return _way(services, purchase, Redirect(kept["method"], kept["url"], kept["fields"]))


def _way(services: Services, purchase: Purchase, redirect: Redirect) -> WayToBank:
    facts = services.terminals.of(purchase.terminal_id).facts
    return WayToBank(redirect.method, redirect.url, redirect.fields, facts)
