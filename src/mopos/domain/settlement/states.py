"""THE table of moves of batches, payouts, holds and exceptions.

The same rows stand in PostgreSQL (table `money_move`), which refuses a move that is not listed.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class BatchState(StrEnum):
    """Where a day's batch of payouts stands."""

    DRAFT = "DRAFT"
    """Planned; the money is set aside. Two operators approve it."""
    APPROVED = "APPROVED"
    SUBMITTED = "SUBMITTED"
    """Handed to the bank: as a file, or order by order."""
    PARTLY_SETTLED = "PARTLY_SETTLED"
    SETTLED = "SETTLED"
    """Every payout has ended, settled or returned."""
    CANCELLED = "CANCELLED"
    """Before it was submitted: the money is the merchants' again, and the next run plans anew."""


class PayoutState(StrEnum):
    """Where one order to the central bank stands."""

    PLANNED = "PLANNED"
    SUBMITTED = "SUBMITTED"
    SETTLED = "SETTLED"
    RETURNED = "RETURNED"
    """Refused, or sent back, also days after it was settled: the money is the merchant's again."""
    CANCELLED = "CANCELLED"


class HoldState(StrEnum):
    """Money of a merchant that is not paid out for now."""

    HELD = "HELD"
    RELEASED = "RELEASED"


class ExceptionState(StrEnum):
    """A difference that reconciliation found."""

    OPEN = "OPEN"
    CLOSED = "CLOSED"


class MoneyMove(NamedTuple):
    """`entry` names the row of `domain/ledger/entries.py` that the move writes; empty: none, or the noun's own."""

    noun: str
    start: str
    event: str
    end: str
    who: str
    entry: str = ""


B, P, H, X = BatchState, PayoutState, HoldState, ExceptionState

MOVES: tuple[MoneyMove, ...] = (
    MoneyMove("batch", "", "planned", B.DRAFT, "worker", "payout_planned"),
    MoneyMove("batch", B.DRAFT, "approved", B.APPROVED, "two operators"),
    MoneyMove("batch", B.DRAFT, "cancelled", B.CANCELLED, "operator", "payout_cancelled"),
    MoneyMove("batch", B.APPROVED, "cancelled", B.CANCELLED, "operator", "payout_cancelled"),
    MoneyMove("batch", B.APPROVED, "submitted", B.SUBMITTED, "operator"),
    MoneyMove("batch", B.SUBMITTED, "partly_settled", B.PARTLY_SETTLED, "central bank"),
    MoneyMove("batch", B.SUBMITTED, "settled", B.SETTLED, "central bank"),
    MoneyMove("batch", B.PARTLY_SETTLED, "settled", B.SETTLED, "central bank"),
    MoneyMove("payout", "", "planned", P.PLANNED, "worker"),
    MoneyMove("payout", P.PLANNED, "cancelled", P.CANCELLED, "operator"),
    MoneyMove("payout", P.PLANNED, "submitted", P.SUBMITTED, "operator"),
    MoneyMove("payout", P.SUBMITTED, "settled", P.SETTLED, "central bank", "payout_settled"),
    MoneyMove("payout", P.SUBMITTED, "returned", P.RETURNED, "central bank", "payout_returned"),
    MoneyMove("payout", P.SETTLED, "came_back", P.RETURNED, "central bank", "payout_came_back"),
    MoneyMove("hold", "", "placed", H.HELD, "operator", "hold_placed"),
    MoneyMove("hold", H.HELD, "released", H.RELEASED, "operator", "hold_released"),
    # A movement of the operator's bank account that is known for what it is.
    MoneyMove("line", "", "matched", "MATCHED", "worker", "acquirer_deposited"),
    MoneyMove("exception", "", "found", X.OPEN, "worker"),
    # By itself: the other side came to say the same.
    MoneyMove("exception", X.OPEN, "vanished", X.CLOSED, "worker"),
    # By an operator's act, with its reason; the act names the entry.
    MoneyMove("exception", X.OPEN, "closed", X.CLOSED, "operator"),
    # What the act booked is taken back by an entry that names it; the difference is there again.
    MoneyMove("exception", X.CLOSED, "reopened", X.OPEN, "two operators", "correction"),
)
