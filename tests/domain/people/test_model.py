"""Pure rules about people: numbers, codes, names of browsers; and those of authenticators and recovery codes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pyotp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mopos.base import recovery, totp
from mopos.base.secret import Secret
from mopos.base.text import persian_digits
from mopos.domain.people.messages import TEXTS
from mopos.domain.people.model import (
    agent_name,
    code_hash,
    is_phone,
    new_code,
    numbers_to_choose,
    read_mobile,
    shown_mobile,
)
from mopos.domain.people.requests import Shown
from mopos.edges.web.passkeys import rp_id

KEY = Secret("k" * 32)
NOW = datetime(2026, 3, 21, 12, 0, 10, tzinfo=UTC)


@pytest.mark.parametrize(
    ("typed", "mobile"),
    [
        ("09123456789", "09123456789"),
        ("۰۹۱۲ ۳۴۵ ۶۷۸۹", "09123456789"),
        ("+98 (912) 345-6789", "09123456789"),
        ("00989123456789", "09123456789"),
        ("989123456789", "09123456789"),
        ("9123456789", "09123456789"),
        ("0912345678", None),
        ("091234567890", None),
        ("08123456789", None),
        ("०९१२३४५६७८९", None),
        ("", None),
    ],
)
def test_numbers(typed, mobile):
    assert read_mobile(typed) == mobile


def test_a_number_is_shown_as_far_as_its_owner_needs():
    assert shown_mobile("09123456789") == "0912***6789"


def test_codes_are_six_digits_of_all_kinds():
    codes = {new_code() for _ in range(500)}
    assert all(len(code) == 6 and code.isdigit() for code in codes)
    assert len(codes) > 490
    assert any(code.startswith("0") for code in codes)


def test_a_code_s_hash_is_bound_to_number_purpose_and_browser():
    kept = code_hash(KEY, "123456", mobile="09121111111", purpose="sign_in", binding="b")
    assert code_hash(KEY, " ۱۲۳ ۴۵۶ ", mobile="09121111111", purpose="sign_in", binding="b") == kept
    others = [
        code_hash(KEY, "123457", mobile="09121111111", purpose="sign_in", binding="b"),
        code_hash(KEY, "123456", mobile="09121111112", purpose="sign_in", binding="b"),
        code_hash(KEY, "123456", mobile="09121111111", purpose="other", binding="b"),
        code_hash(KEY, "123456", mobile="09121111111", purpose="sign_in", binding="c"),
        code_hash(Secret("l" * 32), "123456", mobile="09121111111", purpose="sign_in", binding="b"),
    ]
    assert kept not in others


@given(st.lists(st.integers(0, 10**6), min_size=4, max_size=4))
def test_the_phone_chooses_among_three_numbers(chances):
    left = list(chances)
    number, choices = numbers_to_choose(lambda below: left.pop() % below)
    assert number in choices
    assert len(set(choices)) == 3
    assert all(10 <= choice <= 99 for choice in choices)


@pytest.mark.parametrize(
    ("agent", "name", "phone"),
    [
        ("Mozilla/5.0 (Linux; Android 15) AppleWebKit/537 Chrome/140 Mobile Safari/537", "Chrome · Android", True),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 18_0) AppleWebKit/605 Version/18 Mobile Safari", "Safari · iPhone", True),
        ("Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537 Chrome/140 Safari/537 Edg/140", "Edge · Windows", False),
        ("Mozilla/5.0 (X11; Linux x86_64; rv:142.0) Gecko Firefox/142.0", "Firefox · Linux", False),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 14) AppleWebKit Version/18 Safari", "Safari · macOS", False),
        ("curl/8", "", False),
        ("", "", False),
    ],
)
def test_browsers_are_recognised_by_their_words(agent, name, phone):
    assert (agent_name(agent), is_phone(agent)) == (name, phone)


@pytest.mark.parametrize(
    ("answer", "seconds", "used", "state"),
    [
        (None, 0, False, "waiting"),
        (None, 119, False, "waiting"),
        (None, 120, False, "over"),
        ("refused", 0, False, "refused"),
        ("approved", 130, False, "approved"),
        ("approved", 181, False, "over"),
        ("approved", 10, True, "over"),
    ],
)
def test_how_a_request_stands(answer, seconds, used, state):
    shown = Shown(42, NOW + timedelta(seconds=120), answer, NOW if used else None)
    assert shown.state(NOW + timedelta(seconds=seconds)) == state


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("https://pay.example.ir", "pay.example.ir"),
        ("https://pay.example.ir:8443", "pay.example.ir"),
        ("http://localhost:8000", "localhost"),
        ("http://mopos.localhost:8000", "mopos.localhost"),
        ("http://pay.example.ir", None),
        ("http://127.0.0.1:8000", None),
        ("https://203.0.113.7", None),
        ("https://[2001:db8::1]", None),
    ],
)
def test_where_browsers_have_passkeys(address, name):
    assert rp_id(address) == name


def test_every_message_fits():
    for text in TEXTS.values():
        assert 20 < len(text) <= 500


# --- authenticator ----------------------------------------------------------------------------------------------------

SECRET = totp.secret_for(KEY, "a session")


def code_at(moment: datetime) -> str:
    return pyotp.TOTP(SECRET.reveal()).at(moment)


def test_the_offered_secret_stays_while_it_is_offered():
    assert totp.secret_for(KEY, "a session").reveal() == SECRET.reveal()
    assert totp.secret_for(KEY, "another session").reveal() != SECRET.reveal()
    assert len(SECRET.reveal()) == 32
    assert totp.spaced(SECRET).replace(" ", "") == SECRET.reveal()
    assert SECRET.reveal() in totp.address(SECRET, "09121111111", "MoPos").reveal()
    assert totp.picture(SECRET).startswith("data:image/svg+xml")


@pytest.mark.parametrize("seconds", [-30, 0, 30])
def test_a_clock_may_be_off_by_one_step(seconds):
    step = totp.step_of(SECRET, code_at(NOW + timedelta(seconds=seconds)), NOW, last_step=0)
    assert step == int(NOW.timestamp()) // 30 + seconds // 30


@pytest.mark.parametrize("seconds", [-90, -60, 60, 90, 3600])
def test_but_not_by_more(seconds):
    assert totp.step_of(SECRET, code_at(NOW + timedelta(seconds=seconds)), NOW, last_step=0) is None


def test_a_code_is_not_taken_twice_nor_after_a_later_one():
    step = totp.step_of(SECRET, code_at(NOW), NOW, last_step=0)
    assert totp.step_of(SECRET, code_at(NOW), NOW, last_step=step) is None
    assert totp.step_of(SECRET, code_at(NOW - timedelta(seconds=30)), NOW, last_step=step) is None
    assert totp.step_of(SECRET, code_at(NOW + timedelta(seconds=30)), NOW, last_step=step) == step + 1


def test_digits_of_any_keyboard_with_blanks():
    code = code_at(NOW)
    assert totp.step_of(SECRET, f" {persian_digits(code[:3])} {code[3:]}", NOW, last_step=0)


@pytest.mark.parametrize("typed", ["", "12345", "1234567", "abcdef", "٬٬٬٬٬٬", "१२३४५६"])
def test_what_is_no_code(typed):
    assert totp.step_of(SECRET, typed, NOW, last_step=0) is None


def test_recovery_codes():
    codes = recovery.new_codes()
    assert len(set(codes)) == recovery.COUNT
    assert all(recovery.looks_like_code(code) for code in codes)
    hashes = list(enumerate(map(recovery.hashed, codes[:3])))
    assert recovery.matching(f" {codes[1].upper()} ", hashes) == 1
    assert recovery.matching(codes[3], hashes) is None
    assert recovery.matching(codes[1], [(1, "not a hash")]) is None
    assert not recovery.looks_like_code("123456")
    assert not recovery.looks_like_code("")
