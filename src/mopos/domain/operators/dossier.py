"""Everything that is known of one purchase, for operators: attempts, journal, ledger, calls to the bank. Reads only."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

from mopos.base.db import Database
from mopos.base.money import Rial

# A purchase has ten attempts and some fifty events at most (`payments.model`); calls can be more, when a bank is silent
# for days.
ROWS_MAX = 300


class AttemptRow(NamedTuple):
    """An attempt with all that the bank said of it."""

    id: int
    terminal_id: int
    terminal: str
    state: str
    bank_token: bool
    bank_ref: str
    trace: str
    masked_pan: str
    decline: str
    bank_code: str
    started_at: datetime
    ended_at: datetime | None


class JournalRow(NamedTuple):
    """A row of the journal as it stands."""

    version: int
    attempt_id: int | None
    event: str
    from_state: str
    to_state: str
    actor: str
    at: datetime
    data: Mapping[str, Any]


class LineRow(NamedTuple):
    """A ledger line with the names of its accounts."""

    id: int
    entry: str
    debit: str
    credit: str
    amount: Rial
    booked_at: datetime
    effective_at: datetime


class CallRow(NamedTuple):
    """A call to the bank, redacted by the bank's own file."""

    attempt_id: int
    at: datetime
    verb: str
    outcome: str
    status: int | None
    duration_ms: int
    request: str
    answer: str


class Owner(NamedTuple):
    """Whose gateway it is."""

    account_id: int | None
    account_name: str


async def owner(db: Database, gateway_id: int) -> Owner:
    """The account of a gateway; none where the command line made it."""
    row = await db.one(
        """
        select a.id, coalesce(a.name, '') from gateway g left join account a on a.id = g.account_id
        where g.id = %(id)s
        """,
        {"id": gateway_id},
    )
    return Owner(row[0], row[1]) if row else Owner(None, "")


async def attempts(db: Database, purchase_id: int) -> list[AttemptRow]:
    """In order."""
    rows = await db.all(
        """
        select a.id, t.id, t.bank || ' ' || t.name, a.state, a.bank_token is not null, coalesce(a.bank_ref, ''),
            a.trace, a.masked_pan, coalesce(a.decline, ''), a.bank_code, a.started_at, a.ended_at
        from attempt a join terminal t on t.id = a.terminal_id
        where a.purchase_id = %(id)s order by a.id limit %(limit)s
        """,
        {"id": purchase_id, "limit": ROWS_MAX},
    )
    return [AttemptRow(*row) for row in rows]


async def journal(db: Database, purchase_id: int) -> list[JournalRow]:
    """In order."""
    rows = await db.all(
        """
        select version, attempt_id, event, from_state, to_state, actor, at, data
        from journal where purchase_id = %(id)s order by version limit %(limit)s
        """,
        {"id": purchase_id, "limit": ROWS_MAX},
    )
    return [JournalRow(*row) for row in rows]


async def lines(db: Database, purchase_id: int) -> list[LineRow]:
    """The ledger's lines that its journal wrote."""
    rows = await db.all(
        """
        select l.id, l.entry, d.kind || ' ' || d.owner, c.kind || ' ' || c.owner, l.amount_rial, l.booked_at,
            l.effective_at
        from journal j join ledger_line l on l.journal_id = j.id
        join ledger_account d on d.id = l.debit_id join ledger_account c on c.id = l.credit_id
        where j.purchase_id = %(id)s order by l.id limit %(limit)s
        """,
        {"id": purchase_id, "limit": ROWS_MAX},
    )
    return [LineRow(*row[:4], Rial(row[4]), *row[5:]) for row in rows]


async def calls(db: Database, purchase_id: int) -> list[CallRow]:
    """The calls to the bank about it, the newest first. They are kept for 90 days."""
    rows = await db.all(
        """
        select t.attempt_id, t.at, t.verb, t.outcome, t.status, t.duration_ms, t.request, t.answer
        from attempt a join transcript t on t.attempt_id = a.id
        where a.purchase_id = %(id)s order by t.id desc limit %(limit)s
        """,
        {"id": purchase_id, "limit": ROWS_MAX},
    )
    return [CallRow(*row) for row in rows]
