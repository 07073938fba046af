"""Whole purchases over HTTP, step by step, as shop, buyer and shop's server make them."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from urllib.parse import urlencode, urlsplit

from bench.http import Answer, Client, Headers, request_bytes
from mopos.banks.sim.buyer import Form, read_form
from mopos.banks.sim.cards import BY_SLUG, EXAMPLE_CVV2, EXAMPLE_MONTH, EXAMPLE_YEAR, STATIC_PASSWORD

ENVELOPE = (
    '<?xml version="1.0" encoding="utf-8"?><soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/">'
    '<soap:Body><PayRep xmlns="http://tempuri.org/"><ID>{id}</ID><Rmz>{rmz}</Rmz><Res>{res}</Res></PayRep></soap:Body>'
    "</soap:Envelope>"
)
SOAP: Headers = (
    ("User-Agent", "PHP-SOAP/8.2.7"),
    ("Content-Type", "text/xml; charset=utf-8"),
    ("SOAPAction", '"http://tempuri.org/PayRep"'),
)
# What a phone's browser sends with every page.
BROWSER: Headers = (
    ("User-Agent", "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0 Mobile"),
    ("Accept", "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"),
    ("Accept-Language", "fa-IR,fa;q=0.9,en-US;q=0.8,en;q=0.7"),
    ("Accept-Encoding", "gzip, deflate, br, zstd"),
    ("Upgrade-Insecure-Requests", "1"),
    ("Sec-Fetch-Mode", "navigate"),
    ("Sec-Fetch-Site", "cross-site"),
)
FORM_TYPE: Headers = (("Content-Type", "application/x-www-form-urlencoded"),)

# In the order of a purchase. The bank's page is the bank's work: it is timed, but no part of any CPU figure.
STEPS = ("form", "bank page", "return", "invoice", "PayRep first", "PayRep again")
GATEWAY_STEPS = tuple(step for step in STEPS if step != "bank page")


@dataclass(frozen=True, slots=True)
class Exchange:
    """A request to the gateway and its answer, as they went over the wire."""

    request: bytes
    answer: Answer


@dataclass
class Driver:
    """Makes purchases at one gateway, and keeps how long each step took, in seconds."""

    gateway: str
    id: str
    rmz: str
    times: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    exchanges: dict[str, Exchange] = field(default_factory=dict)
    """The last one of each step at the gateway."""
    _forms: dict[str, Form] = field(default_factory=dict)
    _invoices: dict[str, str] = field(default_factory=dict)

    async def purchase(self, client: Client, res: str) -> None:
        """One purchase from the shop's form to the second PayRep."""
        for name in STEPS:
            await self.step(name, client, res)

    async def step(self, name: str, client: Client, res: str) -> None:
        """One step of the purchase `res`, whose earlier steps were made before."""
        work: dict[str, Callable[[Client, str], Awaitable[None]]] = {
            "form": self._form,
            "bank page": self._bank_page,
            "return": self._return,
            "invoice": self._invoice,
        }
        if name in work:
            await work[name](client, res)
        else:
            await self.pay_rep(client, res, name)

    async def _form(self, client: Client, res: str) -> None:
        fields = {"ID": self.id, "Res": res, "Amnt": "1250000", "Nam": "مریم احمدی", "Dsc": "رمان سووشون، ۲ جلد"}
        fields |= {"RedirectURL": "https://shop.example.ir/return?basket=17"}
        url = f"{self.gateway}/Payment.aspx"
        page = await self._at_gateway("form", client, "POST", url, (*BROWSER, *FORM_TYPE), urlencode(fields).encode())
        self._forms[res] = read_form(page.text, url, having="Token")

    async def _bank_page(self, client: Client, res: str) -> None:
        began = time.perf_counter()
        page = await _post(client, self._forms[res])
        paying = read_form(page.text, self._forms[res].url, having="card")
        typed = {"card": BY_SLUG["paid"].number, "cvv2": EXAMPLE_CVV2, "month": EXAMPLE_MONTH, "year": EXAMPLE_YEAR}
        receipt = await _post(client, paying, **typed, password=STATIC_PASSWORD)
        self._forms[res] = read_form(receipt.text, paying.url, having="ResCode")
        self.times["bank page"].append(time.perf_counter() - began)

    async def _return(self, client: Client, res: str) -> None:
        form = self._forms.pop(res)
        body = urlencode(form.fields).encode()
        answer = await self._at_gateway("return", client, form.method, form.url, (*BROWSER, *FORM_TYPE), body)
        self._invoices[res] = answer.header("location")

    async def _invoice(self, client: Client, res: str) -> None:
        await self._at_gateway("invoice", client, "GET", self._invoices.pop(res), BROWSER)

    async def pay_rep(self, client: Client, res: str, step: str = "PayRep again") -> None:
        """PayRep by SOAP 1.1, of a purchase that is paid."""
        body = ENVELOPE.format(id=self.id, rmz=self.rmz, res=res).encode()
        url = f"{self.gateway}/WebServiceMoPos.asmx"
        answer = await self._at_gateway(step, client, "POST", url, SOAP, body)
        assert b"<Err>0</Err>" in answer.body, answer.text

    async def _at_gateway(
        self, step: str, client: Client, method: str, url: str, headers: Headers, body: bytes = b""
    ) -> Answer:
        request = request_bytes(method, url, headers, body)
        began = time.perf_counter()
        answer = await client.exchange(urlsplit(url).netloc, request)
        self.times[step].append(time.perf_counter() - began)
        assert answer.status < 400, f"{step}: HTTP {answer.status}"
        self.exchanges[step] = Exchange(request, answer)
        return answer


async def _post(client: Client, form: Form, **typed: str) -> Answer:
    body = urlencode({**form.fields, **typed}).encode()
    answer = await client.ask("POST", form.url, (*BROWSER, *FORM_TYPE), body)
    assert answer.status == 200, f"the bank's page: HTTP {answer.status}"
    return answer


async def at_once(
    clients: list[Client], numbers: Iterable[int], work: Callable[[Client, int], Awaitable[object]]
) -> float:
    """Run `work(client, n)` for each number, as many at once as there are clients. Returns the seconds it took."""
    waiting = iter(numbers)

    async def one(client: Client) -> None:
        for number in waiting:
            await work(client, number)

    began = time.perf_counter()
    await asyncio.gather(*(one(client) for client in clients))
    return time.perf_counter() - began
