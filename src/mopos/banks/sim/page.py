"""The doors of every simulated bank for the buyer: the payment page, and the way back to the merchant.

The page is made of plain forms: it works without scripts, with a keyboard, and with curl
(`docs/howto/pay-with-curl.md`). Card numbers, CVV2 and passwords are looked at and forgotten; only a masked number goes
on.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit, urlunsplit

import httpx2
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from litestar import Response, get, post
from persiantools.jdatetime import JalaliDateTime

from mopos.banks.issuers import issuer
from mopos.banks.sim.book import WRONG_PASSWORDS_MAX, Code, Order, Stage
from mopos.banks.sim.cards import (
    BY_NUMBER,
    CARDS,
    EXAMPLE_MONTH,
    EXAMPLE_YEAR,
    STATIC_PASSWORD,
    Card,
    Ending,
    spaced,
)
from mopos.banks.sim.state import AnyRequest, Face, Running, lies_in, running
from mopos.banks.sim.texts import TEXTS
from mopos.base.clock import TEHRAN, jalali
from mopos.base.ids import has_check_digit
from mopos.base.text import latin_digits, persian_digits

# The page's form has eight fields; a hundred is a browser with strange extensions, more is an attack.
FORM_FIELDS_MAX = 100

_PAGES = Path(__file__).parent / "pages"
_ASSETS = {
    "page.css": "text/css",
    "page.js": "text/javascript",
    "mark.svg": "image/svg+xml",
}

_CVV2 = re.compile(r"[0-9]{3,4}")
_PASSWORD = re.compile(r"[0-9]{5,12}")
_TWO_DIGITS = re.compile(r"[0-9]{1,2}")

# --- the buyer's door -------------------------------------------------------------------------------------------------


async def come_in(request: AnyRequest) -> Response[bytes]:
    """The buyer comes with a token in a form's field `Token`. Coming again (refresh, back) shows the same."""
    return enter(request, (await read_fields(request)).get("Token", ""))


def enter(request: AnyRequest, token: str, *, return_by_get: bool | None = None) -> Response[bytes]:
    """The buyer comes by the bank's own door. Who does not come from the merchant's site is sent away by a bank that
    looks at it. `return_by_get`: how he goes back, where it is said here."""
    bank = running(request)
    order = bank.book.find_by_token(token)
    if order is None or (bank.face.asks_referer and not _comes_from_merchant(request, order)):
        return no_payment(request)
    bank.book.enter(order, return_by_get=return_by_get)
    return _page(request, order, {}) if order.stage is Stage.OPEN else _receipt(request, order)


def _comes_from_merchant(request: AnyRequest, order: Order) -> bool:
    """A browser's `Referer` of the merchant's host, as registered with the bank, or else as the order returns to."""
    domain = running(request).terminals[order.terminal].domain or urlsplit(order.return_url).hostname or ""
    return lies_in(request.headers.get("referer", ""), domain)


@post("/pay/shown", status_code=200)
async def show_again(request: AnyRequest) -> Response[bytes]:
    """The page again, in the other language."""
    order = _order_of(request, await read_fields(request))
    if order is None:
        return no_payment(request)
    return _page(request, order, {}) if order.stage is Stage.OPEN else _receipt(request, order)


@post("/pay/password", status_code=200)
async def request_password(request: AnyRequest) -> Response[bytes]:
    """ "Request dynamic password": the page again, as it was filled in, with the password on it."""
    form = await read_fields(request)
    order = _order_of(request, form)
    if order is None:
        return no_payment(request)
    if order.stage is not Stage.OPEN:
        return _receipt(request, order)
    return _page(request, order, form, otp=running(request).book.new_otp(order))


@post("/pay/cancel", status_code=200)
async def cancel(request: AnyRequest) -> Response[bytes]:
    """The buyer gives up."""
    order = _order_of(request, await read_fields(request))
    if order is None:
        return no_payment(request)
    if order.stage is Stage.OPEN:
        running(request).book.refuse(order, Code.CANCELLED)
    return _receipt(request, order)


@post("/pay/card", status_code=200)
async def pay(request: AnyRequest) -> Response[bytes]:
    """The buyer pays with a card."""
    form = await read_fields(request)
    order = _order_of(request, form)
    if order is None:
        return no_payment(request)
    if order.stage is not Stage.OPEN:
        return _receipt(request, order)
    bank = running(request)
    errors = _mistakes(form, bank.clock())
    if errors:
        return _page(request, order, form, errors=errors)
    card = BY_NUMBER[_digits(form, "card")]
    pan = bank.face.masked(card.number)
    if not _password_is_right(bank, order, card, _digits(form, "password")):
        if bank.book.wrong_password(order, pan):
            return _receipt(request, order)
        left = WRONG_PASSWORDS_MAX - order.wrong_passwords
        return _page(request, order, form, errors=[("password", "password_wrong")], tries_left=left)
    if card.ending is Ending.FORGED_FIRST:
        await _send_forged_returns(bank, order, pan)
    if order.stage is Stage.OPEN:  # it may have ended while we waited
        bank.book.take(order, card, pan, whole=not bank.face.tells_amount)
    if card.ending is Ending.RETURNS_TWICE:
        await _send_return(bank, order, bank.face.return_fields(order))
    return _receipt(request, order)


