"""No search reads the whole table of purchases, however much stands in it; and a page's work is bounded."""

import re
from datetime import UTC, datetime

import psycopg
import pytest
from bench.filling import GATEWAYS, derive, fill
from tests.conftest import fresh_database

from mopos.base.db import Database
from mopos.domain.reports import search, statements
from mopos.domain.reports.model import fields_of, parse_filter

QUERIES = [
    *("", "number=1000017", "res=R77", "res=R7*", "ref=700000100500", "text=سفارش", "text=سفارش+کتاب", "text=زعفران"),
    *(
        "amount=250000",
        "amount_min=1000000&amount_max=5000000",
        "amount_min=300000000",
        "card=1234",
        "card=603799-1234",
    ),
    *("state=PAID", "state=CONFLICTED", "state=UNKNOWN", "state=AT_BANK", "ack=no", "ack=yes", "late=1"),
    *("since=1400/01/01", "text=کتاب&state=DECLINED&amount_max=5000000&card=1234"),
]


@pytest.fixture(scope="module")
def filled(postgres):
    with fresh_database(postgres) as dsn:
        fill(dsn, 20_000, datetime.now(UTC))
        derive(dsn, 20_000)
        yield dsn


@pytest.mark.parametrize("query", QUERIES)
@pytest.mark.parametrize("everybody", [False, True], ids=["account", "operators"])
async def test_no_search_reads_a_whole_table(filled, query, everybody):
    async with Database(filled, pool_size=1, timeout_s=30, for_reports=True) as db:
        gateways = None if everybody else list(GATEWAYS)
        found = await search.prepare(db, gateways, parse_filter(fields_of(query)))
        for statement in (statements.OLDER, statements.NEWER):
            values = found.values | {"limit": 51, "scan": 51 if found.exact else search.SCAN_MAX}
            rows = await db.all(f"explain {statement[found.driver]}", values)
            plan = "\n".join(row[0] for row in rows)
            whole = re.findall(r"Seq Scan on (purchase|attempt|journal|purchase_word)\b", plan)
            assert whole == [], plan


async def test_what_never_holds_is_given_up_and_goes_on_later(filled):
    async with Database(filled, pool_size=1, timeout_s=30, for_reports=True) as db:
        wanted = parse_filter({"res": ["Z*"]})
        page = await search.page(db, list(GATEWAYS), wanted)
        parts = 1
        while page.older is not None:
            assert not page.whole
            assert page.lines == []
            page = await search.page(db, list(GATEWAYS), wanted, before=page.older)
            parts += 1
        assert page.whole
        assert parts == 20_000 // search.SCAN_MAX + 1


async def test_seldom_ones_are_all_found_in_the_end(filled):
    with psycopg.connect(filled) as connection:
        ((wanted_count,),) = connection.execute(
            "select count(*) from purchase where state = 'DECLINED' and amount_rial > 200000000"
        ).fetchall()
    async with Database(filled, pool_size=1, timeout_s=30, for_reports=True) as db:
        wanted = parse_filter({"state": ["DECLINED"], "amount_min": ["200000001"]})
        ids, before = [], None
        while True:
            page = await search.page(db, list(GATEWAYS), wanted, before=before, limit=7)
            ids += [line.id for line in page.lines]
            if page.older is None:
                break
            before = page.older
    assert len(ids) == len(set(ids)) == wanted_count
    assert ids == sorted(ids, reverse=True)


def test_the_benchmark_s_purchases_are_in_order(filled):
    """What fills the benchmark's database without triggers would have passed them."""
    with psycopg.connect(filled) as connection:
        wrong = connection.execute(
            """
            select p.id from purchase p join journal j on j.purchase_id = p.id and j.version = p.version
            where (j.to_state, j.event) <> (p.state, p.last_event)
            union all
            select purchase_id from journal j where not exists (
                select from move m where (m.from_state, m.event, m.to_state) = (j.from_state, j.event, j.to_state))
            union all
            select p.id from purchase p left join attempt a on a.id = p.attempt_id
            where a.purchase_id is distinct from p.id
            """
        ).fetchall()
        ((paid, booked),) = connection.execute(
            """
            select (select sum(amount_rial) from purchase where state = 'PAID'),
                (select sum(amount_rial) from ledger_line)
            """
        ).fetchall()
    assert wrong == []
    assert paid == booked
