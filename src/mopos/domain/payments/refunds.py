"""A refund: money given back to a buyer after the payment, whole or in part. Its states and moves.

Whole and before settlement it is a reversal instead, a move of the purchase itself (`states.py`). The rows below stand
in PostgreSQL too (table `money_move`, noun `refund`).
"""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum
from typing import NamedTuple

NOUN = "refund"


class RefundState(StrEnum):
    """Where a refund stands."""

    REQUESTED = "REQUESTED"
    """The money is set aside; a second person has to agree."""
    APPROVED = "APPROVED"
    """To be done: by the bank, or by the next settlement batch (Paya)."""
    SENDING = "SENDING"
    """Somebody is asking the bank, or a payout for it is on its way."""
    UNKNOWN = "UNKNOWN"
    """The bank did not say whether it did it; we keep asking."""
    DONE = "DONE"
    FAILED = "FAILED"
    """The bank refused, or the payout came back: the money is the merchant's again."""
    REFUSED = "REFUSED"
    """By the second person, or taken back by the first."""


class RefundMove(NamedTuple):
    """`entry` names the row of `domain/ledger/entries.py` that the move writes; empty: no money moved."""

    start: RefundState | None
    event: str
    end: RefundState
    who: str
    entry: str = ""


R = RefundState

MOVES: tuple[RefundMove, ...] = (
    RefundMove(None, "requested", R.REQUESTED, "merchant", "refund_requested"),
    # Small enough for one person.
    RefundMove(None, "requested", R.APPROVED, "merchant", "refund_requested"),
    RefundMove(R.REQUESTED, "approved", R.APPROVED, "second person"),
    RefundMove(R.REQUESTED, "refused", R.REFUSED, "second person", "refund_failed"),
    RefundMove(R.APPROVED, "claimed", R.SENDING, "worker"),
    RefundMove(R.SENDING, "bank_silent", R.UNKNOWN, "worker"),
    RefundMove(R.UNKNOWN, "claimed", R.SENDING, "worker"),
    RefundMove(R.SENDING, "bank_confirmed", R.DONE, "worker", "refund_done"),
    RefundMove(R.SENDING, "bank_declined", R.FAILED, "worker", "refund_failed"),
    # By Paya: the next batch takes it along as a payout.
    RefundMove(R.APPROVED, "planned", R.SENDING, "worker"),
    RefundMove(R.SENDING, "unplanned", R.APPROVED, "operator"),
    RefundMove(R.SENDING, "paid", R.DONE, "central bank", "refund_paid"),
    RefundMove(R.SENDING, "returned", R.FAILED, "central bank", "refund_failed"),
    RefundMove(R.DONE, "came_back", R.FAILED, "central bank", "refund_came_back"),
)

# They count against the payment: their sum is the purchase's `refund_rial`.
LIVE = frozenset({R.REQUESTED, R.APPROVED, R.SENDING, R.UNKNOWN, R.DONE})


BY_START_AND_EVENT: dict[tuple[RefundState, str], RefundMove] = {(m.start, m.event): m for m in MOVES if m.start}


def move(start: RefundState, event: str) -> RefundMove | None:
    """The move that `event` makes from `start`, or None where the table has none."""
    return BY_START_AND_EVENT.get((start, event))


class Method(StrEnum):
    """How the money goes back to the buyer."""

    BANK = "bank"
    """To the card, by the bank that took it."""
    PAYA = "paya"
    """To the buyer's Sheba, by the next settlement run."""


REASON_LENGTH_MAX = 500
# As the column `payout.payee` holds it.
PAYEE_LENGTH_MAX = 100


def wait(check_count: int, first: timedelta) -> timedelta:
    """How long to wait before a silent bank is asked again: it doubles, up to an hour."""
    longest: timedelta = min(first * 2 ** min(max(check_count - 1, 0), 20), ASK_AGAIN_MAX)
    return longest


# A silent bank is asked at least this often.
ASK_AGAIN_MAX = timedelta(hours=1)
