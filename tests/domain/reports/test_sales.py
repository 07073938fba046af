"""Periods of the dashboard: Tehran's days, weeks from Saturday, Jalali months; what they are compared with."""

from datetime import UTC, date, datetime

import pytest
from persiantools.jdatetime import JalaliDate

from mopos.domain.reports.sales import Day, Sales, declines, periods


def by_name(now: datetime):
    return {period.name: period for period in periods(now)}


def test_the_day_changes_at_tehran_s_midnight():
    assert by_name(datetime(2025, 3, 20, 20, 29, tzinfo=UTC))["today"].first == date(2025, 3, 20)
    assert by_name(datetime(2025, 3, 20, 20, 30, tzinfo=UTC))["today"].first == date(2025, 3, 21)


def test_the_week_begins_on_saturday():
    for day in range(22, 29):  # Saturday to Friday
        assert by_name(datetime(2025, 3, day, 8, 0, tzinfo=UTC))["week"].first == date(2025, 3, 22)
    assert by_name(datetime(2025, 3, 29, 8, 0, tzinfo=UTC))["week"].first == date(2025, 3, 29)
    assert by_name(datetime(2025, 3, 29, 8, 0, tzinfo=UTC))["last_week"].first == date(2025, 3, 22)


def test_the_month_is_jalali_also_at_new_year_after_a_leap_year():
    found = by_name(datetime(2025, 3, 22, 8, 0, tzinfo=UTC))  # 2 Farvardin 1404
    assert found["month"].first == date(2025, 3, 21)
    assert found["last_month"].first == JalaliDate(1403, 12, 1).to_gregorian()
    assert found["last_month"].until.date() == JalaliDate(1403, 12, 2).to_gregorian()


def test_the_thirty_first_is_compared_with_all_of_a_shorter_month():
    found = by_name(datetime.combine(JalaliDate(1404, 1, 31).to_gregorian(), datetime.min.time(), UTC))
    assert found["last_month"].until.date() == JalaliDate(1403, 12, 30).to_gregorian()


@pytest.mark.parametrize(("paid", "registered", "success"), [(0, 0, None), (0, 5, 0), (2, 3, 67), (6, 5, 100)])
def test_success(paid, registered, success):
    assert Sales(registered=registered, paid=paid).success == success


def test_the_average_is_in_whole_rial():
    assert Sales(paid=3, paid_rial=100).average_rial == 33
    assert Sales().average_rial is None


def test_reasons_are_added_up_and_sorted():
    days = [Day(date(2025, 1, 1), Sales(), {"a": 1, "b": 2}), Day(date(2025, 1, 2), Sales(), {"a": 3, "c": 2})]
    assert declines(days) == [("a", 4), ("b", 2), ("c", 2)]
