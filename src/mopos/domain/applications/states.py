"""THE table of an application's states and moves. One row, one move.

The same rows stand in PostgreSQL (table `application_move`, migration 0003), which refuses a move that is not listed;
`docs/reference/application-states.md` is drawn from them; a test walks every state with every event.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class State(StrEnum):
    """Where an application for a gateway stands."""

    DRAFT = "draft"
    SUBMITTED = "submitted"
    MORE_INFO = "more_info"
    APPROVED = "approved"
    REJECTED = "rejected"
    SUSPENDED = "suspended"
    CLOSED = "closed"


class Event(StrEnum):
    """What moves an application; kept in the past tense."""

    STARTED = "started"
    SUBMITTED = "submitted"
    TAKEN_BACK = "taken_back"
    MORE_WANTED = "more_wanted"
    APPROVED = "approved"
    REJECTED = "rejected"
    REOPENED = "reopened"
    SUSPENDED = "suspended"
    RESUMED = "resumed"
    CLOSED = "closed"


class Who(StrEnum):
    """Who may make a move."""

    MERCHANT = "merchant"
    OPERATOR = "operator"
    EITHER = "either"


class Move(NamedTuple):
    """From a state by an event to a state; `start` is None for the first."""

    start: State | None
    event: Event
    end: State
    who: Who


S, E, W = State, Event, Who

MOVES: tuple[Move, ...] = (
    Move(None, E.STARTED, S.DRAFT, W.MERCHANT),
    Move(S.DRAFT, E.SUBMITTED, S.SUBMITTED, W.MERCHANT),
    Move(S.DRAFT, E.CLOSED, S.CLOSED, W.MERCHANT),
    # While nobody has decided, the merchant may think again.
    Move(S.SUBMITTED, E.TAKEN_BACK, S.DRAFT, W.MERCHANT),
    Move(S.SUBMITTED, E.CLOSED, S.CLOSED, W.MERCHANT),
    Move(S.SUBMITTED, E.MORE_WANTED, S.MORE_INFO, W.OPERATOR),
    Move(S.SUBMITTED, E.APPROVED, S.APPROVED, W.OPERATOR),
    Move(S.SUBMITTED, E.REJECTED, S.REJECTED, W.OPERATOR),
    Move(S.MORE_INFO, E.SUBMITTED, S.SUBMITTED, W.MERCHANT),
    Move(S.MORE_INFO, E.CLOSED, S.CLOSED, W.MERCHANT),
    # A question that is never answered ends here.
    Move(S.MORE_INFO, E.REJECTED, S.REJECTED, W.OPERATOR),
    # A wrong no is taken back by who said it; the merchant may as well apply anew.
    Move(S.REJECTED, E.REOPENED, S.SUBMITTED, W.OPERATOR),
    Move(S.APPROVED, E.SUSPENDED, S.SUSPENDED, W.OPERATOR),
    Move(S.SUSPENDED, E.RESUMED, S.APPROVED, W.OPERATOR),
    # What was sold stays payable and answerable after the end.
    Move(S.APPROVED, E.CLOSED, S.CLOSED, W.EITHER),
    Move(S.SUSPENDED, E.CLOSED, S.CLOSED, W.EITHER),
)

# The merchant writes in it.
OPEN_TO_MERCHANT = frozenset({S.DRAFT, S.MORE_INFO})
# An operator's turn, the merchant's turn: what is neither decided nor given up.
UNDECIDED = frozenset({S.DRAFT, S.SUBMITTED, S.MORE_INFO})

BY_START_AND_EVENT: dict[tuple[State | None, Event], Move] = {(m.start, m.event): m for m in MOVES}


def move(start: State | None, event: Event, by: Who) -> Move | None:
    """The move that `event` makes from `start`, or None where the table has none, or none for `by`."""
    found = BY_START_AND_EVENT.get((start, event))
    return found if found and found.who in (by, W.EITHER) else None


def moves_of(start: State, by: Who) -> list[Event]:
    """The events that `by` can make of an application in `start`, in the table's order."""
    return [m.event for m in MOVES if m.start is start and m.who in (by, W.EITHER)]