def _password_is_right(bank: Running, order: Order, card: Card, password: str) -> bool:
    if card.code == Code.WRONG_PASSWORD:
        return True  # the card itself says no, whatever is typed
    return password == STATIC_PASSWORD or bank.book.use_otp(order, password)


def _mistakes(form: dict[str, str], now: datetime) -> list[tuple[str, str]]:
    """What is wrong with the form: (field, text), in the page's order."""
    number, month, year = _digits(form, "card"), _digits(form, "month"), _digits(form, "year")
    mistakes = []
    if len(number) != 16 or not has_check_digit(number):
        mistakes.append(("card", "card_wrong"))
    elif number not in BY_NUMBER:
        mistakes.append(("card", "card_unknown"))
    if not _CVV2.fullmatch(_digits(form, "cvv2")):
        mistakes.append(("cvv2", "cvv2_wrong"))
    month_is_right = bool(_TWO_DIGITS.fullmatch(month)) and 1 <= int(month) <= 12
    year_is_right = bool(_TWO_DIGITS.fullmatch(year)) and len(year) == 2
    if not month_is_right:
        mistakes.append(("month", "month_wrong"))
    if not year_is_right:
        mistakes.append(("year", "year_wrong"))
    if month_is_right and year_is_right and _has_passed(int(month), int(year), now):
        mistakes.append(("month", "expiry_passed"))
    if not _PASSWORD.fullmatch(_digits(form, "password")):
        mistakes.append(("password", "password_malformed"))
    return mistakes


def _has_passed(month: int, year: int, now: datetime) -> bool:
    """Cards print two digits of a Jalali year: 90 to 99 are of the last century, the others of this one."""
    today = JalaliDateTime.to_jalali(now.astimezone(TEHRAN))
    return ((1300 if year >= 90 else 1400) + year, month) < (today.year, today.month)


def _digits(form: dict[str, str], name: str) -> str:
    """What was typed, in Latin digits, without the blanks and hyphens that people put between groups."""
    return re.sub(r"[\s\u200c-]", "", latin_digits(form.get(name, "")))


# --- back to the merchant ---------------------------------------------------------------------------------------------


async def _send_forged_returns(bank: Running, order: Order, pan: str) -> None:
    """As somebody would who has learned the return address."""
    order.pan = pan
    for fields in bank.face.forged_returns(order, bank.book.new_ref()):
        await _send_return(bank, order, fields)


async def _send_return(bank: Running, order: Order, fields: Mapping[str, str]) -> None:
    # What comes back is a page for a browser, or nothing: the buyer goes on either way.
    with contextlib.suppress(httpx2.HTTPError):
        if order.return_by_get:
            await bank.outside.get(httpx2.URL(order.return_url).copy_merge_params(fields))
        else:
            await bank.outside.post(order.return_url, data=fields)


# --- pages ------------------------------------------------------------------------------------------------------------

_environment = Environment(
    loader=FileSystemLoader(_PAGES), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
)


def _page(
    request: AnyRequest,
    order: Order,
    form: dict[str, str],
    *,
    errors: list[tuple[str, str]] | None = None,
    otp: str = "",
    tries_left: int = 0,
) -> Response[bytes]:
    bank, errors = running(request), errors or []
    number = _digits(form, "card")
    wrong = {name for name, _ in errors}
    # A number that is not one of ours may be somebody's real card: it is not sent back.
    kept = {name: form.get(name, "")[:20] for name in ("cvv2", "month", "year")}
    kept["card"] = spaced(number) if number in BY_NUMBER else ""
    until = order.opened_at + bank.book.session
    return _render(
        request,
        "pay.html",
        order=order,
        kept=kept,
        errors=errors,
        wrong=wrong,
        otp=otp,
        tries_left=tries_left,
        issuer=issuer(number) if number in BY_NUMBER else None,
        until=until.astimezone(TEHRAN).strftime("%H:%M:%S"),
        seconds_left=max(0, int((until - bank.clock()).total_seconds())),
        cards=CARDS,
        status=422 if errors else 200,
    )


