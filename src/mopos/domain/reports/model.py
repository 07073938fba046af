"""What a list of purchases can be asked for: one filter, read from a query string, and its rules.

The same filter serves the merchant's list, saved filters, exports and the operators' search. Amounts are Rial, days are
Tehran's, dates Jalali.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import parse_qsl, urlencode

from persiantools.jdatetime import JalaliDate

from mopos.base.clock import TEHRAN
from mopos.base.errors import Refused
from mopos.base.ids import has_check_digit, without_check_digit
from mopos.base.money import Rial
from mopos.base.text import harmless, latin_digits

# The names of `payments.states.State`; a test keeps them equal, as rooms do not import one another.
STATES = (
    *("REGISTERED", "AT_BANK", "VERIFYING", "UNKNOWN", "PAID", "DECLINED", "CANCELLED", "EXPIRED", "CONFLICTED"),
    *("REVERSING", "REVERSED"),
)
# A filter's fields in the query string. Whatever else stands there is not the filter's.
FIELDS = (
    *("number", "res", "ref", "text", "amount", "amount_min", "amount_max", "state", "since", "until", "card"),
    *("gateway", "ack", "late"),
)
# As long as a Res may be (payments.model); the others have no longer values to be found by.
RES_LENGTH_MAX = 64
REF_LENGTH_MAX = 40
TEXT_LENGTH_MAX = 100
# More words than anybody types; each costs a look-up for each purchase.
WORDS_MAX = 8
# With all fields in it; what is longer was not made by our form.
QUERY_LENGTH_MAX = 1000
_SEPARATORS = re.compile(r"[\s,٬،_'’]")
_DATE = re.compile(r"(\d{4})[/\-.](\d{1,2})[/\-.](\d{1,2})")
_MASK = re.compile(r"[\s*xX•…\-]")


@dataclass(frozen=True, slots=True)
class Filter:
    """Which purchases. Every field that is set must hold; none set: all."""

    number: int | None = None
    """The purchase's id, without its check digit."""
    res: str = ""
    res_start: str = ""
    """The beginning of Res: what was typed before an asterisk."""
    ref: str = ""
    """The bank's reference of any attempt."""
    text: str = ""
    """All of its words stand in Nam or Dsc."""
    amount_min: Rial | None = None
    amount_max: Rial | None = None
    states: tuple[str, ...] = ()
    since: datetime | None = None
    until: datetime | None = None
    """The first moment that no longer counts."""
    card: str = ""
    """The last four digits of the card, or the first six and the last four."""
    gateway_id: int | None = None
    acknowledged: bool | None = None
    """False: paid, and no PayRep has said so yet."""
    late: bool = False

    @property
    def is_empty(self) -> bool:
        return self == Filter()


def fields_of(query: str) -> dict[str, list[str]]:
    """The filter's fields in a query string, without the empty ones."""
    found: dict[str, list[str]] = {}
    for name, value in parse_qsl(query[: 4 * QUERY_LENGTH_MAX], max_num_fields=100):
        if name in FIELDS and value.strip():
            found.setdefault(name, []).append(value.strip())
    return found


def query_of(fields: Mapping[str, Sequence[str]]) -> str:
    """The query string of a filter's fields, always in the same order."""
    return urlencode([(name, value) for name in FIELDS for value in fields.get(name, ())])


def parse_filter(fields: Mapping[str, Sequence[str]]) -> Filter:
    """A filter from `fields_of`. Raises `Refused` with a problem for each field that says nothing we know."""
    problems: list[str] = []
    one = {name: values[-1] for name, values in fields.items() if values}
    res = one.get("res", "")
    exact = _amount(one.get("amount", ""), "filter_amount", problems)
    least = _amount(one.get("amount_min", ""), "filter_amount_min", problems)
    most = _amount(one.get("amount_max", ""), "filter_amount_max", problems)
    since = _day(one.get("since", ""), "filter_since", problems)
    last = _day(one.get("until", ""), "filter_until", problems)
    if least is not None and most is not None and least > most:
        problems.append("filter_amount_order")
    if since and last and since > last:
        problems.append("filter_date_order")
    found = Filter(
        number=_number(one.get("number", ""), "filter_number", problems),
        res="" if res.endswith("*") else res,
        res_start=res[:-1] if res.endswith("*") else "",
        ref=latin_digits(one.get("ref", "")),
        text=harmless(one.get("text", "")),
        amount_min=exact if exact is not None else least,
        amount_max=exact if exact is not None else most,
        states=_states(fields.get("state", ()), problems),
        since=since,
        until=_next_day(last),
        card=_card(one.get("card", ""), problems),
        gateway_id=_number(one.get("gateway", ""), "filter_gateway", problems),
        acknowledged={"yes": True, "no": False}.get(one.get("ack", "")),
        late=one.get("late", "") == "1",
    )
    problems += _too_long(found)
    if problems:
        raise Refused(problems)
    return found


def _too_long(found: Filter) -> Iterable[str]:
    bounds = (("filter_res", found.res, RES_LENGTH_MAX), ("filter_ref", found.ref, REF_LENGTH_MAX))
    for code, value, bound in (*bounds, ("filter_text", found.text, TEXT_LENGTH_MAX)):
        # PostgreSQL knows no NUL; nothing else that is typed can hurt.
        if len(value) > bound or "\0" in value:
            yield code


def _number(text: str, code: str, problems: list[str]) -> int | None:
    digits = _SEPARATORS.sub("", latin_digits(text))
    if not digits:
        return None
    if len(digits) > 18 or not has_check_digit(digits):
        problems.append(code)
        return None
    return without_check_digit(digits)


def _amount(text: str, code: str, problems: list[str]) -> Rial | None:
    digits = _SEPARATORS.sub("", latin_digits(text))
    if not digits:
        return None
    if not re.fullmatch(r"[0-9]{1,18}", digits):
        problems.append(code)
        return None
    return Rial(int(digits))


def _states(names: Sequence[str], problems: list[str]) -> tuple[str, ...]:
    if any(name not in STATES for name in names):
        problems.append("filter_state")
    return tuple(name for name in STATES if name in names)


def _card(text: str, problems: list[str]) -> str:
    digits = _MASK.sub("", latin_digits(text))
    if re.fullmatch(r"[0-9]{4}|[0-9]{10}|", digits):
        return digits
    # A whole card number has no business in an address: it would stand in the browser's history.
    problems.append("filter_card_whole" if re.fullmatch(r"[0-9]{16,19}", digits) else "filter_card")
    return ""


def _day(text: str, code: str, problems: list[str]) -> datetime | None:
    """The beginning of a Jalali day in Tehran."""
    if not text:
        return None
    found = _DATE.fullmatch(latin_digits(text).replace(" ", ""))
    if found:
        with contextlib.suppress(ValueError, OverflowError):
            return day_start(JalaliDate(*(int(part) for part in found.groups())))
    problems.append(code)
    return None


def day_start(day: JalaliDate) -> datetime:
    """The first moment of a Jalali day in Tehran. Its midnight may not exist, where summer time once began then."""
    date = day.to_gregorian()
    return datetime(date.year, date.month, date.day, tzinfo=TEHRAN)


def _next_day(start: datetime | None) -> datetime | None:
    if start is None:
        return None
    following = (start + timedelta(days=1)).date()
    return datetime(following.year, following.month, following.day, tzinfo=TEHRAN)
