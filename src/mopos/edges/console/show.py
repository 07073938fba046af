"""What every page of the console needs beside the frame's own: how long ago something was, refusals shown in place."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from litestar import Response
from markupsafe import Markup

from mopos.base.clock import jalali, jalali_day
from mopos.base.errors import Refused
from mopos.base.text import persian_digits
from mopos.edges.i18n import formats
from mopos.edges.i18n.lang import Lang
from mopos.edges.web import render
from mopos.edges.web.ask import Ask

# Seconds of a unit, the largest first, and the key of its word.
_UNITS = ((86_400, "days"), (3_600, "hours"), (60, "minutes"), (1, "seconds"))
# Above every id that a list could begin before.
BEFORE_ALL = 2**62


def page(ask: Ask, template: str, refused: Refused | None = None, **values: Any) -> Response[Any]:
    """A page of the console; with `refused` its form is shown again, with what was typed."""
    more: dict[str, Any] = {}
    if refused is not None:
        more = {
            "status": refused.status,
            "problems": render.problems_of(refused, ask.t),
            "values": ask.form,
        }
    return render.page(
        ask,
        template,
        since=lambda moment: since(moment, ask),
        exact=lambda moment: exact(moment, ask),
        did=lambda act: did(act, ask),
        day=lambda day: shown_day(day, ask),
        iso_day=lambda text: shown_day(date.fromisoformat(text), ask),
        **more,
        **values,
    )


def did(act: str, ask: Ask) -> str:
    """An act of the audit log in words; one that has none is shown by its name."""
    for step in ("propose", "refused", "withdrawn"):
        if act.startswith(f"{step}_"):
            return f"{ask.t[f'console.step.{step}']}: {did(act.removeprefix(f'{step}_'), ask)}"
    return ask.t.get(f"console.did.{act}", act)


def exact(moment: datetime, ask: Ask) -> str:
    """`1403/07/25 14:03:59`: with seconds, for what is compared with other logs."""
    text = jalali(moment)
    return persian_digits(text) if ask.lang is Lang.FA else text


def shown_day(day: date | None, ask: Ask) -> str:
    """`1403/07/25`: a day of Tehran, Jalali in both languages, in one piece."""
    if day is None:
        return "—"
    text = jalali_day(day)
    shown = persian_digits(text) if ask.lang is Lang.FA else text
    return Markup('<time class="nowrap" dir="{}" datetime="{}">{}</time>').format(ask.lang.dir, day.isoformat(), shown)


def since(moment: datetime, ask: Ask) -> str:
    """`3 minutes`: one unit, rounded down; a moment to come is none at all."""
    seconds = max(0, int((ask.now - moment).total_seconds()))
    size, unit = next(((size, unit) for size, unit in _UNITS if seconds >= size), _UNITS[-1])
    return f"{formats.grouped(seconds // size, ask.lang)} {ask.t[f'console.unit.{unit}']}"


def before(ask: Ask) -> int:
    """Where a list goes on: `?before=`; the newest where it says nothing."""
    text = ask.query("before")
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 18 else BEFORE_ALL


def go_on(ask: Ask, rows: list[Any], size: int, last_id: str = "id") -> str | None:
    """The address of the page that follows, when one row more than fits was found."""
    return ask.here(before=getattr(rows[size - 1], last_id)) if len(rows) > size else None


def after(ask: Ask, name: str = "after") -> int:
    """Where a list in rising order goes on; its beginning where the address says nothing."""
    text = ask.query(name)
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 18 else 0


def form(ask: Ask, name: str) -> str:
    """A field of the form, without blanks around it."""
    return ask.form.get(name, "").strip()
