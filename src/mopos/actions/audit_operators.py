"""`mopos audit` of the operators' part: the audit log's chain, its end, and what two operators approved.

In flat memory: the chain is checked by stretches, each carrying the last hash over to the next. What cannot be seen
from inside is a log whose end was cut off together with `audit_run`; its head is therefore printed, and logged, to be
kept elsewhere."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime
from typing import NamedTuple

import structlog

from mopos.actions import audit
from mopos.actions.audit_seals import audit_seals
from mopos.actions.services import Services
from mopos.base.clock import Clock
from mopos.base.db import Database
from mopos.domain.operators import log, proposals
from mopos.domain.operators.log import Run

# What the worker looks at once an hour: some seconds' work.
RECENT = 10_000
# Findings kept for the console; the command prints all.
SAMPLE = 5

logger = structlog.get_logger()


class Finding(NamedTuple):
    """A row that is not as it was written, or is missing."""

    about: str
    """Such as `audit log row 17`."""
    what: str


class LogProgress(NamedTuple):
    """A stretch is checked: how many rows of how many, what was found, and the chain's end so far."""

    done: int
    of: int
    findings: tuple[Finding, ...]
    head_id: int
    head_hash: bytes


async def audit_log(db: Database, *, newest: int | None = None) -> AsyncIterator[LogProgress]:
    """Check the chain from its beginning, or only its `newest` rows, then its end and the proposals."""
    length = await log.length(db)
    after, last_hash = (0, log.NOTHING)
    if newest is not None and length > newest:
        after, last_hash = await log.row_before(db, length - newest + 1)
    done, of = 0, length - after
    while (part := await log.check(db, after, last_hash)) is not None:
        after, last_hash, done = part.id, part.hash, done + part.rows
        findings = tuple(Finding(f"audit log row {row}", what) for row, what in part.wrong)
        yield LogProgress(done, max(of, done), findings, after, last_hash)
    lost = [Finding(f"audit log row {row}", what) for row, what in await log.lost_heads(db)]
    untold = [
        Finding(f"proposal {number}", f"{what} was approved, and the log does not tell it")
        for number, what in await proposals.approved_untold(db)
    ]
    yield LogProgress(done, max(of, done), (*lost, *untold), after, last_hash)


async def audit_newest(services: Services) -> None:
    """The worker's hourly look at what is newest, kept for the console's pages."""
    began = services.clock()
    findings: list[Finding] = []
    heads: dict[str, tuple[int, str]] = {}
    looked_at = min(RECENT, await audit.count(services.db))
    async for step in audit.audit(services.db, began, newest=RECENT):
        findings += [Finding(f.about, f.what) for f in step.findings]
    async for part in audit_seals(services.db, began, newest=RECENT):
        findings += [Finding(f.about, f.what) for f in part.findings]
        heads[part.source] = (part.last_id, part.hash.hex())
    head_id, head_hash = 0, b""
    async for stretch in audit_log(services.db, newest=RECENT):
        findings += stretch.findings
        head_id, head_hash = stretch.head_id, stretch.head_hash
    # Logs are kept elsewhere than the database: whoever cuts the log's end off cannot unsay this.
    logger.info("audit.head", row=head_id, hash=head_hash.hex(), findings=len(findings), seals=heads)
    await keep_run(
        services.db,
        "recent",
        began,
        services.clock,
        findings,
        purchases=looked_at,
        head_id=head_id,
        head_hash=head_hash,
    )


async def keep_run(
    db: Database,
    kind: str,
    began: datetime,
    clock: Clock,
    findings: list[Finding],
    *,
    purchases: int,
    head_id: int,
    head_hash: bytes,
) -> None:
    """Note what a run found, for the console."""
    await log.keep_run(
        db,
        Run(
            kind=kind,
            at=began,
            duration_ms=round((clock() - began).total_seconds() * 1000),
            purchases=purchases,
            findings=len(findings),
            sample="\n".join(f"{finding.about}: {finding.what}" for finding in findings[:SAMPLE]),
            head_id=head_id or None,
            head_hash=head_hash if head_id else None,
        ),
    )
