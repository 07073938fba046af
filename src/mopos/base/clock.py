"""Time comes in by the front door: whoever needs the time asks a `Clock`, and tests and the demo bring their own.

Inside the house every moment is an aware `datetime` in UTC. Tehran and the Jalali calendar appear only where text is
made (the invoice, `PayRep`'s `Dat`).
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

from persiantools.jdatetime import JalaliDate, JalaliDateTime

Clock = Callable[[], datetime]

TEHRAN = ZoneInfo("Asia/Tehran")


def system_clock() -> datetime:
    """The machine's time, in UTC."""
    return datetime.now(UTC)


def jalali(moment: datetime) -> str:
    """`1403/07/25 14:03:59`: the Jalali date and time of Tehran, Latin digits: `PayRep`'s `Dat` (guide section 4)."""
    local = JalaliDateTime.to_jalali(moment.astimezone(TEHRAN))
    return str(local.strftime("%Y/%m/%d %H:%M:%S", locale="en"))


def jalali_day(day: date) -> str:
    """`1405/09/04`: a day of Tehran in the Jalali calendar, Latin digits: `PayRep`'s `DatTasvie` (guide section 4)."""
    return str(JalaliDate(day).strftime("%Y/%m/%d", locale="en"))
