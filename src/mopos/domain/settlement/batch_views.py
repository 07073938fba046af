"""Batches and their payouts as operators read them. Reads only; amounts in Rial."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any, NamedTuple

from mopos.base.db import Database, Row
from mopos.base.money import Rial
from mopos.domain.settlement.states import PayoutState

# Rows of a page of settlements or payouts.
PAGE = 50
# Batches of a page: each one's payouts are counted.
BATCHES_PAGE = 20
# A subject has a handful of moves.
EVENTS_MAX = 200
# Split in ten parts, each in several orders.
SIBLINGS_MAX = 200


class Count(NamedTuple):
    """Payouts of a batch with one channel and state."""

    channel: str
    state: PayoutState
    many: int
    rial: Rial


async def counts(db: Database, batch_ids: Sequence[int]) -> dict[int, list[Count]]:
    """The payouts of some batches, by channel and state."""
    rows = await db.all(
        """
        select batch_id, channel, state, count(*), sum(amount_rial)::bigint from payout
        where batch_id = any(%(ids)s) group by batch_id, channel, state order by batch_id, channel, state
        """,
        {"ids": list(batch_ids)},
    )
    found: dict[int, list[Count]] = {batch_id: [] for batch_id in batch_ids}
    for batch_id, channel, state, many, rial in rows:
        found[batch_id].append(Count(channel, PayoutState(state), many, Rial(rial)))
    return found


class Event(NamedTuple):
    """A move of a batch, a payout or a hold."""

    event: str
    from_state: str
    to_state: str
    actor: str
    operator: str
    at: datetime
    reason: str
    data: Mapping[str, Any]


async def events(db: Database, noun: str, subject_id: int) -> list[Event]:
    """What happened to a subject, the oldest first."""
    rows = await db.all(
        """
        select e.event, e.from_state, e.to_state, e.actor, coalesce(nullif(o.title, ''), o.name, ''), e.at, e.reason,
            e.data
        from money_event e left join operator o on o.id = e.operator_id
        where e.noun = %(noun)s and e.subject_id = %(id)s order by e.version limit %(most)s
        """,
        {"noun": noun, "id": subject_id, "most": EVENTS_MAX},
    )
    return [Event(*row) for row in rows]


class Settled(NamedTuple):
    """A gateway's stretch of its statement in a batch. Opening and lines give the balance at the cut-off."""

    id: int
    batch_id: int
    gateway_id: int
    gateway: str
    account_id: int | None
    after_entry: int
    upto_entry: int
    opening: Rial
    lines: Rial
    payout: Rial
    why_not: str
    live: bool
    given_back: bool

    @property
    def closing(self) -> Rial:
        return self.opening + self.lines


_SETTLED = """
    select s.id, s.batch_id, s.gateway_id, g.name, g.account_id, s.after_entry, s.upto_entry, s.opening_rial,
        s.lines_rial, s.payout_rial, s.why_not, s.live, s.given_back_entry is not null
    from settlement s join gateway g on g.id = s.gateway_id
"""


def _settled(row: Row) -> Settled:
    return Settled(*row)._replace(opening=Rial(row[7]), lines=Rial(row[8]), payout=Rial(row[9]))


async def settlements(db: Database, batch_id: int, after: int) -> list[Settled]:
    """A batch's settlements behind a number; one more than a page when there are more."""
    rows = await db.all(
        f"{_SETTLED} where s.batch_id = %(batch)s and s.id > %(after)s order by s.id limit %(limit)s",
        {"batch": batch_id, "after": after, "limit": PAGE + 1},
    )
    return [_settled(row) for row in rows]


async def settlement(db: Database, settlement_id: int) -> Settled | None:
    """One settlement."""
    row = await db.one(f"{_SETTLED} where s.id = %(id)s", {"id": settlement_id})
    return _settled(row) if row else None


class SettledSums(NamedTuple):
    """All settlements of a batch."""

    many: int
    paid: int
    opening: Rial
    lines: Rial
    payout: Rial

    @property
    def left(self) -> Rial:
        """What stays on the merchants' balances."""
        return self.opening + self.lines - self.payout


async def settlement_sums(db: Database, batch_id: int) -> SettledSums:
    """What a batch's settlements come to."""
    rows = await db.all(
        """
        select count(*), count(*) filter (where payout_rial > 0), coalesce(sum(opening_rial), 0)::bigint,
            coalesce(sum(lines_rial), 0)::bigint, coalesce(sum(payout_rial), 0)::bigint
        from settlement where batch_id = %(batch)s
        """,
        {"batch": batch_id},
    )
    many, paid, *rials = rows[0]
    return SettledSums(many, paid, *(Rial(rial) for rial in rials))


