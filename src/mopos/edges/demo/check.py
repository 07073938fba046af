"""`mopos demo --check`: one whole purchase at each bank over real HTTP, step by step, as a shop, a buyer and a bank
would do it."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import socket
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from xml.sax.saxutils import escape

import httpx2
from lxml import etree
from rich.console import Console

from mopos.actions import audit
from mopos.actions.manage_account import Credentials, create_account
from mopos.banks.sim.buyer import NoForm, pay_at_bank, way_to_bank
from mopos.base.clock import system_clock
from mopos.base.config import Settings
from mopos.base.db import Database
from mopos.base.ids import unguessable, without_check_digit
from mopos.edges.demo.banks import keep_to, title_of
from mopos.edges.demo.run import Demo, Ports, started

AMOUNT_RIAL = 1_250_000
# Below those that the kernel gives to outgoing connections, one of which could take a port before its owner does.
PORTS = range(20_000, 32_000)
# How a bank's book ends about money that it keeps for us.
KEPT = ("verified", "settled")
_SOAP_NAMESPACE = "{http://tempuri.org/}"

out = Console(highlight=False)


class StepFailed(Exception):
    """A step did not end as it must."""


def check_demo(banks: Sequence[str] = ("sandbox",)) -> int:
    """Start a demo of its own on free ports and in a folder that is gone afterwards, buy something at each bank, look
    into the books, stop. Returns 0 only if each purchase was PAID and all of it balances."""
    began = time.perf_counter()
    shops: dict[str, Credentials] = {}

    def prepare(settings: Settings) -> None:
        shops.update(asyncio.run(_open_shops(settings, banks)))

    ports = free_ports(len(banks) - 1)
    with (
        _own_folder() as folder,
        started("127.0.0.1", ports, banks, prepare=prepare, MOPOS_LOG_LEVEL="warning", MOPOS_DATA_DIR=folder) as demo,
    ):
        with _step("everything runs", began):
            pass
        try:
            asyncio.run(_buy_everywhere(demo, shops))
        except (StepFailed, NoForm, httpx2.HTTPError) as failure:
            out.print(f"[bold red]FAILED[/] {failure}")
            return 1
    out.print("[bold green]PAID and balanced[/]")
    return 0


async def _open_shops(settings: Settings, banks: Sequence[str]) -> dict[str, Credentials]:
    """For each bank a shop whose purchases go there only."""
    async with Database(settings.database_url or "", pool_size=1, timeout_s=settings.database_timeout_s) as db:
        shops = {bank: await create_account(db, system_clock, settings, f"shop of {bank}") for bank in banks}
        for bank, shop in shops.items():
            await keep_to(db, without_check_digit(shop.id), bank, system_clock())
    return shops


@contextmanager
def _own_folder() -> Iterator[str]:
    with TemporaryDirectory(prefix="mopos-check-", ignore_cleanup_errors=True) as folder:
        # Started by root, PostgreSQL runs as somebody else, who must be able to enter.
        Path(folder).chmod(0o755)
        yield folder


def free_ports(further: int = 0) -> Ports:
    """Four ports on which nobody listens just now, and further ones."""
    probes: list[socket.socket] = []
    for port in secrets.SystemRandom().sample(PORTS, len(PORTS)):
        with contextlib.suppress(OSError):
            probes.append(socket.create_server(("127.0.0.1", port)))
        if len(probes) == 4 + further:
            break
    ports = tuple(probe.getsockname()[1] for probe in probes)
    for probe in probes:
        probe.close()
    return ports


async def _buy_everywhere(demo: Demo, shops: Mapping[str, Credentials]) -> None:
    async with httpx2.AsyncClient(trust_env=False, timeout=30) as client:
        for bank, shop in shops.items():
            began = time.perf_counter()
            out.print(f"[bold]{title_of(bank)}[/]")
            ref = await _buy(client, demo, bank, shop)
            with _step(f"a whole purchase at {title_of(bank)}: PAID, reference {ref}", began):
                pass
    with _step("the books"):
        await _expect_balanced(demo, len(shops) * AMOUNT_RIAL)


async def _buy(client: httpx2.AsyncClient, demo: Demo, bank: str, shop: Credentials) -> str:
    """One purchase at one bank. Returns the reference by which the bank took the money."""
    res = f"check-{unguessable()}"
    form = {"ID": shop.id, "Res": res, "Amnt": str(AMOUNT_RIAL), "Nam": "مریم احمدی", "Dsc": "کتاب"}
    with _step("the shop's form is posted to /Payment.aspx"):
        page = await client.post(f"{demo.gateway}/Payment.aspx", data=form | {"RedirectURL": f"{demo.shop}/back"})
        _expect(page.status_code == httpx2.codes.OK, f"HTTP {page.status_code}: {page.text[:300]}")
        to_bank = way_to_bank(page)
        _expect(to_bank.url.startswith(demo.banks[bank]), f"the gateway sends the buyer to {to_bank.url}")
    with _step("PayRep before payment: Err 2, at the bank"):
        _expect((await _pay_rep(client, demo, shop, res))["Err"] == "2", "Err is not 2")
    with _step("the buyer pays on the bank's page"):
        way_back = await pay_at_bank(client, to_bank)
        _expect(way_back is not None, "the bank did not send the buyer back")
    with _step("the buyer comes back; the bank is asked"):
        answer = await way_back.send(client) if way_back else page
        _expect(answer.status_code == httpx2.codes.SEE_OTHER, f"HTTP {answer.status_code}")
    with _step("the invoice"):
        invoice = await client.get(answer.headers["location"])
        _expect(f"Res={res}" in invoice.text, "the invoice has no way back to the shop")
    with _step("PayRep after payment: Err 0"):
        report = await _pay_rep(client, demo, shop, res)
        _expect((report["Err"], report["Amnt"]) == ("0", str(AMOUNT_RIAL)), f"{report}")
    with _step("the bank's own book: it keeps this amount"):
        book = (await client.get(f"{demo.banks[bank]}/book")).json()
        _expect([line["rial"] for line in book["entries"] if line["what"] == "taken"] == [AMOUNT_RIAL], f"{book}")
        _expect(book["entries"][-1]["what"] in KEPT, f"{book}")
    return str(book["entries"][-1]["ref"])


async def _pay_rep(client: httpx2.AsyncClient, demo: Demo, shop: Credentials, res: str) -> dict[str, str]:
    envelope = (
        '<?xml version="1.0" encoding="utf-8"?>'
        '<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"><soap:Body>'
        f'<PayRep xmlns="http://tempuri.org/"><ID>{shop.id}</ID><Rmz>{shop.rmz.reveal()}</Rmz>'
        f"<Res>{escape(res)}</Res></PayRep></soap:Body></soap:Envelope>"
    )
    headers = {"Content-Type": "text/xml; charset=utf-8", "SOAPAction": '"http://tempuri.org/PayRep"'}
    answer = await client.post(f"{demo.gateway}/WebServiceMoPos.asmx", content=envelope.encode(), headers=headers)
    _expect(answer.status_code == httpx2.codes.OK, f"HTTP {answer.status_code}")
    result = etree.fromstring(answer.content).find(f".//{_SOAP_NAMESPACE}PayRepResult")
    if result is None:
        raise StepFailed("no PayRepResult")
    return {str(etree.QName(field).localname): field.text or "" for field in result}


async def _expect_balanced(demo: Demo, paid_rial: int) -> None:
    settings = Settings()
    async with Database(demo.dsn, pool_size=1, timeout_s=settings.database_timeout_s) as db:
        async for step in audit.audit(db, system_clock()):
            # What an earlier, killed demo left waiting is about to be looked at; it is no difference of the books.
            wrong = [finding for finding in step.findings if not finding.check.startswith("worker")]
            _expect(not wrong, f"{wrong}")
        balances = await audit.trial_balance(db)
        owed_to_us = sum(b.debit_rial - b.credit_rial for b in balances if b.kind == "acquirer_receivable")
        owed_by_us = sum(b.credit_rial - b.debit_rial for b in balances if b.kind == "merchant_payable")
        paid = await audit.paid_total(db)
        _expect(owed_to_us == owed_by_us == paid == paid_rial, "the books do not balance")


@contextmanager
def _step(what: str, began: float | None = None) -> Iterator[None]:
    began = time.perf_counter() if began is None else began
    yield
    out.print(f"{(time.perf_counter() - began) * 1000:8.1f} ms  {what}")


def _expect(true: bool, otherwise: str) -> None:
    if not true:
        raise StepFailed(otherwise)
