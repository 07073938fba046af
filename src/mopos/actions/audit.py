"""`mopos audit`: everything recomputed from the journal, and every difference told with the row that it is about.

Each check is one SQL statement over a range of purchases, so memory stays flat however many there are. What it finds
means that something was written past the house's own statements, or that the house has a mistake.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from mopos.base.db import Database

# Purchases checked by one statement: a second's work at most, so that progress can be shown.
STEP = 50_000
# Findings shown of one check and step; a thousand equal ones say no more.
FINDINGS_MAX = 20
# A waiting purchase that is this long overdue is looked at by nobody: no worker runs, or it cannot work.
OVERDUE = timedelta(minutes=15)


class Check(NamedTuple):
    """One thing that must be true, and the statement that finds where it is not: purchase id, what is wrong."""

    name: str
    sql: str


CHECKS: tuple[Check, ...] = (
    Check(
        "journal: every purchase has each version once, and each move starts where the one before ended",
        """
        select purchase_id, format('version %%s: %%s after %%s', version, from_state, before) from (
            select purchase_id, version, from_state,
                lag(to_state, 1, '') over purchase as before, row_number() over purchase as place
            from journal where purchase_id between %(first)s and %(last)s
            window purchase as (partition by purchase_id order by version)
        ) j where version <> place or from_state <> before
        """,
    ),
    Check(
        "state: every purchase stands where its journal ends",
        """
        select p.id, format('%%s version %%s, journal %%s version %%s', p.state, p.version, j.to_state, j.version)
        from purchase p left join lateral (
            select version, to_state, event from journal where purchase_id = p.id order by version desc limit 1
        ) j on true
        where p.id between %(first)s and %(last)s
            and (p.state, p.version, p.last_event) is distinct from (j.to_state, j.version, j.event)
        """,
    ),
    Check(
        "entries: a move has the ledger lines that the table of moves names, of the purchase's amount, and no others",
        """
        select p.id, format('%%s: %%s lines, %%s Rial', j.event, count(l.id), coalesce(sum(l.amount_rial), 0))
        from journal j join purchase p on p.id = j.purchase_id
        join move m on (m.from_state, m.event, m.to_state) = (j.from_state, j.event, j.to_state)
        left join ledger_line l on l.journal_id = j.id
        where p.id between %(first)s and %(last)s
        group by p.id, p.amount_rial, j.id, j.event, m.entry
        having (m.entry = '' and count(l.id) > 0)
            or (m.entry <> '' and (count(l.id) = 0 or min(l.entry) <> m.entry or max(l.entry) <> m.entry
                or sum(l.amount_rial) <> p.amount_rial))
        """,
    ),
    Check(
        "accounts: what a bank took is owed to us by its terminal, and by us to the purchase's own gateway",
        """
        select p.id, format('line %%s', l.id)
        from journal j join purchase p on p.id = j.purchase_id join attempt a on a.id = j.attempt_id
        join ledger_line l on l.journal_id = j.id
        join ledger_account d on d.id = l.debit_id join ledger_account c on c.id = l.credit_id
        where p.id between %(first)s and %(last)s and l.entry = 'purchase_paid'
            and (d.kind, d.owner, c.kind, c.owner)
                <> ('acquirer_receivable', a.terminal_id, 'merchant_payable', p.gateway_id)
        """,
    ),
    Check(
        "attempts: PAID has one confirmed attempt with its bank's reference, and nothing else has one",
        """
        select p.id, format('%%s, %%s confirmed', p.state, count(a.id))
        from purchase p left join attempt a on a.purchase_id = p.id and a.state = 'CONFIRMED'
        where p.id between %(first)s and %(last)s group by p.id, p.state
        having count(a.id) <> (case when p.state = 'PAID' then 1 else 0 end)
        """,
    ),
    Check(
        "attempts: none is alive when its purchase has ended",
        """
        select p.id, format('%%s, attempt %%s', p.state, a.id)
        from purchase p join attempt a on a.purchase_id = p.id and a.state = 'LIVE'
        where p.id between %(first)s and %(last)s and (p.next_check_at is null or a.id <> p.attempt_id)
        """,
    ),
    Check(
        "corrections: each one was proposed by one operator and approved by another, and says what became of it",
        """
        select p.id, format('%%s, proposal %%s', j.event, coalesce(j.data ->> 'proposal', 'none'))
        from journal j join purchase p on p.id = j.purchase_id
        left join proposal r on r.id = (j.data ->> 'proposal')::bigint
        where p.id between %(first)s and %(last)s and j.event like 'corrected%%'
            and (r.decision is distinct from 'approved' or r.proposed_by = r.decided_by
                or replace(r.act, 'correct_', 'corrected_') <> j.event or r.subject not like 'purchase ' || p.id || '_')
        """,
    ),
    Check(
        "worker: nothing that waits is overdue",
        """
        select p.id, format('%%s since %%s', p.state, p.next_check_at)
        from purchase p where p.id between %(first)s and %(last)s and p.next_check_at < %(overdue)s
        """,
    ),
)


@dataclass(frozen=True, slots=True)
class Finding:
    """A difference: which check, which purchase (its id), and what was found there."""

    check: str
    purchase_id: int
    what: str


@dataclass(frozen=True, slots=True)
class Progress:
    """One check over one range is done: of how many in all, and what it found."""

    done: int
    of: int
    findings: tuple[Finding, ...]


class Balance(NamedTuple):
    """One account of the trial balance, in Rial: what was debited and what was credited."""

    kind: str
    owner: int
    debit_rial: int
    credit_rial: int


async def audit(db: Database, now: datetime, *, newest: int | None = None) -> AsyncIterator[Progress]:
    """Run every check over every purchase (or the `newest` ones only), telling how far it is."""
    row = await db.one("select coalesce(min(id), 1), coalesce(max(id), 0) from purchase")
    first_id, last_id = row or (1, 0)
    if newest is not None:
        first_id = max(first_id, last_id - newest + 1)
    ranges = [(first, min(first + STEP - 1, last_id)) for first in range(first_id, last_id + 1, STEP)]
    done = 0
    for first, last in ranges:
        for check in CHECKS:
            params = {"first": first, "last": last, "overdue": now - OVERDUE, "limit": FINDINGS_MAX}
            rows = await db.all(f"{check.sql} limit %(limit)s", params)
            done += 1
            yield Progress(done, len(ranges) * len(CHECKS), tuple(Finding(check.name, *found) for found in rows))


async def trial_balance(db: Database) -> list[Balance]:
    """Every account with its totals; over all of them debit equals credit."""
    rows = await db.all(
        """
        select a.kind, a.owner, coalesce(sum(t.debit), 0)::bigint, coalesce(sum(t.credit), 0)::bigint
        from (
            select debit_id as id, sum(amount_rial) as debit, 0 as credit from ledger_line group by debit_id
            union all
            select credit_id, 0, sum(amount_rial) from ledger_line group by credit_id
        ) t join ledger_account a on a.id = t.id
        group by a.kind, a.owner order by a.kind, a.owner
        """
    )
    return [Balance(*row) for row in rows]


async def count(db: Database) -> int:
    """How many purchases there are."""
    row = await db.one("select count(*) from purchase")
    return int(row[0]) if row else 0


async def paid_total(db: Database) -> int:
    """What all PAID purchases come to, in Rial: the other way to the same number as the books."""
    row = await db.one("select coalesce(sum(amount_rial), 0)::bigint from purchase where state = 'PAID'")
    return int(row[0]) if row else 0
