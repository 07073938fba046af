"""The SQL of payouts: one order to the central bank each, and what became of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any, NamedTuple

from psycopg.types.json import Jsonb

from mopos.base.db import Database, Row
from mopos.base.money import Rial
from mopos.domain.settlement.channels import Channel
from mopos.domain.settlement.rules import Rules
from mopos.domain.settlement.splits import Part, Share, Split, divide, from_json
from mopos.domain.settlement.states import BatchState, PayoutState

# Settlements whose payouts are written by one statement: some 50 ms of PostgreSQL's time, a few hundred kilobytes.
PAGE = 500


class Unpaid(NamedTuple):
    """A settlement that has no payouts yet. `fee`: what the merchant was charged for the stretch, in Rial."""

    id: int
    gateway_id: int
    amount: Rial
    payee: Mapping[str, str]
    split: Split
    fee: Rial


async def without_payouts(db: Database, batch_id: int, after: int, limit: int = PAGE) -> list[Unpaid]:
    """A batch's settlements that nobody has made payouts of, behind `after`, in their order. The fees are added up only
    where a split asks for them."""
    rows = await db.all(
        """
        select s.id, s.gateway_id, s.payout_rial, c.payee, coalesce(f.parts, '[]'), coalesce(fee.rial, 0)::bigint
        from settlement_batch b join settlement s on s.batch_id = b.id
        join gateway g on g.id = s.gateway_id join account c on c.id = g.account_id
        left join lateral (
            select parts from split f
            where f.gateway_id = s.gateway_id and f.valid_from <= b.cut_at
                and (f.operator_id is not null or f.parts = '[]')
            order by f.valid_from desc limit 1
        ) f on true
        left join lateral (
            select greatest(0, sum(case when l.debit_id = a.id then l.amount_rial else -l.amount_rial end)) as rial
            from ledger_account a join ledger_account i on i.kind = 'fee_income' and i.owner = 0
            join ledger_line l on l.entry_id > s.after_entry and l.entry_id <= s.upto_entry
                and (l.debit_id = a.id and l.credit_id = i.id or l.credit_id = a.id and l.debit_id = i.id)
            where a.kind = 'merchant_payable' and a.owner = s.gateway_id
                and jsonb_typeof(f.parts) = 'object' and f.parts ->> 'fee_from' = 'remainder'
        ) fee on true
        where b.id = %(batch)s and s.id > %(after)s and s.payout_rial > 0
            and not exists (select from payout p where p.settlement_id = s.id and p.state <> 'CANCELLED')
        order by s.id limit %(limit)s
        """,
        {"batch": batch_id, "after": after, "limit": limit},
    )
    return [Unpaid(row[0], row[1], Rial(row[2]), row[3], from_json(row[4]), Rial(row[5])) for row in rows]


class NewPayout(NamedTuple):
    """One order. Of a settlement's orders exactly one is `main`."""

    settlement_id: int
    gateway_id: int
    n: int
    main: bool
    iban: str
    payee: str
    national_id: str
    amount: Rial
    channel: Channel


def orders(unpaid: Unpaid, rules: Rules) -> list[NewPayout]:
    """The orders that pay a settlement: a share each, and several where a share is more than one order may be. Their
    sum is the settlement's. PayRep tells of the remainder's, where it gets something; otherwise of the largest."""
    if unpaid.split.parts:
        shares = divide(unpaid.split, unpaid.amount, unpaid.fee)
    else:
        payee = unpaid.payee
        whole = Part(payee["name"], payee["iban"], payee.get("national_id", ""))
        shares = [Share(whole, unpaid.amount)]
    main = max(shares, key=lambda share: (share.part.is_remainder and share.amount > 0, share.amount)).part
    made: list[NewPayout] = []
    for part, amount in shares:
        for at, piece in enumerate(_pieces(amount, rules.order_rial_max)):
            channel = rules.channel_for(piece)
            is_main = part is main and at == 0
            to = (part.iban, part.payee, part.national_id)
            made.append(NewPayout(unpaid.id, unpaid.gateway_id, len(made) + 1, is_main, *to, piece, channel))
    return made


def _pieces(amount: Rial, most: int) -> list[Rial]:
    whole, rest = divmod(int(amount), most)
    return [Rial(most)] * whole + ([Rial(rest)] if rest else [])


