"""The SQL of acts that need two operators: one proposes, another one approves. What is approved is done by the
statement that approves it (`approve` in migration 0005), so it is done once or not at all."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

from psycopg.errors import UniqueViolation
from psycopg.types.json import Jsonb

from mopos.base.db import Database, Row
from mopos.base.errors import Refused
from mopos.domain.operators.model import NEEDS, PROPOSAL_LIFE, Act, Operator

# As many as two people decide in a day; older ones are on the following pages.
PAGE = 50


class Proposal(NamedTuple):
    """What one operator asks for."""

    id: int
    act: Act
    subject: str
    data: Mapping[str, Any]
    reason: str
    proposed_by: int
    proposer: str
    proposed_at: datetime
    expires_at: datetime
    decider: str
    decided_at: datetime | None
    decision: str | None
    note: str

    def is_open(self, now: datetime) -> bool:
        return self.decision is None and now < self.expires_at

    def may_be_decided_by(self, operator: Operator, now: datetime) -> bool:
        """Never by who proposed it, and only by who could have."""
        return self.is_open(now) and operator.id != self.proposed_by and operator.may(NEEDS[self.act])


_PROPOSAL = """
    select p.id, p.act, p.subject, p.data, p.reason, p.proposed_by, coalesce(nullif(o.title, ''), o.name),
        p.proposed_at, p.expires_at, coalesce(nullif(d.title, ''), d.name, ''), p.decided_at, p.decision, p.note
    from proposal p join operator o on o.id = p.proposed_by left join operator d on d.id = p.decided_by
"""


def _proposal(row: Row) -> Proposal:
    return Proposal(row[0], Act(row[1]), *row[2:])


async def propose(
    db: Database, operator: Operator, act: Act, *, subject: str, data: Mapping[str, Any], reason: str, now: datetime
) -> int:
    """Ask for an act. One of a kind about one subject can be open; an expired one makes room. Raises `Refused`."""
    try:
        rows = await db.all(
            """
            with expired as (
                update proposal set decided_at = %(now)s, decision = 'withdrawn'
                where act = %(act)s and subject = %(subject)s and decided_at is null and expires_at <= %(now)s
                returning id
            ),
            made as (
                insert into proposal (act, subject, data, reason, proposed_by, proposed_at, expires_at)
                select %(act)s, %(subject)s, %(data)s, %(reason)s, %(operator)s, %(now)s, %(now)s + %(life)s
                -- The expired one is closed first: two open ones are refused by an index.
                from (select count(*) from expired) as closed_first
                returning id
            ),
            told as (
                insert into audit_log (at, operator_id, act, subject, reason, data)
                select %(now)s, %(operator)s, 'propose_' || %(act)s, %(subject)s, %(reason)s,
                    %(data)s::jsonb || jsonb_build_object('proposal', id) from made
            )
            select id from made
            """,
            {
                "act": act,
                "subject": subject,
                "data": Jsonb(dict(data)),
                "reason": reason,
                "operator": operator.id,
                "now": now,
                "life": PROPOSAL_LIFE,
            },
        )
    except UniqueViolation as error:
        raise Refused(["proposal_exists"]) from error
    return int(rows[0][0])


async def find(db: Database, proposal_id: int) -> Proposal | None:
    """One proposal."""
    row = await db.one(f"{_PROPOSAL} where p.id = %(id)s", {"id": proposal_id})
    return _proposal(row) if row else None


async def waiting(db: Database, now: datetime) -> list[Proposal]:
    """All that are open, the oldest first."""
    rows = await db.all(
        f"{_PROPOSAL} where p.decided_at is null and p.expires_at > %(now)s order by p.id limit %(limit)s",
        {"now": now, "limit": 10 * PAGE},
    )
    return [_proposal(row) for row in rows]


async def ended(db: Database, before: int | None, now: datetime) -> list[Proposal]:
    """What was decided or ran out, the newest first."""
    rows = await db.all(
        f"""
        {_PROPOSAL}
        where (p.decided_at is not null or p.expires_at <= %(now)s)
            and p.id < coalesce(%(before)s, 9223372036854775807)
        order by p.id desc limit %(limit)s
        """,
        {"before": before, "now": now, "limit": PAGE},
    )
    return [_proposal(row) for row in rows]


async def about(db: Database, subject: str, now: datetime) -> list[Proposal]:
    """The open proposals about one subject, such as a purchase."""
    rows = await db.all(
        f"{_PROPOSAL} where p.subject = %(subject)s and p.decided_at is null and p.expires_at > %(now)s order by p.id",
        {"subject": subject, "now": now},
    )
    return [_proposal(row) for row in rows]


async def turn_down(
    db: Database, proposal: Proposal, operator: Operator, *, decision: str, note: str, now: datetime
) -> bool:
    """Refused by another operator, or withdrawn by its own. False: it is no longer open."""
    row = await db.one(
        """
        with decided as (
            update proposal set decided_by = %(operator)s, decided_at = %(now)s, decision = %(decision)s,
                note = %(note)s
            where id = %(id)s and decided_at is null and expires_at > %(now)s
                and (%(decision)s = 'withdrawn') = (proposed_by = %(operator)s)
            returning id, act, subject
        ),
        told as (
            insert into audit_log (at, operator_id, act, subject, reason, data)
            select %(now)s, %(operator)s, %(decision)s || '_' || act, subject, %(note)s,
                jsonb_build_object('proposal', id)
            from decided
        )
        select 1 from decided
        """,
        {"id": proposal.id, "operator": operator.id, "decision": decision, "note": note, "now": now},
    )
    return row is not None


async def approved_untold(db: Database) -> list[tuple[int, str]]:
    """Approved proposals without their row in the audit log: numbers, and what is wrong. For `mopos audit`."""
    rows = await db.all(
        """
        select p.id, p.act || ' ' || p.subject from proposal p
        where p.decision = 'approved' and not exists (
            select from audit_log l
            where l.subject = p.subject and l.act = p.act and l.data -> 'proposal' = to_jsonb(p.id)
                and l.operator_id = p.decided_by
        )
        order by p.id limit 20
        """
    )
    return [(row[0], row[1]) for row in rows]
