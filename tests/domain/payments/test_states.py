"""The table of moves, walked state by state with every event."""

import pytest

from mopos.domain.ledger.entries import ENTRIES
from mopos.domain.payments.states import (
    BY_START_AND_EVENT,
    ENDED_UNPAID,
    MOVES,
    PAYREP_ERR,
    WAITING,
    Event,
    State,
    move,
)

CORRECTIONS = {Event.CORRECTED_PAID, Event.CORRECTED_UNPAID}


def test_each_start_and_event_has_one_end():
    assert len(BY_START_AND_EVENT) == len(MOVES)


@pytest.mark.parametrize("start", [None, *State])
@pytest.mark.parametrize("event", list(Event))
def test_every_state_with_every_event(start, event):
    found = move(start, event)
    listed = [row for row in MOVES if (row.start, row.event) == (start, event)]
    assert found == (listed[0] if listed else None)
    if found is None:
        return
    # Money moves into PAID and nowhere else, and always with its entry.
    pays = event in (Event.BANK_CONFIRMED, Event.CORRECTED_PAID)
    assert (found.entry == "purchase_paid") == pays
    assert (found.end is State.PAID) == (pays or event is Event.REVERSAL_REFUSED)


def test_paid_never_goes_back():
    assert [row.end for row in MOVES if row.start is State.PAID] == [State.REVERSING]
    assert {row.end for row in MOVES if row.start is State.REVERSING} == {State.REVERSED, State.PAID}


def test_unknown_ends_by_what_the_bank_says_or_by_two_operators():
    events = {row.event for row in MOVES if row.start is State.UNKNOWN}
    assert events == {
        Event.BANK_CONFIRMED,
        Event.BANK_DECLINED,
        Event.BUYER_CANCELLED,
        Event.BANK_DIFFERS,
        Event.EXPIRED,
        Event.STILL_OPEN,
        *CORRECTIONS,
    }


def test_operators_correct_only_what_the_bank_has_not_said():
    corrections = [row for row in MOVES if row.event in CORRECTIONS]
    assert {row.start for row in corrections} == {State.UNKNOWN, State.CONFLICTED}
    assert {row.end for row in corrections} == {State.PAID, State.DECLINED}
    assert {row.who for row in corrections} == {"operator"}
    assert {row.event for row in MOVES if row.who == "operator"} == CORRECTIONS


def test_a_new_attempt_begins_only_where_nothing_was_taken():
    starts = {row.start for row in MOVES if row.event is Event.TRIED_AGAIN}
    assert starts == {State.REGISTERED, State.DECLINED, State.CANCELLED}


def test_every_state_can_be_reached_and_is_waited_for_or_has_ended():
    assert {row.end for row in MOVES} == set(State)
    assert WAITING | ENDED_UNPAID | {State.PAID, State.REVERSED, State.CONFLICTED} == set(State)
    assert {row.start for row in MOVES} >= WAITING, "somebody can move whatever waits"


def test_pay_rep_says_zero_for_paid_only():
    assert set(PAYREP_ERR) == set(State)
    assert [state for state, err in PAYREP_ERR.items() if err == 0] == [State.PAID]


def test_every_entry_named_is_written():
    assert {row.entry for row in MOVES} - {""} <= set(ENTRIES)
