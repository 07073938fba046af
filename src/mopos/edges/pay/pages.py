"""The buyer's pages: each function takes what is to be shown and gives a whole page, with the headers that it needs.

No page needs a script; only the one that leads to a bank carries one, so that the button need not be pressed. Texts of
shops, buyers and banks are escaped and isolated (`<bdi>`); amounts, card and references always run left to right.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from jinja2 import Environment, PackageLoader, StrictUndefined

from mopos.banks.port import Decline, Redirect
from mopos.base.errors import Refused
from mopos.base.money import Rial
from mopos.base.text import harmless, persian_digits
from mopos.domain.payments.states import State
from mopos.edges.i18n.formats import date_time, grouped, in_words, rial, toman
from mopos.edges.i18n.lang import Lang
from mopos.edges.i18n.texts import TEXTS
from mopos.edges.pay.assets import GO, ICON, STYLE, static_files

__all__ = [
    "BACK_AFTER_S",
    "LOOK_AGAIN_AFTER_S",
    "BankChoice",
    "Look",
    "Page",
    "PurchaseView",
    "already_paid_page",
    "bank_unavailable_page",
    "error_page",
    "explain_page",
    "home_page",
    "purchase_page",
    "refused_page",
    "static_files",
    "to_bank_page",
]

Headers = tuple[tuple[str, str], ...]
NOTHING = Rial(0)

# WCAG 2.2, criterion 2.2.1: who reads slowly must have at least 20 seconds to press "stay".
BACK_AFTER_S = 20
# A bank's answer takes a second or two; a page that asks more often only costs the phone's battery.
LOOK_AGAIN_AFTER_S = 5
# Long enough to recognise what was sent, short enough for a phone.
_SHOWN_LENGTH_MAX = 80
# When a browser or a shop may come again.
_RETRY_AFTER_S = 10


@dataclass(frozen=True, slots=True)
class Page:
    """A page ready to be sent: HTML in UTF-8, and its headers except Content-Type and Content-Length."""

    status: int
    html: bytes
    headers: Headers


class Look(NamedTuple):
    """A shop's look: addresses of its stylesheet and its logo, each empty when there is none."""

    style: str
    logo: str


class BankChoice(NamedTuple):
    """A bank that a buyer may choose."""

    kind: str
    fa: str
    en: str
    is_same: bool
    """Whether he was there the last time."""


@dataclass(frozen=True, slots=True)
class PurchaseView:
    """What a purchase's page may show."""

    state: State
    merchant: str
    amount: Rial
    number: str
    """The purchase number that people read."""
    res: str
    nam: str
    dsc: str
    registered_at: datetime
    paid_at: datetime | None
    masked_pan: str
    bank_ref: str
    trace: str
    bank_fa: str
    bank_en: str
    decline: Decline | None
    late: bool
    address: str
    """This page's own path, such as `/pay/TOKEN`."""
    back_url: str
    """`RedirectURL` with `Res` added, in ASCII."""
    try_again_path: str | None
    """Where to POST in order to be sent to the bank (again); None when there is nothing to try."""
    look: Look | None = None
    """The shop's own; None: MoPos's."""
    given_back: Rial = NOTHING
    """What refunds have given back for certain."""
    being_given_back: Rial = NOTHING
    """What further refunds are to give back; it is not certain yet."""
    fee: Rial = NOTHING
    """What the buyer bears on top of the amount."""
    asks_for_fee: bool = False
    """The buyer is to see the fee before he goes to the bank."""
    banks: tuple[BankChoice, ...] = ()
    """Where he may choose a bank when he tries again: the one that he was at first, if it is among them. Empty: there
    is nothing to choose."""

    @property
    def total(self) -> Rial:
        """What the buyer pays."""
        return self.amount + self.fee

    @property
    def is_given_back(self) -> bool:
        """Whether nothing of the payment is the shop's any more."""
        return self.state is State.REVERSED or (self.state is State.PAID and self.given_back == self.amount)


class Row(NamedTuple):
    """One line of the details. `code`: a number or reference, shown left to right and easy to copy."""

    label: str
    value: str
    code: bool = False


class Action(NamedTuple):
    """Something to press: a link, or (`post`) a button of a form of its own."""

    label: str
    url: str
    post: bool = False
    bank: str = ""
    """The bank that the main button goes to; empty: ours to choose."""
    others: tuple[tuple[str, str], ...] = ()
    """Quieter buttons of the same form: other banks' kinds, and what stands on each."""


