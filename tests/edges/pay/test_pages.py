"""The buyer's pages as bytes and headers: what they say, what they must never say, and that text stays text."""

import re
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import pytest

from mopos.banks.port import Decline, Redirect
from mopos.base.errors import PROBLEMS, Problem, Refused
from mopos.base.money import Rial
from mopos.domain.payments.states import State
from mopos.edges.i18n import Lang
from mopos.edges.i18n.texts import TEXTS
from mopos.edges.pay import pages
from mopos.edges.pay.assets import GO, STYLE, static_files
from mopos.edges.pay.pages import BACK_AFTER_S, LOOK_AGAIN_AFTER_S, Page, PurchaseView

View = Callable[[State], PurchaseView]
VOID = {"meta", "link", "img", "input", "wbr", "br", "circle", "path"}


class Outline(HTMLParser):
    """A page as a browser takes it apart: its elements, its text, and whether every element is closed."""

    def __init__(self, html: bytes) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.text = ""
        self.open: list[str] = []
        self.feed(html.decode())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag, f"</{tag}> closes another element"

    def handle_data(self, data: str) -> None:
        self.text += data

    def all(self, tag: str) -> list[dict[str, str]]:
        return [attrs for name, attrs in self.elements if name == tag]


def headers(page: Page) -> dict[str, str]:
    return dict(page.headers)


def policy(page: Page) -> dict[str, str]:
    return dict(part.strip().split(" ", 1) for part in headers(page)["Content-Security-Policy"].split(";"))


# Every page


def test_every_page_is_whole_html_in_its_language(page: Page, lang: Lang) -> None:
    outline = Outline(page.html)
    assert page.html.startswith(b"<!doctype html>")
    assert outline.open == []
    assert outline.all("html") == [{"lang": lang, "dir": "rtl" if lang == "fa" else "ltr"}]
    assert len(outline.all("h1")) == len(outline.all("main")) == len(outline.all("title")) == 1


def test_no_page_has_anything_inline_or_from_elsewhere(page: Page, page_name: str) -> None:
    outline = Outline(page.html)
    assert not outline.all("style")
    for tag, attrs in outline.elements:
        assert "style" not in attrs
        assert not any(name.startswith("on") for name in attrs)
        assert not (tag in ("script", "img") and not attrs["src"].startswith("/static/"))
    assert [attrs["href"] for attrs in outline.all("link")] == [STYLE.path, "/static/" + static_files()[1].name]
    assert bool(outline.all("script")) == (page_name == "to-bank")


def test_every_page_is_locked_down_by_its_headers(page: Page, page_name: str) -> None:
    rules = policy(page)
    assert rules["default-src"] == rules["base-uri"] == rules["frame-ancestors"] == "'none'"
    assert rules["style-src"] == "'self'"
    assert rules["script-src"] == ("'self'" if page_name == "to-bank" else "'none'")
    has_form = bool(Outline(page.html).all("form"))
    assert (rules["form-action"] != "'none'") == has_form
    assert headers(page)["Referrer-Policy"] == ("strict-origin" if page_name == "to-bank" else "no-referrer")
    assert headers(page)["X-Content-Type-Options"] == "nosniff"
    assert headers(page)["Cache-Control"] == "no-store"


def test_every_page_can_be_read_in_the_other_language(page: Page, lang: Lang) -> None:
    outline = Outline(page.html)
    switch = [attrs for attrs in outline.all("a") if attrs.get("hreflang") == lang.other]
    fold = [attrs for attrs in outline.all("details") if attrs["lang"] == lang.other]
    assert len(switch) + len(fold) == 1
    assert all(f"lang={lang.other}" in attrs["href"] for attrs in switch)


# The states of a purchase


@pytest.mark.parametrize("state", State)
def test_every_state_says_its_own_title_amount_and_shop(state: State, lang: Lang, view: View) -> None:
    page = pages.purchase_page(view(state), lang, stay=False)
    text = Outline(page.html).text
    assert page.status == 200
    assert TEXTS[lang][f"state.{state}.title"] in text
    assert TEXTS[lang][f"state.{state}.sentence"] in text
    assert ("۱٬۲۵۰٬۰۰۰" if lang == "fa" else "1,250,000") in text
    assert ("۱۲۵٬۰۰۰ تومان" if lang == "fa" else "125,000 Toman") in text
    assert "یک میلیون و دویست و پنجاه هزار ریال" in text
    assert "کتاب‌فروشی نارنج" in text
    assert "1000247" in text


