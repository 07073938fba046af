"""What the next run will pay, gateway by gateway, and what waits for an operator of settlement. Reads only."""

from __future__ import annotations

from datetime import date, datetime
from typing import NamedTuple

from mopos.base.db import Database
from mopos.base.money import Rial
from mopos.domain.settlement.payees import Payee

# Rows of a page: what somebody looks through in one go.
PAGE = 50
# Where a list of the largest balances begins.
FROM_THE_TOP = (2**63 - 1, 0)


class Owed(NamedTuple):
    """A gateway's money as it stands now. `why`: empty when it will be paid; otherwise the bar of `payout_bar`,
    below_floor, debt, or nothing (all of it is held)."""

    gateway_id: int
    name: str
    account_id: int | None
    account: str
    balance: Rial
    held: Rial
    pays: Rial
    why: str


# Every gateway with money, what the next run would do with it. The present balance stands for the one at the cut-off.
_OWED = """
    with owed as (
        select a.owner,
            coalesce(sum(b.credit_rial - b.debit_rial) filter (where a.kind = 'merchant_payable'), 0)::bigint balance,
            coalesce(sum(b.credit_rial - b.debit_rial) filter (where a.kind = 'merchant_held'), 0)::bigint as held
        from ledger_account a join ledger_balance b on b.account_id = a.id
        where a.kind in ('merchant_payable', 'merchant_held')
        group by a.owner
    ),
    decided as (
        select o.*, case
            when o.balance < 0 then 'debt'
            when o.balance = 0 then 'nothing'
            when bar.why is not null then bar.why
            when o.balance < %(floor)s then 'below_floor'
            else '' end as why
        from owed o join payout_bar bar on bar.gateway_id = o.owner
        where o.balance <> 0 or o.held <> 0
    )
"""


async def owed(db: Database, floor: int, *, of: str, balance: int, after: int) -> list[Owed]:
    """Gateways with money, the largest balance first, behind the one of `balance` and number `after`; one more than a
    page when there are more. `of`: `paid`, `not_paid`, or all."""
    rows = await db.all(
        f"""
        {_OWED}
        select g.id, g.name, c.id, coalesce(c.name, ''), d.balance, d.held,
            case d.why when '' then d.balance else 0 end, d.why
        from decided d join gateway g on g.id = d.owner left join account c on c.id = g.account_id
        where (d.balance < %(balance)s or d.balance = %(balance)s and d.owner > %(after)s)
            and (%(of)s not in ('paid', 'not_paid') or (d.why = '') = (%(of)s = 'paid'))
        order by d.balance desc, d.owner limit %(limit)s
        """,  # noqa: S608
        {"floor": max(floor, 1), "of": of, "balance": balance, "after": after, "limit": PAGE + 1},
    )
    return [
        Owed(gateway_id, name, account_id, account, Rial(owed_rial), Rial(held), Rial(pays), why)
        for gateway_id, name, account_id, account, owed_rial, held, pays, why in rows
    ]


class Sum(NamedTuple):
    """All gateways that are paid, or not paid for one reason."""

    why: str
    gateways: int
    balance: Rial
    held: Rial


async def sums(db: Database, floor: int) -> list[Sum]:
    """The same gateways added up by why they are not paid; those that are paid first."""
    rows = await db.all(
        f"""
        {_OWED}
        select why, count(*), sum(balance)::bigint, sum(held)::bigint from decided group by why order by why
        """,  # noqa: S608
        {"floor": max(floor, 1)},
    )
    return [Sum(why, many, Rial(balance), Rial(held)) for why, many, balance, held in rows]


class Standing(NamedTuple):
    """One gateway's money, and what was decided about it."""

    gateway_id: int
    name: str
    account_id: int | None
    account: str
    balance: Rial
    held: Rial
    debt_max: Rial | None
    """How far the balance may fall below nought. None: as far as it likes."""
    stopped_at: datetime | None
    stopped_reason: str
    bar: str


async def standing(db: Database, gateway_id: int) -> Standing | None:
    """Of one gateway, whoever's it is."""
    row = await db.one(
        """
        select g.id, g.name, c.id, coalesce(c.name, ''),
            coalesce((
                select sum(b.credit_rial - b.debit_rial) from ledger_balance b where b.account_id = a.id
            ), 0)::bigint,
            coalesce((
                select sum(b.credit_rial - b.debit_rial) from ledger_account h
                join ledger_balance b on b.account_id = h.id where h.kind = 'merchant_held' and h.owner = g.id
            ), 0)::bigint,
            -a.floor_rial, g.payouts_held_at, g.payouts_held_reason, coalesce(bar.why, '')
        from gateway g left join account c on c.id = g.account_id
        join ledger_account a on a.kind = 'merchant_payable' and a.owner = g.id
        join payout_bar bar on bar.gateway_id = g.id
        where g.id = %(id)s
        """,
        {"id": gateway_id},
    )
    if row is None:
        return None
    number, name, account_id, account, balance, held, debt, *rest = row
    debt_max = None if debt is None else Rial(debt)
    return Standing(number, name, account_id, account, Rial(balance), Rial(held), debt_max, *rest)


