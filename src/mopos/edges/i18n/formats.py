"""Amounts and times as people read them. Toman exists here and nowhere else."""

from __future__ import annotations

from datetime import datetime

from persiantools.digits import to_word
from persiantools.jdatetime import MONTH_NAMES_EN, MONTH_NAMES_FA, JalaliDate

from mopos.base.clock import TEHRAN
from mopos.base.money import Rial
from mopos.base.text import persian_digits
from mopos.edges.i18n.lang import Lang

# Arabic thousands and decimal separators (U+066C, U+066B), as Persian writes them.
_TO_PERSIAN = str.maketrans("0123456789,.", "۰۱۲۳۴۵۶۷۸۹٬٫")

# persiantools knows words below 10^15, less than a Rial amount may be: the words are put together from two parts.
_TRILLION = 10**12

# Monday first, as `date.weekday()` counts. With the Academy's half spaces, which persiantools leaves out.
_WEEKDAYS_FA = ("دوشنبه", "سه‌شنبه", "چهارشنبه", "پنج‌شنبه", "جمعه", "شنبه", "یک‌شنبه")
# Not taken from strftime, whose names depend on the process's locale.
_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)


def grouped(amount: int, lang: Lang) -> str:
    """`1,250,000`, or `۱٬۲۵۰٬۰۰۰` in Persian."""
    digits = f"{int(amount):,}"
    return digits.translate(_TO_PERSIAN) if lang is Lang.FA else digits


def rial(amount: Rial, lang: Lang) -> str:
    """`۱٬۲۵۰٬۰۰۰ ریال`, `1,250,000 Rial`."""
    return f"{grouped(amount, lang)} {'ریال' if lang is Lang.FA else 'Rial'}"


def toman(amount: Rial, lang: Lang) -> str:
    """`۱۲۵٬۰۰۰ تومان`, `125,000 Toman`; a last Rial that is not nought stays, behind the decimal separator."""
    whole, rest = divmod(int(amount), 10)
    digits = f"{whole:,}.{rest}" if rest else f"{whole:,}"
    return f"{digits.translate(_TO_PERSIAN)} تومان" if lang is Lang.FA else f"{digits} Toman"


def in_words(amount: Rial) -> str:
    """The number of Rial in Persian words, without the unit: `یک میلیون و دویست و پنجاه هزار`."""
    trillions, rest = divmod(int(amount), _TRILLION)
    parts = [f"{to_word(trillions)} تریلیون"] if trillions else []
    if rest or not trillions:
        parts.append(str(to_word(rest)))
    return " و ".join(parts)


def date_time(moment: datetime, lang: Lang) -> str:
    """The date and time of Tehran: Jalali in Persian (`چهارشنبه ۲۵ مهر ۱۴۰۳، ساعت ۱۴:۰۳:۵۹`), both calendars in English
    (`Wednesday 16 October 2024, 14:03:59 (25 Mehr 1403)`)."""
    local = moment.astimezone(TEHRAN)
    day = JalaliDate.to_jalali(local.year, local.month, local.day)
    time = f"{local:%H:%M:%S}"
    if lang is Lang.FA:
        weekday, month = _WEEKDAYS_FA[local.weekday()], MONTH_NAMES_FA[day.month]
        return f"{weekday} {persian_digits(f'{day.day} {month} {day.year}')}، ساعت {persian_digits(time)}"
    gregorian = f"{_WEEKDAYS[local.weekday()]} {local.day} {_MONTHS[local.month - 1]} {local.year}"
    return f"{gregorian}, {time} ({day.day} {MONTH_NAMES_EN[day.month]} {day.year})"