def test_the_titles_of_all_states_differ(lang: Lang) -> None:
    assert len({TEXTS[lang][f"state.{state}.title"] for state in State}) == len(State)


def test_the_invoice_shows_all_that_a_receipt_needs(view: View) -> None:
    text = Outline(pages.purchase_page(view(State.PAID), Lang.FA, stay=False).html).text
    for expected in (
        "مریم احمدی",
        "دیوان حافظ، ۲ جلد",
        "سه‌شنبه ۳ آذر ۱۴۰۵، ساعت ۱۴:۰۳:۵۹",
        "6037 99** **** 1234",
        "402318765432",
        "123456",
        "بانک آزمایشی",
        "A-1001",
    ):
        assert expected in text


def test_what_is_not_known_has_no_empty_line(view: View) -> None:
    outline = Outline(pages.purchase_page(replace(view(State.EXPIRED), nam="", dsc=""), Lang.FA, stay=False).html)
    assert TEXTS[Lang.FA]["label.card"] not in outline.text
    assert TEXTS[Lang.FA]["label.nam"] not in outline.text
    assert TEXTS[Lang.FA]["label.dsc"] not in outline.text


@pytest.mark.parametrize("decline", Decline)
def test_a_declined_payment_tells_why_in_the_buyer_s_words(decline: Decline, lang: Lang, view: View) -> None:
    page = pages.purchase_page(replace(view(State.DECLINED), decline=decline), lang, stay=False)
    assert TEXTS[lang][f"decline.{decline}"] in Outline(page.html).text


def test_a_payment_confirmed_late_says_so(lang: Lang, view: View) -> None:
    late = pages.purchase_page(replace(view(State.PAID), late=True), lang, stay=False)
    assert TEXTS[lang]["state.late"] in Outline(late.html).text


# What moves by itself, and how it is stopped


@pytest.mark.parametrize(
    ("state", "refresh"),
    [
        (State.REGISTERED, None),
        (State.AT_BANK, None),
        (State.VERIFYING, f"{LOOK_AGAIN_AFTER_S}; url=/pay/TOKEN?lang=fa"),
        (State.UNKNOWN, f"{LOOK_AGAIN_AFTER_S}; url=/pay/TOKEN?lang=fa"),
        (State.PAID, f"{BACK_AFTER_S}; url=https://shop.example/return?Res=A-1001"),
        (State.DECLINED, None),  # it still offers to try again
        (State.CANCELLED, None),
        (State.EXPIRED, f"{BACK_AFTER_S}; url=https://shop.example/return?Res=A-1001"),
        (State.CONFLICTED, None),  # the purchase number is to be kept
    ],
)
def test_which_pages_move_by_themselves(state: State, refresh: str | None, view: View) -> None:
    moving = pages.purchase_page(view(state), Lang.FA, stay=False)
    staying = pages.purchase_page(view(state), Lang.FA, stay=True)
    stop = [attrs for attrs in Outline(moving.html).all("a") if attrs["href"] == "/pay/TOKEN?lang=fa&stay=1"]
    assert headers(moving).get("Refresh") == refresh
    assert len(stop) == (1 if refresh else 0)
    assert "Refresh" not in headers(staying)


def test_a_declined_payment_that_cannot_be_tried_again_leads_back_to_the_shop(view: View) -> None:
    page = pages.purchase_page(replace(view(State.DECLINED), try_again_path=None), Lang.EN, stay=False)
    assert headers(page)["Refresh"] == f"{BACK_AFTER_S}; url=https://shop.example/return?Res=A-1001"


def test_nobody_is_led_away_in_less_time_than_wcag_asks_for() -> None:
    assert BACK_AFTER_S >= 20


@pytest.mark.parametrize("state", State)
def test_paying_again_is_offered_only_where_it_is_safe(state: State, view: View) -> None:
    """Even if the way to try again were handed in by mistake."""
    page = pages.purchase_page(replace(view(state), try_again_path="/pay/TOKEN"), Lang.FA, stay=False)
    forms = Outline(page.html).all("form")
    safe = state in (State.REGISTERED, State.AT_BANK, State.DECLINED, State.CANCELLED)
    assert forms == ([{"method": "post", "action": "/pay/TOKEN?lang=fa"}] if safe else [])


