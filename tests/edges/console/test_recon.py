"""Reconciliation in the console, against real processes: a bank's report of yesterday, statements, exceptions, acts."""

import asyncio
import json
from datetime import UTC, date, datetime, timedelta

import httpx2
import pytest
from tests.conftest import fresh_database, open_folder
from tests.stack import browser, running
from tests.web import make_operator, signed_in

from mopos.base.clock import TEHRAN
from mopos.edges.i18n.lang import Lang
from mopos.edges.i18n.texts import TEXTS

IBAN = "IR430120000000000000000001"
EN = TEXTS[Lang.EN]


@pytest.fixture(scope="module")
def yesterday() -> date:
    return datetime.now(UTC).astimezone(TEHRAN).date() - timedelta(days=1)


@pytest.fixture(scope="module")
def stack(postgres):
    """A stack whose bank took money yesterday: its book is moved back by a day before it opens again."""
    with open_folder() as folder, fresh_database(postgres) as dsn:
        folder.mkdir(exist_ok=True)
        # No worker: its own round would fetch and compare in between.
        with running(dsn, folder, with_worker=False) as stack:
            yield stack
        assert "Traceback" not in stack.logs()


async def sold_yesterday(stack, shop, many: int) -> list[int]:
    """Purchases that both sides hold of yesterday. Returns the attempts."""
    async with browser() as web:
        bought = [await shop.buy(web) for _ in range(many)]
    rows = stack.sql(
        "select a.id from purchase p join attempt a on a.id = p.attempt_id where p.res = any (%s) and p.gateway_id = %s"
        " order by 1",
        [one.res for one in bought],
        int(shop.id[:-1]),
    )
    stack.sql(
        "update attempt set started_at = started_at - interval '1 day', ended_at = ended_at - interval '1 day'"
        " where id = any (%s)",
        [row[0] for row in rows],
    )
    stack.stop("bank")
    book = stack.folder / "bank-book.jsonl"
    lines = [json.loads(text) for text in book.read_text().splitlines()]
    for line in lines:
        if "entry" not in line:
            continue  # a buyer's coming has no time
        line["entry"]["at"] = (datetime.fromisoformat(line["entry"]["at"]) - timedelta(days=1)).isoformat()
    book.write_text("".join(json.dumps(line) + "\n" for line in lines))
    stack.start_bank()
    return [row[0] for row in rows]


def misreport(stack, attempt: int, fault: str | None) -> None:
    answer = httpx2.post(f"{stack.bank}/book/misreport", json={"order": str(attempt), "fault": fault}, trust_env=False)
    assert answer.status_code == 200


def statement(*rows: str) -> bytes:
    return "\n".join([f"iban,{IBAN}", "date,reference,amount,description", *rows]).encode()


@pytest.fixture(scope="module")
def told(stack):
    """Four payments of yesterday; the report leaves one out and tells another amount of another."""
    shop = stack.make_shop()
    attempts = asyncio.run(sold_yesterday(stack, shop, 4))
    misreport(stack, attempts[1], "missing")
    misreport(stack, attempts[2], "amount")
    return shop, attempts


async def test_a_day_from_the_report_to_the_last_exception(stack, told, yesterday):
    _, attempts = told
    finance = signed_in(stack, make_operator(stack, "finance"))
    async with finance:
        page = await finance.get("/console/reconciliation")
        assert EN["recon.days.none"] in page.text
        page = await finance.send(page, "/run")
        assert EN["done.reconciled"] in page.text
        # 1,000,000 here; there one is missing and one is a tenth.
        assert "1,000,000" in page.text
        assert "525,000" in page.text
        page = await finance.get("/console/exceptions")
        assert EN["recon.kind.missing_there"] in page.text
        assert EN["recon.kind.amount_differs"] in page.text
        assert len([link for link in page.links() if link.startswith("/console/exceptions/")]) == 2
        page = await finance.get("/console/exceptions", kind="amount_differs")
        (link,) = [link for link in page.links() if link.startswith("/console/exceptions/")]

        # Closed by an act that fits, with a reason.
        page = await finance.get(link)
        assert "250,000" in page.text
        assert "25,000" in page.text
        page = await finance.send(page, "/close", act="difference_borne")
        assert page.status == 400
        assert EN["problem.act_reason_missing"] in page.text
        page = await finance.send(page, "/close", act="difference_borne", reason="the bank's letter of today")
        assert EN["done.exception_closed"] in page.text
        assert "the bank's letter of today" in page.text
        assert EN["recon.entry.difference_borne"] in page.text
        ((rial,),) = stack.sql("select amount_rial from ledger_line where entry = 'difference_borne'")
        assert rial == 225_000

        # The other vanishes when the bank comes to say the same.
        misreport(stack, attempts[1], None)
        ran = stack.run("reconcile", yesterday.isoformat())
        assert ran.returncode == 0, ran.stdout + ran.stderr
        assert "1 vanished" in ran.stdout
        page = await finance.get("/console/exceptions")
        assert EN["recon.exceptions.none"] in page.text
        page = await finance.get("/console/exceptions", state="closed")
        assert EN["recon.event.vanished"] in page.text


