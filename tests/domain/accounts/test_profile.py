"""What a profile's form may hold, and which sentence each mistake gets."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mopos.base.errors import Refused
from mopos.domain.accounts.profile import Account, BankAccount, Kind, Profile, read_bank_account, read_profile

RIGHT = {
    "kind": "natural",
    "name": "علی رضایی",
    "national_id": "۰۰۷۶۲۲۹۶۴۵",
    "address": "تهران،\nخیابان آزادی",
    "enamad": "",
    "tax_code": "",
}
LEGAL = {"kind": "legal", "national_id": "10380284790"}


def codes(form):
    with pytest.raises(Refused) as refused:
        read_profile(form)
    return [problem.code for problem in refused.value.problems]


def test_a_right_form():
    profile = read_profile(RIGHT)
    assert profile == Profile(Kind.NATURAL, "علی رضایی", "0076229645", "", "", "تهران، خیابان آزادی")
    assert read_profile(RIGHT | LEGAL).national_id == "10380284790"


@pytest.mark.parametrize(
    ("changed", "wanted"),
    [
        ({"kind": ""}, ["account_kind_unknown"]),
        ({"kind": "both"}, ["account_kind_unknown"]),
        ({"name": " \u202e "}, ["account_name_missing"]),
        ({"name": "ن" * 101}, ["account_name_too_long"]),
        ({"national_id": "0076229646"}, ["national_id_wrong"]),
        ({"national_id": "1111111111"}, ["national_id_wrong"]),
        ({"national_id": "10380284790"}, ["national_id_wrong"]),
        (LEGAL | {"national_id": "0076229645"}, ["legal_id_wrong"]),
        ({"enamad": "x" * 101}, ["account_enamad_too_long"]),
        ({"tax_code": "12a"}, ["tax_code_wrong"]),
        ({"tax_code": "123456789"}, ["tax_code_wrong"]),
        ({"address": "x" * 501}, ["account_address_too_long"]),
        ({"name": "", "national_id": "1"}, ["account_name_missing", "national_id_wrong"]),
    ],
)
def test_what_is_wrong(changed, wanted):
    assert codes(RIGHT | changed) == wanted


def test_what_may_be_left_out_until_a_gateway_is_applied_for():
    profile = read_profile({"kind": "natural", "name": "ع"})
    empty = Account(1, profile, BankAccount("", None, None, ""), None)
    assert empty.lacks == ["national_id", "address", "iban"]
    assert Account(1, read_profile(RIGHT), BankAccount("IR", None, None, ""), None).lacks == []


@given(st.dictionaries(st.sampled_from(["kind", "name", "national_id", "enamad", "tax_code", "address"]), st.text()))
def test_whatever_is_sent_is_kept_within_the_columns_or_refused(form):
    try:
        profile = read_profile(form)
    except Refused:
        return
    assert 1 <= len(profile.name) <= 100
    assert len(profile.national_id) in (0, 10, 11)
    assert len(profile.address) <= 500
    assert "\x00" not in "".join(profile)


@pytest.mark.parametrize(
    ("typed", "code"),
    [
        ("", "iban_malformed"),
        ("IR43", "iban_malformed"),
        ("DE43 0120 0000 0000 0000 0000 01", "iban_malformed"),
        ("IR430120000000000000000002", "iban_wrong_digits"),
    ],
)
def test_what_is_wrong_with_an_iban(typed, code):
    with pytest.raises(Refused, match=code):
        read_bank_account(typed)


@pytest.mark.parametrize(
    ("checked", "matches", "owner", "standing"),
    [
        (None, None, "", "open"),
        (1, True, "علی", "matches"),
        (1, False, "مریم", "other"),
        (1, False, "?", "other"),
        (1, False, "", "missing"),
        (1, None, "شرکت", "unclear"),
    ],
)
def test_where_a_bank_account_stands(checked, matches, owner, standing):
    assert BankAccount("IR", checked, matches, owner).standing == standing
    assert BankAccount("", checked, matches, owner).standing == "none"
