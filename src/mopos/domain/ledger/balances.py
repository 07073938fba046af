"""The SQL that reads the books: trial balance now and of any past moment, an account's statement, one entry.

Balances are kept by the statement that writes lines (`ledger_balance`), and can be had from the lines alone: `proven`.
A past balance is the present one less what came since, so the near past, which people ask for, costs little.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

from mopos.base.db import Database
from mopos.domain.ledger.chart import GROWS_BY_DEBIT, Kind

# Lines on a page of a statement: what a person reads through.
PAGE = 50


class Balance(NamedTuple):
    """One account with what it was debited and credited, in Rial."""

    account_id: int
    kind: str
    owner: int
    debit_rial: int
    credit_rial: int

    @property
    def rial(self) -> int:
        """The balance as people expect it: what grows by debit is debits less credits."""
        less = self.debit_rial - self.credit_rial
        return less if self.kind in GROWS_BY_DEBIT else -less


async def trial(db: Database) -> list[Balance]:
    """Every account that ever moved, from the balances that are kept. Debits and credits of all come to the same."""
    rows = await db.all(
        """
        select a.id, a.kind, a.owner, sum(b.debit_rial)::bigint, sum(b.credit_rial)::bigint
        from ledger_balance b join ledger_account a on a.id = b.account_id
        group by a.id order by a.kind, a.owner
        """
    )
    return [Balance(*row) for row in rows]


async def proven(db: Database) -> list[Balance]:
    """The same from nothing but the lines."""
    rows = await db.all(
        """
        select a.id, a.kind, a.owner, sum(t.debit)::bigint, sum(t.credit)::bigint from (
            select debit_id as id, sum(amount_rial) as debit, 0 as credit from ledger_line group by debit_id
            union all
            select credit_id, 0, sum(amount_rial) from ledger_line group by credit_id
        ) t join ledger_account a on a.id = t.id
        group by a.id order by a.kind, a.owner
        """
    )
    return [Balance(*row) for row in rows]


async def as_of(db: Database, before: datetime, *, effective: bool = False) -> list[Balance]:
    """Every account as it stood at a past moment: without what was booked then or later. `effective`: without what
    took effect then or later, whenever it was booked."""
    since = _SINCE_EFFECTIVE if effective else _SINCE_BOOKED
    rows = await db.all(since, {"before": before})
    return [Balance(*row) for row in rows]


_SINCE = """
    with since as (
        select debit_id, credit_id, sum(amount_rial) as rial from ledger_line l where {0} >= %(before)s
        group by debit_id, credit_id
    ),
    moved as (
        select account_id as id, debit_rial as debit, credit_rial as credit from ledger_balance
        union all select debit_id, -rial, 0 from since
        union all select credit_id, 0, -rial from since
    )
    select a.id, a.kind, a.owner, sum(m.debit)::bigint, sum(m.credit)::bigint
    from moved m join ledger_account a on a.id = m.id
    group by a.id having sum(m.debit) <> 0 or sum(m.credit) <> 0 order by a.kind, a.owner
"""
_SINCE_BOOKED = _SINCE.format("l.booked_at")
_SINCE_EFFECTIVE = _SINCE.format("l.effective_at")


class Account(NamedTuple):
    """An account of the chart, and how it stands. `name`: whose it is; empty for the operator's own."""

    id: int
    kind: Kind
    owner: int
    name: str
    floor_rial: int | None
    debit_rial: int
    credit_rial: int

    @property
    def rial(self) -> int:
        return Balance(self.id, self.kind, self.owner, self.debit_rial, self.credit_rial).rial


_ACCOUNT = """
    select a.id, a.kind, a.owner, owner_name(a.kind, a.owner), a.floor_rial, coalesce(b.debit, 0)::bigint,
        coalesce(b.credit, 0)::bigint
    from ledger_account a
    left join lateral (
        select sum(debit_rial) as debit, sum(credit_rial) as credit from ledger_balance where account_id = a.id
    ) b on true
"""


async def account(db: Database, account_id: int) -> Account | None:
    """One account by its number in the chart."""
    row = await db.one(f"{_ACCOUNT} where a.id = %(id)s", {"id": account_id})
    return Account(row[0], Kind(row[1]), *row[2:]) if row else None


async def account_of(db: Database, kind: str, owner: int) -> Account | None:
    """One account by its kind and whose it is."""
    row = await db.one(f"{_ACCOUNT} where a.kind = %(kind)s and a.owner = %(owner)s", {"kind": kind, "owner": owner})
    return Account(row[0], Kind(row[1]), *row[2:]) if row else None


async def owners(db: Database, ids: list[int]) -> dict[int, str]:
    """Whose these accounts are; the operator's own have no name."""
    rows = await db.all(f"{_ACCOUNT} where a.id = any(%(ids)s)", {"ids": ids})
    return {row[0]: row[3] for row in rows}


class Moved(NamedTuple):
    """A line of an account's statement, in Rial. `change`: by how much the balance grew; `balance`: after it."""

    line_id: int
    entry_id: int
    entry: str
    booked_at: datetime
    effective_at: datetime
    other_id: int
    other_kind: str
    other_owner: int
    other_name: str
    change: int
    balance: int
    about: str
    """What it was booked for: `purchase 10001`, `refund 7001`..."""


