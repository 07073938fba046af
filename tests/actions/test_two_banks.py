"""Two simulated banks over HTTP: the first choice dies, hangs, or does not know us, and no buyer notices."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from contextlib import asynccontextmanager

import httpx2
import pytest
from psycopg.types.json import Jsonb
from tests.actions.conftest import Shop
from tests.stack import eventually, wait_for

from mopos.actions import audit, manage_account
from mopos.actions.credentials import seal_credentials
from mopos.actions.finish_attempt import finish_attempt
from mopos.actions.register_purchase import register_purchase
from mopos.actions.send_to_bank import send_to_bank
from mopos.banks.catalogue import KINDS
from mopos.banks.sim.buyer import pay_at_bank
from mopos.banks.sims import SIMS
from mopos.base.secret import Secret
from mopos.build import build_services
from mopos.domain.payments.model import parse_form
from mopos.domain.payments.states import State
from mopos.domain.routing.health import Why
from mopos.edges.demo.check import free_ports

DEADLINE_S = 1.5


class Two:
    """Sandbox banks `1` and `2`, with a terminal of ours at each, and a shop's purchases, which go to `1` first."""

    def __init__(self, services) -> None:
        self.db = services.db
        self.settings = services.settings.model_copy(update={"bank_deadline_s": DEADLINE_S})
        self.services = build_services(self.settings, self.db)
        self.terminals = self.services.terminals
        self.ports = dict(zip((1, 2), free_ports(), strict=False))
        self.numbers: dict[int, int] = {}
        self.processes: dict[int, subprocess.Popen] = {}
        self.shop: Shop

    def start(self, bank: int) -> None:
        command = [sys.executable, "-m", "mopos", "bank-sim", "sandbox", f"--port={self.ports[bank]}"]
        self.processes[bank] = subprocess.Popen(command, env=os.environ | {"MOPOS_SECRET_KEY": "k" * 32})

    def tell(self, bank: int, what: signal.Signals) -> None:
        self.processes[bank].send_signal(what)

    def kill(self, bank: int) -> None:
        self.tell(bank, signal.SIGKILL)
        self.processes.pop(bank).wait()

    def sealed(self, bank: int, **changed: str):
        credentials = {name: Secret(value) for name, value in (dict(SIMS["sandbox"].credentials) | changed).items()}
        KINDS["sandbox"].check({name: value.reveal() for name, value in credentials.items()})
        key_name, sealed = seal_credentials(self.settings, "sandbox", f"bank {bank}", credentials)
        return {"key": key_name, "sealed": sealed, "name": f"bank {bank}"}

    async def begin(self) -> None:
        for bank in (1, 2):
            self.start(bank)
        await self.db.all("update terminal set disabled_at = now()")
        for bank in (1, 2):
            row = await self.db.one(
                """
                with t as (
                    insert into terminal (bank, name, base_url, key_name, sealed, deadlines)
                    values ('sandbox', %(name)s, %(url)s, %(key)s, %(sealed)s, %(none)s) returning id
                ),
                a as (insert into ledger_account (kind, owner) select 'acquirer_receivable', id from t),
                r as (
                    insert into routing_rule (terminal_id, priority, weight, created_at)
                    select id, %(priority)s, 1, now() from t
                )
                select id from t
                """,
                {
                    **self.sealed(bank),
                    "url": f"http://127.0.0.1:{self.ports[bank]}",
                    "none": Jsonb({}),
                    "priority": bank,
                },
            )
            self.numbers[bank] = row[0]
        made = await manage_account.create_account(self.db, self.services.clock, self.settings, "دو بانک")
        self.shop = Shop(self.services, made)
        for port in self.ports.values():
            await asyncio.to_thread(wait_for, f"http://127.0.0.1:{port}/healthz")

    async def seal_anew(self, bank: int, **changed: str) -> None:
        await self.db.all(
            "update terminal set key_name = %(key)s, sealed = %(sealed)s where bank = 'sandbox' and name = %(name)s",
            self.sealed(bank, **changed),
        )
        await self.terminals.refresh(self.db)

    @asynccontextmanager
    async def next_process(self):
        """Go on as one that was started just now."""
        self.services = build_services(self.settings, self.db)
        self.terminals = self.services.terminals
        self.shop.services = self.services
        async with self.terminals.watched(self.db):
            yield

    def why(self, bank: int) -> Why | None:
        return self.terminals.all[self.numbers[bank]].health.why

    async def buy(self) -> tuple[int, float]:
        """A purchase, from the form to the payment. Returns which bank was paid at, and how long its page took."""
        began = time.monotonic()
        purchase, is_new = await register_purchase(self.services, parse_form(self.shop.form()), "192.0.2.7")
        way = await send_to_bank(self.services, purchase, is_new=is_new)
        took = time.monotonic() - began
        assert way is not None
        async with httpx2.AsyncClient(trust_env=False, timeout=20) as browser:
            form = await pay_at_bank(browser, way)
        now = await self.shop.now(purchase)
        await finish_attempt(self.services, now.ref, form.fields)
        paid = await self.shop.now(purchase)
        assert paid.state is State.PAID
        return next(bank for bank, number in self.numbers.items() if number == paid.terminal_id), took

    async def failures(self, bank: int) -> list[str]:
        rows = await self.db.all(
            "select bank_code from attempt where state = 'FAILED' and terminal_id = %(id)s order by id",
            {"id": self.numbers[bank]},
        )
        return [code for (code,) in rows]


