"""The rules of settlement, as code knows them: each with its reason and source, and dated where they changed.

Central Bank notices come every year or two, so an operator can set any of them anew from a day on (`money_setting`);
such a row counts before what stands here. A day is one of Tehran's.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields
from datetime import date, datetime, time
from typing import Any, NamedTuple

from mopos.base.errors import Refused
from mopos.base.iban import is_iban, read_iban
from mopos.base.money import RIAL_MAX
from mopos.base.text import harmless, latin_digits
from mopos.domain.settlement.channels import Channel

# Python's numbers of the days on which banks may rest.
WEEKDAYS: dict[str, int] = {
    "saturday": 5,
    "sunday": 6,
    "monday": 0,
    "tuesday": 1,
    "wednesday": 2,
    "thursday": 3,
    "friday": 4,
}
WAYS = ("file", "api")
# T+30 is the longest that acquirers keep money back for; more is a hold.
DELAY_DAYS_MAX = 30
# The day has 24 hours, and no system of the world ran more cycles than one an hour.
CYCLES_MAX = 24
# As the column `payout.payee` holds it.
PAYER_NAME_MAX = 100
_TIME = re.compile(r"([01]?[0-9]|2[0-3]):([0-5][0-9])")
_BETWEEN = re.compile(r"[\s,،;؛]+")
_PROFILE = re.compile(r"[a-z][a-z0-9_-]{0,29}")


@dataclass(frozen=True, slots=True)
class Rules:
    """The rules that hold on a day. Amounts in Rial, times of Tehran."""

    cut_off: time
    delay_days: int
    hand_over: time
    paya_cycles: tuple[time, ...]
    paya_holiday_cycles: tuple[time, ...]
    paya_weekend: frozenset[int]
    paya_rial_max: int
    satna_until: time
    satna_weekend: frozenset[int]
    satna_rial_max: int
    floor_rial: int
    way: str
    profile: str
    payer_iban: str
    payer_name: str
    refund_two_persons_rial: int

    def weekend(self, channel: Channel) -> frozenset[int]:
        """The days of the week (Monday is 0) on which a channel rests."""
        return self.paya_weekend if channel is Channel.PAYA else self.satna_weekend

    def channel_for(self, rial: int) -> Channel:
        """Paya up to its ceiling; above it Satna."""
        return Channel.PAYA if rial <= self.paya_rial_max else Channel.SATNA

    @property
    def order_rial_max(self) -> int:
        """The most that one order may be, whichever way it goes; more is several orders."""
        return max(self.paya_rial_max, self.satna_rial_max)


class Kind(NamedTuple):
    """What values of a rule look like. In JSON, as rows keep them: a text, a number, a list of texts."""

    parse: Callable[[str], Any]
    """What somebody typed, as JSON keeps it. Raises `ValueError`."""
    read: Callable[[Any], Any]
    """From JSON to what `Rules` holds. Raises `ValueError`, `TypeError`."""
    show: Callable[[Any], str]
    """What `Rules` holds, as somebody would type it."""


def _read_time(text: str) -> time:
    found = _TIME.fullmatch(text)
    if not found:
        raise ValueError(text)
    return time(int(found[1]), int(found[2]))


def _parse_time(text: str) -> str:
    return f"{_read_time(text):%H:%M}"


def _parse_times(text: str) -> list[str]:
    found = sorted({_parse_time(part) for part in _parts(text)})
    if len(found) > CYCLES_MAX:
        raise ValueError(text)
    return found


def _parse_weekend(text: str) -> list[str]:
    found = set(_parts(text.lower()))
    # A bank that never opens would keep everybody's money.
    if found - WEEKDAYS.keys() or len(found) == len(WEEKDAYS):
        raise ValueError(text)
    return [day for day in WEEKDAYS if day in found]


def _parts(text: str) -> list[str]:
    return [part for part in _BETWEEN.split(text.strip()) if part]


def _whole(least: int, most: int) -> Kind:
    def check(number: int) -> int:
        if type(number) is not int or not least <= number <= most:
            raise ValueError(number)
        return number

    def parse(text: str) -> int:
        return check(int(re.sub(r"[\s,،٬_]", "", text)))

    return Kind(parse, check, str)


def _choice(values: Sequence[str]) -> Kind:
    def check(text: str) -> str:
        if text not in values:
            raise ValueError(text)
        return text

    return Kind(check, check, str)


def _iban(text: str) -> str:
    iban = read_iban(text)
    if iban and not is_iban(iban):
        raise ValueError(text)
    return iban


def _profile(text: str) -> str:
    if not _PROFILE.fullmatch(text):
        raise ValueError(text)
    return text


def _payer_name(text: str) -> str:
    name = harmless(text)
    if len(name) > PAYER_NAME_MAX:
        raise ValueError(text)
    return name


TIME = Kind(_parse_time, _read_time, lambda at: f"{at:%H:%M}")
TIMES = Kind(
    _parse_times,
    lambda found: tuple(sorted(_read_time(at) for at in found)),
    lambda found: ", ".join(f"{at:%H:%M}" for at in found),
)
WEEKEND = Kind(
    _parse_weekend,
    lambda days: frozenset(WEEKDAYS[day] for day in days),
    lambda days: ", ".join(name for name, number in WEEKDAYS.items() if number in days),
)
RIAL = _whole(0, RIAL_MAX)
RIAL_ABOVE_NOUGHT = _whole(1, RIAL_MAX)


class Default(NamedTuple):
    """What code takes from a day on, in JSON's shape, and who says so."""

    since: date
    value: Any
    source: str


