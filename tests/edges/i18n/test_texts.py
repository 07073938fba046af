"""Every sentence is there in both languages, every sentence is used, and the Persian ones are spelled well."""

import re
from pathlib import Path
from types import ModuleType

import pytest

import mopos.edges.pay
from mopos.banks.port import Decline
from mopos.base.errors import PAYREP_ERRORS, PROBLEMS
from mopos.domain.payments.model import RES_LENGTH_MAX
from mopos.domain.payments.states import State
from mopos.edges.i18n import Lang
from mopos.edges.i18n.tables import (
    account,
    applications,
    books,
    channels,
    console,
    deposits,
    fees,
    integration,
    people,
    recon,
    refunds,
    reports,
    settlement,
    settlement_core,
    web,
)
from mopos.edges.i18n.texts import TEXTS, err_dsc

AREAS = (
    *(web, people, account, applications, books, channels, reports, integration, console, refunds, fees, deposits),
    recon,
    settlement,
    settlement_core,
)

FA, EN = TEXTS[Lang.FA], TEXTS[Lang.EN]
# The names of the other language stand in that language.
IN_THE_OTHER_LANGUAGE = {"label.switch", "label.fold"}

BUYERS = ("form", "suspended", "used", "again", "lost")
FIELDS = ("Res", "Amnt", "Nam", "Dsc", "RedirectURL")
WANTED = {
    *(f"problem.{problem.code}" for problem in PROBLEMS),
    *(f"payrep.{name}" for name in PAYREP_ERRORS.values()),
    "payrep.partly_refunded",
    *(f"decline.{reason}" for reason in Decline),
    *(f"state.{state}.{part}" for state in State for part in ("title", "sentence")),
    *(f"buyer.{words}.{part}" for words in BUYERS for part in ("title", "sentence")),
    *(f"explain.{name}" for name in ("ID", *FIELDS, "required", "optional")),
    *(f"explain.{field}.rule" for field in FIELDS),
}


def named_in_the_pages() -> set[str]:
    """The keys that the pages' code and templates name in full."""
    folder = Path(mopos.edges.pay.__file__).parent
    sources = [folder / "pages.py", *(folder / "templates").glob("*.html")]
    pattern = re.compile(
        r"[\"']((?:state|label|action|home|explain|to_bank|already_paid|bank_unavailable)\.[\w.]+)[\"']"
    )
    return {key for source in sources for key in pattern.findall(source.read_text(encoding="utf-8"))}


def test_no_sentence_is_missing_and_none_is_left_over() -> None:
    # A key that ends in a dot is put together in a template; its whole is in WANTED.
    named = {key for key in named_in_the_pages() if not key.endswith(".")}
    of_areas = {key for area in AREAS for key in area.TABLE}
    assert set(FA) - of_areas == (WANTED | named) - of_areas
    assert set(FA) >= WANTED


def test_areas_do_not_share_keys() -> None:
    keys = [key for area in AREAS for key in area.TABLE]
    assert len(keys) == len(set(keys))


@pytest.mark.parametrize("area", AREAS, ids=lambda area: area.__name__.rpartition(".")[2])
def test_every_sentence_of_an_area_is_used(area: ModuleType) -> None:
    """In full, or as `"kind." ~ name` in a template and `f"kind.{name}"` in code."""
    edges = Path(mopos.edges.pay.__file__).parents[1]
    sources = [*edges.glob("[!i]*/**/*.py"), *edges.glob("*/templates/*.html")]
    text = "".join(source.read_text(encoding="utf-8") for source in sources)
    begun = tuple(re.findall(r"""["']([\w.]+\.)(?:["']|\{)""", text))
    unused = [
        key
        for key in area.TABLE
        if f'"{key}"' not in text and f"'{key}'" not in text and not key.startswith((*begun, "problem.", "done."))
    ]
    assert unused == []


@pytest.mark.parametrize("key", sorted(FA))
def test_both_languages_say_something_in_their_own_letters(key: str) -> None:
    persian_letters = re.compile("[آ-ی]|،")
    other = key in IN_THE_OTHER_LANGUAGE
    assert bool(persian_letters.search(FA[key])) != other
    assert bool(persian_letters.search(EN[key])) == other
    assert EN[key].strip()


@pytest.mark.parametrize("key", sorted(FA))
def test_no_bound_is_left_unfilled(key: str) -> None:
    if key.startswith("act."):  # filled from the row of the activity log
        assert set(re.findall(r"\{\w+\}", FA[key])) == set(re.findall(r"\{\w+\}", EN[key]))
        return
    left = set(re.findall(r"\{\w+\}", FA[key] + EN[key]))
    assert left <= ({"{seconds}"} if key in ("label.leaving", "label.refreshing") else set())


@pytest.mark.parametrize("key", sorted(set(FA) - IN_THE_OTHER_LANGUAGE))
def test_persian_spelling(key: str) -> None:
    text = FA[key]
    assert not re.search("[كيىةەھ٠-٩]", text), "Arabic letters or digits"
    assert not re.search("(^|[ «(])ن?می ", text), "the half space after می is missing"
    assert not re.search(" (ها|های|تر|ترین|اند)([ .،؛]|$)", text), "a half space is missing before an ending"
    assert not re.search("[,;?]", text), "Latin punctuation"
    assert not re.search("[0-9]", text.replace("UTF-8", "").replace("CVV2", "")), "Latin digits"
    assert not re.search(r"\s[.،؛:]|  ", text), "a blank too many"


def test_sentences_name_the_rule_s_own_bounds() -> None:
    assert str(RES_LENGTH_MAX) in EN["problem.res_too_long"]
    assert "10,000 Rial" in EN["problem.amnt_too_small"]
    assert "۱۰٬۰۰۰ ریال" in FA["problem.amnt_too_small"]


def test_err_dsc_is_persian_and_tells_the_bank_s_reason() -> None:
    assert err_dsc(0) == "خرید به‌طور کامل و بدون خطا انجام شد."
    assert err_dsc(10) == "بانک پرداخت را نپذیرفت."
    assert err_dsc(10, Decline.INSUFFICIENT_FUNDS) == "بانک پرداخت را نپذیرفت. موجودی حساب کافی نبود."


@pytest.mark.parametrize("err", PAYREP_ERRORS)
def test_every_err_has_its_err_dsc(err: int) -> None:
    assert err_dsc(err)
