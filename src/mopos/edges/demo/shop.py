"""The sample shop of `make demo`: a merchant's site as its developer would write it, by the guide alone.

It shows the right use of the gateway: the order and its amount are kept on the shop's own server, the browser only
carries them to `/Payment.aspx`, and what comes back with the browser (`Res`) proves nothing. The shop asks `PayRep`
from its server, compares the amount with its own order, and delivers only when `Err` is 0.
"""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlencode
from xml.sax.saxutils import escape

import httpx2
import uvicorn
from jinja2 import Environment, PackageLoader, StrictUndefined
from litestar import Litestar, MediaType, Request, Response, get, post
from litestar.datastructures import State as AppState
from litestar.params import FromPath
from litestar.response import Redirect
from lxml import etree

from mopos.banks.sim.cards import CARDS, STATIC_PASSWORD, spaced
from mopos.base.money import Rial
from mopos.base.secret import Secret
from mopos.edges.i18n import Lang, choose
from mopos.edges.i18n.formats import rial, toman

# A toy's memory: the oldest order makes room.
ORDERS_MAX = 10_000
# The gateway answers in milliseconds; a buyer who waits longer had better see "ask again".
PAY_REP_TIMEOUT_S = 10.0
# A name; the page says the same to the browser.
NAME_LENGTH_MAX = 100
# The order form's two short fields.
_BODY_BYTES_MAX = 4 * 1024
# `Err` that says an explicit no: declined, cancelled, expired, reversed, refunded. All else is asked again later.
_NOT_PAID = frozenset({10, 11, 12, 13, 14, 15, 16})
_UNDER_REVIEW = 20

ShopRequest = Request[Any, Any, AppState]


class Product(NamedTuple):
    """Something to buy."""

    slug: str
    price: Rial
    fa: str
    en: str
    about_fa: str
    about_en: str

    def name(self, lang: Lang) -> str:
        return self.fa if lang is Lang.FA else self.en

    def about(self, lang: Lang) -> str:
        return self.about_fa if lang is Lang.FA else self.about_en


PRODUCTS: tuple[Product, ...] = (
    Product("divan", Rial(4_850_000), "دیوان حافظ", "Divan of Hafez", "جلد پارچه‌ای، قطع جیبی", "Cloth, pocket size"),
    Product("notebook", Rial(1_250_000), "دفتر یادداشت", "Notebook", "۱۲۰ برگ، کاغذ بی‌خط", "120 plain leaves"),
    Product("bookmark", Rial(95_000), "نشانهٔ کتاب", "Bookmark", "برنجی، دست‌ساز", "Brass, made by hand"),
)


@dataclass(slots=True)
class Order:
    """One order, as the shop keeps it. `res` is the guide's `Res`: never used twice, not even after a restart."""

    res: str
    product: Product
    name: str
    paid: bool = False


class Answer(NamedTuple):
    """What the shop reads of `PayRep`'s answer."""

    err: int
    err_dsc: str
    amount: int
    paid_at: str


class PayRepFailed(Exception):
    """No answer that can be read: nothing is known, so nothing is decided."""


_ENVELOPE = (
    '<?xml version="1.0" encoding="utf-8"?>'
    '<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"><soap:Body>'
    '<PayRep xmlns="http://tempuri.org/"><ID>{id}</ID><Rmz>{rmz}</Rmz><Res>{res}</Res></PayRep>'
    "</soap:Body></soap:Envelope>"
)


async def ask_pay_rep(client: httpx2.AsyncClient, gateway_url: str, account_id: str, rmz: Secret, res: str) -> Answer:
    """Call `PayRep` (guide section 4) by SOAP 1.1. Raises `PayRepFailed` when there is no readable answer."""
    envelope = _ENVELOPE.format(id=escape(account_id), rmz=escape(rmz.reveal()), res=escape(res))
    headers = {"Content-Type": "text/xml; charset=utf-8", "SOAPAction": '"http://tempuri.org/PayRep"'}
    try:
        response = await client.post(
            f"{gateway_url}/WebServiceMoPos.asmx", content=envelope.encode(), headers=headers, timeout=PAY_REP_TIMEOUT_S
        )
        response.raise_for_status()
        return _read_answer(response.content)
    except (httpx2.HTTPError, etree.XMLSyntaxError, ValueError) as error:
        raise PayRepFailed(type(error).__name__) from error


def _read_answer(body: bytes) -> Answer:
    parser = etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=False)
    result = etree.fromstring(body, parser).find(".//{http://tempuri.org/}PayRepResult")
    if result is None:
        raise ValueError("no PayRepResult in the answer")

    def field(name: str) -> str:
        return result.findtext(f"{{http://tempuri.org/}}{name}") or ""

    return Answer(int(field("Err")), field("ErrDsc"), int(field("Amnt")), field("Dat"))


def outcome_of(order: Order, answer: Answer) -> str:
    """What the answer means for the order: `paid`, `differs`, `wait`, `review` or `unpaid`. Only the explicit noes are
    `unpaid`; what tells nothing of the purchase (90 and above) is asked again."""
    if answer.err == 0:
        return "paid" if answer.amount == int(order.product.price) else "differs"
    if answer.err == _UNDER_REVIEW:
        return "review"
    return "unpaid" if answer.err in _NOT_PAID else "wait"


