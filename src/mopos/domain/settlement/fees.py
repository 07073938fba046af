"""Fees on purchases: plans, their versions and brackets, and what a purchase of an amount costs.

A plan has versions, each in force from a moment on until the next one begins; a version is a list of brackets, and the
bracket into which an amount falls holds for all of it. The same arithmetic stands in PostgreSQL (`fee_of`, migration
0006), by which purchases are registered; a property test compares the two. Amounts are whole Rial, rates parts per
million: 200 ppm are 0.02 percent.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from itertools import pairwise
from typing import NamedTuple

from mopos.base.errors import Refused
from mopos.base.money import Rial
from mopos.base.text import harmless, latin_digits

PPM = 1_000_000
NAME_LENGTH_MAX = 60
# Public tariffs have two or three; what a page and an invoice can still explain.
BRACKETS_MAX = 20
# As much as the largest purchase: a fixed part, floor, cap or threshold above it is a slip of the hand.
RIAL_MAX = 10_000_000_000


class Bearer(StrEnum):
    """Who pays a plan's fee."""

    MERCHANT = "merchant"
    """It is taken from the amount."""
    BUYER = "buyer"
    """It is paid on top of the amount."""


class Rounding(StrEnum):
    """What becomes of a part of a Rial, when a rate is taken of an amount. The fixed part has none."""

    UP = "up"
    HALF_UP = "half_up"
    DOWN = "down"


