"""`mopos audit`: everything recomputed from the journal, and every difference told with the row that it is about.

Each check is one SQL statement over a range of rows, so memory stays flat however many there are. What it finds
means that something was written past the house's own statements, or that the house has a mistake.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from mopos.actions import audit_books, audit_money, audit_purchases
from mopos.actions.audit_parts import Check, Finding, Over
from mopos.base.db import Database
from mopos.base.ids import with_check_digit
from mopos.domain.ledger import balances
from mopos.domain.ledger.balances import Balance
from mopos.domain.ledger.entries import ENTRIES
from mopos.domain.payments.states import MOVES

# Purchases checked by one statement: a second's work at most, so that progress can be shown.
STEP = 50_000
# Findings shown of one check and step; a thousand equal ones say no more.
FINDINGS_MAX = 20
# A waiting purchase that is this long overdue is looked at by nobody: no worker runs, or it cannot work.
OVERDUE = timedelta(minutes=15)


# All of them, in the order in which they are run.
CHECKS: tuple[Check, ...] = (*audit_purchases.CHECKS, *audit_money.CHECKS, *audit_books.CHECKS)

# Where ids begin and end, and how many of them one statement looks at: a second's work at most.
_ENDS: dict[Over, tuple[str, int]] = {
    over: (f"select coalesce(min(id), 1), coalesce(max(id), 0) from {table}", step)  # noqa: S608  # constants
    for over, table, step in (
        (Over.PURCHASES, "purchase", STEP),
        (Over.REFUNDS, "refund", STEP),
        (Over.HOLDS, "hold", STEP),
        (Over.BATCHES, "settlement_batch", 20),
        (Over.SETTLEMENTS, "settlement", 500),
        (Over.PAYOUTS, "payout", STEP),
        (Over.EXCEPTIONS, "recon_exception", STEP),
        (Over.EVENTS, "money_event", STEP),
        (Over.LINES, "ledger_line", STEP),
        (Over.ACCOUNTS, "ledger_account", 500),
    )
}
# The lines that a purchase's moves write, and which of its amounts each of them moves.
_RULES = [(entry, line) for entry in sorted({m.entry for m in MOVES if m.entry}) for line in ENTRIES[entry]]
_RULE_PARAMS: dict[str, list[str]] = {
    "entries": [entry for entry, _ in _RULES],
    "debits": [line.debit for _, line in _RULES],
    "credits": [line.credit for _, line in _RULES],
    "amounts": [line.amount for _, line in _RULES],
}


@dataclass(frozen=True, slots=True)
class Progress:
    """One check over one range is done: of how many in all, and what it found."""

    done: int
    of: int
    findings: tuple[Finding, ...]


async def audit(db: Database, now: datetime, *, newest: int | None = None) -> AsyncIterator[Progress]:
    """Run every check over everything (or the `newest` rows of each kind only), telling how far it is."""
    checks = [check for check in CHECKS if newest is None or check.always]
    ranges = {over: await _ranges(db, over, newest) for over in Over}
    done, of = 0, sum(len(ranges[check.over]) for check in checks)
    for over in Over:
        ours = [check for check in checks if check.over is over]
        for first, last in ranges[over]:
            for check in ours:
                found = await _run(db, check, first, last, now)
                done += 1
                yield Progress(done, of, found)


async def _ranges(db: Database, over: Over, newest: int | None) -> list[tuple[int, int]]:
    if over is Over.BOOKS:
        return [(0, 0)]
    sql, step = _ENDS[over]
    row = await db.one(sql)
    first_id, last_id = row or (1, 0)
    if newest is not None and over is not Over.ACCOUNTS:
        first_id = max(first_id, last_id - newest + 1)
    return [(first, min(first + step - 1, last_id)) for first in range(first_id, last_id + 1, step)]


async def _run(db: Database, check: Check, first: int, last: int, now: datetime) -> tuple[Finding, ...]:
    params = {"first": first, "last": last, "overdue": now - OVERDUE, "limit": FINDINGS_MAX}
    rows = await db.all(f"{check.sql} limit %(limit)s", params | _RULE_PARAMS)
    return tuple(Finding(check.name, _about(check.over, row_id), what) for row_id, what in rows)


def _about(over: Over, row_id: int) -> str:
    if over is Over.BOOKS:
        return str(over)
    return f"{over} {with_check_digit(row_id) if over is Over.PURCHASES else row_id}"


async def trial_balance(db: Database) -> list[Balance]:
    """Every account with its totals, from the lines alone; over all of them debit equals credit."""
    return await balances.proven(db)


async def count(db: Database) -> int:
    """How many purchases there are."""
    row = await db.one("select count(*) from purchase")
    return int(row[0]) if row else 0


async def paid_total(db: Database) -> int:
    """What all PAID purchases come to, in Rial: the other way to the same number as the books."""
    row = await db.one("select coalesce(sum(amount_rial), 0)::bigint from purchase where state = 'PAID'")
    return int(row[0]) if row else 0
