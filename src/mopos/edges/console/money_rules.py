"""The rules of settlement: what each is today, since when and why; what is announced; set anew from a day on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, NamedTuple

from litestar import Response

from mopos.actions.set_money_rules import AS_CODE_HAS_IT, set_rule
from mopos.base.clock import jalali_day
from mopos.base.errors import Refused
from mopos.base.text import persian_digits
from mopos.domain.operators import store
from mopos.domain.operators.model import Duty
from mopos.domain.settlement import rule_store
from mopos.domain.settlement.calendar import tehran_day
from mopos.domain.settlement.ccti import PROFILES
from mopos.domain.settlement.rules import (
    ALWAYS,
    RIAL,
    RIAL_ABOVE_NOUGHT,
    RULES,
    WAYS,
    WEEKDAYS,
    WEEKEND,
    Holds,
    Kind,
    Rule,
    Setting,
    holds_on,
)
from mopos.edges.console import money, show
from mopos.edges.i18n import formats
from mopos.edges.i18n.lang import Lang
from mopos.edges.web import render
from mopos.edges.web.ask import Ask, NotFound
from mopos.edges.web.routes import Route

_RULES = "/console/money-rules"
_RULE = "/console/money-rules/{rule}"
# In which the page shows them.
GROUPS: dict[str, tuple[str, ...]] = {
    "day": ("cut_off", "delay_days", "hand_over", "floor_rial"),
    "paya": ("paya_cycles", "paya_holiday_cycles", "paya_weekend", "paya_rial_max"),
    "satna": ("satna_until", "satna_weekend", "satna_rial_max"),
    "out": ("way", "profile", "payer_iban", "payer_name"),
    "refunds": ("refund_two_persons_rial",),
}
_AMOUNTS = (RIAL, RIAL_ABOVE_NOUGHT)


class Change(NamedTuple):
    """A value of a rule from a day on, by code or by an operator."""

    since: date
    value: str
    source: str
    reason: str
    setting: Setting | None
    who: str
    when: str
    """`past`, `present` or `future`, or `replaced`: another one for the same day came later."""


async def show_rules(ask: Ask) -> Response[Any]:
    rows = await rule_store.settings(ask.services.db)
    today = tehran_day(ask.now)
    holds = holds_on(today, rows)
    groups = [(group, [_of(ask, holds[name], rows, today) for name in names]) for group, names in _groups()]
    return show.page(
        ask,
        "console/money_rules.html",
        title=ask.t["rules.title"],
        groups=groups,
        today=today,
    )


def _groups() -> list[tuple[str, Sequence[str]]]:
    grouped = {name for names in GROUPS.values() for name in names}
    # A rule that code learns and this page does not know yet is shown all the same.
    rest = [name for name in RULES if name not in grouped]
    return [*GROUPS.items(), *([("other", rest)] if rest else [])]


class Shown(NamedTuple):
    """A rule on the page of all."""

    name: str
    title: str
    value: str
    since: date | None
    source: str
    reason: str
    by_operator: bool
    following: Change | None


def _of(ask: Ask, holds: Holds, rows: Sequence[Setting], today: date) -> Shown:
    rule = holds.rule
    following = [one for one in _changes(ask, rule, rows, today, {}) if one.when == "future"]
    since = None if holds.since == ALWAYS else holds.since
    return Shown(
        rule.name,
        _title(ask, rule),
        shown(ask, rule.kind, holds.value),
        since,
        holds.source,
        holds.setting.reason if holds.setting and not holds.source else "",
        not holds.source,
        following[-1] if following else None,
    )


def _title(ask: Ask, rule: Rule) -> str:
    return ask.t.get(f"rule.{rule.name}", rule.name)


def shown(ask: Ask, kind: Kind, value: Any) -> str:
    """A value for reading: amounts grouped, days of the week in words."""
    if kind is WEEKEND:
        comma = f"{ask.t['label.comma']} "
        names = [ask.t[f"rule.day.{name}"] for name, number in WEEKDAYS.items() if number in value]
        return comma.join(names) or ask.t["rules.none"]
    if kind in _AMOUNTS:
        return f"{formats.grouped(value, ask.lang)} {ask.t['console.rial']}"
    text = kind.show(value)
    if text in WAYS:
        return ask.t[f"rule.way.{text}"]
    # IBANs and names of profiles are codes: their digits stay as banks write them.
    if kind is RULES["payer_iban"].kind or kind is RULES["profile"].kind:
        return text or ask.t["rules.unset"]
    text = persian_digits(text).replace(", ", "، ") if ask.lang is Lang.FA else text
    return text or ask.t["rules.unset"]


def _changes(ask: Ask, rule: Rule, rows: Sequence[Setting], today: date, names: Mapping[int, str]) -> list[Change]:
    """All values that a rule has, had or will have, the newest first."""
    settings = sorted((row for row in rows if row.name == rule.name), key=lambda row: (row.valid_from, row.at))
    present = holds_on(today, rows)[rule.name]
    found = [
        Change(
            one.since,
            shown(ask, rule.kind, rule.kind.read(one.value)),
            one.source,
            "",
            None,
            "",
            _when(one.since, today, present.setting is None and present.since == one.since),
        )
        for one in rule.defaults
    ]
    for at, row in enumerate(settings):
        value = ask.t["rules.as_code"] if row.value is None else shown(ask, rule.kind, rule.kind.read(row.value))
        replaced = any(later.valid_from == row.valid_from for later in settings[at + 1 :])
        when = "replaced" if replaced else _when(row.valid_from, today, present.setting is row)
        who = names.get(row.operator_id, "") if row.operator_id is not None else ask.t["console.command_line"]
        found.append(Change(row.valid_from, value, "", row.reason, row, who, when))
    return sorted(found, key=lambda one: (one.since, one.setting.at.timestamp() if one.setting else 0), reverse=True)


def _when(since: date, today: date, is_present: bool) -> str:
    if since > today:
        return "future"
    return "present" if is_present else "past"


async def show_rule(ask: Ask) -> Response[Any]:
    return await _page(ask, _rule(ask))


async def _page(ask: Ask, rule: Rule, refused: Refused | None = None) -> Response[Any]:
    rows = await rule_store.settings(ask.services.db)
    today = tehran_day(ask.now)
    present = holds_on(today, rows)[rule.name]
    names = await _names(ask)
    return show.page(
        ask,
        "console/money_rule.html",
        refused,
        title=_title(ask, rule),
        rule=rule,
        present=_of(ask, present, rows, today),
        typed=rule.kind.show(present.value),
        changes=_changes(ask, rule, rows, today, names),
        always=ALWAYS,
        first_day=jalali_day(today),
        options=_options(ask, rule),
        is_amount=rule.kind in _AMOUNTS,
        default=AS_CODE_HAS_IT,
    )


async def _names(ask: Ask) -> dict[int, str]:
    return {one.id: one.title or one.name for one in await store.everybody(ask.services.db)}


def _options(ask: Ask, rule: Rule) -> list[tuple[str, str]]:
    """What can be chosen, where there is something to choose from."""
    if rule.name == "way":
        return [(way, ask.t[f"rule.way.{way}"]) for way in WAYS]
    if rule.name == "profile":
        fa = ask.lang is Lang.FA
        return [(name, f"{one.title_fa if fa else one.title_en} ({name})") for name, one in PROFILES.items()]
    return []


async def change(ask: Ask) -> Response[Any]:
    """Set it from a day on; `default` takes back what operators set."""
    rule = _rule(ask)
    try:
        value = AS_CODE_HAS_IT if ask.form.get("default") else _typed(ask, rule)
        valid_from = money.read_day(show.form(ask, "valid_from"))
        await set_rule(ask.services, ask.operator, rule.name, valid_from, value, show.form(ask, "reason"))
    except Refused as refused:
        return await _page(ask, rule, refused)
    return render.redirect(f"{_RULES}/{rule.name}", done="rule_set")


def _typed(ask: Ask, rule: Rule) -> str:
    if rule.kind is WEEKEND:
        return " ".join(ask.several.get("value", []))
    return show.form(ask, "value")


def _rule(ask: Ask) -> Rule:
    found = RULES.get(ask.part("rule"))
    if found is None:
        raise NotFound
    return found


ROUTES: list[Route] = [
    Route("GET", _RULES, show_rules, Duty.LOOK),
    Route("GET", _RULE, show_rule, Duty.LOOK),
    Route("POST", _RULE, change, Duty.SET_MONEY, fresh=True),
]
