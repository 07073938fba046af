import pytest
from hypothesis import given
from hypothesis import strategies as st

from mopos.base.ids import has_check_digit, looks_unguessable, unguessable, with_check_digit, without_check_digit


@given(st.integers(min_value=1, max_value=10**17))
def test_a_number_survives_its_check_digit(number):
    assert without_check_digit(with_check_digit(number)) == number


@given(st.integers(min_value=1, max_value=10**12), st.data())
def test_one_mistyped_digit_is_noticed(number, data):
    text = with_check_digit(number)
    place = data.draw(st.integers(0, len(text) - 1))
    digit = data.draw(st.sampled_from([d for d in "0123456789" if d != text[place]]))
    assert not has_check_digit(text[:place] + digit + text[place + 1 :])


@pytest.mark.parametrize("text", ["", "0", "12a", "۱۰۰۰۰۰۹", "-18", "1 8"])
def test_what_is_no_number_has_no_check_digit(text):
    assert not has_check_digit(text)
    with pytest.raises(ValueError):
        without_check_digit(text)


def test_references_are_long_and_different():
    references = {unguessable() for _ in range(1000)}
    assert len(references) == 1000
    assert all(looks_unguessable(reference) for reference in references)
    assert not looks_unguessable("short")
    assert not looks_unguessable("a" * 21 + "\0")