async def add(
    db: Database, batch_id: int, new: Sequence[NewPayout], expected_on: Mapping[Channel, date], now: datetime
) -> int:
    """Write payouts of a draft, all or none. Returns how many: none when the batch is no draft any more. Whoever
    writes payouts of a settlement that has some fails as a whole (`UniqueViolation`)."""
    row = await db.one(
        """
        with locked as (
            select id from settlement_batch where id = %(batch)s and state = 'DRAFT' for no key update
        ),
        planned as (
            insert into payout (batch_id, settlement_id, gateway_id, n, main, iban, payee, national_id, amount_rial,
                channel, state, last_event, expected_on)
            select locked.id, row.settlement, row.gateway, row.n, row.main, row.iban, row.payee, row.national_id,
                row.rial, row.channel, 'PLANNED', 'planned',
                case row.channel when 'paya' then %(paya_on)s::date else %(satna_on)s::date end
            from locked, unnest(%(settlements)s::bigint[], %(gateways)s::bigint[], %(numbers)s::int[],
                %(mains)s::boolean[], %(ibans)s::text[], %(payees)s::text[], %(ids)s::text[], %(rials)s::bigint[],
                %(channels)s::text[])
                as row (settlement, gateway, n, main, iban, payee, national_id, rial, channel)
            order by row.settlement, row.n
            returning id
        ),
        told as (
            insert into money_event (noun, subject_id, version, event, from_state, to_state, actor, at)
            select 'payout', id, 1, 'planned', '', 'PLANNED', 'worker', %(now)s from planned order by id
        ),
        counted as (select count(*) as times from planned)
        update settlement_batch b set payout_count = payout_count + counted.times
        from locked, counted where b.id = locked.id
        returning counted.times
        """,
        {
            "batch": batch_id,
            "settlements": [one.settlement_id for one in new],
            "gateways": [one.gateway_id for one in new],
            "numbers": [one.n for one in new],
            "mains": [one.main for one in new],
            "ibans": [one.iban for one in new],
            "payees": [one.payee for one in new],
            "ids": [one.national_id for one in new],
            "rials": [int(one.amount) for one in new],
            "channels": [str(one.channel) for one in new],
            "paya_on": expected_on[Channel.PAYA],
            "satna_on": expected_on[Channel.SATNA],
            "now": now,
        },
    )
    return int(row[0]) if row else 0


class Listed(NamedTuple):
    """A payout, as a list names it."""

    id: int
    gateway_id: int
    iban: str
    payee: str
    amount: Rial
    channel: Channel
    state: PayoutState
    expected_on: date
    settled_on: date | None
    tracking_no: str
    is_refund: bool


# A screenful of a terminal's scrolling; the console has pages.
LISTED_MAX = 1_000


async def of_batch(db: Database, batch_id: int) -> list[Listed]:
    """A batch's payouts, in their order."""
    rows = await db.all(
        """
        select id, gateway_id, iban, payee, amount_rial, channel, state, expected_on, settled_on, tracking_no,
            refund_id is not null
        from payout where batch_id = %(id)s order by id limit %(most)s
        """,
        {"id": batch_id, "most": LISTED_MAX},
    )
    return [
        Listed(*row)._replace(amount=Rial(row[4]), channel=Channel(row[5]), state=PayoutState(row[6])) for row in rows
    ]


class Payout(NamedTuple):
    """A payout, as its results are decided upon."""

    id: int
    batch_id: int
    batch_day: date
    batch_state: BatchState
    gateway_id: int
    account_id: int | None
    account_name: str
    refund_of: int | None
    """The purchase whose buyer is given money back. None: a settlement's."""
    main: bool
    amount: Rial
    state: PayoutState
    version: int
    tracking_no: str
    settled_on: date | None
    returned_on: date | None

    @property
    def is_refund(self) -> bool:
        return self.refund_of is not None


async def by_ids(db: Database, ids: Sequence[int]) -> dict[int, Payout]:
    """Payouts by their numbers."""
    rows = await db.all(
        """
        select p.id, p.batch_id, b.day, b.state, p.gateway_id, c.id, coalesce(c.name, ''), r.purchase_id, p.main,
            p.amount_rial, p.state, p.version, p.tracking_no, p.settled_on, p.returned_on
        from payout p join settlement_batch b on b.id = p.batch_id join gateway g on g.id = p.gateway_id
        left join account c on c.id = g.account_id left join refund r on r.id = p.refund_id
        where p.id = any(%(ids)s)
        """,
        {"ids": list(ids)},
    )
    return {payout.id: payout for payout in map(_payout, rows)}


def _payout(row: Row) -> Payout:
    payout_id, batch_id, day, batch_state, gateway_id, account_id, name, refund_of, main, amount, state, *rest = row
    owner = (gateway_id, account_id, name)
    batch = (batch_id, day, BatchState(batch_state))
    return Payout(payout_id, *batch, *owner, refund_of, main, Rial(amount), PayoutState(state), *rest)


async def record(
    db: Database,
    batch_id: int,
    results: Sequence[Mapping[str, Any]],
    *,
    actor: str,
    operator_id: int | None,
    now: datetime,
) -> set[int]:
    """Write what became of payouts of one batch, with their entries, in one transaction. Each of `results` as the
    function `take_results` in PostgreSQL takes them. Returns those that were written: the others have moved since."""
    rows = await db.all(
        "select take_results(%(batch)s, %(results)s, %(actor)s, %(operator_id)s, %(now)s)",
        {
            "batch": batch_id,
            "results": Jsonb(list(results)),
            "actor": actor,
            "operator_id": operator_id,
            "now": now,
        },
    )
    return {int(payout_id) for (payout_id,) in rows}
