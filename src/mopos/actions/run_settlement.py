"""The daily run closes a day: what each merchant is owed at its end, less fees, refunds, holds and debts, goes into one
batch of payouts, together with the refunds that go out by Paya.

Killed anywhere, run twice, or run by two workers at once: the same batch. It is planned by one transaction, and its
payouts are written page by page, each settlement's once (unique indexes); whoever comes next goes on where it stopped.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import NamedTuple

from psycopg.errors import UniqueViolation

from mopos.actions.services import Services
from mopos.domain.settlement import batches, payees, payouts, rule_store
from mopos.domain.settlement.calendar import Calendar, tehran_day
from mopos.domain.settlement.channels import Channel
from mopos.domain.settlement.forecast import cut_at, due_day, expected_on
from mopos.domain.settlement.payees import LeftOut
from mopos.domain.settlement.rules import Rules
from mopos.domain.settlement.states import BatchState

# A statement that books takes milliseconds, and none lives longer than its deadline; who waits in vain tries again a
# minute later.
_WAIT = timedelta(seconds=5)
_LOOK_AGAIN_S = 0.02


class Ran(NamedTuple):
    """What came of a run."""

    batch_id: int | None
    why: str
    """planned; there: the day has its batch; empty: nothing to pay; not_due: the day has not ended; waits: something
    may still be booked before the cut-off, try again."""
    left_out: Sequence[LeftOut] = ()
    """Gateways that are owed something and are paid nothing, and why."""


async def run_settlement(services: Services, *, day: date | None = None) -> Ran:
    """Plan a day's batch with its payouts: of the latest day that has ended, unless one is named. A batch takes up all
    that was not settled before, so days that were missed are caught up with."""
    now = services.clock()
    calendar = await rule_store.calendar(services.db)
    due = due_day(now, calendar.rules(tehran_day(now)))
    closing = day or due
    if closing > due:
        return Ran(None, "not_due")
    there = await batches.of_day(services.db, closing)
    if there is not None:
        await _make_payouts(services, there.id, calendar, now)
        return Ran(there.id, "there", await payees.left_out(services.db))
    return await _plan(services, closing, calendar, now)


async def run_due_settlement(services: Services) -> Ran | None:
    """The worker's part, every minute: finish what was begun, and plan the day that has ended. A batch that an operator
    has cancelled is not planned again by the clock. None: nothing is due."""
    now = services.clock()
    calendar = await rule_store.calendar(services.db)
    for batch in await batches.unfinished(services.db):
        if batch.state is BatchState.DRAFT:
            await _make_payouts(services, batch.id, calendar, now)
        else:
            await batches.follow(services.db, batch.id, now)
    due = due_day(now, calendar.rules(tehran_day(now)))
    if await batches.was_planned(services.db, due):
        return None
    return await _plan(services, due, calendar, now)


async def _plan(services: Services, day: date, calendar: Calendar, now: datetime) -> Ran:
    rules = calendar.rules(day)
    cut = cut_at(day, rules)
    upto = await _last_entry(services, cut)
    if upto is None:
        return Ran(None, "waits")
    batch_id = await batches.plan(
        services.db,
        day,
        cut_at=cut,
        upto=upto,
        rules=rules,
        paya_on=expected_on(now, Channel.PAYA, rules, calendar),
        satna_on=expected_on(now, Channel.SATNA, rules, calendar),
        now=now,
    )
    if batch_id is None:
        return Ran(None, "empty", await payees.left_out(services.db))
    await _make_payouts(services, batch_id, calendar, now)
    return Ran(batch_id, "planned", await payees.left_out(services.db))


async def _last_entry(services: Services, cut: datetime) -> int | None:
    """The last entry before the cut-off, once no statement runs that could still write an earlier one: mark how far the
    numbers go, then wait for all that ran at the mark. None: something runs for too long."""
    number = await batches.last_number(services.db)
    marked = await batches.mark(services.db)
    for _ in range(int(_WAIT.total_seconds() / _LOOK_AGAIN_S)):
        if await batches.is_past(services.db, marked):
            return min(number, await batches.last_entry_before(services.db, cut))
        await asyncio.sleep(_LOOK_AGAIN_S)
    return None


async def _make_payouts(services: Services, batch_id: int, calendar: Calendar, now: datetime) -> None:
    """Write the payouts that a batch's settlements lack, a page at a time."""
    batch = await batches.find(services.db, batch_id)
    if batch is None or batch.state is not BatchState.DRAFT:
        return
    rules = calendar.rules(batch.day)
    expected = {channel: expected_on(now, channel, rules, calendar) for channel in Channel}
    after = 0
    while page := await payouts.without_payouts(services.db, batch_id, after):
        await _write_page(services, batch_id, page, rules, expected, now)
        after = page[-1].id


async def _write_page(
    services: Services,
    batch_id: int,
    page: Sequence[payouts.Unpaid],
    rules: Rules,
    expected: dict[Channel, date],
    now: datetime,
) -> None:
    new = [order for unpaid in page for order in payouts.orders(unpaid, rules)]
    try:
        await payouts.add(services.db, batch_id, new, expected, now)
    except UniqueViolation:
        # Another worker has written some of these. One by one, what is there is left alone.
        if len(page) > 1:
            for unpaid in page:
                await _write_page(services, batch_id, [unpaid], rules, expected, now)
