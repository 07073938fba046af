"""The sample shop believes its own book and `PayRep`, never the browser."""

import asyncio
import re
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from contextlib import asynccontextmanager
from typing import Any
from xml.sax.saxutils import escape

import httpx2
import pytest
import uvicorn

from mopos.base.secret import Secret
from mopos.edges.demo.shop import PRODUCTS, Answer, Order, PayRepFailed, ask_pay_rep, create_app, outcome_of

PRODUCT = PRODUCTS[1]
PRICE = int(PRODUCT.price)


class Gateway:
    """The other side: answers every call with the bytes that the test wants, and keeps what it was asked."""

    def __init__(self) -> None:
        self.status = 200
        self.body = b""
        self.asked: list[bytes] = []

    def answers(self, err: int, amount: int, err_dsc: str = "") -> None:
        fields = (
            f"<Amnt>{amount}</Amnt><Err>{err}</Err><ErrDsc>{escape(err_dsc)}</ErrDsc><Dat>1405/09/03 14:03:59</Dat>"
        )
        self.body = (
            '<?xml version="1.0" encoding="utf-8"?>'
            '<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"><soap:Body>'
            f'<PayRepResponse xmlns="http://tempuri.org/"><PayRepResult>{fields}</PayRepResult></PayRepResponse>'
            "</soap:Body></soap:Envelope>"
        ).encode()

    async def __call__(
        self,
        _scope: MutableMapping[str, Any],
        receive: Callable[[], Awaitable[MutableMapping[str, Any]]],
        send: Callable[[MutableMapping[str, Any]], Awaitable[None]],
    ) -> None:
        self.asked.append((await receive())["body"])
        headers = [(b"content-type", b"text/xml; charset=utf-8")]
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        await send({"type": "http.response.body", "body": self.body})


@asynccontextmanager
async def served(app: Any, listening: socket.socket, lifespan: Any) -> AsyncIterator[None]:
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan=lifespan))
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    try:
        yield
    finally:
        server.should_exit = True
        await serving


def address(listening: socket.socket) -> str:
    return f"http://127.0.0.1:{listening.getsockname()[1]}"


@pytest.fixture
async def gateway() -> AsyncIterator[tuple[Gateway, str]]:
    gateway = Gateway()
    with socket.create_server(("127.0.0.1", 0)) as listening:
        async with served(gateway, listening, "off"):
            yield gateway, address(listening)


@pytest.fixture
async def shop(gateway: tuple[Gateway, str]) -> AsyncIterator[httpx2.AsyncClient]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        own = address(listening)
        app = create_app(gateway_url=gateway[1], account_id="10017", rmz=Secret("rmz<&>"), public_url=own)
        async with served(app, listening, "on"), httpx2.AsyncClient(base_url=own, trust_env=False) as client:
            yield client


async def ordered(shop: httpx2.AsyncClient) -> dict[str, str]:
    """Place an order as a browser would. Returns the guide's form that the checkout page holds."""
    answer = await shop.post("/orders", data={"product": PRODUCT.slug, "name": "مریم", "price": "1"})
    assert answer.status_code == 303
    page = await shop.get(answer.headers["location"])
    return dict(re.findall(r'name="(\w+)" value="([^"]*)"', page.text))


async def test_the_checkout_holds_the_guide_s_form_with_the_shop_s_own_price(shop: httpx2.AsyncClient) -> None:
    form = await ordered(shop)
    assert list(form) == ["ID", "Res", "Amnt", "Nam", "Dsc", "RedirectURL"]
    assert (form["ID"], form["Amnt"], form["Nam"]) == ("10017", str(PRICE), "مریم")
    assert form["RedirectURL"].startswith(str(shop.base_url))
    assert (await ordered(shop))["Res"] != form["Res"]


@pytest.mark.parametrize(
    ("err", "amount", "title"),
    [
        (0, PRICE, "Thank you for your purchase"),
        (0, PRICE // 10, "The amount differs from the order"),
        (0, 0, "The amount differs from the order"),
        (1, PRICE, "The result is not known yet"),
        (2, PRICE, "The result is not known yet"),
        (3, PRICE, "The result is not known yet"),
        (10, PRICE, "The payment was not made"),
        (11, PRICE, "The payment was not made"),
        (13, PRICE, "The payment was not made"),
        (91, 0, "The result is not known yet"),
        (20, PRICE, "The payment is under review"),
        (99, 0, "The result is not known yet"),
    ],
)
async def test_the_result_is_what_pay_rep_says_about_the_order(
    shop: httpx2.AsyncClient, gateway: tuple[Gateway, str], err: int, amount: int, title: str
) -> None:
    res = (await ordered(shop))["Res"]
    gateway[0].answers(err, amount, "دلیل <b>بانک</b>")
    page = await shop.get("/return", params={"Res": res, "lang": "en", "Err": "0", "paid": "1"})
    assert f"<title>{title} " in page.text
    assert "دلیل &lt;b&gt;بانک&lt;/b&gt;" in page.text
    assert b"<Rmz>rmz&lt;&amp;&gt;</Rmz><Res>" + res.encode() in gateway[0].asked[0]


@pytest.mark.parametrize(
    ("status", "body"), [(500, b""), (200, b"<html>not soap"), (200, b"<a/>"), (404, b"<a/>"), (200, b"")]
)
async def test_no_readable_answer_decides_nothing(
    shop: httpx2.AsyncClient, gateway: tuple[Gateway, str], status: int, body: bytes
) -> None:
    res = (await ordered(shop))["Res"]
    gateway[0].status, gateway[0].body = status, body
    page = await shop.get("/return", params={"Res": res, "lang": "en"})
    assert "The result is not known yet" in page.text
    async with httpx2.AsyncClient(trust_env=False) as client:
        with pytest.raises(PayRepFailed):
            await ask_pay_rep(client, gateway[1], "10017", Secret("x"), res)


async def test_a_res_that_the_shop_never_gave_out_is_not_even_asked_about(
    shop: httpx2.AsyncClient, gateway: tuple[Gateway, str]
) -> None:
    gateway[0].answers(0, PRICE)
    page = await shop.get("/return", params={"Res": "SH-made-up", "lang": "en"})
    assert page.status_code == 404
    assert gateway[0].asked == []


def test_only_the_whole_amount_counts_as_paid() -> None:
    order = Order("SH-1", PRODUCT, "")
    assert outcome_of(order, Answer(0, "", PRICE, "")) == "paid"
    assert outcome_of(order, Answer(0, "", PRICE - 1, "")) == "differs"
    assert outcome_of(order, Answer(20, "", PRICE, "")) == "review"
    assert {outcome_of(order, Answer(err, "", PRICE, "")) for err in (10, 11, 13)} == {"unpaid"}
    assert {outcome_of(order, Answer(err, "", 0, "")) for err in (1, 2, 3, 90, 91, 92, 93, 94, 99)} == {"wait"}
