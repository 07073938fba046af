"""National ids, legal ids and IBANs: what is right, what a slip of the hand makes of it, how people type them."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from mopos.base.text import persian_digits
from mopos.domain.accounts.iban import BANKS, bank_code, in_fours, is_iban, read_iban, with_check_digits
from mopos.domain.accounts.identity import digits_of, is_legal_id, is_national_id
from mopos.edges.i18n.texts import TEXTS

MELLAT = "IR430120000000000000000001"


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("0076229645", True),
        ("1583250689", True),
        ("0499370899", True),
        ("0076229646", False),
        ("0067229645", False),  # neighbours swapped
        ("1111111111", False),  # passes the sum, and is nobody's
        ("0000000000", False),
        ("076229645", False),
        ("00762296451", False),
        ("", False),
        ("007622964a", False),
        ("۰۰۷۶۲۲۹۶۴۵", False),  # as typed: `digits_of` comes first
    ],
)
def test_national_id(text, right):
    assert is_national_id(text) is right


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("10380284790", True),
        ("10100171920", True),
        ("10380284791", False),
        ("10380248790", False),
        ("00000000000", False),
        ("11111111111", False),
        ("1038028479", False),
        ("103802847900", False),
        ("", False),
    ],
)
def test_legal_id(text, right):
    assert is_legal_id(text) is right


def test_a_legal_id_has_a_company_s_own_number():
    """Its check digit is right, but the six digits in the middle are nought."""
    begins = [f"103000000{last}" for last in range(10)]
    assert not any(is_legal_id(f"{begin}{check}") for begin in begins for check in range(10))


digits = st.text("0123456789", min_size=9, max_size=9)


@given(digits)
def test_each_nine_digits_have_one_check_digit(nine):
    right = [last for last in range(10) if is_national_id(f"{nine}{last}")]
    assert len(right) == (0 if len(set(nine)) == 1 and is_all_equal_right(nine) else 1)


def is_all_equal_right(nine: str) -> bool:
    """Whether the ten equal digits are what the sum wants: of them none is left."""
    rest = sum(int(digit) * weight for digit, weight in zip(nine, range(10, 1, -1), strict=True)) % 11
    return int(nine[0]) == (rest if rest < 2 else 11 - rest)


@given(digits, st.integers(0, 8), st.integers(1, 9))
def test_one_wrong_digit_of_a_national_id_is_noticed(nine, place, by):
    right = next((f"{nine}{last}" for last in range(10) if is_national_id(f"{nine}{last}")), None)
    assume(right is not None)
    wrong = right[:place] + str((int(right[place]) + by) % 10) + right[place + 1 :]
    # The sum is kept modulo 11, and what is over is written in one digit: 1 in 11 pairs of sums share it.
    assume(sum_of(wrong) not in (sum_of(right), 11 - sum_of(right)))
    assert not is_national_id(wrong)


def sum_of(text: str) -> int:
    return sum(int(digit) * weight for digit, weight in zip(text[:9], range(10, 1, -1), strict=True)) % 11


@given(st.text("0123456789", min_size=10, max_size=10))
def test_each_ten_digits_have_one_legal_id_at_most(ten):
    assert sum(is_legal_id(f"{ten}{check}") for check in range(10)) == (ten[3:9] != "000000")


@pytest.mark.parametrize(
    "typed",
    [
        MELLAT,
        MELLAT.lower(),
        MELLAT[2:],
        "IR43 0120 0000 0000 0000 0000 01",
        "IR43-0120-0000-0000-0000-0000-01",
        "شبا: IR۴۳۰۱۲۰۰۰۰۰۰۰۰۰۰۰۰۰۰۰۰۰۰۱",
        "شماره شبا ۴۳۰۱۲۰۰۰۰۰۰۰۰۰۰۰۰۰۰۰۰۰۰۱",
        "IR٤٣٠١٢٠٠٠٠٠٠٠٠٠٠٠٠٠٠٠٠٠٠١",
        "\u200fIR43\u00a00120\u200c0000 0000 0000 0000 01\u200e",
        "IBAN IR43 0120 0000 0000 0000 0000 01",
    ],
)
def test_an_iban_as_people_type_it(typed):
    assert read_iban(typed) == MELLAT
    assert is_iban(read_iban(typed))


@pytest.mark.parametrize(
    "iban",
    [
        "IR310170000000001000000001",
        "IR750560000000001000000001",
        "IR230540000000001000000001",
    ],
)
def test_right_ibans(iban):
    assert is_iban(iban)
    assert with_check_digits(iban[4:]) == iban


@pytest.mark.parametrize(
    "iban",
    [
        "",
        "IR",
        "IR430120000000000000000002",
        "IR340120000000000000000001",
        "DE430120000000000000000001",
        MELLAT + "0",
        MELLAT[:-1],
        MELLAT.lower(),
        "IR43012000000000000000000۱",
        "IR43012000000000000000000O",
    ],
)
def test_wrong_ibans(iban):
    assert not is_iban(iban)


@given(st.text("0123456789", min_size=22, max_size=22), st.integers(2, 25), st.integers(1, 9))
def test_one_wrong_digit_of_an_iban_is_noticed(bban, place, by):
    right = with_check_digits(bban)
    assert is_iban(right)
    assert is_iban(read_iban(persian_digits(in_fours(right).lower())))
    wrong = right[:place] + str((int(right[place]) + by) % 10) + right[place + 1 :]
    assert not is_iban(wrong)


def test_every_bank_has_a_name_and_every_name_a_bank():
    named = {key.removeprefix("bank.") for key in TEXTS["fa"] if key.startswith("bank.")}
    assert named == set(BANKS)
    assert {bank.now for bank in BANKS.values()} - {""} <= set(BANKS)
    assert bank_code(MELLAT) == "012"
    assert not is_iban(with_check_digits("9990000000000000000001")[:-1] + "2")
    assert is_iban(with_check_digits("9990000000000000000001"))  # a bank that we do not know is no reason to refuse


def test_digits_as_they_are_copied_from_a_card():
    assert digits_of(" ۰۰۷-۶۲۲۹۶۴-۵ ") == "0076229645"
    assert digits_of("007x") == "007x"