_WORDS: dict[str, tuple[str, str]] = {
    "shop": ("فروشگاه نمونه", "Sample shop"),
    "demo": ("نمونه‌ای برای آزمایش درگاه موپوز", "A sample for trying the MoPos gateway"),
    "switch": ("English", "فارسی"),
    "welcome": ("چه چیزی می‌خواهید؟", "What would you like?"),
    "name": ("نام شما", "Your name"),
    "order": ("ثبت سفارش", "Place the order"),
    "your_order": ("سفارش شما", "Your order"),
    "number": ("شمارهٔ سفارش", "Order number"),
    "item": ("کالا", "Item"),
    "price": ("مبلغ", "Amount"),
    "buyer": ("خریدار", "Buyer"),
    "pay": ("پرداخت با موپوز", "Pay with MoPos"),
    "leads": (
        "با زدن این دکمه، مرورگر فرم راهنما را به درگاه می‌فرستد و سپس صفحهٔ بانک باز می‌شود.",
        "This button posts the guide's form to the gateway; then the bank's page opens.",
    ),
    "cards": ("کارت‌های آزمایشی", "Test cards"),
    "cards_how": (
        "فقط در بانک آزمایشی کار می‌کنند. رمز دوم: {password}، یا رمز پویایی که صفحهٔ بانک نشان می‌دهد. "
        "CVV2 دلخواه است و تاریخ انقضا هر ماهی که نگذشته باشد.",
        "They work at the sandbox bank only. Second password: {password}, or the dynamic one on the bank's page. "
        "Any CVV2, and any expiry that has not passed.",
    ),
    "card": ("شمارهٔ کارت", "Card number"),
    "happens": ("نتیجه", "What happens"),
    "paid.title": ("سپاس از خرید شما", "Thank you for your purchase"),
    "paid.sentence": (
        "PayRep گفت پرداخت کامل است و مبلغ آن با سفارش شما یکی است. سفارش آمادهٔ ارسال شد.",
        "PayRep said that the payment is complete, and its amount is that of your order. It is on its way.",
    ),
    "unpaid.title": ("پرداخت انجام نشد", "The payment was not made"),
    "unpaid.sentence": (
        "سفارش شما ارسال نمی‌شود. می‌توانید دوباره سفارش دهید.",
        "Your order will not be sent. You can order again.",
    ),
    "wait.title": ("نتیجه هنوز روشن نیست", "The result is not known yet"),
    "wait.sentence": (
        "سفارش شما نگه داشته شده است. دوباره پرداخت نکنید و کمی بعد بپرسید.",
        "Your order is kept. Do not pay again; ask a little later.",
    ),
    "review.title": ("پرداخت در دست بررسی است", "The payment is under review"),
    "review.sentence": (
        "سفارش شما نگه داشته شده است و درگاه پرداخت را بررسی می‌کند. دوباره پرداخت نکنید.",
        "Your order is kept, and the gateway is looking into the payment. Do not pay again.",
    ),
    "differs.title": ("مبلغ پرداخت با سفارش یکی نیست", "The amount differs from the order"),
    "differs.sentence": (
        "پرداخت انجام شده، اما مبلغ آن با سفارش یکی نیست. فروشگاه آن را بررسی می‌کند.",
        "A payment was made, but its amount is not that of the order. The shop will look into it.",
    ),
    "lost.title": ("این سفارش را نمی‌شناسیم", "We do not know this order"),
    "lost.sentence": (
        "فروشگاه نمونه سفارش‌ها را فقط تا زمانی که روشن است به یاد دارد.",
        "The sample shop remembers orders only while it runs.",
    ),
    "ask_again": ("پرسیدن دوباره", "Ask again"),
    "home": ("بازگشت به فروشگاه", "Back to the shop"),
    "answer": ("پاسخ PayRep", "PayRep's answer"),
    "no_answer": ("درگاه پاسخ خوانایی نداد.", "The gateway gave no readable answer."),
}
_BY_LANG = {
    Lang.FA: {key: fa.replace("{password}", STATIC_PASSWORD) for key, (fa, _) in _WORDS.items()},
    Lang.EN: {key: en.replace("{password}", STATIC_PASSWORD) for key, (_, en) in _WORDS.items()},
}

