"""The glossary calls states, roles and pages by the names that they have there."""

from pathlib import Path

import pytest

from mopos.domain.accounts.model import Role
from mopos.domain.applications.states import State as ApplicationState
from mopos.domain.operators.model import Post
from mopos.domain.payments.states import State
from mopos.edges.i18n import Lang
from mopos.edges.i18n.texts import TEXTS

GLOSSARY = Path(__file__).parents[3] / "docs" / "reference" / "glossary.md"


@pytest.mark.parametrize("state", State)
def test_the_glossary_names_each_state_as_its_page_does(state: State) -> None:
    persian, english = (TEXTS[lang][f"state.{state}.title"] for lang in (Lang.FA, Lang.EN))
    assert f"| {state} | {persian} | {english} |" in GLOSSARY.read_text(encoding="utf-8")


@pytest.mark.parametrize("state", ApplicationState)
def test_the_glossary_names_each_state_of_an_application(state: ApplicationState) -> None:
    persian, english = (TEXTS[lang][f"application.state.{state}"] for lang in (Lang.FA, Lang.EN))
    assert f"| {state} | {persian} | {english} |" in GLOSSARY.read_text(encoding="utf-8")


@pytest.mark.parametrize("key", [*(f"role.{role}" for role in Role), *(f"console.role.{post}" for post in Post)])
def test_the_glossary_names_each_role(key: str) -> None:
    persian, english = (TEXTS[lang][key] for lang in (Lang.FA, Lang.EN))
    assert f"| {english.lower()} | {persian} |" in GLOSSARY.read_text(encoding="utf-8")


# Words of the menus and pages that the glossary explains, by their keys.
@pytest.mark.parametrize(
    "key",
    [
        *("menu.dashboard", "menu.profile", "menu.integration", "menu.activity", "menu.queues"),
        *("second.title", "second.recovery", "purchases.unacknowledged", "log.title", "console.log"),
    ],
)
def test_the_glossary_uses_the_words_of_the_pages(key: str) -> None:
    assert f"| {TEXTS[Lang.FA][key]} |" in GLOSSARY.read_text(encoding="utf-8")