def test_every_page_of_a_purchase_leads_back_to_the_shop(lang: Lang, view: View) -> None:
    for state in State:
        outline = Outline(pages.purchase_page(view(state), lang, stay=False).html)
        assert {"https://shop.example/return?Res=A-1001"} <= {attrs["href"] for attrs in outline.all("a")}


# The way to the bank


def test_the_form_to_the_bank_carries_the_bank_s_own_fields(lang: Lang, view: View) -> None:
    redirect = Redirect("POST", "https://bank.example/pay?a=1&b=2", {"Token": 'x"><script>', "RefId": "۱"})
    page = pages.to_bank_page(redirect, view(State.AT_BANK), lang)
    outline = Outline(page.html)
    assert outline.all("form") == [{"id": "to-bank", "method": "post", "action": "https://bank.example/pay?a=1&b=2"}]
    assert {attrs["name"]: attrs["value"] for attrs in outline.all("input")} == redirect.fields
    assert outline.all("button") == [{"class": "first"}]
    assert policy(page)["form-action"] == "https:"


def test_a_bank_without_tls_is_named_by_its_origin(view: View) -> None:
    redirect = Redirect("POST", "http://127.0.0.1:8001/pay", {})
    assert policy(pages.to_bank_page(redirect, view(State.AT_BANK), Lang.FA))["form-action"] == "http://127.0.0.1:8001"


def test_the_script_runs_only_as_we_wrote_it(view: View) -> None:
    page = pages.to_bank_page(Redirect("POST", "https://bank.example/", {}), view(State.AT_BANK), Lang.FA)
    assert Outline(page.html).all("script") == [{"src": GO.path, "integrity": GO.integrity, "defer": ""}]


# Refused and failed


@pytest.mark.parametrize("problem", PROBLEMS, ids=lambda problem: problem.code)
def test_every_problem_has_a_page_with_its_code_field_and_status(problem: Problem, lang: Lang) -> None:
    page = pages.refused_page(Refused([problem.code]), lang, back_url=None, values={})
    text = Outline(page.html).text
    assert page.status == problem.status
    assert problem.code in text
    assert problem.field in text
    assert TEXTS[lang][f"problem.{problem.code}"] in text


def test_all_problems_are_listed_in_the_catalogue_s_order_with_what_was_sent() -> None:
    refused = Refused(["redirect_scheme", "res_missing", "amnt_too_small"])
    values = {"Amnt": "5000", "RedirectURL": "ftp://shop.example", "Res": ""}
    page = pages.refused_page(refused, Lang.EN, back_url="https://shop.example/?Res=1", values=values)
    outline = Outline(page.html)
    order = re.findall("res_missing|amnt_too_small|redirect_scheme", outline.text)
    assert order[:3] == ["res_missing", "amnt_too_small", "redirect_scheme"]
    assert "5000" in outline.text
    assert "ftp://shop.example" in outline.text
    assert "https://shop.example/?Res=1" in {attrs["href"] for attrs in outline.all("a")}


def test_what_was_sent_is_cut_to_a_readable_length() -> None:
    page = pages.refused_page(Refused(["res_too_long"]), Lang.FA, back_url=None, values={"Res": "x" * 60_000})
    assert "x" * 80 + "…" in Outline(page.html).text
    assert len(page.html) < 10_000


@pytest.mark.parametrize("code", ["too_many_requests", "out_of_order"])
def test_who_may_come_again_is_told_when(code: str) -> None:
    assert headers(pages.error_page(code, Lang.FA))["Retry-After"] == "10"


def test_a_purchase_that_is_already_paid_shows_neither_card_nor_name_nor_address(lang: Lang, view: View) -> None:
    page = pages.already_paid_page(view(State.PAID), lang)
    shown = page.html.decode()
    assert page.status == 409
    assert "1000247" in shown
    assert "https://shop.example/return?Res=A-1001" in shown
    for secret in ("6037", "1234<", "مریم", "402318765432", "/pay/TOKEN"):
        assert secret not in shown
    assert "Refresh" not in headers(page)


