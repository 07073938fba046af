"""Every day of 1403-1406: what is open, and what opens next."""

from datetime import UTC, date, datetime, time, timedelta

import pytest
from persiantools.jdatetime import JalaliDate

from mopos.base.clock import TEHRAN
from mopos.domain.settlement.calendar import Calendar, Closed, Closure, NeverOpen, holidays_of
from mopos.domain.settlement.channels import Channel
from mopos.domain.settlement.rules import Setting

FIRST = JalaliDate(1403, 1, 1).to_gregorian()
LAST = JalaliDate(1406, 12, 29).to_gregorian()
DAYS = [FIRST + timedelta(days=number) for number in range((LAST - FIRST).days + 1)]
SEED = Calendar()


def jalali(year: int, month: int, day: int) -> date:
    return JalaliDate(year, month, day).to_gregorian()


def test_four_years_have_their_days():
    assert len(DAYS) == 366 + 365 + 365 + 365
    assert DAYS[-1] + timedelta(days=1) == jalali(1407, 1, 1)


@pytest.mark.parametrize("channel", list(Channel))
def test_next_open_is_open_and_the_first_one(channel):
    for day in DAYS:
        found = SEED.next_open(day, channel)
        assert found >= day
        assert SEED.is_open(found, channel)
        between = (day + timedelta(days=number) for number in range((found - day).days))
        assert not any(SEED.is_open(skipped, channel) for skipped in between)


@pytest.mark.parametrize("channel", list(Channel))
def test_next_open_never_goes_back(channel):
    found = [SEED.next_open(day, channel) for day in DAYS]
    assert found == sorted(found)


@pytest.mark.parametrize("channel", list(Channel))
def test_cycles_are_in_order_and_on_their_day(channel):
    for day in DAYS:
        cycles = SEED.cycles(day, channel)
        assert cycles == sorted(set(cycles))
        assert all(cycle.astimezone(TEHRAN).date() == day for cycle in cycles)
        assert bool(cycles) or not SEED.is_open(day, channel)


def test_satna_rests_whenever_paya_does():
    assert all(SEED.is_open(day, Channel.PAYA) for day in DAYS if SEED.is_open(day, Channel.SATNA))


@pytest.mark.parametrize(
    ("day", "name"),
    [
        ((1403, 1, 1), "نوروز"),
        ((1403, 1, 13), "طبیعت"),
        ((1403, 12, 30), ""),
        ((1404, 1, 11), "فطر"),
        ((1404, 4, 15), "عاشورا"),
        ((1405, 11, 22), "انقلاب"),
        ((1406, 1, 12), "جمهوری"),
    ],
)
def test_official_holidays(day, name):
    closed = SEED.why_closed(jalali(*day), Channel.PAYA)
    assert closed is not None
    assert closed.kind in ("holiday", "weekend")
    assert name in holidays_of(jalali(*day).year)[jalali(*day)]


def test_thursday_and_friday():
    thursday = date(2026, 11, 26)
    friday = thursday + timedelta(days=1)
    assert SEED.is_open(thursday, Channel.PAYA)
    assert SEED.why_closed(thursday, Channel.SATNA) == Closed("weekend", "")
    assert not SEED.is_open(friday, Channel.PAYA)
    assert SEED.next_open(thursday, Channel.SATNA) == date(2026, 11, 28)


def test_a_closure_lies_on_top_for_both_channels_or_for_one():
    sunday, friday = date(2026, 11, 29), date(2026, 11, 27)
    calendar = Calendar(
        [
            Closure(sunday, None, True, "آلودگی هوا"),
            Closure(sunday, Channel.PAYA, False, "پایا کار می‌کند"),
            Closure(friday, Channel.SATNA, False, "پایان سال"),
        ]
    )
    assert calendar.is_open(sunday, Channel.PAYA)
    assert calendar.why_closed(sunday, Channel.SATNA) == Closed("closure", "آلودگی هوا")
    assert calendar.is_open(friday, Channel.SATNA)
    assert not calendar.is_open(friday, Channel.PAYA)


def test_the_weekend_is_a_dated_rule():
    at = datetime(2026, 11, 1, tzinfo=UTC)
    calendar = Calendar(settings=[Setting("satna_weekend", date(2026, 12, 1), ["friday"], "", None, at)])
    assert not calendar.is_open(date(2026, 11, 26), Channel.SATNA)
    assert calendar.is_open(date(2026, 12, 3), Channel.SATNA)


def test_cycles_are_dated():
    def hours(day, channel=Channel.PAYA):
        return [f"{cycle:%H:%M}" for cycle in SEED.cycles(day, channel)]

    four = ["03:45", "09:45", "12:45", "18:45"]
    assert hours(jalali(1402, 3, 19)) != four
    assert hours(jalali(1402, 3, 20)) == four
    assert hours(date(2026, 11, 24)) == four
    assert hours(date(2026, 11, 27)) == ["12:45"]
    assert hours(date(2026, 11, 24), Channel.SATNA) == ["14:30"]
    assert hours(date(2026, 11, 26), Channel.SATNA) == []


def test_the_next_cycle_skips_what_is_closed():
    late = datetime.combine(date(2026, 11, 25), time(14, 31), TEHRAN)
    assert SEED.next_cycle(late, Channel.SATNA) == datetime.combine(date(2026, 11, 28), time(14, 30), TEHRAN)
    night = datetime.combine(date(2026, 11, 26), time(18, 46), TEHRAN)
    assert SEED.next_cycle(night, Channel.PAYA) == datetime.combine(date(2026, 11, 28), time(3, 45), TEHRAN)


def test_a_calendar_that_never_opens_says_so():
    day = date(2026, 11, 24)
    calendar = Calendar([Closure(day + timedelta(days=n), None, True, "خطا") for n in range(100)])
    with pytest.raises(NeverOpen):
        calendar.next_open(day, Channel.PAYA)
