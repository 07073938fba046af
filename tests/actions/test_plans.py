"""Every statement on a purchase's way finds its rows by an index, however large the tables grow."""

import re

import psycopg
import pytest

from mopos.actions.ask_bank import ask_bank_about_due
from mopos.actions.finish_attempt import finish_attempt
from mopos.actions.report_result import report_result
from mopos.actions.send_to_bank import send_to_bank
from mopos.base.db import Database

GROWING = ("purchase", "attempt", "journal", "ledger_line", "ledger_account", "gateway")


@pytest.fixture
def asked(monkeypatch):
    """What the database is asked from now on: it is asked all the same."""
    kept: list[tuple[str, dict]] = []
    ask = Database.all

    async def noted(self, statement, params=None):
        kept.append((statement, dict(params or {})))
        return await ask(self, statement, params)

    monkeypatch.setattr(Database, "all", noted)
    return kept


@pytest.mark.storage
async def test_no_statement_reads_a_whole_table(dsn, shop, bank, clock, asked):
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

    statements = dict(asked)
    assert len(statements) >= 10
    with psycopg.connect(dsn, cursor_factory=psycopg.ClientCursor) as connection:
        # Small tables are read whole because that is cheaper; this shows which statements have no other way.
        connection.execute("set enable_seqscan = off")
        for statement, params in statements.items():
            plan = "\n".join(line for (line,) in connection.execute(f"explain {statement}", params))
            scanned = [table for table in re.findall(r"Seq Scan on (\w+)", plan) if table in GROWING]
            assert scanned == [], f"{statement}\n{plan}"
