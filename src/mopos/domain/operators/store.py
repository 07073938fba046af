"""The SQL of operators."""

from __future__ import annotations

from mopos.base.db import Database
from mopos.domain.operators.model import Operator, Post


async def present(db: Database, operator_id: int) -> Operator | None:
    """An operator who may work now. None: disabled, or none at all."""
    row = await db.one(
        "select id, name, title, role from operator where id = %(id)s and disabled_at is null", {"id": operator_id}
    )
    return Operator(row[0], row[1], row[2], Post(row[3])) if row else None
