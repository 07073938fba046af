"""Days and bank accounts as the pages of settlement show them."""

from __future__ import annotations

from datetime import date

from markupsafe import Markup

from mopos.base.clock import jalali_day
from mopos.base.text import persian_digits
from mopos.edges.i18n.lang import Lang


def day_of(day: date | None, lang: Lang) -> str:
    """A day of Tehran, Jalali as `DatTasvie` is; in English with the Gregorian one beside it. In one piece."""
    if day is None:
        return "—"
    jalali = jalali_day(day)
    text = persian_digits(jalali) if lang is Lang.FA else f"{jalali} ({day.isoformat()})"
    return Markup('<time class="nowrap" dir="ltr" datetime="{}">{}</time>').format(day.isoformat(), text)


def masked_iban(iban: str) -> str:
    """`IR06…001001`: enough to know one's own account by, no use to anybody else."""
    return f"{iban[:4]}…{iban[-6:]}" if iban else "—"
