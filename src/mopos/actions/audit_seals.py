"""`mopos audit` of the seals: the chain over the journal, the ledger and the events of money, from its beginning.

In flat memory: it is checked by stretches, each carrying the last hash over to the next. Whoever can write everything
can make the whole chain anew; its ends are therefore printed and logged, to be kept elsewhere."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import NamedTuple

from mopos.actions.audit_parts import Finding
from mopos.base.db import Database
from mopos.domain.ledger import seals
from mopos.domain.ledger.seals import Source

# Rows are sealed within seconds; what waits this long is sealed by nobody.
OVERDUE = timedelta(minutes=15)
CHECK = "seals: what was written is there, unchanged, and nothing was put between"


class Stretch(NamedTuple):
    """A part of a chain is checked: how many rows of about how many, what was found, and where it ends so far."""

    source: str
    done: int
    of: int
    findings: tuple[Finding, ...]
    last_id: int
    hash: bytes


async def audit_seals(db: Database, now: datetime, *, newest: int | None = None) -> AsyncIterator[Stretch]:
    """Check each chain from its beginning, or only the seals of its `newest` rows, and that it ends where it should."""
    for source in seals.SOURCES:
        after, last_hash = 0, seals.NOTHING
        if newest is not None:
            after, last_hash = await seals.before(db, source, newest // seals.STRETCH)
        of, done = await seals.length(db, source) - after, 0
        while (part := await seals.check(db, source, after, last_hash)) is not None:
            after, last_hash, done = part.last_id, part.hash, done + part.rows
            findings = tuple(Finding(CHECK, f"{source.name} row {row}", what) for row, what in part.wrong)
            yield Stretch(source.name, done, max(of, done), findings, after, last_hash)
        yield Stretch(source.name, done, max(of, done), await _end(db, source, now), after, last_hash)


async def _end(db: Database, source: Source, now: datetime) -> tuple[Finding, ...]:
    end = await seals.end(db, source, now - OVERDUE)
    if end is None:
        return (Finding(CHECK, source.name, "nobody knows any more how far it was sealed"),)
    found = []
    if end.last_id < end.position:
        what = f"the seals of rows {end.last_id + 1} to {end.position} are missing"
        found.append(Finding(CHECK, f"{source.name} row {end.last_id + 1}", what))
    if end.late:
        what = "rows wait to be sealed for a long time: no worker runs, or it cannot work"
        found.append(Finding(f"worker: {CHECK}", f"{source.name} row {end.position + 1}", what))
    return tuple(found)
