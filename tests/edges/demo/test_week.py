"""The week of `mopos demo --days`: what the shops are told is what the central bank says, and the books tie."""

import csv
import io
import re
from datetime import date
from pathlib import Path

import psycopg
import pytest

from mopos.actions.report_result import report_result
from mopos.build import build_services
from mopos.domain.ledger.ties import tie
from mopos.edges.demo.week import FIRST_DAY, play, still_open, week
from mopos.edges.pay_rep import result_of

PAGE = Path(__file__).parents[3] / "docs/howto/tie-the-books.md"


@pytest.mark.timeout(300)
async def test_a_week_ends_with_everything_settled_held_or_given_back(dsn):
    async with week(dsn, build_services) as story:
        days = [day async for day in play(story, 7)]
        assert await still_open(story.db) == []
        total = await tie(story.db)
        assert total.difference == 0
        assert total.banks_took > 250_000_000
        with psycopg.connect(dsn) as connection:
            shown = re.search(r"```sql\n(.*?)```", PAGE.read_text(), re.S)
            assert shown
            assert connection.execute(shown[1]).fetchone() == tuple(total)
        calendar_days = {day.weekday() for day in days[:7]}
        assert calendar_days == set(range(7)), "a Friday is among them"
        assert date(2027, 2, 11) in days, "22 Bahman, a public holiday"
        arrived = await _what_the_central_bank_says(story)
        told = await _what_shops_are_told(story)
        ibans = dict(await story.db.all("select id, iban from account"))
    # Every payment that was settled tells an order of the central bank to that merchant, and its day.
    assert {err for err, *_ in told} >= {0, 10, 14, 16}
    for err, account, on, number, paid in told:
        # What was given back after it had arrived, did arrive.
        if err == 0 or (err == 16 and number):
            iban, day = arrived[number]
            assert (iban, on) == (ibans[account], day)
            assert on > paid
        else:
            assert (on, number) == (None, None)


async def _what_the_central_bank_says(story) -> dict[str, tuple[str, str]]:
    """Of each order that arrived and stayed: its tracking number, to which Sheba, and on which Jalali day."""
    found = {}
    for number in story.files:
        answer = await story.http.get(f"{story.central_bank}/files/{number}/results")
        _, *rows = csv.reader(io.StringIO(answer.content.decode("utf-8-sig")))
        for _, _, iban, _, _, tracking_no, day, reason in rows:
            if tracking_no and not reason:
                found[tracking_no] = (iban, day)
    return found


async def _what_shops_are_told(story) -> list[tuple]:
    """`PayRep` of every purchase: Err, the account, DatTasvie, NoTasvie, and the day of the payment."""
    told = []
    for merchant in story.merchants:
        rows = await story.db.all("select res from purchase where gateway_id = %(id)s", {"id": merchant.gateway_id})
        for (res,) in rows:
            result = result_of(await report_result(story.services, merchant.id, merchant.rmz, res))
            paid = result.Dat[:10] if result.Dat else None
            told.append((result.Err, merchant.account_id, result.DatTasvie, result.NoTasvie, paid))
    return told


def test_the_week_begins_on_a_saturday():
    assert FIRST_DAY.weekday() == 5
