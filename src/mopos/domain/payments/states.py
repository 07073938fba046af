"""THE table of a purchase's states and moves. One row, one move.

The same rows stand in PostgreSQL (table `move`, migration 0001), which refuses a move that is not listed;
`docs/reference/states.md` is drawn from them; a test walks every state with every event.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class State(StrEnum):
    """Where a purchase stands."""

    REGISTERED = "REGISTERED"
    AT_BANK = "AT_BANK"
    VERIFYING = "VERIFYING"
    UNKNOWN = "UNKNOWN"
    PAID = "PAID"
    DECLINED = "DECLINED"
    CANCELLED = "CANCELLED"
    EXPIRED = "EXPIRED"
    CONFLICTED = "CONFLICTED"
    REVERSING = "REVERSING"
    REVERSED = "REVERSED"


class Event(StrEnum):
    """What moves a purchase; written to the journal in the past tense."""

    REGISTERED = "registered"
    FEE_AGREED = "fee_agreed"
    SENT_TO_BANK = "sent_to_bank"
    RETURNED = "returned"
    STILL_OPEN = "still_open"
    ASKED_AGAIN = "asked_again"
    BANK_SILENT = "bank_silent"
    BANK_CONFIRMED = "bank_confirmed"
    BANK_DECLINED = "bank_declined"
    BUYER_CANCELLED = "buyer_cancelled"
    BANK_DIFFERS = "bank_differs"
    EXPIRED = "expired"
    TRIED_AGAIN = "tried_again"
    BANK_UNAVAILABLE = "bank_unavailable"
    REROUTED = "rerouted"
    CORRECTED_PAID = "corrected_paid"
    CORRECTED_UNPAID = "corrected_unpaid"
    REVERSAL_REQUESTED = "reversal_requested"
    REVERSAL_CONFIRMED = "reversal_confirmed"
    REVERSAL_REFUSED = "reversal_refused"


class Move(NamedTuple):
    """`entry` names the row of `domain/ledger/entries.py` that the move writes; empty: no money moved."""

    start: State | None
    event: Event
    end: State
    who: str
    entry: str = ""


S, E = State, Event

MOVES: tuple[Move, ...] = (
    Move(None, E.REGISTERED, S.REGISTERED, "merchant"),
    # Where the buyer bears a fee: he has seen it, and what both come to, and pressed the button.
    Move(S.REGISTERED, E.FEE_AGREED, S.REGISTERED, "buyer"),
    Move(S.REGISTERED, E.SENT_TO_BANK, S.AT_BANK, "system"),
    Move(S.REGISTERED, E.BANK_UNAVAILABLE, S.REGISTERED, "system"),
    # Straight after it: another terminal, before the buyer has seen any bank.
    Move(S.REGISTERED, E.REROUTED, S.REGISTERED, "system"),
    Move(S.REGISTERED, E.TRIED_AGAIN, S.REGISTERED, "buyer"),
    Move(S.REGISTERED, E.EXPIRED, S.EXPIRED, "worker"),
    # The browser came back. It proves nothing: from here on we ask the bank itself.
    Move(S.AT_BANK, E.RETURNED, S.VERIFYING, "buyer"),
    Move(S.VERIFYING, E.BANK_CONFIRMED, S.PAID, "system", "purchase_paid"),
    Move(S.VERIFYING, E.BANK_DECLINED, S.DECLINED, "system"),
    Move(S.VERIFYING, E.BUYER_CANCELLED, S.CANCELLED, "system"),
    Move(S.VERIFYING, E.BANK_DIFFERS, S.CONFLICTED, "system"),
    Move(S.VERIFYING, E.BANK_SILENT, S.UNKNOWN, "system"),
    Move(S.VERIFYING, E.EXPIRED, S.EXPIRED, "system"),
    # A forged or early return: the bank says that the buyer is still there.
    Move(S.VERIFYING, E.STILL_OPEN, S.AT_BANK, "system"),
    # UNKNOWN ends by what the bank says; for a bank that never says it, see the corrections below.
    Move(S.UNKNOWN, E.BANK_CONFIRMED, S.PAID, "worker", "purchase_paid"),
    Move(S.UNKNOWN, E.BANK_DECLINED, S.DECLINED, "worker"),
    Move(S.UNKNOWN, E.BUYER_CANCELLED, S.CANCELLED, "worker"),
    Move(S.UNKNOWN, E.BANK_DIFFERS, S.CONFLICTED, "worker"),
    Move(S.UNKNOWN, E.EXPIRED, S.EXPIRED, "worker"),
    Move(S.UNKNOWN, E.STILL_OPEN, S.AT_BANK, "worker"),
    # The buyer never came back: the worker asks the bank before it gives up.
    # Where its only question confirms what it finds, the purchase is claimed first, as of an attempt that has ended: a
    # browser's no must not end it while the bank may be taking the money.
    Move(S.AT_BANK, E.ASKED_AGAIN, S.VERIFYING, "worker"),
    Move(S.AT_BANK, E.BANK_CONFIRMED, S.PAID, "worker", "purchase_paid"),
    Move(S.AT_BANK, E.BANK_DECLINED, S.DECLINED, "worker"),
    Move(S.AT_BANK, E.BUYER_CANCELLED, S.CANCELLED, "worker"),
    Move(S.AT_BANK, E.BANK_DIFFERS, S.CONFLICTED, "worker"),
    Move(S.AT_BANK, E.BANK_SILENT, S.UNKNOWN, "worker"),
    Move(S.AT_BANK, E.EXPIRED, S.EXPIRED, "worker"),
    # A new attempt, only after the bank said that the old one took nothing.
    Move(S.DECLINED, E.TRIED_AGAIN, S.REGISTERED, "buyer"),
    Move(S.CANCELLED, E.TRIED_AGAIN, S.REGISTERED, "buyer"),
    # Money that the bank took after all is never dropped: PAID with `late`, on the bank's evidence only. Whoever asks
    # a bank that may confirm it in this moment claims the purchase first: no new attempt begins meanwhile, and when he
    # dies or the bank is silent, it is asked until it has answered.
    Move(S.EXPIRED, E.ASKED_AGAIN, S.VERIFYING, "system"),
    Move(S.DECLINED, E.ASKED_AGAIN, S.VERIFYING, "system"),
    Move(S.CANCELLED, E.ASKED_AGAIN, S.VERIFYING, "system"),
    Move(S.EXPIRED, E.BANK_CONFIRMED, S.PAID, "system", "purchase_paid"),
    Move(S.DECLINED, E.BANK_CONFIRMED, S.PAID, "system", "purchase_paid"),
    Move(S.CANCELLED, E.BANK_CONFIRMED, S.PAID, "system", "purchase_paid"),
    Move(S.EXPIRED, E.BANK_DIFFERS, S.CONFLICTED, "system"),
    Move(S.DECLINED, E.BANK_DIFFERS, S.CONFLICTED, "system"),
    Move(S.CANCELLED, E.BANK_DIFFERS, S.CONFLICTED, "system"),
    # Two operators, with the bank's word in their hands (its statement, a letter), where its API does not give it:
    # what became of a payment that the bank told differently, or never told (docs/decisions/0012).
    Move(S.CONFLICTED, E.CORRECTED_PAID, S.PAID, "operator", "purchase_paid"),
    Move(S.CONFLICTED, E.CORRECTED_UNPAID, S.DECLINED, "operator"),
    Move(S.UNKNOWN, E.CORRECTED_PAID, S.PAID, "operator", "purchase_paid"),
    Move(S.UNKNOWN, E.CORRECTED_UNPAID, S.DECLINED, "operator"),
    # The whole payment is given back by the bank's own reversal, before it is settled. While the bank is silent it
    # stays REVERSING; only the bank's own no makes it PAID again.
    Move(S.PAID, E.REVERSAL_REQUESTED, S.REVERSING, "merchant", "reversal_requested"),
    Move(S.REVERSING, E.REVERSAL_CONFIRMED, S.REVERSED, "system", "reversal_confirmed"),
    Move(S.REVERSING, E.REVERSAL_REFUSED, S.PAID, "system", "reversal_refused"),
)

# States that somebody must look at again carry a due time on their row; PostgreSQL insists on it.
WAITING = frozenset({S.REGISTERED, S.AT_BANK, S.VERIFYING, S.UNKNOWN, S.REVERSING})
# The bank has taken the money (and may give it back).
TAKEN = frozenset({S.PAID, S.REVERSING, S.REVERSED})
ENDED_UNPAID = frozenset({S.DECLINED, S.CANCELLED, S.EXPIRED})

# What `PayRep` answers (`Err`) for each state: guide section 4, design "The purchase's states".
PAYREP_ERR: dict[State, int] = {
    S.REGISTERED: 1,
    S.AT_BANK: 2,
    S.VERIFYING: 3,
    S.UNKNOWN: 3,
    S.PAID: 0,
    S.DECLINED: 10,
    S.CANCELLED: 11,
    S.EXPIRED: 13,
    S.CONFLICTED: 20,
    S.REVERSING: 15,
    S.REVERSED: 14,
}

BY_START_AND_EVENT: dict[tuple[State | None, Event], Move] = {(m.start, m.event): m for m in MOVES}


# PAID, and refunds have given all of it back.
REFUNDED_ERR = 16


def move(start: State | None, event: Event) -> Move | None:
    """The move that `event` makes from `start`, or None where the table has none."""
    return BY_START_AND_EVENT.get((start, event))
