"""Rules: what operators may type, what holds on which day."""

from datetime import UTC, date, datetime, time

import pytest

from mopos.base.errors import Refused
from mopos.domain.settlement.channels import Channel
from mopos.domain.settlement.rules import RULES, Setting, holds_on, parse, rules_on

DAY = date(2026, 11, 24)


def setting(name, value, valid_from=DAY, hour=0):
    return Setting(name, valid_from, value, "because", 1, datetime(2026, 11, 1, hour, tzinfo=UTC))


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_every_default_is_what_somebody_could_have_typed(rule):
    assert rule.reason.endswith(".")
    assert [default.since for default in rule.defaults] == sorted({default.since for default in rule.defaults})
    assert rule.defaults[0].since == date.min
    for default in rule.defaults:
        read = rule.kind.read(default.value)
        assert rule.kind.read(rule.kind.parse(rule.kind.show(read))) == read
        assert default.source


@pytest.mark.parametrize(
    ("name", "typed", "value"),
    [
        ("cut_off", "۲۳:۰۰", "23:00"),
        ("cut_off", " 9:05 ", "09:05"),
        ("delay_days", "۲", 2),
        ("paya_cycles", "09:45، 03:45 ؛ 12:45", ["03:45", "09:45", "12:45"]),
        ("paya_holiday_cycles", "", []),
        ("satna_weekend", "Friday thursday", ["thursday", "friday"]),
        ("paya_rial_max", "1,500,000,000", 1_500_000_000),
        ("floor_rial", "۵۰٬۰۰۰", 50_000),
        ("way", "api", "api"),
        ("payer_iban", "IR43 0120 0000 0000 0000 0000 01", "IR430120000000000000000001"),
        ("payer_iban", "", ""),
        ("payer_name", "شرکت  پرداخت ", "شرکت پرداخت"),
        ("profile", "melli", "melli"),
    ],
)
def test_what_may_be_typed(name, typed, value):
    assert parse(name, typed) == value


@pytest.mark.parametrize(
    ("name", "typed", "code"),
    [
        ("cut_of", "23:00", "rule_unknown"),
        ("cut_off", "24:00", "rule_value_wrong"),
        ("cut_off", "23:30, 22:30", "rule_value_wrong"),
        ("cut_off", "", "rule_value_wrong"),
        ("delay_days", "31", "rule_value_wrong"),
        ("delay_days", "-1", "rule_value_wrong"),
        ("delay_days", "1.5", "rule_value_wrong"),
        ("paya_cycles", "25:00", "rule_value_wrong"),
        ("paya_weekend", "someday", "rule_value_wrong"),
        ("paya_weekend", "saturday sunday monday tuesday wednesday thursday friday", "rule_value_wrong"),
        ("paya_rial_max", "0", "rule_value_wrong"),
        ("paya_rial_max", "9223372036854775808", "rule_value_wrong"),
        ("way", "fax", "rule_value_wrong"),
        ("payer_iban", "IR430120000000000000000002", "rule_value_wrong"),
        ("payer_name", "ن" * 101, "rule_value_wrong"),
        ("profile", "../etc", "rule_value_wrong"),
    ],
)
def test_what_may_not(name, typed, code):
    with pytest.raises(Refused) as refused:
        parse(name, typed)
    assert [problem.code for problem in refused.value.problems] == [code]


def test_without_settings_the_code_s_own_rules_hold():
    rules = rules_on(DAY)
    assert rules.cut_off == time(23, 30)
    assert rules.weekend(Channel.SATNA) == {3, 4}
    assert rules.weekend(Channel.PAYA) == {4}
    assert rules.channel_for(rules.paya_rial_max) is Channel.PAYA
    assert rules.channel_for(rules.paya_rial_max + 1) is Channel.SATNA


def test_defaults_are_dated():
    assert rules_on(date(2022, 1, 1)).paya_rial_max == 500_000_000
    assert rules_on(date(2023, 3, 21)).paya_rial_max == 1_000_000_000
    assert rules_on(date(2025, 3, 21)).paya_rial_max == 2_000_000_000


def test_a_setting_holds_from_its_day_on_and_before_every_default():
    rows = [setting("paya_rial_max", 700_000_000, date(2023, 1, 1)), setting("paya_rial_max", 3, date(2027, 1, 1))]
    assert rules_on(date(2022, 12, 31), rows).paya_rial_max == 500_000_000
    assert rules_on(DAY, rows).paya_rial_max == 700_000_000
    assert rules_on(date(2027, 1, 1), rows).paya_rial_max == 3


def test_of_one_day_the_latest_counts_whatever_the_order_of_rows():
    rows = [setting("delay_days", 3, hour=9), setting("delay_days", 1, hour=7)]
    assert rules_on(DAY, rows).delay_days == rules_on(DAY, rows[::-1]).delay_days == 3


def test_null_takes_a_setting_back():
    rows = [setting("delay_days", 3, date(2026, 1, 1)), setting("delay_days", None)]
    holds = holds_on(DAY, rows)["delay_days"]
    assert holds.value == 0
    assert holds.source


def test_a_setting_of_a_rule_that_is_gone_harms_nobody():
    assert rules_on(DAY, [setting("former_rule", 1)]) == rules_on(DAY)