class Explained(NamedTuple):
    """The lines of a stretch with one meaning: `rial` is what they did to the merchant's balance."""

    entry: str
    is_fee: bool
    many: int
    rial: Rial


async def explain(db: Database, settlement_id: int) -> list[Explained]:
    """What a settlement's lines are, by what they were booked for. They sum to the settlement's lines."""
    rows = await db.all(
        """
        with stretch as (
            select s.after_entry, s.upto_entry, a.id as account_id
            from settlement s join ledger_account a on a.kind = 'merchant_payable' and a.owner = s.gateway_id
            where s.id = %(id)s
        ),
        moved as (
            select l.entry, other.kind = 'fee_income' as is_fee, l.amount_rial as rial
            from stretch join ledger_line l on l.credit_id = stretch.account_id
                and l.entry_id > stretch.after_entry and l.entry_id <= stretch.upto_entry
            join ledger_account other on other.id = l.debit_id
            union all
            select l.entry, other.kind = 'fee_income', -l.amount_rial
            from stretch join ledger_line l on l.debit_id = stretch.account_id
                and l.entry_id > stretch.after_entry and l.entry_id <= stretch.upto_entry
            join ledger_account other on other.id = l.credit_id
        )
        select entry, is_fee, count(*), sum(rial)::bigint from moved group by entry, is_fee
        order by sum(rial) desc, entry
        """,
        {"id": settlement_id},
    )
    return [Explained(entry, is_fee, many, Rial(rial)) for entry, is_fee, many, rial in rows]


class Order(NamedTuple):
    """A payout as operators read it. `again`: of a returned one, the settlement that took its money up again."""

    id: int
    batch_id: int
    day: date
    settlement_id: int | None
    refund_id: int | None
    gateway_id: int
    gateway: str
    account_id: int | None
    n: int
    main: bool
    iban: str
    payee: str
    national_id: str
    amount: Rial
    channel: str
    state: PayoutState
    expected_on: date
    file_id: str | None
    submitted_at: datetime | None
    check_count: int
    next_check_at: datetime | None
    tracking_no: str
    settled_on: date | None
    return_reason: str
    returned_on: date | None
    again_batch: int | None
    again_day: date | None
    again_state: str | None

    def is_overdue(self, today: date) -> bool:
        return self.state in (PayoutState.PLANNED, PayoutState.SUBMITTED) and self.expected_on < today


# A returned payout's money went back to the balance by an entry: the settlement that has that entry took it up again.
_ORDER = """
    select p.id, p.batch_id, b.day, p.settlement_id, p.refund_id, p.gateway_id, g.name, g.account_id, p.n, p.main,
        p.iban, p.payee, p.national_id, p.amount_rial, p.channel, p.state, p.expected_on, p.file_id, p.submitted_at,
        p.check_count, p.next_check_at, p.tracking_no, p.settled_on, p.return_reason, p.returned_on,
        again.batch_id, again.day, again.state
    from payout p join settlement_batch b on b.id = p.batch_id join gateway g on g.id = p.gateway_id
    left join lateral (
        select s.batch_id, n.day, n.state from settlement s join settlement_batch n on n.id = s.batch_id
        where s.gateway_id = p.gateway_id and s.live and s.upto_entry >= p.returned_entry
        order by s.upto_entry limit 1
    ) again on p.returned_entry is not null
"""


def _order(row: Row) -> Order:
    return Order(*row)._replace(amount=Rial(row[13]), state=PayoutState(row[15]))


async def orders(
    db: Database, batch_id: int, after: int, *, state: str = "", channel: str = "", today: date
) -> list[Order]:
    """A batch's payouts behind a number; one more than a page when there are more. `state`: one of the table, or
    `overdue`; empty: all."""
    rows = await db.all(
        f"""
        {_ORDER}
        where p.batch_id = %(batch)s and p.id > %(after)s
            and (%(state)s in ('', 'overdue') or p.state = %(state)s)
            and (%(state)s <> 'overdue' or p.state in ('PLANNED', 'SUBMITTED') and p.expected_on < %(today)s)
            and (%(channel)s = '' or p.channel = %(channel)s)
        order by p.id limit %(limit)s
        """,
        {
            "batch": batch_id,
            "after": after,
            "state": state,
            "channel": channel,
            "today": today,
            "limit": PAGE + 1,
        },
    )
    return [_order(row) for row in rows]


