"""Every statement on a purchase's way finds its rows by an index, however large the tables grow."""

import re
from dataclasses import replace

import psycopg
import pytest
from tests.actions.conftest import Shop

from mopos.actions.ask_bank import ask_bank_about_due
from mopos.actions.finish_attempt import finish_attempt
from mopos.actions.manage_account import Credentials
from mopos.actions.report_result import report_result
from mopos.actions.send_to_bank import send_to_bank
from mopos.base.db import Database

GROWING = ("purchase", "attempt", "journal", "ledger_line", "ledger_account", "gateway")


class Noting(Database):
    """A database that keeps what it was asked."""

    def __init__(self, *args, **options) -> None:
        super().__init__(*args, **options)
        self.asked: dict[str, dict] = {}

    async def all(self, statement, params=None):
        self.asked[statement] = dict(params or {})
        return await super().all(statement, params)


@pytest.mark.storage
async def test_no_statement_reads_a_whole_table(dsn, services, shop, bank, clock):
    async with Noting(dsn, pool_size=2, timeout_s=10) as db:
        await go_every_way(Shop(replace(services, db=db), Credentials(shop.id, shop.rmz)), bank, clock)
    assert len(db.asked) >= 10
    with psycopg.connect(dsn, cursor_factory=psycopg.ClientCursor) as connection:
        # Small tables are read whole because that is cheaper; this shows which statements have no other way.
        connection.execute("set enable_seqscan = off")
        for statement, params in db.asked.items():
            plan = "\n".join(line for (line,) in connection.execute(f"explain {statement}", params))
            scanned = [table for table in re.findall(r"Seq Scan on (\w+)", plan) if table in GROWING]
            assert scanned == [], f"{statement}\n{plan}"


async def go_every_way(shop: Shop, bank, clock) -> None:
    """Declined, tried again, silent, asked again, paid, reported."""
    form = shop.form()
    purchase = await shop.at_bank(**form)
    await shop.post(form)
    bank.book[purchase.order_number].state = "declined"
    await finish_attempt(shop.services, purchase.ref, {})
    await send_to_bank(shop.services, await shop.now(purchase))
    purchase = await shop.now(purchase)
    bank.buyer_pays(purchase.order_number)
    bank.silent = {"verify", "inquire"}
    await finish_attempt(shop.services, purchase.ref, {"State": "OK"})
    clock.pass_by(minutes=1)
    await ask_bank_about_due(shop.services)
    bank.silent = set()
    clock.pass_by(hours=1)
    await ask_bank_about_due(shop.services)
    assert (await report_result(shop.services, shop.id, shop.rmz, form["Res"])).err == 0