def test_an_unavailable_bank_can_be_tried_again(lang: Lang, view: View) -> None:
    page = pages.bank_unavailable_page(view(State.REGISTERED), lang)
    assert page.status == 502
    assert Outline(page.html).all("form") == [{"method": "post", "action": f"/pay/TOKEN?lang={lang}"}]


# Attacks

MARKUP = "<script>alert(1)</script><img src=x onerror=alert(1)>\"' &amp; {{ 7*7 }} </title></bdi>"


def test_attack_17_markup_in_any_text_stays_text(lang: Lang, view: View) -> None:
    names = ("merchant", "nam", "dsc", "res", "number", "bank_ref", "trace", "masked_pan", "bank_fa", "bank_en")
    hostile: dict[str, Any] = {name: f"{name} {MARKUP}" for name in names}
    for state in State:
        attacked = replace(view(state), **hostile)
        outline = Outline(pages.purchase_page(attacked, lang, stay=False).html)
        assert outline.open == []
        assert not outline.all("script")
        assert all(attrs["src"].startswith("/static/") for attrs in outline.all("img"))
        for name in set(names) - {"bank_en" if lang == "fa" else "bank_fa"}:
            assert f"{name} {MARKUP}" in outline.text


def test_attack_17_markup_in_addresses_stays_in_its_attribute(lang: Lang, view: View) -> None:
    attacked = replace(view(State.AT_BANK), back_url='https://shop.example/"><script>x</script>?Res=1')
    redirect = Redirect("POST", 'https://bank.example/"><script>y</script>', {'"><b>': '"><i>'})
    for page in (pages.purchase_page(attacked, lang, stay=False), pages.already_paid_page(attacked, lang)):
        assert not Outline(page.html).all("script")
    outline = Outline(pages.to_bank_page(redirect, attacked, lang).html)
    assert len(outline.all("script")) == 1
    assert not outline.all("b") + outline.all("i")


def test_attack_17_markup_in_a_refused_form_stays_text(lang: Lang) -> None:
    page = pages.refused_page(Refused(["res_malformed"]), lang, back_url=None, values={"Res": MARKUP})
    outline = Outline(page.html)
    assert not outline.all("script")
    assert MARKUP[:60] in outline.text


def test_attack_19_bidi_tricks_stay_inside_their_own_text(lang: Lang, view: View) -> None:
    """What a shop, a buyer or a bank wrote is isolated; numbers always run left to right."""
    html = pages.purchase_page(replace(view(State.PAID), merchant="نارنج\u202egnp.exe"), lang, stay=False).html.decode()
    for text in ("نارنج\u202egnp.exe", "مریم احمدی", "دیوان حافظ، ۲ جلد"):
        assert f"<bdi>{text}</bdi>" in html
    for number in ("6037 99** **** 1234", "402318765432", "123456", "1000247", "A-1001"):
        assert f'<bdi class="code" dir="ltr">{number}</bdi>' in html
    assert f'<bdi dir="ltr">{"۱٬۲۵۰٬۰۰۰" if lang == "fa" else "1,250,000"}</bdi>' in html


def test_attack_19_bidi_and_control_characters_of_a_refused_form_are_not_shown() -> None:
    values = {"Res": "A\u202eB\u0000C\u2066D\u200bE"}
    page = pages.refused_page(Refused(["res_malformed"]), Lang.FA, back_url=None, values=values)
    assert "ABCDE" in Outline(page.html).text


def test_half_a_character_does_not_cost_the_buyer_the_page(view: View) -> None:
    page = pages.to_bank_page(Redirect("POST", "https://bank.example/", {"a": "\ud800"}), view(State.AT_BANK), Lang.FA)
    assert Outline(page.html).all("input")[0]["value"] == "?"


# Files


def test_files_are_named_by_their_content() -> None:
    assert [re.sub("[0-9a-f]{12}", "HASH", file.path) for file in static_files()] == [
        "/static/style.HASH.css",
        "/static/icon.HASH.svg",
        "/static/go.HASH.js",
    ]
    assert all(file.etag.strip('"') in file.name for file in static_files())


def test_the_largest_amount_has_its_page(lang: Lang, view: View) -> None:
    page = pages.purchase_page(replace(view(State.PAID), amount=Rial(2**63 - 1)), lang, stay=False)
    assert "تریلیون" in Outline(page.html).text
