"""What the worker derives from the journal: each row once, also when rows appear late or a worker dies."""

import asyncio
import random
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from tests.edges.panel.seeded import Seeded

from mopos.base.db import Database
from mopos.domain.reports import derive, sales, search
from mopos.domain.reports.model import parse_filter

NOW = datetime(2026, 5, 6, 9, 30, tzinfo=UTC)


class OnlySql:
    """As much of a stack as writing purchases needs."""

    def __init__(self, dsn: str) -> None:
        self.dsn = dsn

    def sql(self, statement: str, *parameters: object) -> list[tuple]:
        with psycopg.connect(self.dsn, autocommit=True) as connection:
            cursor = connection.execute(statement, parameters)
            return cursor.fetchall() if cursor.description else []


@pytest.fixture
def seeded(dsn):
    return Seeded(OnlySql(dsn))


@pytest.fixture
async def db(dsn):
    async with Database(dsn, pool_size=2, timeout_s=30) as database:
        yield database


@pytest.fixture
async def reports(dsn):
    async with Database(dsn, pool_size=2, timeout_s=30, for_reports=True) as database:
        yield database


async def all_of_it(db: Database) -> int:
    await derive.mark(db, NOW)
    taken = 0
    while (rows := await derive.take_batch(db, NOW)) is not None:
        taken += rows
    return taken


def counted(seeded: Seeded) -> tuple:
    return seeded.stack.sql(
        "select sum(registered)::int, sum(paid)::int, sum(paid_rial)::bigint, sum(declined)::int from sales_day"
    )[0]


async def test_every_event_counts_once_however_often_it_is_looked_at(db, seeded):
    seeded.add_many(3, at=NOW, amount=1_000_000)
    seeded.add("DECLINED", at=NOW)
    seeded.add("DECLINED", at=NOW, decline="wrong_pin")
    assert await all_of_it(db) == 5 * 4
    assert await all_of_it(db) == 0
    assert counted(seeded) == (5, 3, 3_000_000, 2)
    assert seeded.stack.sql("select declines from sales_day") == [({"insufficient_funds": 1, "wrong_pin": 1},)]
    seeded.add("DECLINED", at=NOW, decline="wrong_pin")
    await all_of_it(db)
    assert seeded.stack.sql("select declines from sales_day") == [({"insufficient_funds": 1, "wrong_pin": 2},)]
    hours = seeded.stack.sql("select sum(registered)::int, sum(paid)::int from sales_hour")
    assert hours == [(6, 3)]


async def test_a_row_that_appears_late_below_others_is_not_missed(db, seeded):
    """A transaction takes its number of the journal and commits after one that took a higher number."""
    with psycopg.connect(seeded.stack.dsn) as slow:
        number = seeded._write(slow, "PAID", at=NOW)
        seeded.add(at=NOW)
        assert await all_of_it(db) == 0, "it waits for whoever may still write below"
        slow.commit()
    assert await all_of_it(db) == 8
    found = seeded.stack.sql("select count(*) from purchase_word where purchase_id = %s and word = 'کتاب'", number)
    assert found == [(1,)]


async def test_two_workers_take_no_row_twice(db, seeded):
    seeded.add_many(40, at=NOW)
    await derive.mark(db, NOW)
    await asyncio.gather(*(derive.take_batch(db, NOW) for _ in range(6)))
    while await derive.take_batch(db, NOW) is not None:
        pass
    assert counted(seeded)[:2] == (40, 40)


async def test_sales_are_the_same_as_counting_purchases(db, reports, seeded):
    rng = random.Random(7)
    for _ in range(120):
        at = NOW - timedelta(minutes=rng.randrange(60 * 24 * 40))
        seeded.add(
            rng.choice(["PAID", "PAID", "DECLINED", "CANCELLED", "EXPIRED"]), at=at, amount=rng.randrange(20_000, 10**7)
        )
    await all_of_it(db)
    for period, figures in (await sales.by_period(reports, [seeded.gateway_id], sales.periods(NOW))).items():
        (wanted,) = [found for found in sales.periods(NOW) if found.name == period]
        end = wanted.until.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
        ((count, total),) = seeded.stack.sql(
            """
            select count(*), coalesce(sum(p.amount_rial), 0) from journal j join purchase p on p.id = j.purchase_id
            where j.to_state = 'PAID' and j.at >= %s::date::timestamp at time zone 'Asia/Tehran' and j.at < %s
            """,
            *(wanted.first, end),
        )
        assert (figures.paid, figures.paid_rial) == (count, total), period
    hours = await sales.by_hour(reports, [seeded.gateway_id], wanted.last)
    assert len(hours) == 24


async def test_words_fold_the_letters_of_three_keyboards(db, reports, seeded):
    number = seeded.add(nam="كيميا يوسفي", dsc="می‌خواهم ۱۲۳ Coffee")
    await all_of_it(db)
    for text in ("کیمیا", "يوسفى", "میخواهم", "می‌خواهم", "١٢٣", "coffee کیمیا"):
        page = await search.page(reports, [seeded.gateway_id], parse_filter({"text": [text]}))
        assert [line.id for line in page.lines] == [int(number[:-1])], text


async def test_a_form_full_of_words_is_found_by_some(db, seeded):
    seeded.add(dsc=" ".join(f"w{number}" for number in range(190)))
    await all_of_it(db)
    ((words,),) = seeded.stack.sql("select count(*) from purchase_word where word !~ '^[=$#]'")
    assert words == derive.WORDS_MAX


@pytest.mark.parametrize("step", [0, 1, 17, 39])
async def test_a_day_s_first_purchase_is_found_by_halving(dsn, seeded, step):
    first = NOW - timedelta(hours=40)
    ids = [int(seeded.add(at=first + timedelta(hours=hour))[:-1]) for hour in range(40)]
    ((found,),) = seeded.stack.sql("select purchase_id_at(%s)", first + timedelta(hours=step))
    assert found == ids[step]
    assert seeded.stack.sql("select purchase_id_at(%s)", NOW + timedelta(days=9)) == [(ids[-1] + 1,)]
    assert seeded.stack.sql("select purchase_id_at(%s)", NOW - timedelta(days=900)) == [(ids[0],)]


async def test_an_empty_installation_has_nothing(dsn, db, reports):
    page = await search.newest(reports, parse_filter({"since": ["1404/01/01"], "text": ["x"]}))
    assert page.lines == []
    assert await all_of_it(db) == 0
