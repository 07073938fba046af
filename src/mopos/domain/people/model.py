"""People who sign in with a mobile phone: their number, and the session that a browser holds."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable
from datetime import datetime, timedelta
from ipaddress import ip_address, ip_network
from typing import NamedTuple

from mopos.base.secret import Secret, key_for, keyed_hash
from mopos.base.text import latin_digits

# A phone's browser stays signed in for a working day without being used, and for a month at most.
IDLE = timedelta(hours=8)
ABSOLUTE = timedelta(days=30)
# Between the message's code and the second factor: time to set up an authenticator, little to guess in.
HALF_ABSOLUTE = timedelta(minutes=30)
# Operators answer for other people's money: a console left open closes itself.
CONSOLE_IDLE = timedelta(minutes=30)
CONSOLE_ABSOLUTE = timedelta(hours=12)
# A sensitive act wants a second factor shown this recently.
FRESH = timedelta(minutes=5)

# One-time codes by SMS. Two devices and a slow provider fit into three minutes; five tries leave a guesser one chance
# in 200,000; the limits are what a person in trouble needs, and what a bill for messages can bear.
OTP_LIFE = timedelta(minutes=3)
OTP_TRIES_MAX = 5
OTP_SHORT, OTP_SHORT_MAX = timedelta(minutes=10), 3
OTP_DAY, OTP_DAY_MAX = timedelta(days=1), 10
# These are counted by number and address, so that nobody uses up another one's codes from where he is; all addresses
# together get this many for a number in a day, so that no phone is flooded.
OTP_DAY_ALL_MAX = 40
ADDRESS_WINDOW = timedelta(hours=1)
# A computer waits this long for the phone, and may take up the answer a little later.
REQUEST_LIFE = timedelta(minutes=2)
REQUEST_GRACE = timedelta(minutes=1)
REQUESTS_MAX = 5
# A person's passkeys: more would only hide one that is not his.
DEVICES_MAX = 10
NAME_LENGTH_MAX = 100

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


def new_code() -> str:
    """Six digits, any six."""
    return f"{secrets.randbelow(10**6):06}"


def code_hash(key: Secret, code: str, *, mobile: str, purpose: str, binding: str) -> bytes:
    """What is kept of a one-time code: good for this number, purpose and browser only. Digits of any keyboard."""
    typed = re.sub(r"[\s\-]", "", latin_digits(code))
    return keyed_hash(key_for(key, "otp"), f"{purpose} {mobile} {binding} {typed}")


def address_block(ip: str) -> str:
    """What counts as one address for limits: of IPv6 the /64, all of whose addresses one line has (RFC 6177)."""
    address = ip_address(ip)
    return str(ip_network(f"{ip}/64", strict=False).network_address) if address.version == 6 else ip


def numbers_to_choose(choose: Callable[[int], int] = secrets.randbelow) -> tuple[int, list[int]]:
    """The number that the computer shows (10 to 99), and the three, in any order, among which the phone finds it."""
    pool = list(range(10, 100))
    picked = [pool.pop(choose(len(pool))) for _ in range(3)]
    return picked[choose(3)], picked


# Words by which browsers name themselves (User-Agent), the first that is found; names are the makers' own.
_SYSTEMS = (
    *(("iPhone", "iPhone"), ("iPad", "iPad"), ("Android", "Android"), ("CrOS", "ChromeOS"), ("Windows", "Windows")),
    *(("Mac OS", "macOS"), ("Linux", "Linux")),
)
_BROWSERS = (
    *(("Edg", "Edge"), ("OPR", "Opera"), ("SamsungBrowser", "Samsung Internet"), ("Firefox", "Firefox")),
    *(("FxiOS", "Firefox"), ("CriOS", "Chrome"), ("Chrome", "Chrome"), ("Safari", "Safari")),
)


def agent_name(agent: str) -> str:
    """`Chrome · Android`: what a browser says of itself, for recognising it. Never to be believed; empty: unknown."""
    found = [next((name for word, name in words if word in agent), "") for words in (_BROWSERS, _SYSTEMS)]
    return " · ".join(name for name in found if name)


def is_phone(agent: str) -> bool:
    """Whether a browser says that it runs on a phone."""
    return "Mobi" in agent


def shown_mobile(mobile: str) -> str:
    """`0912***6789`: enough to recognise one's own."""
    return f"{mobile[:4]}***{mobile[-4:]}"
