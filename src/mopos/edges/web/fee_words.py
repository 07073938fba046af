"""Fees in words, for the console and the panel: what a plan says now, what it will say, what an amount costs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from mopos.actions.set_fees import read_amount
from mopos.base.errors import Refused
from mopos.base.money import Rial
from mopos.domain.settlement.fees import (
    Assigned,
    Bearer,
    Bracket,
    Quote,
    Term,
    Version,
    percent,
    present_and_next,
    terms,
)
from mopos.edges.i18n.formats import grouped
from mopos.edges.i18n.lang import Lang
from mopos.edges.i18n.texts import TEXTS

_TO_PERSIAN = str.maketrans("0123456789.", "۰۱۲۳۴۵۶۷۸۹٫")


class Line(NamedTuple):
    """A bracket in words: for which amounts, and what."""

    amounts: str
    fee: str


class Said(NamedTuple):
    """What holds from a moment on, as a page shows it."""

    since: datetime
    plan_id: int | None
    name: str
    bearer: Bearer | None
    lines: list[Line]
    """Empty: no fee."""
    rounding: str


@dataclass(frozen=True, slots=True)
class Asked:
    """A quote form as it was sent: what was typed, and the answer or the problem."""

    text: str
    quote: Quote | None = None
    refused: Refused | None = None

    def problem(self, t: Mapping[str, str]) -> str:
        """The sentence of what was wrong; empty when nothing was."""
        return t[f"problem.{self.refused.problems[0].code}"] if self.refused else ""


def asked_amount(typed: str) -> tuple[str, Rial | None, Refused | None]:
    """A quote form's amount: as typed, and as an amount or why it is none. None and None: nothing was asked."""
    text = typed[:30]
    if not text:
        return "", None, None
    try:
        return text, read_amount(text), None
    except Refused as refused:
        return text, None, refused


def lines(version: Version, lang: Lang) -> list[Line]:
    """A version's brackets in words, in order."""
    ends: list[int | None] = [one.above_rial for one in version.brackets[1:]]
    return [
        Line(_amounts(one.above_rial, end, lang), _fee(one, lang))
        for one, end in zip(version.brackets, [*ends, None], strict=True)
    ]


def said(term: Term, lang: Lang) -> Said:
    """A term as a page shows it."""
    plan, version = term.plan, term.version
    return Said(
        term.since,
        plan.id if plan else None,
        plan.name if plan else "",
        plan.bearer if plan else None,
        lines(version, lang) if version else [],
        version.brackets[0].rounding if version else "",
    )


def now_and_next(found: list[Assigned], now: datetime, lang: Lang) -> tuple[Said | None, Said | None]:
    """What a gateway has, and what is announced for it. None: no fee was ever set; nothing is announced."""
    present, following = present_and_next(terms(found), now)
    return said(present, lang) if present else None, said(following, lang) if following else None


def _amounts(above: int, until: int | None, lang: Lang) -> str:
    t = TEXTS[lang]
    if not above and until is None:
        return t["fee.any_amount"]
    begins = [f"{t['fee.above']} {_rial(above, lang)}"] if above else []
    ends = [f"{t['fee.up_to']} {_rial(until, lang)}"] if until is not None else []
    return f"{t['label.comma']} ".join([*begins, *ends])


def _fee(bracket: Bracket, lang: Lang) -> str:
    t = TEXTS[lang]
    rate = f"{_percent(bracket.ppm, lang)} {t['fee.of_amount']}" if bracket.ppm else ""
    fixed = _rial(bracket.fixed_rial, lang) if bracket.fixed_rial else ""
    parts = [f" {t['fee.plus']} ".join(part for part in (rate, fixed) if part) or t["fee.nothing"]]
    parts += [f"{t['fee.at_least']} {_rial(bracket.floor_rial, lang)}"] if bracket.floor_rial else []
    parts += [f"{t['fee.at_most']} {_rial(bracket.cap_rial, lang)}"] if bracket.cap_rial is not None else []
    return f"{t['label.comma']} ".join(parts)


def _rial(amount: int, lang: Lang) -> str:
    return f"{grouped(amount, lang)} {TEXTS[lang]['label.rial']}"


def _percent(ppm: int, lang: Lang) -> str:
    return f"{percent(ppm).translate(_TO_PERSIAN)}٪" if lang is Lang.FA else f"{percent(ppm)}%"