@pytest.fixture
async def two(services):
    world = Two(services)
    try:
        await world.begin()
        async with world.terminals.watched(world.db):
            yield world
        findings = [one async for step in audit.audit(world.db, world.services.clock()) for one in step.findings]
        assert findings == []
    finally:
        for process in world.processes.values():
            process.send_signal(signal.SIGCONT)
            process.kill()
            process.wait()


async def test_a_bank_that_is_dead_is_noticed_by_no_buyer_and_gets_purchases_again_when_it_is_back(two):
    assert (await two.buy())[0] == 1
    two.kill(1)
    assert {(await two.buy())[0] for _ in range(10)} == {2}
    assert len(await two.failures(1)) == 3, "after three silences it is left alone"
    assert set(await two.failures(1)) <= {"not_connected", "broken_line"}
    assert two.why(1) is Why.SILENT
    two.start(1)
    began = time.monotonic()
    await eventually(lambda: two.why(1) is None)
    await asyncio.to_thread(wait_for, f"http://127.0.0.1:{two.ports[1]}/healthz")
    assert time.monotonic() - began < 15
    assert {(await two.buy())[0] for _ in range(4)} == {1}


async def test_a_bank_that_hangs_costs_its_first_buyers_one_deadline(two):
    await two.buy()
    two.tell(1, signal.SIGSTOP)
    at_once = await asyncio.gather(*(two.buy() for _ in range(12)))
    assert {bank for bank, _ in at_once} == {2}
    assert max(took for _, took in at_once) < DEADLINE_S + 2
    assert two.why(1) is Why.SILENT
    failed = len(await two.failures(1))
    later = [await two.buy() for _ in range(10)]
    assert {bank for bank, _ in later} == {2}
    assert max(took for _, took in later) < DEADLINE_S
    assert len(await two.failures(1)) == failed, "nobody else was sent to wait"
    two.tell(1, signal.SIGCONT)
    await eventually(lambda: two.why(1) is None)
    assert {(await two.buy())[0] for _ in range(4)} == {1}


async def test_a_bank_that_does_not_know_us_is_noticed_by_no_buyer(two):
    await two.seal_anew(1, key="not-the-key")
    assert {(await two.buy())[0] for _ in range(10)} == {2}
    assert await two.failures(1) == ["-105"] * 3
    assert two.why(1) is Why.REFUSED
    await asyncio.sleep(3)
    assert two.why(1) is Why.REFUSED, "that it answers a probe is not enough"
    await two.seal_anew(1)
    assert two.why(1) is None
    assert {(await two.buy())[0] for _ in range(4)} == {1}


async def test_a_key_that_is_lost_is_noticed_by_no_buyer(two):
    await two.db.all("update terminal set key_name = 'lost' where name = 'bank 1'")
    await two.terminals.refresh(two.db)
    assert {(await two.buy())[0] for _ in range(4)} == {1}, "a process that has opened it goes on"
    async with two.next_process():
        assert two.why(1) is Why.NO_CREDENTIALS
        assert {(await two.buy())[0] for _ in range(10)} == {2}
        assert await two.failures(1) == []
        await two.seal_anew(1)
        assert {(await two.buy())[0] for _ in range(4)} == {1}


async def test_purchases_are_shared_by_weight(two):
    await two.db.all(
        "update routing_rule set priority = 1, weight = case terminal_id when %(one)s then 3 else 1 end",
        {"one": two.numbers[1]},
    )
    await two.terminals.refresh(two.db)
    for _ in range(200):
        await two.shop.at_bank()
    row = await two.db.one("select count(*) from attempt where terminal_id = %(id)s", {"id": two.numbers[1]})
    # 150 of 200, and five standard deviations around it.
    assert 119 <= row[0] <= 181
