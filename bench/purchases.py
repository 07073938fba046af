"""Whole purchases over HTTP, step by step, as shop, buyer and shop's server make them."""

import asyncio
import time
from collections import defaultdict
from dataclasses import dataclass, field

import httpx2

from mopos.banks.sandbox_buyer import pay_at_sandbox, read_form

ENVELOPE = (
    '<?xml version="1.0" encoding="utf-8"?><soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/">'
    '<soap:Body><PayRep xmlns="http://tempuri.org/"><ID>{id}</ID><Rmz>{rmz}</Rmz><Res>{res}</Res></PayRep></soap:Body>'
    "</soap:Envelope>"
)
SOAP = {"Content-Type": "text/xml; charset=utf-8", "SOAPAction": '"http://tempuri.org/PayRep"'}


@dataclass
class Driver:
    """Makes purchases at one gateway and keeps how long each step took, in seconds."""

    gateway: str
    id: str
    rmz: str
    steps: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    sizes: dict[str, tuple[int, int]] = field(default_factory=dict)
    """Bytes of request and answer of each step at the gateway."""

    async def purchase(self, client: httpx2.AsyncClient, res: str) -> None:
        form = {"ID": self.id, "Res": res, "Amnt": "1250000", "Nam": "مریم احمدی", "Dsc": "رمان سووشون، ۲ جلد"}
        form |= {"RedirectURL": "https://shop.example.ir/return?basket=17"}
        page = await self._timed("form", client.post(f"{self.gateway}/Payment.aspx", data=form))
        began = time.perf_counter()
        way_back = await pay_at_sandbox(client, read_form(page.text, str(page.url), having="Token"))
        self.steps["bank page"].append(time.perf_counter() - began)
        answer = await self._timed("return", way_back.send(client))
        await self._timed("invoice", client.get(answer.headers["location"]))
        for step in ("PayRep, first", "PayRep, again"):
            await self.pay_rep(client, res, step)

    async def pay_rep(self, client: httpx2.AsyncClient, res: str, step: str) -> None:
        body = ENVELOPE.format(id=self.id, rmz=self.rmz, res=res)
        call = client.post(f"{self.gateway}/WebServiceMoPos.asmx", content=body, headers=SOAP)
        answer = await self._timed(step, call)
        assert "<Err>0</Err>" in answer.text, answer.text

    async def _timed(self, step, call) -> httpx2.Response:
        began = time.perf_counter()
        answer = await call
        self.steps[step].append(time.perf_counter() - began)
        assert answer.status_code < 400, f"{step}: HTTP {answer.status_code}"
        self.sizes[step] = (len(answer.request.content), len(answer.content))
        return answer


async def at_once(number: int, concurrency: int, work) -> float:
    """Run `work(n)` for n below `number`, so many at once. Returns the seconds that it took."""
    gate = asyncio.Semaphore(concurrency)

    async def one(n: int) -> None:
        async with gate:
            await work(n)

    began = time.perf_counter()
    await asyncio.gather(*(one(n) for n in range(number)))
    return time.perf_counter() - began


def client(concurrency: int) -> httpx2.AsyncClient:
    limits = httpx2.Limits(max_connections=concurrency, max_keepalive_connections=concurrency)
    return httpx2.AsyncClient(trust_env=False, timeout=60, limits=limits)
