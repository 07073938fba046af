"""Two lists that should say the same, laid side by side: what agrees, and how each difference differs. Pure and typed.

Both come sorted by key, so it is one merge in flat memory, whatever their length: only what has one key is held. Every
item comes out exactly once, in a `Finding`: matched and exceptions together are both totals, to the Rial.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date, datetime
from enum import StrEnum
from typing import Any, Generic, NamedTuple, TypeVar

from mopos.base.clock import TEHRAN

T = TypeVar("T")


class Kind(StrEnum):
    """What became of an item. All but `MATCHED` are exceptions."""

    MATCHED = "matched"
    MISSING_HERE = "missing_here"
    """They have it, we do not."""
    MISSING_THERE = "missing_there"
    """We have it, they do not."""
    AMOUNT_DIFFERS = "amount_differs"
    DATE_DIFFERS = "date_differs"
    """By more days than are allowed; the amount is the same."""
    DUPLICATE = "duplicate"
    """One side has it more often than the other, which has it at least once."""


class Item(NamedTuple, Generic[T]):
    """One movement on one side. `rial` is signed where a list holds both directions."""

    key: str
    rial: int
    on: date
    """The bank's day."""
    what: T
    """What it is on its own side; handed through."""


class Finding(NamedTuple, Generic[T]):
    """A pair, or an item that stands alone."""

    kind: Kind
    ours: Item[T] | None
    theirs: Item[T] | None

    @property
    def key(self) -> str:
        item = self.ours or self.theirs
        return item.key if item else ""

    @property
    def difference(self) -> int:
        """Theirs less ours, in Rial."""
        return (self.theirs.rial if self.theirs else 0) - (self.ours.rial if self.ours else 0)


class NotSorted(ValueError):
    """A list was not sorted by key, so nothing could be said of it."""


def bank_day(moment: datetime) -> date:
    """The bank's day of a moment: it ends at 23:59:59 in Tehran."""
    return moment.astimezone(TEHRAN).date()


def match(ours: Iterable[Item[T]], theirs: Iterable[Item[T]], *, days: int = 0) -> Iterator[Finding[T]]:
    """Lay two lists, each sorted by key, side by side. `days`: how far apart the dates of a pair may lie.

    Items of one key are paired so that as many as can agree do; the order within a key says nothing. What is left of
    one side is missing on the other, or doubled where the other side has that key. Raises `NotSorted`."""
    left, right = _groups(ours), _groups(theirs)
    here, there = next(left, None), next(right, None)
    while here is not None or there is not None:
        if there is None or (here is not None and here[0].key < there[0].key):
            yield from _alone(here or [], Kind.MISSING_THERE, ours=True)
            here = next(left, None)
        elif here is None or there[0].key < here[0].key:
            yield from _alone(there, Kind.MISSING_HERE, ours=False)
            there = next(right, None)
        else:
            yield from _pairs(here, there, days)
            here, there = next(left, None), next(right, None)


def _groups(items: Iterable[Item[T]]) -> Iterator[list[Item[T]]]:
    """The items of each key, together."""
    group: list[Item[T]] = []
    for item in items:
        if group and item.key != group[0].key:
            if item.key < group[0].key:
                raise NotSorted(f"{item.key} after {group[0].key}")
            yield group
            group = []
        group.append(item)
    if group:
        yield group


def _alone(items: list[Item[T]], kind: Kind, *, ours: bool) -> Iterator[Finding[T]]:
    """The first is missing on the other side; the others are it once more."""
    for item in sorted(items, key=_order):
        yield Finding(kind, item, None) if ours else Finding(kind, None, item)
        kind = Kind.DUPLICATE


def _pairs(here: list[Item[T]], there: list[Item[T]], days: int) -> Iterator[Finding[T]]:
    if len(here) == len(there) == 1:
        yield _pair(here[0], there[0], days)
        return
    left, right = sorted(here, key=_order), sorted(there, key=_order)
    for same_rial, within in ((True, days), (True, None), (False, None)):
        paired, left, right = _take_pairs(left, right, same_rial=same_rial, within=within)
        for ours, theirs in paired:
            yield _pair(ours, theirs, days)
    for item in left:
        yield Finding(Kind.DUPLICATE, item, None)
    for item in right:
        yield Finding(Kind.DUPLICATE, None, item)


def _order(item: Item[Any]) -> tuple[int, date]:
    return item.rial, item.on


def _pair(ours: Item[T], theirs: Item[T], days: int) -> Finding[T]:
    if ours.rial != theirs.rial:
        return Finding(Kind.AMOUNT_DIFFERS, ours, theirs)
    near = ours.on == theirs.on or abs((ours.on - theirs.on).days) <= days
    return Finding(Kind.MATCHED if near else Kind.DATE_DIFFERS, ours, theirs)


def _take_pairs(
    left: list[Item[T]], right: list[Item[T]], *, same_rial: bool, within: int | None
) -> tuple[list[tuple[Item[T], Item[T]]], list[Item[T]], list[Item[T]]]:
    """Pair what agrees so far, going up both sorted lists at once; this gives the most pairs that there can be."""
    paired: list[tuple[Item[T], Item[T]]] = []
    rest_left: list[Item[T]] = []
    rest_right: list[Item[T]] = []
    at = to = 0
    while at < len(left) and to < len(right):
        ours, theirs = left[at], right[to]
        if same_rial and ours.rial != theirs.rial:
            ours_first = ours.rial < theirs.rial
        elif within is not None and abs((ours.on - theirs.on).days) > within:
            ours_first = ours.on < theirs.on
        else:
            paired.append((ours, theirs))
            at, to = at + 1, to + 1
            continue
        if ours_first:
            rest_left.append(ours)
            at += 1
        else:
            rest_right.append(theirs)
            to += 1
    return paired, rest_left + left[at:], rest_right + right[to:]
