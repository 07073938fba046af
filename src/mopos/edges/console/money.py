"""What the console's pages of settlement share: days and amounts as they are typed, tones of states, the calendar."""

from __future__ import annotations

import re
from datetime import date

from persiantools.jdatetime import JalaliDate

from mopos.base.errors import Refused
from mopos.base.ids import has_check_digit, without_check_digit
from mopos.base.money import RIAL_MAX, Rial
from mopos.base.text import latin_digits
from mopos.domain.settlement import rule_store
from mopos.domain.settlement.calendar import Calendar
from mopos.edges.web.ask import Ask

# How states are coloured: bad is what somebody has to look at.
TONES = {
    "DRAFT": "wait",
    "APPROVED": "open",
    "PLANNED": "open",
    "SUBMITTED": "open",
    "PARTLY_SETTLED": "open",
    "SETTLED": "good",
    "RETURNED": "bad",
    "CANCELLED": "ended",
    "HELD": "wait",
    "RELEASED": "ended",
    "overdue": "bad",
}
_DAY = re.compile(r"(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})")
# No Jalali year of ours is above it, no Gregorian one below.
_GREGORIAN_SINCE = 1900
_SEPARATORS = str.maketrans("", "", ",_٬، ")
# As a number with a check digit is long at most.
_NUMBER_LENGTH_MAX = 18


def read_day(text: str) -> date:
    """`1405/10/01`, in any digits; by the Gregorian calendar too. Raises `Refused` (`day_malformed`)."""
    found = _DAY.fullmatch(latin_digits(text).strip())
    if found is None:
        raise Refused(["day_malformed"])
    year, month, day = (int(part) for part in found.groups())
    try:
        return date(year, month, day) if year >= _GREGORIAN_SINCE else JalaliDate(year, month, day).to_gregorian()
    except (ValueError, OverflowError):
        raise Refused(["day_malformed"]) from None


def read_rial(text: str, code: str) -> Rial:
    """Whole Rial as people type them. Raises `Refused` with the code."""
    digits = latin_digits(text).translate(_SEPARATORS)
    if not (digits.isascii() and digits.isdigit()) or len(digits) > len(str(RIAL_MAX)) or int(digits) > RIAL_MAX:
        raise Refused([code])
    return Rial(int(digits))


def read_number(text: str) -> int | None:
    """A number with a check digit as somebody typed it. None: it is none."""
    digits = latin_digits(text).translate(_SEPARATORS)
    if not digits or len(digits) > _NUMBER_LENGTH_MAX or not has_check_digit(digits):
        return None
    return without_check_digit(digits)


async def calendar(ask: Ask) -> Calendar:
    """The bank calendar as it stands."""
    return await rule_store.calendar(ask.services.db)
