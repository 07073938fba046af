"""The live integration log: the last forms and PayRep calls of a gateway, with what was wrong in them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

from litestar import Response

from mopos.base.clock import jalali
from mopos.base.errors import BY_CODE
from mopos.base.ids import with_check_digit
from mopos.base.text import persian_digits
from mopos.domain.accounts import calls, gateways
from mopos.domain.accounts.calls import PAGE_SIZE, Told
from mopos.domain.accounts.model import Allow
from mopos.edges.i18n.lang import Lang
from mopos.edges.web import render
from mopos.edges.web.ask import Ask, NotFound

# Quick enough to try something in another window and look; a statement of a page costs a millisecond.
REFRESH_S = 5
_ID_DIGITS_MAX = 18

# What a call can lack before there is an `Err`.
_OF_CALLS = {"rmz_missing": "log.rmz_missing", "parameter_missing": "log.parameter_missing"}
_TONES = {"registered": "good", "continued": "open", "paid": "wait", "refused": "bad"}


class Problem(NamedTuple):
    """What was wrong: the code, its sentence's key, and the field with what stood in it."""

    code: str
    sentence: str
    field: str = ""
    value: str = ""


class Line(NamedTuple):
    """A call as the page shows it."""

    at: datetime
    door: str
    binding: str
    outcome: str
    """A sentence's key for a form; for PayRep its `Err`."""
    tone: str
    res: str
    source: str
    amount_rial: int | None
    """None also for who may not see money, and where the amount is what was wrong."""
    problems: list[Problem]
    lengths: list[tuple[str, int]]


async def show(ask: Ask) -> Response[Any]:
    """A page of the log. The newest page looks again by itself until it is told to stay."""
    found = await gateways.one(ask.services.db, ask.account_id, ask.number("gateway"))
    if found is None:
        raise NotFound
    only_problems = ask.query("only") == "problems"
    before, after = _id(ask.query("before")), _id(ask.query("after"))
    told = await calls.page(
        ask.services.reports, found.id, only_problems=only_problems, before_id=before, after_id=after
    )
    shown = told[-PAGE_SIZE:] if after is not None else told[:PAGE_SIZE]
    more = len(told) > PAGE_SIZE
    is_newest = before is None and (after is None or not more)
    moves = is_newest and ask.query("stay") != "1"
    return render.page(
        ask,
        "panel/integration_log.html",
        more={"Refresh": str(REFRESH_S)} if moves else None,
        title=ask.t["log.title"],
        gateway=found,
        number=with_check_digit(found.id),
        root=f"{ask.panel}/integration/{with_check_digit(found.id)}",
        lines=[line_of(one, sees_money=ask.may(Allow.SEE_MONEY)) for one in shown],
        only_problems=only_problems,
        moves=moves,
        is_newest=is_newest,
        refresh_s=REFRESH_S,
        seconds=lambda moment: _seconds(moment, ask.lang),
        newer=ask.here(after=shown[0].id, before=None) if shown and not is_newest else None,
        older=ask.here(before=shown[-1].id, after=None) if shown and (more or after is not None) else None,
    )


def line_of(told: Told, *, sees_money: bool) -> Line:
    """A row of the log for one reader."""
    data = told.data
    is_form = told.door == "form"
    return Line(
        at=told.at,
        door=told.door,
        binding=str(data.get("binding", "")),
        outcome=f"outcome.{told.outcome}" if is_form else told.outcome,
        tone=_TONES.get(told.outcome, "ended") if is_form else _tone_of_err(told.outcome),
        res=told.res,
        source=told.source or "",
        amount_rial=data.get("amount_rial") if sees_money and "Amnt" not in data.get("values", {}) else None,
        problems=[_problem(code, data, is_form=is_form, sees_money=sees_money) for code in data.get("problems", [])],
        lengths=[(name, length) for name, length in data.get("lengths", {}).items()],
    )


def _seconds(moment: datetime, lang: Lang) -> str:
    # With seconds, other than in lists: who tries something wants to see which try it was.
    return persian_digits(jalali(moment)) if lang is Lang.FA else jalali(moment)


def _tone_of_err(err: str) -> str:
    return "good" if err == "0" else "bad" if err == calls.FAULT or int(err) >= 90 else "open"


def _problem(code: str, data: Mapping[str, Any], *, is_form: bool, sees_money: bool) -> Problem:
    if not is_form:
        missing = str(data.get("values", {}).get("missing", ""))
        return Problem(code, _OF_CALLS.get(code, f"payrep.{code}"), value=missing)
    field = BY_CODE[code].field if code in BY_CODE else ""
    value = str(data.get("values", {}).get(field, ""))
    if field == "Amnt" and not sees_money:
        # The shape tells the mistake (1,250 or 12.5), the figures are nobody's who may not see money.
        value = re.sub(r"\d", "•", value)
    return Problem(code, f"problem.{code}", field, value)


def _id(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) <= _ID_DIGITS_MAX else None
