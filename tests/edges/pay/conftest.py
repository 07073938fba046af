"""The pages that the tests look at: every page that a buyer can meet, by name."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from mopos.banks.port import Decline, Redirect
from mopos.base.errors import Refused
from mopos.base.money import Rial
from mopos.domain.payments.states import State
from mopos.edges.i18n import Lang
from mopos.edges.pay import pages
from mopos.edges.pay.pages import Page, PurchaseView

PAID_AT = datetime(2026, 11, 24, 10, 33, 59, tzinfo=UTC)
PUBLIC_URL = "http://127.0.0.1:8000"
PAID = PurchaseView(
    state=State.PAID,
    merchant="کتاب‌فروشی نارنج",
    amount=Rial(1_250_000),
    number="1000247",
    res="A-1001",
    nam="مریم احمدی",
    dsc="دیوان حافظ، ۲ جلد",
    registered_at=PAID_AT - timedelta(minutes=3),
    paid_at=PAID_AT,
    masked_pan="603799******1234",
    bank_ref="402318765432",
    trace="123456",
    bank_fa="بانک آزمایشی",
    bank_en="Sandbox bank",
    decline=None,
    late=False,
    address="/pay/TOKEN",
    back_url="https://shop.example/return?Res=A-1001",
    try_again_path=None,
)
FEE = Rial(12_500)
MAY_TRY_AGAIN = {State.REGISTERED, State.AT_BANK, State.DECLINED, State.CANCELLED}


def in_state(state: State) -> PurchaseView:
    """The same purchase in another state, with what is known of it then."""
    if state is State.PAID:
        return PAID
    return replace(
        PAID,
        state=state,
        paid_at=None,
        masked_pan="",
        bank_ref="",
        trace="",
        decline=Decline.INSUFFICIENT_FUNDS if state is State.DECLINED else None,
        try_again_path="/pay/TOKEN" if state in MAY_TRY_AGAIN else None,
    )


def to_bank(lang: Lang) -> Page:
    return pages.to_bank_page(
        Redirect("POST", "https://bank.example/pay", {"Token": "1"}), in_state(State.AT_BANK), lang
    )


def refused(lang: Lang) -> Page:
    values = {"Amnt": "۵۰۰۰", "Res": "x" * 300, "RedirectURL": "ftp://shop.example/return"}
    problems = Refused(["redirect_scheme", "amnt_too_small", "res_too_long"])
    return pages.refused_page(problems, lang, back_url=None, values=values)


def res_used(lang: Lang) -> Page:
    return pages.refused_page(Refused(["res_used"]), lang, back_url=PAID.back_url, values={"Res": "A-1001"})


def crowded(lang: Lang) -> Page:
    """The longest that every text may be, without a place to break."""
    view = replace(PAID, merchant="ف" * 200, nam="W" * 200, dsc="ش" * 1000, res="9" * 64, amount=Rial(10_000_000_000))
    return pages.purchase_page(replace(view, bank_ref="7" * 64), lang, stay=True)


def of_state(state: State) -> Callable[[Lang], Page]:
    return lambda lang: pages.purchase_page(in_state(state), lang, stay=False)


PAGES: dict[str, Callable[[Lang], Page]] = {
    **{f"state-{state}": of_state(state) for state in State},
    "stay": lambda lang: pages.purchase_page(PAID, lang, stay=True),
    "late": lambda lang: pages.purchase_page(replace(PAID, late=True), lang, stay=False),
    "given-back": lambda lang: pages.purchase_page(
        replace(in_state(State.DECLINED), decline=Decline.GIVEN_BACK, try_again_path=None), lang, stay=False
    ),
    "crowded": crowded,
    "already-paid": lambda lang: pages.already_paid_page(PAID, lang),
    "fee-to-agree": lambda lang: pages.purchase_page(
        replace(in_state(State.REGISTERED), fee=FEE, asks_for_fee=True), lang, stay=False
    ),
    "fee-paid": lambda lang: pages.purchase_page(replace(PAID, fee=FEE), lang, stay=True),
    "bank-unavailable": lambda lang: pages.bank_unavailable_page(in_state(State.REGISTERED), lang),
    "to-bank": to_bank,
    "refused": refused,
    "res-used": res_used,
    "not-found": lambda lang: pages.error_page("page_not_found", lang),
    "out-of-order": lambda lang: pages.error_page("out_of_order", lang),
    "explain": lambda lang: pages.explain_page(lang, PUBLIC_URL),
    "home": lambda lang: pages.home_page(lang, PUBLIC_URL),
}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test that asks for `page_name` or `lang` runs for each."""
    if "page_name" in metafunc.fixturenames:
        metafunc.parametrize("page_name", PAGES)
    if "lang" in metafunc.fixturenames:
        metafunc.parametrize("lang", Lang)


@pytest.fixture
def page(page_name: str, lang: Lang) -> Page:
    """The page `page_name` in the language `lang`."""
    return PAGES[page_name](lang)


@pytest.fixture(scope="session")
def every_page() -> dict[str, Callable[[Lang], Page]]:
    return PAGES


@pytest.fixture(scope="session")
def view() -> Callable[[State], PurchaseView]:
    """One purchase as it looks in any state."""
    return in_state