_TEMPLATES = Environment(
    loader=PackageLoader("mopos.edges.demo"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_STYLE = files("mopos.edges.demo").joinpath("templates", "shop.css").read_bytes()
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src data:; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}


class Shop:
    """The shop's pages around its orders."""

    def __init__(self, client: httpx2.AsyncClient, gateway_url: str, account_id: str, rmz: Secret, url: str) -> None:
        self._client = client
        self._gateway_url = gateway_url
        self._account_id = account_id
        self._rmz = rmz
        self._url = url
        self._orders: dict[str, Order] = {}

    def routes(self) -> list[Callable[..., Any]]:
        """Litestar's handlers."""

        @get("/")
        async def shelf(request: ShopRequest) -> Response[bytes]:
            return _page("shelf.html", _lang(request), request, products=PRODUCTS, name_max=NAME_LENGTH_MAX)

        @get("/shop.css")
        async def style() -> Response[bytes]:
            return Response(_STYLE, media_type="text/css")

        @post("/orders")
        async def order(request: ShopRequest) -> Redirect:
            return await self.take_order(request)

        @get("/orders/{res:str}")
        async def checkout(request: ShopRequest, res: FromPath[str]) -> Response[bytes]:
            return self.checkout(request, res)

        @get("/return")
        async def back(request: ShopRequest) -> Response[bytes]:
            return await self.result(request)

        return [shelf, style, order, checkout, back]

    async def take_order(self, request: ShopRequest) -> Redirect:
        """Keep the order: its price is the shop's own, never the browser's."""
        body = b""
        async for chunk in request.stream():
            body = (body + chunk)[:_BODY_BYTES_MAX]
        fields = parse_qs(body.decode("utf-8", "replace"))
        slug = fields.get("product", [""])[0]
        product = next((product for product in PRODUCTS if product.slug == slug), PRODUCTS[0])
        order = Order(f"SH-{secrets.token_hex(6)}", product, fields.get("name", [""])[0].strip()[:NAME_LENGTH_MAX])
        if len(self._orders) >= ORDERS_MAX:
            del self._orders[next(iter(self._orders))]
        self._orders[order.res] = order
        return Redirect(f"/orders/{order.res}?lang={_lang(request)}", status_code=303)

    def checkout(self, request: ShopRequest, res: str) -> Response[bytes]:
        """The order, and the guide's form (section 3) for the browser to post."""
        lang = _lang(request)
        order = self._orders.get(res)
        if order is None:
            return _result("lost", lang, request, status=404)
        form = {
            "ID": self._account_id,
            "Res": order.res,
            "Amnt": str(int(order.product.price)),
            "Nam": order.name,
            "Dsc": order.product.name(lang),
            "RedirectURL": f"{self._url}/return?lang={lang}",
        }
        action = f"{self._gateway_url}/Payment.aspx?lang={lang}"
        return _page("checkout.html", lang, request, order=order, action=action, form=form, cards=CARDS, spaced=spaced)

    async def result(self, request: ShopRequest) -> Response[bytes]:
        """The buyer is back with `Res`, which anybody can type: ask the gateway itself what became of the order."""
        lang = _lang(request)
        order = self._orders.get(request.query_params.get("Res", ""))
        if order is None:
            return _result("lost", lang, request, status=404)
        try:
            answer = await ask_pay_rep(self._client, self._gateway_url, self._account_id, self._rmz, order.res)
        except PayRepFailed:
            return _result("wait", lang, request, order=order)
        outcome = outcome_of(order, answer)
        # Asked as often as the page is opened; the order becomes paid once and stays so.
        order.paid = order.paid or outcome == "paid"
        return _result(outcome, lang, request, order=order, answer=answer)


def _lang(request: ShopRequest) -> Lang:
    return choose(request.query_params.get("lang"), request.headers.get("accept-language"))


def _result(
    outcome: str,
    lang: Lang,
    request: ShopRequest,
    *,
    order: Order | None = None,
    answer: Answer | None = None,
    status: int = 200,
) -> Response[bytes]:
    return _page("result.html", lang, request, status=status, outcome=outcome, order=order, answer=answer)


def _page(template: str, lang: Lang, request: ShopRequest, *, status: int = 200, **shown: object) -> Response[bytes]:
    switch = urlencode({**request.query_params.dict(), "lang": str(lang.other)}, doseq=True)
    html = _TEMPLATES.get_template(template).render(
        lang=lang, t=_BY_LANG[lang], switch=f"?{switch}", rial=rial, toman=toman, **shown
    )
    return Response(html.encode(), status_code=status, headers=_HEADERS, media_type=MediaType.HTML)


def create_app(*, gateway_url: str, account_id: str, rmz: Secret, public_url: str) -> Litestar:
    """The shop as an ASGI app. `account_id` and `rmz` are its account at the gateway; `public_url` its own address."""
    # The shop and its gateway stand side by side: no proxy of the environment comes between them.
    client = httpx2.AsyncClient(trust_env=False)

    @asynccontextmanager
    async def closing(_app: Litestar) -> AsyncIterator[None]:
        async with client:
            yield

    shop = Shop(client, gateway_url.rstrip("/"), account_id, rmz, public_url.rstrip("/"))
    return Litestar(shop.routes(), lifespan=[closing], openapi_config=None, logging_config=None)


def run(host: str, port: int, *, gateway_url: str, account_id: str, rmz: Secret, public_url: str) -> None:
    """Serve the shop until it is told to stop."""
    app = create_app(gateway_url=gateway_url, account_id=account_id, rmz=rmz, public_url=public_url)
    uvicorn.run(app, host=host, port=port, log_level="warning")
