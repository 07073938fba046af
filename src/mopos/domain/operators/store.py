"""The SQL of operators: who there is, and what they did that changes nothing else."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from psycopg.types.json import Jsonb

from mopos.base.db import Database, Row
from mopos.domain.operators.model import Operator, Post


async def present(db: Database, operator_id: int) -> Operator | None:
    """An operator who may work now. None: disabled, or none at all."""
    row = await db.one(
        "select id, name, title, role from operator where id = %(id)s and disabled_at is null", {"id": operator_id}
    )
    return Operator(row[0], row[1], row[2], Post(row[3])) if row else None


async def tell(
    db: Database, operator: Operator, act: str, *, subject: str, reason: str, data: dict[str, object], now: datetime
) -> int:
    """An act that changes nothing else, in the audit log. Returns the row's number."""
    rows = await db.all(
        """
        insert into audit_log (at, operator_id, act, subject, reason, data)
        values (%(now)s, %(operator)s, %(act)s, %(subject)s, %(reason)s, %(data)s) returning id
        """,
        {
            "now": now,
            "operator": operator.id,
            "act": act,
            "subject": subject,
            "reason": reason,
            "data": Jsonb(data),
        },
    )
    return int(rows[0][0])


# --- lists ------------------------------------------------------------------------------------------------------------


class Listed(NamedTuple):
    """An operator as lists show one."""

    id: int
    name: str
    title: str
    post: Post
    created_at: datetime
    disabled_at: datetime | None
    setup_until: datetime | None
    has_totp: bool
    passkeys: int
    seen_at: datetime | None

    @property
    def shown(self) -> str:
        return self.title or self.name


_LISTED = """
    select o.id, o.name, o.title, o.role, o.created_at, o.disabled_at, o.setup_until, o.totp_sealed is not null,
        (select count(*) from operator_device d where d.operator_id = o.id and d.revoked_at is null),
        (select max(seen_at) from session s where s.operator_id = o.id)
    from operator o
"""
# More operators than any payment facilitator has; a longer list would want paging.
LISTED_MAX = 500


async def everybody(db: Database) -> list[Listed]:
    """All operators, those who may work first."""
    rows = await db.all(
        f"{_LISTED} order by o.disabled_at is not null, o.name limit %(limit)s",
        {"limit": LISTED_MAX},
    )
    return [_listed(row) for row in rows]


async def listed(db: Database, operator_id: int) -> Listed | None:
    """One of them."""
    row = await db.one(f"{_LISTED} where o.id = %(id)s", {"id": operator_id})
    return _listed(row) if row else None


async def number_of(db: Database, name: str) -> int | None:
    """The number of the operator with a sign-in name."""
    row = await db.one("select id from operator where name = %(name)s", {"name": name})
    return int(row[0]) if row else None


def _listed(row: Row) -> Listed:
    return Listed(row[0], row[1], row[2], Post(row[3]), *row[4:])
