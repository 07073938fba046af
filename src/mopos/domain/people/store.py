"""The SQL of people themselves: their name, and what waits for their number."""

from __future__ import annotations

from datetime import datetime

from mopos.base.db import Database


async def set_name(db: Database, person_id: int, name: str) -> None:
    """The name under which fellow members see a person."""
    await db.one("update person set name = %(name)s where id = %(person_id)s", {"person_id": person_id, "name": name})


async def invitations(db: Database, mobile: str, now: datetime) -> int:
    """How many invitations into accounts wait for a number."""
    row = await db.one(
        """
        select count(*) from invitation where mobile = %(mobile)s and ended_at is null and expires_at > %(now)s
        """,
        {"mobile": mobile, "now": now},
    )
    return int(row[0]) if row else 0
