"""The books at the console and on the command line: balances, statements, an entry and its correction by two."""

import json

from tests.stack import eventually
from tests.web import make_operator, signed_in

from mopos.base.ids import with_check_digit


def exception_entry(stack, shop) -> int:
    """An exception that an operator has closed by giving a merchant what nobody knew: the entry that did it."""
    operator = make_operator(stack, "finance")
    ((exception,),) = stack.sql(
        "insert into recon_exception (source, kind, key, day, amount_rial, state, last_event, found_at) "
        "values ('statement', 'missing_here', gen_random_uuid()::text, current_date, 7000, 'OPEN', 'found', now()) "
        "returning id"
    )
    stack.sql(
        "insert into money_event (noun, subject_id, version, event, from_state, to_state, actor, at) "
        "values ('exception', %s, 1, 'found', '', 'OPEN', 'worker', now())",
        exception,
    )
    stack.sql(
        "update recon_exception set state = 'CLOSED', last_event = 'closed', version = 2, closed_at = now() "
        "where id = %s",
        exception,
    )
    ((event,),) = stack.sql(
        "insert into money_event (noun, subject_id, version, event, from_state, to_state, actor, operator_id, at, "
        "reason) values ('exception', %s, 2, 'closed', 'OPEN', 'CLOSED', 'operator', %s, now(), 'نامهٔ بانک') "
        "returning id",
        *(exception, operator),
    )
    ((entry,),) = stack.sql(
        "select book(%s, 'suspense_to_merchant', now(), now(), '{suspense}', '{0}', '{merchant_payable}', "
        "array[%s]::bigint[], '{7000}')",
        *(event, int(shop.id[:-1])),
    )
    return entry


async def test_balances_now_and_of_a_day_statements_and_an_entry(stack, shop, web):
    bought = await shop.buy(web)
    async with signed_in(stack, make_operator(stack, "support")) as visitor:
        page = await visitor.get("/console/books")
        assert page.heading == "The books"
        assert "Payable to the merchant" in page.text
        assert shop.id in page.text
        before = await visitor.get("/console/books", day="1400/01/01")
        assert "Payable to the merchant" not in before.text
        wrong = await visitor.get("/console/books", day="soon")
        assert (wrong.status, "neither a day nor a moment" in wrong.text) == (400, True)
        assert 'value="soon"' in wrong.response.text

        ((account,),) = stack.sql(
            "select id from ledger_account where kind = 'merchant_payable' and owner = %s", int(shop.id[:-1])
        )
        statement = await visitor.get(f"/console/books/accounts/{account}")
        assert "Purchase paid" in statement.text
        ((purchase, entry),) = stack.sql(
            "select p.id, a.entry_id from purchase p join attempt a on a.id = p.attempt_id where p.res = %s", bought.res
        )
        assert f"/console/purchases/{with_check_digit(purchase)}" in statement.links()
        shown = await visitor.get(f"/console/books/entries/{entry}")
        assert "Receivable from the acquirer" in shown.text
        assert "Take this entry back" not in shown.text
        found = await visitor.get("/console/books", entry=str(entry))
        assert found.path == f"/console/books/entries/{entry}"
        assert (await visitor.get("/console/books/entries/99999999")).status == 404
        assert (await visitor.get("/console/books/accounts/99999999")).status == 404


async def test_a_long_statement_is_paged(stack, shop):
    for _ in range(51):
        exception_entry(stack, shop)
    ((account,),) = stack.sql("select id from ledger_account where kind = 'suspense'")
    async with signed_in(stack, make_operator(stack, "support"), lang="fa") as visitor:
        page = await visitor.get(f"/console/books/accounts/{account}")
        older = next(link for link in page.links() if "after=" in link)
        rest = await visitor.get(older)
        assert rest.status == 200
        assert "معلق، از آنِ پذیرنده" in rest.text


async def test_an_entry_is_taken_back_by_two_operators(stack, shop):
    entry = exception_entry(stack, shop)
    first, second = make_operator(stack, "finance"), make_operator(stack, "finance")
    async with signed_in(stack, make_operator(stack, "risk")) as visitor:
        assert "Take this entry back" not in (await visitor.get(f"/console/books/entries/{entry}")).text
    async with signed_in(stack, first) as visitor:
        page = await visitor.get(f"/console/books/entries/{entry}")
        empty = await visitor.send(page, "/correct", reason=" ")
        assert empty.status == 400
        proposal = await visitor.send(page, "/correct", reason="another merchant's")
        assert "7,000" in proposal.text
        again = await visitor.get(f"/console/books/entries/{entry}")
        assert "A proposal is waiting" in again.text
        path = proposal.path
    async with signed_in(stack, second) as visitor:
        done = await visitor.send(await visitor.get(path), "/approve", note="yes")
        assert done.status == 200
        page = await visitor.get(f"/console/books/entries/{entry}")
        assert "Taken back by entry" in page.text
        assert "Take this entry back" not in page.text
        ((corrected,),) = stack.sql("select entry_id from ledger_line where corrects = %s", entry)
        assert "Takes back entry" in (await visitor.get(f"/console/books/entries/{corrected}")).text


async def test_the_command_line_says_the_same(stack, shop, web):
    await shop.buy(web)
    done = stack.run("ledger", "balance", "--json")
    assert done.returncode == 0, done.stdout
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert sum(row["debit_rial"] for row in rows) == sum(row["credit_rial"] for row in rows)
    assert stack.run("ledger", "balance", "--prove", "--json").stdout == done.stdout
    assert stack.run("ledger", "balance", "--as-of", "1400/01/01", "--json").stdout == ""
    assert stack.run("ledger", "balance", "--as-of", "yesterday").returncode == 2
    (mine,) = [row for row in rows if (row["account"], row["owner"]) == ("merchant_payable", shop.id)]
    shown = stack.run("ledger", "statement", "merchant_payable", shop.id, "--json")
    newest = json.loads(shown.stdout.splitlines()[0])
    assert newest["balance_rial"] == mine["balance_rial"]
    assert stack.run("ledger", "statement", "merchant_payable", "10").returncode == 2
    assert "Trial balance" in stack.run("ledger", "balance").stdout


async def test_the_worker_seals_and_the_audit_names_the_row(stack, shop, web):
    await shop.buy(web)

    def sealed():
        ((behind,),) = stack.sql(
            "select count(*) from journal where id > (select position from progress where name = 'seal journal')"
        )
        return behind == 0

    await eventually(sealed, 60)
    clean = stack.run("audit")
    assert "journal is sealed up to row" in clean.stdout
    assert "seal" not in clean.stdout.replace("is sealed up to row", "")
    ((row,),) = stack.sql("select max(id) from journal")
    stack.sql("alter table journal disable trigger user")
    stack.sql("update journal set actor = 'nobody' where id = %s", row)
    named = stack.run("audit")
    assert named.returncode == 1
    assert f"journal row {row}: this row is not what was written" in named.stdout
    stack.sql("update journal set actor = 'system' where id = %s", row)
    stack.sql("alter table journal enable trigger user")
