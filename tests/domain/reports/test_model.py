"""A filter, from what people type to what it means."""

from datetime import UTC, datetime

import pytest
from persiantools.jdatetime import JalaliDate

from mopos.base.errors import Refused
from mopos.base.ids import with_check_digit
from mopos.domain.payments.states import State
from mopos.domain.reports.model import STATES, Filter, day_start, fields_of, parse_filter, query_of
from mopos.domain.reports.search import classes


def parsed(**typed: str) -> Filter:
    return parse_filter({name: [value] for name, value in typed.items()})


def refused(**typed: str) -> list[str]:
    with pytest.raises(Refused) as caught:
        parsed(**typed)
    return [problem.code for problem in caught.value.problems]


def test_states_are_those_of_payments():
    assert set(STATES) == set(State)


def test_nothing_typed_is_every_purchase():
    assert parse_filter({}).is_empty
    assert parse_filter(fields_of("page=2&text=&before=7&lang=fa")).is_empty


@pytest.mark.parametrize("text", ["250000", "250,000", "250 000", "۲۵۰٬۰۰۰", "٢٥٠٬٠٠٠", "250_000", "۲۵۰،۰۰۰"])
def test_amounts_of_three_keyboards(text):
    assert parsed(amount=text).amount_min == parsed(amount=text).amount_max == 250_000


@pytest.mark.parametrize("text", ["-1", "12.5", "ten", "1e6", "9" * 19, "²"])
def test_what_is_no_amount(text):
    assert refused(amount=text) == ["filter_amount"]


@pytest.mark.parametrize("text", ["1403/12/30", "۱۴۰۳/۱۲/۳۰", "1403-12-30", "1403.12.30", " 1403 / 12 / 30 "])
def test_the_thirtieth_of_esfand_of_a_leap_year(text):
    assert parsed(since=text).since == datetime(2025, 3, 19, 20, 30, tzinfo=UTC)
    assert parsed(until=text).until == datetime(2025, 3, 20, 20, 30, tzinfo=UTC), "the day counts whole"


@pytest.mark.parametrize(
    "text", ["1402/12/30", "1404/12/30", "1403/13/01", "1403/00/10", "1403/07/31", "03/07/25", "x"]
)
def test_days_that_there_are_not(text):
    assert refused(since=text) == ["filter_since"]
    assert refused(until=text) == ["filter_until"]


def test_a_day_without_midnight_begins_an_hour_later():
    """1 Farvardin 1401 was a day on which Tehran's clocks went from midnight to one."""
    assert day_start(JalaliDate(1401, 1, 2)).astimezone(UTC) == datetime(2022, 3, 21, 20, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "card"),
    [
        ("1234", "1234"),
        ("۱۲۳۴", "1234"),
        ("6037991234", "6037991234"),
        ("603799******1234", "6037991234"),
        ("6037-99xx-xxxx-1234", "6037991234"),
        ("**** 1234", "1234"),
    ],
)
def test_cards_are_masked_in_many_ways(text, card):
    assert parsed(card=text).card == card


def test_a_whole_card_number_is_not_taken():
    assert refused(card="6037 9912 3456 7890") == ["filter_card_whole"]
    assert refused(card="12345") == ["filter_card"]


def test_numbers_have_their_check_digit():
    assert parsed(number=with_check_digit(100_001)).number == 100_001
    assert refused(number="100001") == ["filter_number"]
    assert refused(number="1" * 30) == ["filter_number"]


def test_an_asterisk_asks_for_the_beginning():
    assert parsed(res="R1*").res_start == "R1"
    assert parsed(res="R1*").res == ""
    assert parsed(res="R*1").res == "R*1"


def test_all_problems_are_told_at_once_in_the_catalogue_s_order():
    assert refused(card="y", amount="x", since="x", state="x") == [
        *("filter_amount", "filter_state", "filter_since", "filter_card")
    ]
    assert refused(since="1403/02/01", until="1403/01/01") == ["filter_date_order"]
    assert refused(amount_min="3", amount_max="2") == ["filter_amount_order"]
    assert refused(text="a\0b" * 60)


def test_a_query_string_there_and_back():
    fields = fields_of("state=PAID&state=UNKNOWN&text=%DA%A9%D8%AA%D8%A7%D8%A8+%26&evil=1&amount=5")
    assert fields_of(query_of(fields)) == fields
    assert query_of(fields_of("amount=5&text=a")) == query_of(fields_of("text=a&amount=5"))


@pytest.mark.parametrize("amount", [1, 9, 10, 99_999, 100_000, 250_000, 999_999_999, 10**10])
def test_an_amount_s_class_is_among_those_of_each_range_around_it(amount):
    mine = f"${str(amount)[0]}e{len(str(amount)) - 1}"
    assert classes(amount, amount) == [mine]
    assert mine in classes(amount - 1, amount + 1)
    assert mine in classes(None, amount)
    assert mine in classes(amount, None)
    assert mine not in classes(10 * amount, None)
