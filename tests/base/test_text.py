import pytest
from hypothesis import given
from hypothesis import strategies as st

from mopos.base.text import harmless, latin_digits, persian_digits


def test_three_keyboards_one_number():
    assert latin_digits("۱۲۳٤٥٦789") == "123456789"
    assert latin_digits("१२") == "१२", "other scripts' digits are not ours"
    assert persian_digits("1403/07/25") == "۱۴۰۳/۰۷/۲۵"


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("علی رضایی", "علی رضایی"),
        ("می\u200cخواهم", "می\u200cخواهم"),  # the half space is spelling
        ("a\u202eb\u2066c\u2069", "abc"),  # bidi override and isolates
        ("a\u200bb\ufeff", "ab"),  # nothing that hides
        ("a\x00b\x1b[31m", "ab[31m"),
        ("line\r\nbreak\ttab", "line break tab"),
        ("  two   blanks ", "two blanks"),
        ("Z" + "\u0301" * 50, "Z\u0301\u0301\u0301"[0:0] + "Ź\u0301\u0301\u0301"),  # NFC first, then three marks
        ("\ud800lone", "lone"),
    ],
)
def test_attack_19_deceiving_characters_are_dropped(given, kept):
    assert harmless(given) == kept


@given(st.text())
def test_attack_19_harmless_text_stays_as_it_is(text):
    once = harmless(text)
    assert harmless(once) == once
    assert not set(once) & set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\0\r\n\u200b")
