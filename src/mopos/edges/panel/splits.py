"""How a gateway's deposits are split between several parties: what holds, what waits for an operator, a try with a
round amount, and the form that changes it.

The rule that keeps money safe: a split that pays anybody waits until an operator has looked at every party; until then
the one before it holds. To end a split waits for nobody, since then all goes to the account's own confirmed Sheba.
"""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation
from typing import Any, NamedTuple

from litestar import Response

from mopos.actions.set_splits import set_splits
from mopos.base.errors import Refused
from mopos.base.money import Rial
from mopos.base.text import latin_digits, persian_digits
from mopos.domain.accounts.model import Allow
from mopos.domain.settlement import split_store
from mopos.domain.settlement.splits import PARTS_MAX, WHOLE_PPM, FeeFrom, Part, Share, Split, define, divide
from mopos.edges.i18n.lang import Lang
from mopos.edges.panel.deposits import words
from mopos.edges.panel.gateway_page import own_gateway, root_of
from mopos.edges.web import render
from mopos.edges.web.ask import Ask
from mopos.edges.web.routes import Route

# The try: of this much, after a fee of one percent.
_TRIED = Rial(10_000_000)
_TRIED_FEE = Rial(100_000)
# Rows of the form: those that are filled in and two more, no fewer than three.
_ROWS_MIN, _ROWS_MORE = 3, 2
_SEPARATORS = re.compile(r"[\s,٬،_]")
_SHARES = ("percent", "rial", "remainder")
_FIELDS = ("payee", "iban", "national_id", "share", "value")


class Row(NamedTuple):
    """A part as the form has it."""

    payee: str = ""
    iban: str = ""
    national_id: str = ""
    share: str = "percent"
    value: str = ""


async def _show(ask: Ask) -> Response[Any]:
    return await _page(ask)


async def _page(
    ask: Ask,
    *,
    rows: list[Row] | None = None,
    tried: Split | None = None,
    refused: Refused | None = None,
) -> Response[Any]:
    own = await own_gateway(ask)
    kept = await split_store.of_gateway(ask.services.db, own.id)
    present = next((each for each in kept if each.is_agreed and each.valid_from <= ask.now), None)
    waiting = kept[0] if kept and not kept[0].is_agreed else None
    last = waiting or present
    standing = last.split if last else Split()
    shown = tried or standing
    rows = rows if rows is not None else [_row(part) for part in standing.parts]
    filled = rows + [Row()] * max(_ROWS_MIN - len(rows), _ROWS_MORE)
    return render.page(
        ask,
        "panel/splits.html",
        status=refused.status if refused else 200,
        title=ask.t["splits.title"],
        problems=render.problems_of(refused, ask.t) if refused else {},
        values=dict(ask.form),
        own=own,
        url=f"{root_of(ask, own)}/splits",
        back=root_of(ask, own),
        present=present if present and present.split.parts else None,
        waiting=waiting,
        history=kept,
        rows=filled[:PARTS_MAX],
        fee_from=ask.form.get("fee_from") or shown.fee_from,
        fees_from=list(FeeFrom),
        share_kinds=_SHARES,
        example=example(shown),
        is_tried=tried is not None,
        amount=_TRIED,
        fee=_TRIED_FEE,
        percent=lambda ppm: told_percent(ppm, ask.lang),
        may_set=own.closed_at is None,
        **words(ask),
    )


def example(split: Split) -> list[Share]:
    """What each party would get of the amount that is tried; empty without parts."""
    return divide(split, Rial(_TRIED - _TRIED_FEE), _TRIED_FEE) if split.parts else []


def percent(ppm: int) -> str:
    """`12.5` of 125,000 parts per million."""
    return f"{Decimal(ppm) / (WHOLE_PPM // 100):f}"


def told_percent(ppm: int, lang: Lang) -> str:
    """`۱۲٫۵٪`, `12.5%`."""
    return f"{persian_digits(percent(ppm)).replace('.', '٫')}٪" if lang is Lang.FA else f"{percent(ppm)}%"


def _row(part: Part) -> Row:
    if part.ppm is not None:
        return Row(part.payee, part.iban, part.national_id, "percent", percent(part.ppm))
    if part.rial is not None:
        return Row(part.payee, part.iban, part.national_id, "rial", str(part.rial))
    return Row(part.payee, part.iban, part.national_id, "remainder", "")


def _sent(ask: Ask) -> list[Row]:
    """The rows of the form that say something."""
    rows = [
        Row(*(ask.form.get(f"{name}_{number}", "").strip() for name in _FIELDS)) for number in range(1, PARTS_MAX + 1)
    ]
    return [row for row in rows if row.payee or row.iban or row.value]


def read_parts(rows: list[Row]) -> list[Part]:
    """The parts that rows mean. A share that is no number is one that `define` refuses: nought."""
    return [
        Part(
            row.payee,
            row.iban,
            row.national_id,
            ppm=_ppm(row.value) if row.share == "percent" else None,
            rial=_rial(row.value) if row.share == "rial" else None,
        )
        for row in rows
    ]


def _ppm(text: str) -> int:
    plain = latin_digits(text).replace("٫", ".").replace("%", "").replace("٪", "").strip()
    try:
        ppm = Decimal(plain) * (WHOLE_PPM // 100)
    except InvalidOperation:
        return 0
    return int(ppm) if ppm.is_finite() and ppm == ppm.to_integral_value() and 0 < ppm <= WHOLE_PPM else 0


def _rial(text: str) -> int:
    digits = _SEPARATORS.sub("", latin_digits(text))
    return int(digits) if re.fullmatch(r"[0-9]{1,18}", digits) else 0


async def _try(ask: Ask) -> Response[Any]:
    """Show what the form would do with a round amount. Changes nothing."""
    rows = _sent(ask)
    try:
        tried = _defined(ask, rows)
    except Refused as refused:
        return await _page(ask, rows=rows, refused=refused)
    return await _page(ask, rows=rows, tried=tried)


def _defined(ask: Ask, rows: list[Row]) -> Split:
    if not rows:
        raise Refused(["split_payee_missing"])
    return define(read_parts(rows), ask.form.get("fee_from", ""))


async def _save(ask: Ask) -> Response[Any]:
    own = await own_gateway(ask)
    rows = _sent(ask)
    try:
        split = _defined(ask, rows)
        ask.must_be_sure()
        await set_splits(ask.services, own.id, split.parts, fee_from=split.fee_from, person_id=ask.person.id)
    except Refused as refused:
        return await _page(ask, rows=rows, refused=refused)
    return render.redirect(f"{root_of(ask, own)}/splits", done="split_waits")


async def _end(ask: Ask) -> Response[Any]:
    own = await own_gateway(ask)
    try:
        ask.must_be_sure()
        await set_splits(ask.services, own.id, (), person_id=ask.person.id)
    except Refused as refused:
        return await _page(ask, refused=refused)
    return render.redirect(f"{root_of(ask, own)}/splits", done="split_ended")


_AT = "/panel/{account}/gateways/{gateway}/splits"
ROUTES: list[Route] = [
    Route("GET", _AT, _show, Allow.SET_GATEWAY),
    Route("POST", _AT, _save, Allow.SET_GATEWAY, fresh=True),
    Route("POST", f"{_AT}/try", _try, Allow.SET_GATEWAY),
    Route("POST", f"{_AT}/end", _end, Allow.SET_GATEWAY, fresh=True),
]
