"""Past moments as people write them: a day, Jalali or Gregorian, or a day and an hour; always Tehran's time."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta

from persiantools.jdatetime import JalaliDate

from mopos.base.clock import TEHRAN
from mopos.base.text import latin_digits

_WRITTEN = re.compile(r"(\d{4})[-/](\d{1,2})[-/](\d{1,2})(?:[ T](\d{1,2}):(\d{2})(?::(\d{2}))?)?(Z|[+-]\d{2}:?\d{2})?")
# Years below it are Jalali: nobody asks for a balance of the Middle Ages.
_GREGORIAN_SINCE = 1700


def read_end(text: str) -> datetime | None:
    """Up to when to count: a day alone means its end. `1405/09/03`, `2026-11-24`, `1405/09/03 14:30`,
    `2026-11-24T11:00:00Z`. None: this is no moment."""
    found = _WRITTEN.fullmatch(latin_digits(text).strip())
    if found is None:
        return None
    year, month, day, hour, minute, second, zone = found.groups()
    try:
        numbers = (int(year), int(month), int(day))
        on = date(*numbers) if numbers[0] >= _GREGORIAN_SINCE else JalaliDate(*numbers).to_gregorian()
        if hour is None:
            return None if zone else datetime.combine(on + timedelta(days=1), time(), TEHRAN).astimezone(UTC)
        local = datetime.combine(on, time(int(hour), int(minute), int(second or 0)))
        if not zone:
            return local.replace(tzinfo=TEHRAN).astimezone(UTC)
        return datetime.fromisoformat(f"{local.isoformat()}{zone.replace('Z', '+00:00')}").astimezone(UTC)
    except (ValueError, OverflowError):
        return None