class Place(NamedTuple):
    """Where a page of a statement begins: behind this line."""

    entry_id: int
    line_id: int


NEWEST = Place(2**62, 2**62)


async def statement(db: Database, account_id: int, after: Place = NEWEST, limit: int = PAGE) -> list[Moved]:
    """An account's lines, the newest entry first, each with the balance after it. The balance before the page is the
    present one less all newer lines, in the same look at the database."""
    rows = await db.all(
        """
        with account as (
            select id, case when kind = any(%(by_debit)s) then -1 else 1 end as sign
            from ledger_account where id = %(account)s
        ),
        newer as (
            select coalesce(sum(rial), 0) as rial from (
                select sum(l.amount_rial) as rial from ledger_line l where l.credit_id = %(account)s
                    and l.entry_id >= %(entry)s and (l.entry_id, l.id) >= (%(entry)s, %(line)s)
                union all
                select -sum(l.amount_rial) from ledger_line l where l.debit_id = %(account)s
                    and l.entry_id >= %(entry)s and (l.entry_id, l.id) >= (%(entry)s, %(line)s)
            ) side
        ),
        present as (
            select coalesce(sum(credit_rial - debit_rial), 0) as rial from ledger_balance where account_id = %(account)s
        ),
        page as (
            select * from (
                (
                    select l.*, l.debit_id as other, l.amount_rial as rial from ledger_line l
                    where l.credit_id = %(account)s and l.entry_id <= %(entry)s
                        and (l.entry_id, l.id) < (%(entry)s, %(line)s)
                    order by l.entry_id desc, l.id desc limit %(limit)s
                )
                union all
                (
                    select l.*, l.credit_id, -l.amount_rial from ledger_line l
                    where l.debit_id = %(account)s and l.entry_id <= %(entry)s
                        and (l.entry_id, l.id) < (%(entry)s, %(line)s)
                    order by l.entry_id desc, l.id desc limit %(limit)s
                )
            ) side order by entry_id desc, id desc limit %(limit)s
        )
        select p.id, p.entry_id, p.entry, p.booked_at, p.effective_at, o.id, o.kind, o.owner,
            owner_name(o.kind, o.owner), (account.sign * p.rial)::bigint,
            (account.sign * (present.rial - newer.rial
                - coalesce(sum(p.rial) over (order by p.entry_id desc, p.id desc
                    rows between unbounded preceding and 1 preceding), 0)))::bigint,
            coalesce('purchase ' || j.purchase_id, e.noun || ' ' || e.subject_id, '')
        from page p cross join account cross join newer cross join present
        join ledger_account o on o.id = p.other
        left join journal j on j.id = p.journal_id left join money_event e on e.id = p.event_id
        order by p.entry_id desc, p.id desc
        """,
        {
            "account": account_id,
            "entry": after.entry_id,
            "line": after.line_id,
            "limit": limit,
            "by_debit": [str(kind) for kind in GROWS_BY_DEBIT],
        },
    )
    return [Moved(*row) for row in rows]


class EntryLine(NamedTuple):
    """A line of an entry: which account was debited, which credited, by how many Rial."""

    debit_id: int
    debit_kind: str
    debit_owner: int
    debit_name: str
    credit_id: int
    credit_kind: str
    credit_owner: int
    credit_name: str
    rial: int


class Entry(NamedTuple):
    """An entry, and what it was booked for. `noun`: purchase, refund, batch, payout, hold, exception, line or entry."""

    id: int
    entry: str
    booked_at: datetime
    effective_at: datetime
    corrects: int | None
    corrected_by: int | None
    noun: str
    subject_id: int
    event: str
    actor: str
    operator: str
    reason: str
    data: Mapping[str, Any]
    lines: list[EntryLine]


async def entry(db: Database, entry_id: int) -> Entry | None:
    """One entry by its number."""
    rows = await db.all(
        """
        select l.entry, l.booked_at, l.effective_at, l.corrects,
            (select c.entry_id from ledger_line c where c.corrects = l.entry_id limit 1),
            case when j.id is not null then 'purchase' else e.noun end, coalesce(j.purchase_id, e.subject_id),
            coalesce(j.event, e.event), coalesce(j.actor, e.actor), coalesce(nullif(op.title, ''), op.name, ''),
            coalesce(e.reason, ''), coalesce(e.data, j.data, '{}'),
            d.id, d.kind, d.owner, owner_name(d.kind, d.owner), c.id, c.kind, c.owner, owner_name(c.kind, c.owner),
            l.amount_rial
        from ledger_line l join ledger_account d on d.id = l.debit_id join ledger_account c on c.id = l.credit_id
        left join journal j on j.id = l.journal_id left join money_event e on e.id = l.event_id
        left join operator op on op.id = e.operator_id
        where l.entry_id = %(id)s order by l.id limit %(limit)s
        """,
        {"id": entry_id, "limit": LINES_MAX},
    )
    if not rows:
        return None
    return Entry._make((entry_id, *rows[0][:12], [EntryLine(*row[12:]) for row in rows]))


# A settlement batch has a line for each merchant; a page shows so many.
LINES_MAX = 500