class Wanted(NamedTuple):
    """What is looked for in all payouts. Empty: anything."""

    state: str = ""
    """One of the table, or `overdue`."""
    text: str = ""
    """A payout's number, a tracking number, an IBAN."""
    gateway_id: int | None = None


async def found(db: Database, wanted: Wanted, before: int, today: date) -> list[Order]:
    """Payouts of all batches, the newest first; one more than a page when there are more."""
    rows = await db.all(
        f"""
        {_ORDER}
        where p.id < %(before)s
            and (%(state)s in ('', 'overdue') or p.state = %(state)s)
            and (%(state)s <> 'overdue' or p.state in ('PLANNED', 'SUBMITTED') and p.expected_on < %(today)s)
            and (%(gateway)s::bigint is null or p.gateway_id = %(gateway)s)
            and (%(text)s = '' or p.tracking_no = %(text)s or p.iban = %(text)s or p.id::text = %(text)s)
        order by p.id desc limit %(limit)s
        """,
        {
            "before": before,
            "today": today,
            "state": wanted.state,
            "text": wanted.text,
            "gateway": wanted.gateway_id,
            "limit": PAGE + 1,
        },
    )
    return [_order(row) for row in rows]


async def order(db: Database, payout_id: int) -> Order | None:
    """One payout."""
    row = await db.one(f"{_ORDER} where p.id = %(id)s", {"id": payout_id})
    return _order(row) if row else None


async def of_settlement(db: Database, settlement_id: int) -> list[Order]:
    """All orders of a settlement: several, when it is split or too large for one."""
    rows = await db.all(
        f"{_ORDER} where p.settlement_id = %(id)s order by p.n, p.id limit %(most)s",
        {"id": settlement_id, "most": SIBLINGS_MAX},
    )
    return [_order(row) for row in rows]


class ByApi(NamedTuple):
    """How far a batch that goes by API has come."""

    waits: int
    """To be handed over."""
    with_service: int
    settled: int
    returned: int
    next_at: datetime | None
    """When the worker looks again."""


async def by_api(db: Database, batch_id: int) -> ByApi:
    """Of one batch."""
    rows = await db.all(
        """
        select count(*) filter (where state = 'PLANNED' or state = 'SUBMITTED' and submitted_at is null),
            count(*) filter (where state = 'SUBMITTED' and submitted_at is not null),
            count(*) filter (where state = 'SETTLED'), count(*) filter (where state = 'RETURNED'),
            min(next_check_at) filter (where state = 'SUBMITTED')
        from payout where batch_id = %(batch)s and state <> 'CANCELLED'
        """,
        {"batch": batch_id},
    )
    return ByApi(*rows[0])


class Held(NamedTuple):
    """A hold, and who placed it."""

    id: int
    gateway_id: int
    gateway: str
    purchase_id: int | None
    amount: Rial
    reason: str
    state: str
    placed_at: datetime
    placed_by: str
    released_at: datetime | None
    released_by: str
    released_reason: str


async def holds(db: Database, before: int, *, state: str = "", gateway_id: int | None = None) -> list[Held]:
    """Holds, the newest first; one more than a page when there are more."""
    rows = await db.all(
        """
        select h.id, h.gateway_id, g.name, h.purchase_id, h.amount_rial, h.reason, h.state, h.placed_at,
            coalesce(nullif(o.title, ''), o.name, ''), h.released_at, coalesce(nullif(r.title, ''), r.name, ''),
            coalesce(gone.reason, '')
        from hold h join gateway g on g.id = h.gateway_id
        left join money_event made on made.noun = 'hold' and made.subject_id = h.id and made.version = 1
        left join operator o on o.id = made.operator_id
        left join money_event gone on gone.noun = 'hold' and gone.subject_id = h.id and gone.version = 2
        left join operator r on r.id = gone.operator_id
        where h.id < %(before)s and (%(state)s = '' or h.state = %(state)s)
            and (%(gateway)s::bigint is null or h.gateway_id = %(gateway)s)
        order by h.id desc limit %(limit)s
        """,
        {"before": before, "state": state, "gateway": gateway_id, "limit": PAGE + 1},
    )
    return [Held(*row)._replace(amount=Rial(row[4])) for row in rows]