async def test_a_statement_is_taken_in_once_and_its_rows_are_named(stack, told, yesterday):
    finance = signed_in(stack, make_operator(stack, "finance"))
    async with finance:
        page = await finance.get("/console/statements")
        wrong = statement("1405/13/01,A,5,x")
        page = await finance.send(page, "/console/statements", files={"file": ("a.csv", wrong, "text/csv")})
        assert page.status == 400
        assert EN["recon.row.date"] in page.text
        assert stack.sql("select count(*) from bank_statement") == [(0,)]

        page = await finance.send(page, "/console/statements")
        assert EN["problem.statement_missing"] in page.text

        good = statement(f"{yesterday},X1,5000,?", f"{yesterday},X2,-700,a charge")
        page = await finance.send(page, "/console/statements", files={"file": ("a.csv", good, "text/csv")})
        assert EN["done.statement_taken"] in page.text
        assert page.text.count(EN["recon.line.SUSPENSE"]) == 2
        again = await finance.get("/console/statements")
        again = await finance.send(again, "/console/statements", files={"file": ("b.csv", good, "text/csv")})
        assert EN["done.statement_known"] in again.text
        assert stack.sql("select count(*) from statement_line") == [(2,)]

        # Money that belongs to a merchant goes to that merchant.
        ((exception,),) = stack.sql("select id from recon_exception where state = 'OPEN' and amount_rial = 5000")
        page = await finance.get(f"/console/exceptions/{exception}")
        page = await finance.send(page, "/close", act="suspense_to_merchant", reason="told us", gateway="11")
        assert EN["problem.exception_gateway"] in page.text
        shop, _ = told
        page = await finance.send(page, "/close", act="suspense_to_merchant", reason="told us", gateway=shop.id)
        assert EN["done.exception_closed"] in page.text

        page = await finance.get("/console")
        assert EN["console.queue.exceptions"] in page.text
        stack.sql("update recon_exception set found_at = now() - interval '2 days' where state = 'OPEN'")
        page = await finance.get("/console")
        assert EN["recon.old"] in page.text


async def test_who_may_only_look_sees_and_cannot_act(stack, told):
    support = signed_in(stack, make_operator(stack, "support"))
    async with support:
        ((exception,),) = stack.sql("select max(id) from recon_exception")
        page = await support.get(f"/console/exceptions/{exception}")
        assert page.status == 200
        assert not page.tree.xpath("//form[contains(@action, '/close')]")
        refused = await support.post(f"/console/exceptions/{exception}/close", act="explained", reason="x")
        assert refused.status == 403
        page = await support.get("/console/statements")
        assert not page.tree.xpath("//main//form")


def test_the_command_line(stack, told, yesterday, tmp_path):
    file = tmp_path / "s.csv"
    file.write_bytes(statement(f"{yesterday},C1,900,x"))
    done = stack.run("statement", "import", str(file), "--json")
    assert json.loads(done.stdout)["new"] == 1
    assert json.loads(stack.run("statement", "import", str(file), "--json").stdout)["known"] == 1
    file.write_bytes(statement(f"{yesterday},C1,1.5,x"))
    refused = stack.run("statement", "import", str(file))
    assert refused.returncode == 1
    assert "row 3: The amount is no whole number of Rial" in refused.stderr
    ran = stack.run("reconcile", "--json")
    told = json.loads(ran.stdout)
    assert (ran.returncode, told["unexplained_rial"]) == (1, 0)
    assert {one["kind"] for one in told["open"]} == {"missing_here"}
    assert stack.run("reconcile", "1405/13/01").returncode == 2