_ENVIRONMENT = Environment(
    loader=PackageLoader("mopos.edges.pay"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    auto_reload=False,
)
_ENVIRONMENT.globals.update(style=STYLE.path, icon=ICON.path)
_RECEIPT, _TO_BANK, _REFUSED, _EXPLAIN, _HOME = (
    _ENVIRONMENT.get_template(f"{name}.html") for name in ("receipt", "to_bank", "refused", "explain", "home")
)

_TONES: dict[State, str] = {
    State.REGISTERED: "open",
    State.AT_BANK: "open",
    State.VERIFYING: "wait",
    State.UNKNOWN: "wait",
    State.PAID: "good",
    State.DECLINED: "bad",
    State.CANCELLED: "ended",
    State.EXPIRED: "ended",
    State.CONFLICTED: "care",
    State.REVERSING: "wait",
    State.REVERSED: "ended",
}
# Where paying (again) is safe: nothing was taken, and nothing is being asked. The button's text.
_PAYING: dict[State, str] = {
    State.REGISTERED: "action.to_bank",
    State.AT_BANK: "action.to_bank",
    State.DECLINED: "action.try_again",
    State.CANCELLED: "action.try_again",
}
_WAITING = frozenset({State.VERIFYING, State.UNKNOWN})
_ENDED = frozenset({State.PAID, State.DECLINED, State.CANCELLED, State.EXPIRED, State.REVERSED})

# Which words a buyer reads above the list of problems (`texts.py`, kind `buyer`). Others: `again` or `form`.
_BUYERS_WORDS = {
    "gateway_suspended": "suspended",
    "gateway_closed": "suspended",
    "res_used": "used",
    "res_paid": "used",
    "page_not_found": "lost",
}


def purchase_page(view: PurchaseView, lang: Lang, *, stay: bool) -> Page:
    """The page of a purchase, at its own address for ever. `stay`: it does not move by itself (`?stay=1`)."""
    t = TEXTS[lang]
    actions = _actions(view, lang)
    refresh, moving = ((), None) if stay else _movement(view, lang, actions)
    reason = t[f"decline.{view.decline}"] if view.state is State.DECLINED and view.decline else ""
    title, sentence = _words(view, lang)
    html = _RECEIPT.render(
        **_frame(lang, title, _address(view, lang.other, stay), view),
        tone=_TONES[_state(view)],
        sentence=sentence,
        reason=reason,
        notice=_notice(view, lang),
        **_amount(view, lang),
        rows=_rows(view, lang),
        actions=actions,
        moving=moving,
        fold=None,
        print_hint=view.state is State.PAID,
    )
    return _page(200, html, form_action=_form_action(actions), more=refresh)


def _state(view: PurchaseView) -> State:
    """As which state a purchase is shown: to its buyer it is one whether a reversal or refunds gave all of it back."""
    return State.REVERSED if view.is_given_back else view.state


def _notice(view: PurchaseView, lang: Lang) -> str:
    t = TEXTS[lang]
    if view.state is not State.PAID or view.is_given_back:
        return ""
    if view.given_back:
        return t["refund.page.part"]
    if view.being_given_back:
        return t["refund.page.under_way"]
    return t["state.late"] if view.late else ""


def already_paid_page(view: PurchaseView, lang: Lang) -> Page:
    """The same form again, after it was paid. Whoever posts it sees neither card nor name, nor the page's address."""
    t, o = TEXTS[lang], TEXTS[lang.other]
    # Whose money went back is not told that it was paid, and no more.
    title, sentence = (
        ("already_paid.title", "already_paid.sentence")
        if _state(view) is State.PAID
        else (f"state.{_state(view)}.title", f"state.{_state(view)}.sentence")
    )
    rows = [Row(t["label.merchant"], view.merchant)]
    if view.paid_at:
        rows.append(Row(f"{t['label.paid_at']} ({t['label.tehran']})", date_time(view.paid_at, lang)))
    rows.append(Row(t["label.number"], view.number, code=True))
    html = _RECEIPT.render(
        **_frame(lang, t[title], None, view),
        tone=_TONES[_state(view)],
        sentence=t[sentence],
        reason="",
        notice="",
        **_amount(view, lang),
        rows=rows,
        actions=[Action(t["action.back"], view.back_url)],
        moving=None,
        fold=(o[title], o[sentence]),
        print_hint=False,
    )
    return _page(409, html)


def bank_unavailable_page(view: PurchaseView, lang: Lang) -> Page:
    """The bank did not open the payment; the buyer may try again at once."""
    t = TEXTS[lang]
    actions = [Action(t["action.back"], view.back_url)]
    if view.try_again_path:
        actions.insert(0, Action(t["action.try_again"], f"{view.try_again_path}?lang={lang}", post=True))
    html = _RECEIPT.render(
        **_frame(lang, t["bank_unavailable.title"], _address(view, lang.other, stay=False), view),
        tone="bad",
        sentence=t["bank_unavailable.sentence"],
        reason="",
        notice="",
        **_amount(view, lang),
        rows=_rows(view, lang),
        actions=actions,
        moving=None,
        fold=None,
        print_hint=False,
    )
    return _page(502, html, form_action=_form_action(actions))


def to_bank_page(redirect: Redirect, view: PurchaseView, lang: Lang) -> Page:
    """The form that takes the buyer to the bank: sent by itself, or by its button without scripts. Also where the bank
    wants a GET: a browser that is led on by a redirect tells the shop's page as its origin, and banks look at ours."""
    t = TEXTS[lang]
    html = _TO_BANK.render(
        **_frame(lang, t["to_bank.title"], _address(view, lang.other, stay=False), view),
        method=redirect.method.lower(),
        url=redirect.url,
        fields=redirect.fields,
        go=GO.path,
        integrity=GO.integrity,
        **_amount(view, lang),
        rows=[Row(t["label.merchant"], view.merchant), Row(t["label.bank"], _bank(view, lang))],
    )
    parts = urlsplit(redirect.url)
    # A bank's answer may lead on to another of its hosts, and browsers apply form-action to that step too; a bank
    # without TLS is a sandbox, with one host.
    form_action = "https:" if parts.scheme == "https" else f"{parts.scheme}://{parts.netloc}"
    # Banks recognise a merchant's site by its origin; the address itself, which holds the token, is not told.
    return _page(200, html, form_action=form_action, script="'self'", referrer="strict-origin")


def refused_page(refused: Refused, lang: Lang, *, back_url: str | None, values: Mapping[str, str]) -> Page:
    """What is wrong with a request: first in the buyer's words, then every problem with its code for the developer.

    `values` are the fields as they were posted; what is wrong is shown back, cut to a readable length."""
    first = refused.problems[0]
    words = _BUYERS_WORDS.get(first.code) or ("again" if first.try_again else "form")
    t, o = TEXTS[lang], TEXTS[lang.other]
    html = _REFUSED.render(
        **_frame(lang, t[f"buyer.{words}.title"]),
        tone="wait" if first.try_again else "bad",
        sentence=t[f"buyer.{words}.sentence"],
        problems=[(problem, _shown(values.get(problem.field, ""))) for problem in refused.problems],
        back_url=back_url,
        o=o,
        fold=(o[f"buyer.{words}.title"], o[f"buyer.{words}.sentence"]),
    )
    later = (("Retry-After", str(_RETRY_AFTER_S)),) if refused.status in (429, 503) else ()
    return _page(refused.status, html, more=later)


def error_page(code: str, lang: Lang) -> Page:
    """A page for one code of the catalogue that is about no form: `page_not_found`, `out_of_order`..."""
    return refused_page(Refused([code]), lang, back_url=None, values={})


def explain_page(lang: Lang, public_url: str) -> Page:
    """`GET /Payment.aspx`: what the address is for, the form's fields, an example, and the way to the result."""
    html = _EXPLAIN.render(**_frame(lang, TEXTS[lang]["explain.title"], f"?lang={lang.other}"), public_url=public_url)
    return _page(200, html)


def home_page(lang: Lang, public_url: str) -> Page:
    """The gateway's front page: what it is, for buyers and for shops' developers."""
    html = _HOME.render(**_frame(lang, TEXTS[lang]["home.title"], f"?lang={lang.other}"), public_url=public_url)
    return _page(200, html)


def _frame(lang: Lang, title: str, switch: str | None = None, view: PurchaseView | None = None) -> dict[str, Any]:
    """What the layout needs. `switch`: the address of the same page in the other language, where there is one: a page
    that answers a POST has none and carries its main words in both languages instead."""
    look, merchant = (view.look, view.merchant) if view else (None, "")
    return {"lang": lang, "t": TEXTS[lang], "title": title, "switch": switch, "look": look, "merchant": merchant}


def _address(view: PurchaseView, lang: Lang, stay: bool) -> str:
    return f"{view.address}?lang={lang}&stay=1" if stay else f"{view.address}?lang={lang}"


def _words(view: PurchaseView, lang: Lang) -> tuple[str, str]:
    """A page's title and its first sentence."""
    t = TEXTS[lang]
    if view.asks_for_fee and view.try_again_path:
        return t["fee.agree.title"], t["fee.agree.sentence"]
    return t[f"state.{_state(view)}.title"], t[f"state.{_state(view)}.sentence"]


def _amount(view: PurchaseView, lang: Lang) -> dict[str, Any]:
    """What the buyer pays, large; where a fee is in it, of what it is made."""
    t = TEXTS[lang]
    parts = (("fee.of_purchase", view.amount), ("fee.of_payment", view.fee))
    return {
        "amount": grouped(view.total, lang),
        "toman": toman(view.total, lang),
        "words": in_words(view.total),
        "sums": [(t[key], grouped(part, lang)) for key, part in parts] if view.fee else [],
    }


def _bank(view: PurchaseView, lang: Lang) -> str:
    return view.bank_fa if lang is Lang.FA else view.bank_en


def _rows(view: PurchaseView, lang: Lang) -> list[Row]:
    t = TEXTS[lang]
    time = ("label.paid_at", view.paid_at) if view.paid_at else ("label.registered_at", view.registered_at)
    rows = [
        Row(t["label.merchant"], view.merchant),
        Row(t["label.dsc"], view.dsc),
        Row(t["label.nam"], view.nam),
        Row(f"{t[time[0]]} ({t['label.tehran']})", date_time(time[1], lang)),
        Row(t["refund.given_back"], rial(view.given_back, lang) if view.given_back else ""),
        Row(t["refund.being_given_back"], rial(view.being_given_back, lang) if view.being_given_back else ""),
        Row(t["label.card"], _card(view.masked_pan), code=True),
        Row(t["label.bank"], _bank(view, lang)),
        Row(t["label.bank_ref"], view.bank_ref, code=True),
        Row(t["label.trace"], view.trace, code=True),
        Row(t["label.number"], view.number, code=True),
        Row(t["label.res"], view.res, code=True),
    ]
    return [row for row in rows if row.value]


def _card(masked_pan: str) -> str:
    """`6037 99** **** 1234`: in fours, as on the plastic. A bank that masks in another way is shown as it says."""
    if len(masked_pan) != 16:
        return masked_pan
    return " ".join(masked_pan[at : at + 4] for at in range(0, 16, 4))


def _actions(view: PurchaseView, lang: Lang) -> list[Action]:
    """What the buyer can do, the likeliest first."""
    t = TEXTS[lang]
    actions = [Action(t["action.back"], view.back_url)]
    label = "fee.agree.button" if view.asks_for_fee else _PAYING.get(view.state)
    if label and view.try_again_path:
        actions.insert(0, _try(view, lang, t[label]))
    if view.state in _WAITING:
        actions.append(Action(t["action.look_again"], _address(view, lang, stay=False)))
    return actions


def _try(view: PurchaseView, lang: Lang, label: str) -> Action:
    """The button that sends the buyer to a bank; where he may choose, the other banks quietly below it."""
    same = next((bank.kind for bank in view.banks if bank.is_same), "")
    with_bank = TEXTS[lang]["action.with_bank"]
    others = tuple(
        (bank.kind, f"{with_bank} {bank.fa if lang is Lang.FA else bank.en}") for bank in view.banks if not bank.is_same
    )
    return Action(label, f"{view.try_again_path}?lang={lang}", post=True, bank=same, others=others)


def _movement(view: PurchaseView, lang: Lang, actions: list[Action]) -> tuple[Headers, Action | None]:
    """The `Refresh` header of a page that moves by itself, and the link that stops it, with its announcement.

    A page that still offers something to do never leaves by itself."""
    if view.state in _WAITING:
        return _refresh(view, lang, LOOK_AGAIN_AFTER_S, _address(view, lang, stay=False), "label.refreshing")
    if view.state in _ENDED and not any(action.post for action in actions):
        return _refresh(view, lang, BACK_AFTER_S, view.back_url, "label.leaving")
    return (), None


def _refresh(view: PurchaseView, lang: Lang, after_s: int, url: str, label: str) -> tuple[Headers, Action]:
    seconds = persian_digits(str(after_s)) if lang is Lang.FA else str(after_s)
    announcement = TEXTS[lang][label].replace("{seconds}", seconds)
    return (("Refresh", f"{after_s}; url={url}"),), Action(announcement, _address(view, lang, stay=True))


def _shown(value: str) -> str:
    """A posted value, harmless and cut."""
    text = harmless(value[: 10 * _SHOWN_LENGTH_MAX])
    return text if len(text) <= _SHOWN_LENGTH_MAX else f"{text[:_SHOWN_LENGTH_MAX]}…"


def _form_action(actions: list[Action]) -> str:
    """Browsers apply form-action to redirects too, and the way to a bank may be one: to any host, by HTTP(S) only."""
    return "'self' https: http:" if any(action.post for action in actions) else "'none'"


def _page(
    status: int,
    html: str,
    *,
    form_action: str = "'none'",
    script: str = "'none'",
    referrer: str = "no-referrer",
    more: Headers = (),
) -> Page:
    policy = (
        f"default-src 'none'; style-src 'self'; img-src 'self' data:; script-src {script}; "
        f"form-action {form_action}; base-uri 'none'; frame-ancestors 'none'"
    )
    headers = (
        ("Content-Security-Policy", policy),
        ("Referrer-Policy", referrer),
        ("X-Content-Type-Options", "nosniff"),
        ("Cache-Control", "no-store"),
        *more,
    )
    # `replace`: a bank's field with half a character must not cost the buyer the page.
    return Page(status, html.encode("utf-8", "replace"), headers)
