"""Two lists side by side: every fault that is put in is found, nothing else is, and no Rial is lost on the way."""

import random
import tracemalloc
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from time import perf_counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mopos.domain.settlement.matching import Finding, Item, Kind, NotSorted, bank_day, match

DAY = date(2026, 11, 24)
TOLERANCE = 1
K = Kind


def item(key: str, rial: int = 100, days: int = 0, what: str = "") -> Item[str]:
    return Item(key, rial, DAY + timedelta(days=days), what)


def kinds(findings) -> list[Kind]:
    return [finding.kind for finding in findings]


@pytest.mark.parametrize(
    ("ours", "theirs", "found"),
    [
        ([], [], []),
        ([item("a")], [item("a")], [K.MATCHED]),
        ([item("a")], [], [K.MISSING_THERE]),
        ([], [item("a")], [K.MISSING_HERE]),
        ([item("a")], [item("b")], [K.MISSING_THERE, K.MISSING_HERE]),
        ([item("a", 100)], [item("a", 10)], [K.AMOUNT_DIFFERS]),
        ([item("a")], [item("a", days=1)], [K.MATCHED]),
        ([item("a")], [item("a", days=2)], [K.DATE_DIFFERS]),
        ([item("a")], [item("a", days=-2)], [K.DATE_DIFFERS]),
        ([item("a", 100)], [item("a", 10, days=9)], [K.AMOUNT_DIFFERS]),
        ([item("a")], [item("a"), item("a")], [K.MATCHED, K.DUPLICATE]),
        ([item("a"), item("a")], [item("a")], [K.MATCHED, K.DUPLICATE]),
        ([], [item("a"), item("a")], [K.MISSING_HERE, K.DUPLICATE]),
        # Of a key's items those are paired that agree, whatever their order.
        ([item("a", 1), item("a", 2)], [item("a", 2), item("a", 1)], [K.MATCHED, K.MATCHED]),
        ([item("a", 1), item("a", 2)], [item("a", 2), item("a", 3)], [K.MATCHED, K.AMOUNT_DIFFERS]),
        ([item("a", days=0), item("a", days=5)], [item("a", days=5), item("a", days=0)], [K.MATCHED, K.MATCHED]),
        ([item("a", 1)], [item("a", 1, days=9), item("a", 2)], [K.DATE_DIFFERS, K.DUPLICATE]),
        # What is signed stays signed: money that went out is no money that came in.
        ([item("a", 100)], [item("a", -100)], [K.AMOUNT_DIFFERS]),
    ],
)
def test_the_table(ours, theirs, found):
    assert kinds(match(ours, theirs, days=TOLERANCE)) == found


def test_difference_is_theirs_less_ours():
    (finding,) = match([item("a", 100)], [item("a", 10)])
    assert (finding.key, finding.difference) == ("a", -90)
    (finding,) = match([item("a", 100)], [])
    assert finding.difference == -100
    (finding,) = match([], [item("a", 100)])
    assert finding.difference == 100


def test_a_bank_s_day_ends_at_midnight_of_tehran():
    assert bank_day(datetime(2026, 11, 24, 20, 29, 59, 999_999, tzinfo=UTC)) == date(2026, 11, 24)
    assert bank_day(datetime(2026, 11, 24, 20, 30, tzinfo=UTC)) == date(2026, 11, 25)


@pytest.mark.parametrize("sides", [([item("b"), item("a")], []), ([], [item("b"), item("a")])])
def test_a_list_that_is_not_sorted_is_refused(sides):
    with pytest.raises(NotSorted):
        list(match(*sides))


# --- properties ---

_items = st.builds(
    Item,
    st.sampled_from("abcde"),
    st.sampled_from([-100, 1, 2, 100, 2**62]),
    st.integers(0, 4).map(lambda days: DAY + timedelta(days=days)),
    st.just(""),
)


@given(st.lists(_items), st.lists(_items), st.integers(0, 3))
def test_every_item_comes_out_once_and_sums_tie(ours, theirs, days):
    findings = list(match(*_sorted(ours, theirs), days=days))
    assert Counter(f.ours for f in findings if f.ours) == Counter(ours)
    assert Counter(f.theirs for f in findings if f.theirs) == Counter(theirs)
    matched = [f for f in findings if f.kind is K.MATCHED]
    rest = [f for f in findings if f.kind is not K.MATCHED]
    for side, total in (("ours", ours), ("theirs", theirs)):
        assert _sum(matched, side) + _sum(rest, side) == sum(one.rial for one in total)
    assert sum(f.difference for f in rest) == sum(i.rial for i in theirs) - sum(i.rial for i in ours)
    for finding in findings:
        _is_right(finding, ours, theirs, days)


