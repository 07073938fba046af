"""Filters that a member has given a name."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from mopos.base.db import Database

# More than a list of links can be looked through.
SAVED_MAX = 30
NAME_LENGTH_MAX = 60


class Saved(NamedTuple):
    """A filter with a name: its query string."""

    id: int
    name: str
    query: str


async def all_of(db: Database, account_id: int, person_id: int) -> list[Saved]:
    """A member's own, by name."""
    rows = await db.all(
        """
        select id, name, query from saved_filter
        where account_id = %(account_id)s and person_id = %(person_id)s order by name limit %(limit)s
        """,
        {"account_id": account_id, "person_id": person_id, "limit": SAVED_MAX},
    )
    return [Saved(*row) for row in rows]


async def save(db: Database, account_id: int, person_id: int, name: str, query: str, now: datetime) -> bool:
    """Keep a filter under a name; an older one of that name makes room. False: there are too many."""
    row = await db.one(
        """
        insert into saved_filter as s (account_id, person_id, name, query, created_at)
        select %(account_id)s, %(person_id)s, %(name)s, %(query)s, %(now)s
        where (
            select count(*) from saved_filter
            where account_id = %(account_id)s and person_id = %(person_id)s and name <> %(name)s
        ) < %(most)s
        on conflict (account_id, person_id, name) do update set query = excluded.query
        returning s.id
        """,
        {
            "account_id": account_id,
            "person_id": person_id,
            "name": name,
            "query": query,
            "now": now,
            "most": SAVED_MAX,
        },
    )
    return row is not None


async def remove(db: Database, account_id: int, person_id: int, saved_id: int) -> bool:
    """Forget one. False: there is none of this member's."""
    row = await db.one(
        """
        delete from saved_filter
        where id = %(id)s and account_id = %(account_id)s and person_id = %(person_id)s returning id
        """,
        {"id": saved_id, "account_id": account_id, "person_id": person_id},
    )
    return row is not None