def _receipt(request: AnyRequest, order: Order) -> Response[bytes]:
    paid = order.is_paid
    stays = order.card is not None and order.card.ending is Ending.STAYS
    method, url, fields = _way_back(order, running(request).face)
    return _render(
        request,
        "receipt.html",
        order=order,
        paid=paid,
        code="" if paid else str(int(order.end_code)),
        time=jalali(order.taken_at or running(request).clock()),
        issuer=issuer(order.pan) if order.pan else None,
        back=None if stays else {"method": method, "url": url, "fields": fields},
        form_action=_origin(order.return_url),
    )


def _way_back(order: Order, face: Face) -> tuple[str, str, list[tuple[str, str]]]:
    fields = list(face.return_fields(order).items())
    if not order.return_by_get:
        return "post", order.return_url, fields
    # A GET form replaces the query of its address, so what stands there travels as fields.
    parts = urlsplit(order.return_url)
    return "get", urlunsplit(parts._replace(query="")), parse_qsl(parts.query, keep_blank_values=True) + fields


def no_payment(request: AnyRequest) -> Response[bytes]:
    return _render(request, "no_payment.html", status=404)


def _render(
    request: AnyRequest, template: str, *, status: int = 200, form_action: str = "", **values: Any
) -> Response[bytes]:
    lang = _language(request)
    text, face = TEXTS[lang], running(request).face
    order: Order | None = values.get("order")
    terminal = running(request).terminals[order.terminal] if order else None
    page = _environment.get_template(template).render(
        t=text,
        lang=lang,
        other="en" if lang == "fa" else "fa",
        bank=getattr(face, f"title_{lang}"),
        colour=face.title_en.split()[0].lower(),  # by it the style sheet knows the bank
        merchant=getattr(terminal, f"merchant_{lang}", ""),
        site=urlsplit(order.return_url).netloc if order else "",
        number=_localised(lang),
        amount_rial=int(order.amount) if order else 0,
        amount_toman=_toman(int(order.amount)) if order else 0,
        password=STATIC_PASSWORD,
        month=EXAMPLE_MONTH,
        year=EXAMPLE_YEAR,
        spaced=spaced,
        **values,
    )
    csp = (
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; "
        f"base-uri 'none'; frame-ancestors 'none'; form-action 'self' {form_action}"
    )
    headers = {
        "Content-Security-Policy": csp.strip(),
        "Cache-Control": "no-store",
        "Referrer-Policy": "strict-origin",
        "X-Content-Type-Options": "nosniff",
        "Content-Language": lang,
        "Vary": "Accept-Language",
    }
    return Response(page.encode(), status_code=status, media_type="text/html", headers=headers)


def _toman(rial: int) -> int | float:
    return rial / 10 if rial % 10 else rial // 10


def _localised(lang: str) -> Callable[[object], str]:
    """Numbers for people: `1,250,000`, in the digits of the language."""

    def number(value: object) -> str:
        text = f"{value:,}" if isinstance(value, int) else str(value)
        if isinstance(value, float):
            text = f"{value:,.1f}"
        return persian_digits(text.replace(",", "٬").replace(".", "٫")) if lang == "fa" else text

    return number


def _language(request: AnyRequest) -> str:
    """`?lang=` decides, else the browser's first wish among ours, else Persian."""
    asked = request.query_params.get("lang", "")
    if asked in TEXTS:
        return str(asked)
    for wish in request.headers.get("accept-language", "").split(","):
        language = wish.split(";")[0].strip()[:2].lower()
        if language in TEXTS:
            return str(language)
    return "fa"


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


async def read_fields(request: AnyRequest) -> dict[str, str]:
    """The fields of a form. A field that is given twice has no meaning and is dropped."""
    body = await request.body()
    try:
        pairs = parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=FORM_FIELDS_MAX)
    except ValueError:
        return {}
    form: dict[str, str] = {}
    for name, value in pairs:
        form[name] = "" if name in form else value
    return form


def _order_of(request: AnyRequest, form: dict[str, str]) -> Order | None:
    """The order of a form of the page itself: its buyer has come in by the bank's door before."""
    bank = running(request)
    order = bank.book.find_by_token(form.get("Token", ""))
    return order if order and (order.entered or not bank.face.asks_referer) else None


@get("/pay/assets/{name:str}")
async def show_asset(request: AnyRequest) -> Response[bytes]:
    """The page's one style sheet and one script."""
    name = str(request.path_params["name"])
    if name not in _ASSETS:
        return Response(b"", status_code=404, media_type="text/plain")
    headers = {"Cache-Control": "max-age=300", "X-Content-Type-Options": "nosniff"}
    return Response((_PAGES / name).read_bytes(), media_type=_ASSETS[name], headers=headers)


DOORS = (show_again, request_password, cancel, pay, show_asset)
