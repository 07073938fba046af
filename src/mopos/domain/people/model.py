"""People who sign in with a mobile phone: their number, and the session that a browser holds."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import NamedTuple

from mopos.base.text import latin_digits

# A phone's browser stays signed in for a working day without being used, and for a month at most.
IDLE = timedelta(hours=8)
ABSOLUTE = timedelta(days=30)
# Operators answer for other people's money: a console left open closes itself.
CONSOLE_IDLE = timedelta(minutes=30)
CONSOLE_ABSOLUTE = timedelta(hours=12)
# A sensitive act wants a second factor shown this recently.
FRESH = timedelta(minutes=5)

_MOBILE = re.compile(r"(?:\+98|0098|98|0)?(9[0-9]{9})")


class Person(NamedTuple):
    """Who is signed in at the merchant's side."""

    id: int
    mobile: str
    name: str


class Session(NamedTuple):
    """A browser that is signed in. `second_factor`: false between the code by SMS and the second factor."""

    token_hash: bytes
    person: Person | None
    operator_id: int | None
    device_id: int | None
    created_at: datetime
    seen_at: datetime
    fresh_at: datetime | None
    second_factor: bool

    def is_fresh(self, now: datetime) -> bool:
        return self.fresh_at is not None and now - self.fresh_at < FRESH


def read_mobile(text: str) -> str | None:
    """`۰۹۱۲ ۳۴۵ ۶۷۸۹`, `+98 912...`: as `09123456789`; None when it is no Iranian mobile number."""
    found = _MOBILE.fullmatch(re.sub(r"[\s\-()]", "", latin_digits(text)))
    return f"0{found[1]}" if found else None


def shown_mobile(mobile: str) -> str:
    """`0912***6789`: enough to recognise one's own."""
    return f"{mobile[:4]}***{mobile[-4:]}"
