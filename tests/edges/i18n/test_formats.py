"""Amounts in digits and words, Toman, and the two calendars."""

from datetime import UTC, datetime

import pytest

from mopos.base.money import RIAL_MAX, Rial
from mopos.edges.i18n import Lang
from mopos.edges.i18n.formats import date_time, grouped, in_words, rial, toman

FA, EN = Lang.FA, Lang.EN


@pytest.mark.parametrize(
    ("amount", "persian", "english"),
    [(0, "۰", "0"), (999, "۹۹۹", "999"), (10_001, "۱۰٬۰۰۱", "10,001"), (1_250_000, "۱٬۲۵۰٬۰۰۰", "1,250,000")],
)
def test_digits_are_grouped_by_thousands(amount: int, persian: str, english: str) -> None:
    assert (grouped(amount, FA), grouped(amount, EN)) == (persian, english)


def test_an_amount_carries_its_unit() -> None:
    assert rial(Rial(1_250_000), FA) == "۱٬۲۵۰٬۰۰۰ ریال"
    assert rial(Rial(1_250_000), EN) == "1,250,000 Rial"


@pytest.mark.parametrize(
    ("amount", "persian", "english"),
    [
        (1_250_000, "۱۲۵٬۰۰۰ تومان", "125,000 Toman"),
        (10_001, "۱٬۰۰۰٫۱ تومان", "1,000.1 Toman"),
        (9, "۰٫۹ تومان", "0.9 Toman"),
    ],
)
def test_toman_is_a_tenth_and_loses_nothing(amount: int, persian: str, english: str) -> None:
    assert (toman(Rial(amount), FA), toman(Rial(amount), EN)) == (persian, english)


@pytest.mark.parametrize(
    ("amount", "words"),
    [
        (0, "صفر"),
        (11, "یازده"),
        (1_000, "یک هزار"),
        (10_001, "ده هزار و یک"),
        (12_500, "دوازده هزار و پانصد"),
        (1_000_000, "یک میلیون"),
        (1_250_000, "یک میلیون و دویست و پنجاه هزار"),
        (21_000_300, "بیست و یک میلیون و سیصد"),
        (10**9, "یک میلیارد"),
        (10**12, "یک تریلیون"),
        (10**12 + 5, "یک تریلیون و پنج"),
        (10**15, "یک هزار تریلیون"),
        (10**18, "یک میلیون تریلیون"),
    ],
)
def test_words_of_an_amount(amount: int, words: str) -> None:
    assert in_words(Rial(amount)) == words


def test_the_largest_amount_has_words() -> None:
    assert in_words(Rial(RIAL_MAX)).endswith("هفتصد و هفتاد و پنج هزار و هشتصد و هفت")


@pytest.mark.parametrize(
    ("moment", "persian", "english"),
    [
        (
            datetime(2024, 10, 16, 10, 33, 59, tzinfo=UTC),
            "چهارشنبه ۲۵ مهر ۱۴۰۳، ساعت ۱۴:۰۳:۵۹",
            "Wednesday 16 October 2024, 14:03:59 (25 Mehr 1403)",
        ),
        # Half past eight in the evening in London is already the next day in Tehran; 1403 is a leap year.
        (
            datetime(2025, 3, 19, 20, 30, 0, tzinfo=UTC),
            "پنج‌شنبه ۳۰ اسفند ۱۴۰۳، ساعت ۰۰:۰۰:۰۰",
            "Thursday 20 March 2025, 00:00:00 (30 Esfand 1403)",
        ),
        (
            datetime(2025, 3, 20, 20, 30, 0, tzinfo=UTC),
            "جمعه ۱ فروردین ۱۴۰۴، ساعت ۰۰:۰۰:۰۰",
            "Friday 21 March 2025, 00:00:00 (1 Farvardin 1404)",
        ),
    ],
)
def test_times_are_those_of_tehran(moment: datetime, persian: str, english: str) -> None:
    assert (date_time(moment, FA), date_time(moment, EN)) == (persian, english)
