"""Who may take a purchase: limits, rules and priorities, against a slow and plain retelling of the rule."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mopos.base.money import Rial
from mopos.domain.routing.model import Rule, Terminal, candidates

NOW = datetime(2026, 11, 25, 9, tzinfo=UTC)
OURS, OTHERS = 100_001, 100_002


def terminal(number: int, **changed) -> Terminal:
    return Terminal(number, "sandbox", f"T{number}", **changed)


def rule(terminal_id: int, *, gateway=None, low=0, high=None, priority=100, weight=1) -> Rule:
    return Rule(0, terminal_id, gateway, Rial(low), None if high is None else Rial(high), priority, weight)


def who(terminals, rules, amount=250_000, gateway_id=OURS) -> list[dict[int, int]]:
    found = candidates(terminals, rules, gateway_id, Rial(amount), NOW)
    return [{one.id: weight for one, weight in group} for group in found]


ONE, TWO, THREE = terminal(1), terminal(2), terminal(3)


def test_without_a_rule_everybody_shares_alike():
    assert who([ONE, TWO], []) == [{1: 1, 2: 1}]
    assert who([], []) == []


def test_priorities_come_in_order_and_weights_stay():
    assert who([ONE, TWO, THREE], [rule(1, priority=2), rule(2, weight=3), rule(3, weight=5)]) == [{1: 1}, {2: 3, 3: 5}]


def test_who_is_named_by_no_rule_gets_nothing():
    assert who([ONE, TWO], [rule(1)]) == [{1: 1}]
    assert who([ONE], [rule(1, low=300_000)]) == []


def test_another_gateway_s_rule_changes_nothing():
    assert who([ONE, TWO], [rule(1, gateway=OTHERS)]) == [{1: 1, 2: 1}]
    assert who([ONE, TWO], [rule(1, gateway=OTHERS), rule(2)]) == [{2: 1}]


def test_a_gateway_s_own_rules_are_the_only_ones_for_it():
    rules = [rule(1), rule(2, gateway=OURS, high=1_000_000)]
    assert who([ONE, TWO], rules) == [{2: 1}]
    assert who([ONE, TWO], rules, amount=1_000_001) == [], "not even where they are not about the amount"
    assert who([ONE, TWO], rules, gateway_id=OTHERS) == [{1: 1}]


def test_several_rules_for_one_terminal_count_by_the_best_priority():
    rules = [rule(1, priority=5, weight=7), rule(1, priority=1, weight=2), rule(1, priority=1, weight=3), rule(2)]
    assert who([ONE, TWO], rules) == [{1: 5}, {2: 1}]


@pytest.mark.parametrize(
    "unable",
    [
        replace(ONE, disabled_at=NOW),
        replace(ONE, valid_from=NOW + timedelta(seconds=1)),
        replace(ONE, amount_from=Rial(250_001)),
        replace(ONE, amount_upto=Rial(249_999)),
    ],
)
def test_who_cannot_take_it_is_passed_over(unable):
    assert who([unable, TWO], []) == [{2: 1}]
    assert who([unable, TWO], [rule(1, priority=1), rule(2)]) == [{2: 1}]


def test_bounds_are_part_of_the_range():
    able = replace(ONE, amount_from=Rial(250_000), amount_upto=Rial(250_000), valid_from=NOW)
    assert who([able], [rule(1, low=250_000, high=250_000)]) == [{1: 1}]


AMOUNTS = st.integers(0, 20)
TERMINALS = st.lists(
    st.builds(
        lambda number, low, high, off: terminal(
            number, amount_from=Rial(low), amount_upto=None if high is None else Rial(high), disabled_at=off
        ),
        st.integers(1, 5),
        AMOUNTS,
        st.none() | AMOUNTS,
        st.sampled_from([None, None, None, NOW]),
    ),
    unique_by=lambda one: one.id,
)
RULES = st.lists(
    st.builds(
        lambda number, gateway, low, high, priority, weight: rule(
            number, gateway=gateway, low=low, high=high, priority=priority, weight=weight
        ),
        st.integers(1, 5),
        st.sampled_from([None, OURS, OTHERS]),
        AMOUNTS,
        st.none() | AMOUNTS,
        st.integers(1, 4),
        st.integers(1, 9),
    ),
    max_size=12,
)


@given(TERMINALS, RULES, AMOUNTS)
def test_the_rule_told_slowly(terminals, rules, amount):
    own = [r for r in rules if r.gateway_id == OURS] or [r for r in rules if r.gateway_id is None]
    about = [r for r in own if r.amount_from <= amount and (r.amount_upto is None or amount <= r.amount_upto)]
    able = {t.id for t in terminals if t.takes(Rial(amount), NOW)}
    if not own:
        assert who(terminals, rules, amount) == ([dict.fromkeys(able, 1)] if able else [])
        return
    expected: dict[int, dict[int, int]] = {}
    for number in able & {r.terminal_id for r in about}:
        best = min(r.priority for r in about if r.terminal_id == number)
        weight = sum(r.weight for r in about if (r.terminal_id, r.priority) == (number, best))
        expected.setdefault(best, {})[number] = weight
    assert who(terminals, rules, amount) == [expected[priority] for priority in sorted(expected)]
