"""When a payment arrives: properties over every day of 1403-1406 and any rules."""

from dataclasses import replace
from datetime import date, datetime, time, timedelta

from hypothesis import given
from hypothesis import strategies as st
from persiantools.jdatetime import JalaliDate

from mopos.base.clock import TEHRAN
from mopos.domain.settlement.calendar import Calendar, tehran_day
from mopos.domain.settlement.channels import Channel
from mopos.domain.settlement.forecast import closing_day, cut_at, due_day, expected_on, forecast, run_at
from mopos.domain.settlement.rules import rules_on

FIRST = datetime(2024, 3, 20, tzinfo=TEHRAN)
MINUTES = (JalaliDate(1406, 12, 29).to_gregorian() - FIRST.date()).days * 24 * 60
CALENDAR = Calendar()
RULES = rules_on(date(2026, 11, 24))

moments = st.integers(0, MINUTES).map(lambda minute: FIRST + timedelta(minutes=minute))
times = st.builds(time, st.integers(0, 23), st.sampled_from([0, 30, 59]))
any_rules = st.builds(
    lambda cut_off, delay, hand_over: replace(RULES, cut_off=cut_off, delay_days=delay, hand_over=hand_over),
    times,
    st.integers(0, 5),
    times,
)


def tehran(year, month, day, hour=0, minute=0):
    return datetime(year, month, day, hour, minute, tzinfo=TEHRAN)


def test_every_hour_of_four_years():
    last = {channel: FIRST.date() for channel in Channel}
    for hour in range(0, MINUTES // 60, 7):
        paid_at = FIRST + timedelta(hours=hour)
        for channel in Channel:
            found = forecast(paid_at, RULES, CALENDAR, channel)
            assert tehran_day(paid_at) <= found.batch_day <= tehran_day(paid_at) + timedelta(days=1)
            assert paid_at < found.run_at <= found.carried_at
            assert found.expected_on >= last[channel], "a later payment never arrives earlier"
            assert CALENDAR.is_open(found.expected_on, channel)
            last[channel] = found.expected_on


@given(moments, any_rules, st.sampled_from(list(Channel)))
def test_never_before_it_was_paid_and_never_on_a_closed_day(paid_at, rules, channel):
    found = forecast(paid_at, rules, CALENDAR, channel)
    assert paid_at < cut_at(found.batch_day, rules) <= found.run_at <= found.carried_at
    assert found.expected_on > tehran_day(paid_at) or found.carried_at > paid_at
    assert CALENDAR.is_open(found.expected_on, channel)


@given(moments, st.integers(0, 60 * 24 * 40), any_rules, st.sampled_from(list(Channel)))
def test_whoever_pays_later_is_never_settled_earlier(paid_at, minutes, rules, channel):
    earlier = forecast(paid_at, rules, CALENDAR, channel)
    later = forecast(paid_at + timedelta(minutes=minutes), rules, CALENDAR, channel)
    assert earlier.batch_day <= later.batch_day
    assert earlier.carried_at <= later.carried_at


@given(moments, any_rules)
def test_the_due_day_is_the_latest_that_may_be_planned(now, rules):
    day = due_day(now, rules)
    assert run_at(day, rules) <= now < run_at(day + timedelta(days=1), rules)


@given(moments, any_rules)
def test_a_run_at_the_forecast_s_moment_closes_its_day(paid_at, rules):
    found = forecast(paid_at, rules, CALENDAR)
    assert due_day(found.run_at, rules) == found.batch_day == closing_day(paid_at, rules)
    assert expected_on(found.run_at, Channel.PAYA, rules, CALENDAR) == found.expected_on


def test_an_ordinary_day():
    found = forecast(tehran(2026, 11, 24, 12), RULES, CALENDAR)
    assert found.batch_day == date(2026, 11, 24)
    assert found.run_at == tehran(2026, 11, 24, 23, 30)
    assert found.carried_at == tehran(2026, 11, 25, 9, 45)


def test_the_cut_off_itself_belongs_to_the_next_day():
    assert forecast(tehran(2026, 11, 24, 23, 29), RULES, CALENDAR).batch_day == date(2026, 11, 24)
    assert forecast(tehran(2026, 11, 24, 23, 30), RULES, CALENDAR).batch_day == date(2026, 11, 25)


def test_over_a_weekend():
    # Thursday's sales: Friday is closed, so Saturday's first cycle carries them; Satna waits for the afternoon.
    thursday = tehran(2026, 11, 26, 12)
    assert forecast(thursday, RULES, CALENDAR).carried_at == tehran(2026, 11, 28, 3, 45)
    assert forecast(thursday, RULES, CALENDAR, Channel.SATNA).carried_at == tehran(2026, 11, 28, 14, 30)
    assert forecast(tehran(2026, 11, 25, 12), RULES, CALENDAR, Channel.SATNA).expected_on == date(2026, 11, 28)


def test_over_nowruz():
    found = forecast(tehran(2026, 3, 19, 12), RULES, CALENDAR)
    assert found.expected_on == date(2026, 3, 25)


def test_a_delay_moves_the_run_and_not_the_day():
    late = replace(RULES, delay_days=2)
    found = forecast(tehran(2026, 11, 21, 12), late, CALENDAR)
    assert found.batch_day == date(2026, 11, 21)
    assert found.run_at == tehran(2026, 11, 23, 23, 30)
    assert found.expected_on == date(2026, 11, 24)
