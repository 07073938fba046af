"""What a movement of the operator's bank account is: a PSP's deposit, a payout, a payout that came back. Pure.

A payout is known by its tracking number, or its own number, among the words of the line, together with its amount. A
deposit is known by its amount: what a PSP took on a day less what it gave back and what it keeps, or on several days
in a row (banks pay no deposits on holidays). Whoever is named must fit; nothing is guessed between two that fit alike.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from mopos.domain.settlement.matching import Kind
from mopos.domain.settlement.psp_store import OpenDay
from mopos.domain.settlement.statement_store import Candidate, Waiting
from mopos.domain.settlement.statements import words_of

# The longest row of holidays (Nowruz and a weekend on each side), and a day for the bank.
DAYS_IN_ONE_DEPOSIT_MAX = 12
# A payout in these states may still be settled, or come back.
_COMES_BACK = ("SUBMITTED", "SETTLED")


@dataclass(frozen=True, slots=True)
class Deposit:
    """What a PSP took on some days, less its commission."""

    terminal_id: int
    days: Sequence[OpenDay]

    @property
    def commission_rial(self) -> int:
        return sum(day.commission_rial for day in self.days)


@dataclass(frozen=True, slots=True)
class PaidOut:
    """A payout left the account."""

    payout_id: int


@dataclass(frozen=True, slots=True)
class CameBack:
    """A payout's money came back. `news`: the books do not know it yet."""

    payout_id: int
    tracking_no: str
    news: bool


@dataclass(frozen=True, slots=True)
class Unknown:
    """Nobody knows, or it does not fit what it names. With what it names, for an exception's page."""

    kind: Kind
    payout: Candidate | None = None
    day: OpenDay | None = None


Recognised = Deposit | PaidOut | CameBack | Unknown


def recognise(line: Waiting, payouts: Iterable[Candidate], days: Sequence[OpenDay]) -> Recognised:
    """What a line is. `payouts`: such as its words may name; `days`: all that PSPs are still to pay."""
    words = words_of(line.bank_ref, line.text)
    named = [one for one in payouts if one.tracking_no in words or (str(one.id) in words and _same(line, one))]
    if named:
        return _about_payout(line, named)
    return Unknown(Kind.MISSING_HERE) if line.amount_rial < 0 else _deposit(line, words, days)


def _same(line: Waiting, payout: Candidate) -> bool:
    return abs(line.amount_rial) == payout.amount_rial


def _about_payout(line: Waiting, named: Sequence[Candidate]) -> Recognised:
    fitting = [one for one in named if _same(line, one)]
    if not fitting:
        return Unknown(Kind.AMOUNT_DIFFERS, payout=named[0])
    out = line.amount_rial < 0
    fresh = [one for one in fitting if not (one.debited if out else one.credited)]
    if not fresh:
        return Unknown(Kind.DUPLICATE, payout=fitting[0])
    one = fresh[0]
    if out:
        return PaidOut(one.id)
    return CameBack(one.id, one.tracking_no, news=one.state in _COMES_BACK)


def _deposit(line: Waiting, words: set[str], days: Sequence[OpenDay]) -> Recognised:
    past = [day for day in days if day.day <= line.booked_on]
    named = [day for day in past if day.terminal in words]
    # Whoever names a terminal that we know means it, also when the amount does not fit.
    by_terminal: dict[int, list[OpenDay]] = {}
    for day in named or past:
        by_terminal.setdefault(day.terminal_id, []).append(day)
    found = [(number, run) for number, mine in by_terminal.items() if (run := _run(line.amount_rial, mine))]
    if len(found) == 1:
        return Deposit(found[0][0], found[0][1])
    owed = [day for day in named if day.deposit_rial > 0]
    if owed and not found:
        return Unknown(Kind.AMOUNT_DIFFERS, day=owed[0])
    return Unknown(Kind.MISSING_HERE)


def _run(rial: int, days: Sequence[OpenDay]) -> Sequence[OpenDay]:
    """The oldest day, or row of days, of one terminal that comes to an amount. Empty: none does."""
    ordered = sorted(days, key=lambda day: day.day)
    for size in range(1, min(len(ordered), DAYS_IN_ONE_DEPOSIT_MAX) + 1):
        for first in range(len(ordered) - size + 1):
            run = ordered[first : first + size]
            if sum(day.deposit_rial for day in run) == rial:
                return run
    return ()
