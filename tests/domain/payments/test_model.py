"""The rules of the guide's form (section 3), field by field."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mopos.base.errors import Refused
from mopos.base.ids import with_check_digit
from mopos.domain.payments.model import (
    AMNT_RIAL_MAX,
    DSC_LENGTH_MAX,
    NAM_LENGTH_MAX,
    back_to_shop,
    next_check,
    parse_form,
    safe_back_to_shop,
)

GOOD = {
    "ID": with_check_digit(100001),
    "Res": "A-17",
    "Amnt": "250000",
    "Nam": "علی رضایی",
    "Dsc": "کتاب",
    "RedirectURL": "https://shop.example/back",
}


def problems(**changed):
    fields = {name: value for name, value in (GOOD | changed).items() if value is not None}
    try:
        parse_form(fields)
    except Refused as refused:
        return [problem.code for problem in refused.problems]
    return []


def test_a_good_form():
    new = parse_form(GOOD)
    assert (new.gateway_id, new.res, new.amount) == (100001, "A-17", 250_000)
    assert (new.nam, new.dsc, new.redirect_url) == ("علی رضایی", "کتاب", "https://shop.example/back")


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("ID", None, "id_missing"),
        ("ID", "  ", "id_missing"),
        ("ID", "1000010", "id_unknown"),  # wrong check digit
        ("ID", "abc", "id_unknown"),
        ("ID", "9" * 40, "id_unknown"),
        ("Res", None, "res_missing"),
        ("Res", "x" * 65, "res_too_long"),
        ("Res", "a\u202eb", "res_malformed"),
        ("Res", "a\nb", "res_malformed"),
        ("Res", "a\0b", "res_malformed"),
        ("Amnt", None, "amnt_missing"),
        ("Amnt", "10000", "amnt_too_small"),  # the guide: above 10,000
        ("Amnt", "0", "amnt_too_small"),
        ("Amnt", str(AMNT_RIAL_MAX)[:-1] + "1", "amnt_too_large"),
        ("Amnt", "9" * 30, "amnt_too_large"),
        ("Nam", "ن" * (NAM_LENGTH_MAX + 1), "nam_too_long"),
        ("Dsc", "د" * (DSC_LENGTH_MAX + 1), "dsc_too_long"),
        ("RedirectURL", None, "redirect_missing"),
        ("RedirectURL", "https://shop.example/" + "a" * 4096, "redirect_too_long"),
    ],
)
def test_each_field_has_its_own_refusal(field, value, code):
    assert problems(**{field: value}) == [code]


@pytest.mark.parametrize(
    "text", ["-5", "+50000", "5e4", "0x10000", "50000.0", "50,000", "050000", "५००००", "1 2000 0", "NaN", "∞", "²0000"]
)
def test_attack_25_an_amount_has_one_meaning_or_none(text):
    assert problems(Amnt=text) == ["amnt_not_a_number"]


@pytest.mark.parametrize("text", ["20000", " 20000 ", "۲۰۰۰۰", "٢٠٠٠٠", "۲0٠00"])
def test_persian_and_arabic_digits_are_numbers(text):
    assert parse_form(GOOD | {"Amnt": text}).amount == 20_000


def test_ten_thousand_and_one_is_enough():
    assert parse_form(GOOD | {"Amnt": "10001"}).amount == 10_001


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("javascript:alert(1)", "redirect_scheme"),
        ("data:text/html,x", "redirect_scheme"),
        ("ftp://shop.example/", "redirect_scheme"),
        ("//evil.example/x", "redirect_scheme"),
        ("/just/a/path", "redirect_scheme"),
        ("https://good@evil.example/", "redirect_credentials"),
        ("https://a:b@evil.example/", "redirect_credentials"),
        ("https://good.example\\@evil.example/", "redirect_malformed"),
        ("https:\\\\evil.example", "redirect_malformed"),
        ("https://shop.example/\r\nSet-Cookie: a=b", "redirect_malformed"),
        ("https://shop.example/a b", "redirect_malformed"),
        ("https://shop.exa\u202emple/", "redirect_malformed"),
        ("https://", "redirect_malformed"),
        ("https://shop.example:99999/", "redirect_malformed"),
        ("https://shop.example:0/", "redirect_malformed"),
        ("https://[::1/", "redirect_malformed"),
        ("http://?x", "redirect_malformed"),
    ],
)
def test_attack_08_no_way_back_but_to_a_web_site(url, code):
    assert problems(RedirectURL=url) == [code]
    assert safe_back_to_shop(GOOD | {"RedirectURL": url}) is None


def test_all_errors_at_once_in_the_order_of_the_catalogue():
    assert problems(ID=None, Res=None, Amnt="1", Nam="x" * 999, RedirectURL="ftp://x") == [
        "id_missing",
        "res_missing",
        "amnt_too_small",
        "nam_too_long",
        "redirect_scheme",
    ]


@pytest.mark.parametrize(
    ("url", "back"),
    [
        ("https://shop.example", "https://shop.example/?Res=A%2017"),
        ("https://shop.example/back", "https://shop.example/back?Res=A%2017"),
        ("https://shop.example/back?", "https://shop.example/back?Res=A%2017"),
        ("https://shop.example/b?a=1&b=%20x#part", "https://shop.example/b?a=1&b=%20x&Res=A%2017#part"),
        ("https://shop.example/b?res=old&x=1&RES=2", "https://shop.example/b?x=1&Res=A%2017"),
        ("HTTP://Shop.Example:8080/b", "http://shop.example:8080/b?Res=A%2017"),
        ("https://فروشگاه.example/خرید", "https://xn--mgbtj4c7ad63e.example/%D8%AE%D8%B1%DB%8C%D8%AF?Res=A%2017"),
        ("http://[::1]:8000/b", "http://[::1]:8000/b?Res=A%2017"),
    ],
)
def test_res_is_added_and_nothing_else_is_lost(url, back):
    assert parse_form(GOOD | {"RedirectURL": url}).redirect_url == url
    assert back_to_shop(url, "A 17") == back


@given(res=st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1, max_size=64))
def test_the_shop_reads_exactly_the_res_that_it_sent(res):
    back = back_to_shop("https://shop.example/b?a=1#f", res)
    assert back.isascii()
    assert parse_qs(urlsplit(back).query) == {"a": ["1"], "Res": [res]}


def test_a_silent_bank_is_asked_in_growing_steps_and_often_while_it_can_still_confirm():
    now = datetime(2026, 1, 1, tzinfo=UTC)
    wait, often, until = timedelta(seconds=15), timedelta(minutes=3), now + timedelta(minutes=30)
    times, count = [now], 0
    while times[-1] < until + timedelta(hours=3):
        times.append(next_check(times[-1], count, wait, often, until))
        count += 1
    steps = [(late - early).total_seconds() for early, late in pairwise(times)]
    assert steps[:6] == [15, 30, 60, 120, 180, 180]
    assert all(late - early <= often for early, late in pairwise(times) if early < until)
    assert steps[-1] == 3600 == max(steps)
    assert next_check(now, 0, often, wait, until) == now + often, "never at once"