class Rule(NamedTuple):
    """A rule that can be set: what its values look like, why it is there, and what it is where nobody sets it."""

    name: str
    kind: Kind
    reason: str
    defaults: tuple[Default, ...]


ALWAYS = date.min
_CHOICE_OF_OURS = "our choice"

RULES: dict[str, Rule] = {
    rule.name: rule
    for rule in (
        Rule(
            "cut_off",
            TIME,
            "The day's sales end here: what was paid later is settled with the next day's.",
            (Default(ALWAYS, "23:30", "facilitators close their day between 23:30 and 24:00 (bitpay.ir help 2, 146)"),),
        ),
        Rule(
            "delay_days",
            _whole(0, DELAY_DAYS_MAX),
            "How many days after its end a day is settled: 0 is T+1 with the bank, as card money itself comes.",
            (Default(ALWAYS, 0, "facilitators order payouts at the day's end (parspal.com help)"),),
        ),
        Rule(
            "hand_over",
            TIME,
            "When, after the run, two operators have approved it and the bank has it: forecasts count from here.",
            (Default(ALWAYS, "09:00", _CHOICE_OF_OURS + ": offices open at 8"),),
        ),
        Rule(
            "paya_cycles",
            TIMES,
            "When Paya carries orders on working days.",
            (
                Default(ALWAYS, ["03:45", "15:45"], "since 1396/12/28: asretebar.com 146585"),
                Default(
                    date(2023, 6, 10),
                    ["03:45", "09:45", "12:45", "18:45"],
                    "since 1402/03/20: khl.arakasnaf.ir 75660",
                ),
            ),
        ),
        Rule(
            "paya_holiday_cycles",
            TIMES,
            "When Paya runs on holidays. Nobody should wait for it: forecasts count working days only.",
            (
                Default(ALWAYS, ["13:45"], "1400: asriran.com 830157"),
                Default(date(2023, 6, 10), ["12:45"], "since 1402/03/20: khl.arakasnaf.ir 75660"),
            ),
        ),
        Rule(
            "paya_weekend",
            WEEKEND,
            "Days of the week on which Paya does not settle.",
            (Default(ALWAYS, ["friday"], "Central Bank notice of 1400: Paya's cycles of Thursday run"),),
        ),
        Rule(
            "paya_rial_max",
            RIAL_ABOVE_NOUGHT,
            "The most that one Paya order may be; above it Satna.",
            (
                Default(ALWAYS, 500_000_000, "tools before 1402"),
                Default(date(2023, 3, 21), 1_000_000_000, "1402: help.kioosk.net"),
                Default(date(2025, 3, 21), 2_000_000_000, "1404: sarmayefarda.ir"),
            ),
        ),
        Rule(
            "satna_until",
            TIME,
            "Until when customers' Satna orders are taken on a working day.",
            (Default(ALWAYS, "14:30", "1402: notice of Ayandeh bank"),),
        ),
        Rule(
            "satna_weekend",
            WEEKEND,
            "Days of the week on which Satna rests.",
            (
                Default(
                    ALWAYS, ["thursday", "friday"], "Central Bank notice of 1400: Satna works Saturday to Wednesday"
                ),
            ),
        ),
        Rule(
            "satna_rial_max",
            RIAL_ABOVE_NOUGHT,
            "The most that one order may be without papers; more is sent as several orders.",
            (Default(ALWAYS, 5_000_000_000, "1405: banks ask for documents above it"),),
        ),
        Rule(
            "floor_rial",
            RIAL,
            "A merchant is paid nothing below it: an order costs money, and small sums add up.",
            (Default(ALWAYS, 10_000, _CHOICE_OF_OURS + ": about what an order costs"),),
        ),
        Rule(
            "way",
            _choice(WAYS),
            "How orders go out: as a file that an operator uploads at the bank, or by a payout service's API.",
            (Default(ALWAYS, "file", _CHOICE_OF_OURS + ": every bank takes files"),),
        ),
        Rule(
            "profile",
            Kind(_profile, _profile, str),
            "Which bank's shape of the group Paya file is written.",
            (Default(ALWAYS, "standard", _CHOICE_OF_OURS),),
        ),
        Rule(
            "payer_iban",
            Kind(_iban, _iban, str),
            "The operator's own account, from which all is paid.",
            (Default(ALWAYS, "", "to be set before the first file"),),
        ),
        Rule(
            "payer_name",
            Kind(_payer_name, _payer_name, str),
            "Whose account it is.",
            (Default(ALWAYS, "", "to be set before the first file"),),
        ),
        Rule(
            "refund_two_persons_rial",
            RIAL,
            "A refund above it needs a second person.",
            (Default(ALWAYS, 50_000_000, _CHOICE_OF_OURS),),
        ),
    )
}


