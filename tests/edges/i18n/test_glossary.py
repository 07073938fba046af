"""The glossary calls the states by the names that the buyer's pages give them."""

from pathlib import Path

import pytest

from mopos.domain.payments.states import State
from mopos.edges.i18n import Lang
from mopos.edges.i18n.texts import TEXTS

GLOSSARY = Path(__file__).parents[3] / "docs" / "reference" / "glossary.md"


@pytest.mark.parametrize("state", State)
def test_the_glossary_names_each_state_as_its_page_does(state: State) -> None:
    persian, english = (TEXTS[lang][f"state.{state}.title"] for lang in (Lang.FA, Lang.EN))
    assert f"| {state} | {persian} | {english} |" in GLOSSARY.read_text(encoding="utf-8")
