"""The table of test cards, and the page that is made from it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from mopos.banks.issuers import issuer
from mopos.banks.sim.book import Code
from mopos.banks.sim.cards import CARDS, Card, render_reference
from mopos.banks.sim.texts import TEXTS
from mopos.base.ids import has_check_digit
from mopos.base.money import Rial

REFERENCE = Path(__file__).parents[2] / "docs" / "reference" / "test-cards.md"


@pytest.mark.parametrize("card", CARDS, ids=lambda card: card.slug)
def test_a_card_is_valid_and_nobodys(card: Card) -> None:
    assert len(card.number) == 16
    assert has_check_digit(card.number)
    assert card.number[6:14] == "00000000"
    assert issuer(card.number) is not None
    assert card.fa
    assert card.en


def test_no_number_and_no_name_stands_twice() -> None:
    assert len({card.number for card in CARDS}) == len({card.slug for card in CARDS}) == len(CARDS)


def test_every_refusal_has_its_words() -> None:
    codes = {card.code for card in CARDS if card.code}
    codes |= {Code.SESSION_EXPIRED, Code.REVERSED, Code.GIVEN_BACK, Code.CANCELLED, Code.TOO_MANY_PASSWORDS}
    for texts in TEXTS.values():
        assert {str(int(code)) for code in codes} <= set(texts)


def test_both_languages_say_the_same_things() -> None:
    assert set(TEXTS["fa"]) == set(TEXTS["en"])
    for key, fa in TEXTS["fa"].items():
        assert re.findall(r"{\w+}", fa) == re.findall(r"{\w+}", TEXTS["en"][key]), key


@pytest.mark.parametrize(("amount", "taken"), [(250_000, 25_000), (10_001, 1_000), (5, 1)])
def test_the_card_that_takes_a_tenth(amount: int, taken: int) -> None:
    card = next(card for card in CARDS if card.slug == "amount_differs")
    assert card.takes(Rial(amount)) == Rial(taken)


@pytest.mark.parametrize(
    ("number", "name"),
    [
        ("6037990000000014", "Melli"),
        ("603799******0014", "Melli"),
        ("6219861812345678", "blu (Saman)"),
        ("6219860000000019", "Saman"),
        ("6393460000000000", "Sina"),
        ("9999990000000000", None),
        ("", None),
    ],
)
def test_issuers(number: str, name: str | None) -> None:
    found = issuer(number)
    assert (found.en if found else None) == name


def test_the_reference_page_is_current() -> None:
    assert REFERENCE.read_text() == render_reference()