@given(st.lists(_items), st.lists(_items), st.integers(0, 3), st.randoms(use_true_random=False))
def test_order_does_not_matter(ours, theirs, days, chance):
    first = Counter(_shown(f) for f in match(*_sorted(ours, theirs), days=days))
    chance.shuffle(ours)
    chance.shuffle(theirs)
    assert Counter(_shown(f) for f in match(*_sorted(ours, theirs), days=days)) == first


@given(st.lists(_items), st.lists(_items))
def test_sides_may_be_changed(ours, theirs):
    other = {K.MISSING_HERE: K.MISSING_THERE, K.MISSING_THERE: K.MISSING_HERE}
    there = Counter(f.kind for f in match(*_sorted(ours, theirs)))
    here = Counter(other.get(f.kind, f.kind) for f in match(*_sorted(theirs, ours)))
    assert here == there


@given(st.integers(0, 60), st.lists(st.sampled_from([k for k in Kind if k is not K.MATCHED]), max_size=8), st.data())
def test_faults_that_are_put_in_are_found_and_nothing_else(many, faults, data):
    """Any book, each fault at a place of its own."""
    rial = st.integers(1, 10**10)
    ours = [item(f"k{number:04}", data.draw(rial), 0, "o") for number in range(many + len(faults))]
    theirs = [one._replace(what="t") for one in ours]
    places = data.draw(st.permutations(range(len(ours))))[: len(faults)]
    wanted = Counter({K.MATCHED: many})
    for place, fault in zip(places, faults, strict=True):
        ours, theirs = _spoil(ours, theirs, f"k{place:04}", fault)
        wanted[fault] += 1
        wanted[K.MATCHED] += fault is K.DUPLICATE
    found = list(match(*_sorted(ours, theirs), days=TOLERANCE))
    assert Counter(kinds(found)) == +wanted
    assert {f.key for f in found if f.kind is not K.MATCHED} == {f"k{place:04}" for place in places}


def _spoil(ours, theirs, key, fault):
    mine = next(one for one in ours if one.key == key)
    keep = [one for one in theirs if one.key != key]
    match fault:
        case K.MISSING_HERE:
            return [one for one in ours if one.key != key], theirs
        case K.MISSING_THERE:
            return ours, keep
        case K.AMOUNT_DIFFERS:
            return ours, [*keep, mine._replace(rial=mine.rial + 1)]
        case K.DATE_DIFFERS:
            return ours, [*keep, mine._replace(on=DAY + timedelta(days=TOLERANCE + 1))]
        case _:
            return ours, [*theirs, mine]


def _is_right(finding: Finding[str], ours, theirs, days):
    """Each word means what it says."""
    mine, other = finding.ours, finding.theirs
    match finding.kind:
        case K.MATCHED:
            assert mine.key == other.key
            assert mine.rial == other.rial
            assert abs((mine.on - other.on).days) <= days
        case K.DATE_DIFFERS:
            assert (mine.key, mine.rial) == (other.key, other.rial)
            assert abs((mine.on - other.on).days) > days
        case K.AMOUNT_DIFFERS:
            assert mine.key == other.key
            assert mine.rial != other.rial
        case K.MISSING_HERE:
            assert mine is None
            assert other.key not in {one.key for one in ours}
        case K.MISSING_THERE:
            assert other is None
            assert mine.key not in {one.key for one in theirs}
        case K.DUPLICATE:
            assert (mine is None) != (other is None)


def _sorted(ours, theirs):
    return sorted(ours, key=lambda one: one.key), sorted(theirs, key=lambda one: one.key)


def _sum(findings, side):
    return sum(getattr(f, side).rial for f in findings if getattr(f, side))


def _shown(finding):
    return (
        finding.kind,
        finding.ours and (finding.ours.key, finding.ours.rial, finding.ours.on),
        finding.theirs and (finding.theirs.key, finding.theirs.rial, finding.theirs.on),
    )


def test_a_million_movements_in_flat_memory():
    chance = random.Random(7)
    gone = {chance.randrange(500_000) for _ in range(100)}

    def side(without):
        return (item(f"{number:09}", number + 1) for number in range(500_000) if number not in without)

    tracemalloc.start(1)
    began = perf_counter()
    found = Counter(f.kind for f in match(side(set()), side(gone)))
    seconds = perf_counter() - began
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert found == {K.MATCHED: 500_000 - len(gone), K.MISSING_THERE: len(gone)}
    assert peak < 1_000_000
    assert seconds < 60  # some four seconds, with memory traced