class Setting(NamedTuple):
    """A row of `money_setting`: from a day on, until a later one. `value` None: as code has it."""

    name: str
    valid_from: date
    value: Any
    reason: str
    operator_id: int | None
    at: datetime


class Holds(NamedTuple):
    """What a rule is on a day, and where that comes from."""

    rule: Rule
    value: Any
    since: date
    source: str
    """Of a default; empty: an operator set it."""
    setting: Setting | None


def parse(name: str, text: str) -> Any:
    """What somebody typed for a rule, as JSON keeps it. Raises `Refused`: `rule_unknown`, `rule_value_wrong`."""
    if name not in RULES:
        raise Refused(["rule_unknown"])
    rule = RULES[name]
    try:
        value = rule.kind.parse(latin_digits(text).strip())
        rule.kind.read(value)
    except (ValueError, TypeError, KeyError):
        raise Refused(["rule_value_wrong"]) from None
    return value


def holds_on(day: date, rows: Iterable[Setting]) -> dict[str, Holds]:
    """Each rule on a day of Tehran, with its origin. `rows`: all settings, in any order."""
    latest: dict[str, Setting] = {}
    for row in sorted(rows, key=lambda row: (row.valid_from, row.at)):
        if row.valid_from <= day and row.name in RULES:
            latest[row.name] = row
    return {name: _holds(rule, day, latest.get(name)) for name, rule in RULES.items()}


def _holds(rule: Rule, day: date, setting: Setting | None) -> Holds:
    if setting is not None and setting.value is not None:
        return Holds(rule, rule.kind.read(setting.value), setting.valid_from, "", setting)
    default = [default for default in rule.defaults if default.since <= day][-1]
    return Holds(rule, rule.kind.read(default.value), default.since, default.source, setting)


def rules_on(day: date, rows: Iterable[Setting] = ()) -> Rules:
    """The rules of a day of Tehran."""
    return Rules(**{name: holds.value for name, holds in holds_on(day, rows).items()})


assert {field.name for field in fields(Rules)} == RULES.keys()  # noqa: S101  # at import, not at run time