@dataclass(frozen=True, slots=True)
class Bracket:
    """What holds for amounts above `above_rial`, as far as the next bracket."""

    above_rial: int
    ppm: int
    fixed_rial: int = 0
    floor_rial: int = 0
    cap_rial: int | None = None
    rounding: Rounding = Rounding.HALF_UP

    def fee(self, amount: int) -> int:
        """The fee on an amount of Rial: rate and fixed part, within floor and cap, never above the amount."""
        share = amount * self.ppm
        match self.rounding:
            case Rounding.UP:
                part = -(-share // PPM)
            case Rounding.HALF_UP:
                part = (share + PPM // 2) // PPM
            case Rounding.DOWN:
                part = share // PPM
        cap = amount if self.cap_rial is None else self.cap_rial
        return min(amount, max(self.floor_rial, min(cap, self.fixed_rial + part)))

    def __str__(self) -> str:
        """As `read_line` reads it: `6000000: 200ppm +0 floor 0 cap 40000`, without what is nought."""
        parts = [f"{self.above_rial}: {self.ppm}ppm"]
        parts += [f"+{self.fixed_rial}"] if self.fixed_rial else []
        parts += [f"floor {self.floor_rial}"] if self.floor_rial else []
        parts += [f"cap {self.cap_rial}"] if self.cap_rial is not None else []
        return " ".join(parts)


@dataclass(frozen=True, slots=True)
class Version:
    """What a plan says from a moment on. Never changed: a later one takes its place."""

    valid_from: datetime
    bearer: Bearer
    brackets: tuple[Bracket, ...]
    """By `above_rial`, the lowest first."""

    def bracket(self, amount: int) -> Bracket | None:
        """The one that an amount falls into. None: below the first."""
        return next((one for one in reversed(self.brackets) if one.above_rial < amount), None)


@dataclass(frozen=True, slots=True)
class Plan:
    """A named list of versions. Name and bearer stay: another bearer is another plan."""

    id: int
    name: str
    bearer: Bearer
    versions: tuple[Version, ...]
    """The earliest first."""

    def at(self, moment: datetime) -> Version | None:
        """The version in force."""
        return next((one for one in reversed(self.versions) if one.valid_from <= moment), None)


class Quote(NamedTuple):
    """What a purchase of an amount costs whom."""

    amount: Rial
    fee: Rial
    charge: Rial
    """What the buyer pays at the bank."""
    net: Rial
    """What the merchant is owed for it."""
    by_buyer: bool


def quote(version: Version | None, amount: Rial) -> Quote:
    """What a purchase costs under a version; under none, nothing."""
    found = version.bracket(amount) if version else None
    fee = Rial(found.fee(amount)) if found else Rial(0)
    return quote_of(amount, fee, by_buyer=found is not None and version is not None and version.bearer is Bearer.BUYER)


def quote_of(amount: Rial, fee: Rial, *, by_buyer: bool) -> Quote:
    """The same of a fee that is known already."""
    return Quote(amount, fee, amount + fee if by_buyer else amount, amount if by_buyer else amount - fee, by_buyer)


class Assigned(NamedTuple):
    """A gateway has a plan from a moment on; or, with None, no fee."""

    valid_from: datetime
    plan: Plan | None


class Term(NamedTuple):
    """What holds for a gateway from a moment on."""

    since: datetime
    plan: Plan | None
    version: Version | None
    """None: no fee."""


def terms(assigned: Iterable[Assigned]) -> list[Term]:
    """All that ever held for a gateway and is announced, in order: plans come and go, and their versions change."""
    ordered = sorted(assigned, key=lambda one: one.valid_from)
    found: list[Term] = []
    for at, one in enumerate(ordered):
        until = ordered[at + 1].valid_from if at + 1 < len(ordered) else None
        found.append(Term(one.valid_from, one.plan, one.plan.at(one.valid_from) if one.plan else None))
        later = one.plan.versions if one.plan else ()
        found += [
            Term(version.valid_from, one.plan, version)
            for version in later
            if one.valid_from < version.valid_from and (until is None or version.valid_from < until)
        ]
    return found


def present_and_next(all_terms: Sequence[Term], now: datetime) -> tuple[Term | None, Term | None]:
    """What holds now, and what is announced first."""
    present = next((term for term in reversed(all_terms) if term.since <= now), None)
    return present, next((term for term in all_terms if term.since > now), None)


# --- reading what people type -----------------------------------------------------------------------------------------


def read_name(text: str) -> str:
    """A plan's name. Raises `Refused`."""
    name = harmless(text)
    if not name:
        raise Refused(["fee_plan_name_missing"])
    if len(name) > NAME_LENGTH_MAX:
        raise Refused(["fee_plan_name_too_long"])
    return name


def read_bearer(text: str) -> Bearer:
    """Raises `Refused`."""
    if text not in set(Bearer):
        raise Refused(["fee_bearer_unknown"])
    return Bearer(text)


def read_rounding(text: str) -> Rounding:
    """Raises `Refused`."""
    if text not in set(Rounding):
        raise Refused(["fee_rounding_unknown"])
    return Rounding(text)


# `6000000: 200ppm`, `6,000,000: 0.02% +1,200 floor 500 cap 40,000`: what follows the rate in any order.
_LINE = re.compile(r"(?P<above>[^:]*):\s*(?P<rate>\S+)(?P<rest>.*)")
_PART = re.compile(r"\s*(?P<name>\+|floor|cap)\s*(?P<rial>[\d,_]+)")
_PERCENT = re.compile(r"\d{1,3}(\.\d{1,4})?")
_NUMBER = re.compile(r"\d{1,19}")
# Separators of thousands, and the decimal separator of Persian.
_SEPARATORS = str.maketrans({",": None, "_": None, "٬": None, "،": None, " ": None, "٫": ".", "٪": "%"})


def read_line(text: str, rounding: Rounding = Rounding.HALF_UP) -> Bracket:
    """A bracket in one line: `ABOVE: RATE [+FIXED] [floor RIAL] [cap RIAL]`. Raises `Refused`."""
    line = _LINE.fullmatch(latin_digits(text).replace("٬", ",").strip().lower())
    if line is None:
        raise Refused(["fee_bracket_unreadable"])
    rest, given = line["rest"], {}
    while rest.strip():
        part = _PART.match(rest)
        if part is None or part["name"] in given:
            raise Refused(["fee_bracket_unreadable"])
        given[part["name"]] = part["rial"]
        rest = rest[part.end() :]
    return read_bracket(
        above=line["above"],
        rate=line["rate"],
        fixed=given.get("+", ""),
        floor=given.get("floor", ""),
        cap=given.get("cap", ""),
        rounding=rounding,
    )


def read_bracket(
    *, above: str, rate: str, fixed: str = "", floor: str = "", cap: str = "", rounding: Rounding = Rounding.HALF_UP
) -> Bracket:
    """A bracket from its parts as typed, in any digits. Empty: nought, and no cap. Raises `Refused`."""
    return Bracket(
        above_rial=_rial(above),
        ppm=_ppm(rate),
        fixed_rial=_rial(fixed),
        floor_rial=_rial(floor),
        cap_rial=_rial(cap) if cap.strip() else None,
        rounding=rounding,
    )


def _rial(text: str) -> int:
    plain = latin_digits(text).translate(_SEPARATORS) or "0"
    if not _NUMBER.fullmatch(plain):
        raise Refused(["fee_bracket_unreadable"])
    if int(plain) > RIAL_MAX:
        raise Refused(["fee_rial_too_large"])
    return int(plain)


def _ppm(text: str) -> int:
    """`200ppm`, `0.02%`, `0.02`: a bare number is percent, as people say it."""
    plain = latin_digits(text).translate(_SEPARATORS).lower() or "0"
    if plain.endswith("ppm"):
        if not _NUMBER.fullmatch(plain[:-3]) or int(plain[:-3]) > PPM:
            raise Refused(["fee_rate_wrong"])
        return int(plain[:-3])
    plain = plain.removesuffix("%")
    if not _PERCENT.fullmatch(plain) or Decimal(plain) > 100:
        raise Refused(["fee_rate_wrong"])
    return int(Decimal(plain) * (PPM // 100))


def percent(ppm: int) -> str:
    """A rate as people say it: 200 is `0.02`."""
    return format((Decimal(ppm) / (PPM // 100)).normalize(), "f")


def check(brackets: Sequence[Bracket], smallest: Rial) -> tuple[Bracket, ...]:
    """Brackets that may become a version, in order. `smallest`: of the amounts that can be bought. Raises `Refused`.

    Every amount has a bracket; each fee leaves something of the amount; and a larger amount never costs less, so that
    nobody pays more to save a fee. Within a bracket both hold everywhere if they hold at its lowest amount."""
    if not brackets:
        raise Refused(["fee_brackets_missing"])
    if len(brackets) > BRACKETS_MAX:
        raise Refused(["fee_brackets_too_many"])
    ordered = tuple(sorted(brackets, key=lambda one: one.above_rial))
    problems = [
        *(["fee_first_not_nought"] if ordered[0].above_rial else []),
        *(["fee_bracket_twice"] if any(a.above_rial == b.above_rial for a, b in pairwise(ordered)) else []),
        *(["fee_cap_below_floor"] if any(_is_crossed(one) for one in ordered) else []),
    ]
    lowest = [max(one.above_rial + 1, int(smallest)) for one in ordered]
    if not problems:
        eats = any(one.fee(amount) >= amount for one, amount in zip(ordered, lowest, strict=True))
        falls = any(
            a.fee(b.above_rial) > b.fee(b.above_rial + 1) for a, b in pairwise(ordered) if b.above_rial >= smallest
        )
        problems = [*(["fee_eats_amount"] if eats else []), *(["fee_falls"] if falls else [])]
    if problems:
        raise Refused(problems)
    return ordered


def _is_crossed(bracket: Bracket) -> bool:
    return bracket.cap_rial is not None and bracket.cap_rial < bracket.floor_rial


# --- the public tariff ------------------------------------------------------------------------------------------------


class Preset(NamedTuple):
    """Brackets to begin with, and where they are from."""

    brackets: tuple[Bracket, ...]
    source: str
    in_force_since: str
    """A Jalali day, as its source says it."""


# What merchants pay on card payments since 4 Tir 1402 by the Central Bank's tariff; the card holder pays nothing. No
# later figures were found: whoever uses it compares it with the tariff of the day.
PRESETS: Mapping[str, Preset] = {
    "1402": Preset(
        (Bracket(0, 0, fixed_rial=1_200), Bracket(6_000_000, 200, cap_rial=40_000)),
        "iribnews.ir 3893037, iranex.cc",
        "1402/04/04",
    )
}