class Special(NamedTuple):
    """A gateway that is not paid, or may be in debt, by an operator's decision."""

    gateway_id: int
    name: str
    stopped_at: datetime | None
    stopped_reason: str
    debt_max: Rial
    balance: Rial


async def special(db: Database) -> list[Special]:
    """Gateways whose payouts are stopped, or that may be in debt."""
    rows = await db.all(
        """
        select g.id, g.name, g.payouts_held_at, g.payouts_held_reason, -coalesce(a.floor_rial, 0), coalesce((
            select sum(b.credit_rial - b.debit_rial) from ledger_balance b where b.account_id = a.id
        ), 0)::bigint
        from gateway g join ledger_account a on a.kind = 'merchant_payable' and a.owner = g.id
        where g.payouts_held_at is not null or a.floor_rial < 0
        order by g.payouts_held_at nulls last, g.id limit %(most)s
        """,
        {"most": 10 * PAGE},
    )
    return [
        Special(number, name, at, reason, Rial(debt), Rial(balance)) for number, name, at, reason, debt, balance in rows
    ]


class Waits(NamedTuple):
    """Things that wait: how many, what they come to, since when the oldest."""

    many: int
    rial: Rial
    oldest: datetime | None


class Desk(NamedTuple):
    """What waits for an operator of settlement."""

    drafts: Waits
    to_submit: Waits
    overdue: Waits
    returned: Waits
    payees: Waits
    held: Waits
    stopped: Waits


async def desk(db: Database, today: date, returned_since: date) -> Desk:
    """What waits. Overdue: expected before today and not settled. Returned ones are told for a while, as nobody has to
    end them."""
    row = await db.one(
        """
        select d.count, d.rial, d.oldest, f.count, f.rial, f.oldest, o.count, o.rial, o.oldest, r.count, r.rial,
            r.oldest, c.count, c.rial, c.oldest, h.count, h.rial, h.oldest, s.count, s.rial, s.oldest
        from
        (select count(*), coalesce(sum(total_rial), 0)::bigint as rial, min(created_at) as oldest
            from settlement_batch where state = 'DRAFT') d,
        (select count(*), coalesce(sum(total_rial), 0)::bigint as rial, min(approved_at) as oldest
            from settlement_batch where state = 'APPROVED' and way = 'file') f,
        (select count(*), coalesce(sum(amount_rial), 0)::bigint as rial,
            min(expected_on)::timestamp at time zone 'Asia/Tehran' as oldest
            from payout where state in ('PLANNED', 'SUBMITTED') and expected_on < %(today)s) o,
        (select count(*), coalesce(sum(amount_rial), 0)::bigint as rial,
            min(returned_on)::timestamp at time zone 'Asia/Tehran' as oldest
            from payout where state = 'RETURNED' and returned_on >= %(returned_since)s) r,
        (select count(*), 0 as rial, null::timestamptz as oldest from account c
            where exists (select from gateway g where g.account_id = c.id)
                and (c.payee is null or (c.payee ->> 'iban', c.payee ->> 'name', c.payee ->> 'national_id')
                    is distinct from (c.iban, c.name, c.national_id))) c,
        (select count(*), coalesce(sum(amount_rial), 0)::bigint as rial, min(placed_at) as oldest
            from hold where state = 'HELD') h,
        (select count(*), 0 as rial, min(payouts_held_at) as oldest from gateway where payouts_held_at is not null) s
        """,
        {"today": today, "returned_since": returned_since},
    )
    if row is None:
        raise LookupError("a statement that always gives a row gave none")
    return Desk(*(Waits(row[at], Rial(row[at + 1]), row[at + 2]) for at in range(0, len(row), 3)))


async def payee(db: Database, account_id: int) -> Payee | None:
    """To whom an account's money is paid, whether or not somebody has to look at it."""
    row = await db.one(
        """
        select c.id, c.iban, c.name, c.national_id, c.payee, c.iban_owner, c.iban_matches, coalesce((
            select sum(b.credit_rial - b.debit_rial) from gateway g
            join ledger_account a on a.kind = 'merchant_payable' and a.owner = g.id
            join ledger_balance b on b.account_id = a.id where g.account_id = c.id
        ), 0)::bigint
        from account c where c.id = %(id)s
        """,
        {"id": account_id},
    )
    return Payee(*row)._replace(owed=Rial(row[7])) if row else None
