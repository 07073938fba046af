"""The SQL of sessions: a browser's cookie, by its hash."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, NamedTuple

from mopos.base.db import Database
from mopos.domain.people.model import (
    ABSOLUTE,
    CONSOLE_ABSOLUTE,
    CONSOLE_IDLE,
    HALF_ABSOLUTE,
    IDLE,
    Person,
    Session,
)

# A browser's own words about itself, as far as they are kept.
AGENT_LENGTH_MAX = 300
# How often a session's last use is written: more would be a write for each page.
SEEN_EVERY = timedelta(minutes=1)

# For statements that find out who comes in: after a CTE `who (person_id, device_id, second_factor)` of at most one row.
# The browser's former session ends with it: sessions are never carried over a change of who or how.
STARTED = """
    ended as (
        update session set ended_at = %(now)s
        where token_hash = %(instead_of)s::bytea and ended_at is null and exists (select from who)
    ),
    started as (
        insert into session (token_hash, person_id, device_id, created_at, seen_at, fresh_at, second_factor, ip, agent)
        select %(token_hash)s, person_id, device_id, %(since)s, %(now)s,
            case when second_factor then %(now)s::timestamptz end, second_factor, %(ip)s::inet, %(agent)s
        from who
    )
"""


class Entry(NamedTuple):
    """How a browser comes in: what its new session needs besides whose it is."""

    token_hash: bytes
    ip: str
    agent: str
    now: datetime
    since: datetime
    """Since when the absolute limit counts: now, or for a step-up since the person signed in."""
    instead_of: bytes | None = None

    def params(self) -> dict[str, Any]:
        """For `STARTED`."""
        return self._asdict() | {"agent": self.agent[:AGENT_LENGTH_MAX]}


class Open(NamedTuple):
    """A session as its owner sees it in a list."""

    is_this: bool
    device: str
    created_at: datetime
    seen_at: datetime
    ip: str
    agent: str


async def start(
    db: Database,
    *,
    token_hash: bytes,
    person_id: int | None = None,
    operator_id: int | None = None,
    device_id: int | None = None,
    second_factor: bool,
    ip: str,
    agent: str,
    now: datetime,
    since: datetime | None = None,
    instead_of: bytes | None = None,
) -> None:
    """A new session; `instead_of` ends the one that the browser had before (sessions are never carried over a change
    of who or how). `since`: since when the absolute limit counts, as in `Entry`; now, if not said."""
    await db.one(
        """
        with ended as (
            update session set ended_at = %(now)s where token_hash = %(instead_of)s and ended_at is null
        )
        insert into session (token_hash, person_id, operator_id, device_id, created_at, seen_at, fresh_at,
            second_factor, ip, agent)
        values (%(token_hash)s, %(person_id)s, %(operator_id)s, %(device_id)s, %(since)s, %(now)s,
            case when %(second_factor)s then %(now)s::timestamptz end, %(second_factor)s, %(ip)s, %(agent)s)
        """,
        {
            "token_hash": token_hash,
            "person_id": person_id,
            "operator_id": operator_id,
            "device_id": device_id,
            "second_factor": second_factor,
            "ip": ip,
            "agent": agent[:AGENT_LENGTH_MAX],
            "now": now,
            "since": since or now,
            "instead_of": instead_of,
        },
    )


async def find(db: Database, token_hash: bytes, now: datetime) -> Session | None:
    """The living session of a cookie. Its last use is noted, at most once a minute."""
    row = await db.one(
        """
        with s as (
            select s.*, p.mobile, p.name from session s left join person p on p.id = s.person_id
            left join device d on d.id = s.device_id
            where s.token_hash = %(token_hash)s and s.ended_at is null and d.revoked_at is null
                and p.barred_at is null
                and s.seen_at > %(now)s - case when s.operator_id is null then %(idle)s else %(console_idle)s end
                and s.created_at > %(now)s
                    - case when s.operator_id is null then %(absolute)s else %(console_absolute)s end
                and (s.second_factor or s.created_at > %(now)s - %(half)s)
        ),
        seen as (
            update session set seen_at = %(now)s from s
            where session.token_hash = s.token_hash and s.seen_at < %(now)s - %(seen_every)s
        )
        select token_hash, person_id, mobile, name, operator_id, device_id, created_at, seen_at, fresh_at, second_factor
        from s
        """,
        {
            "token_hash": token_hash,
            "now": now,
            "idle": IDLE,
            "absolute": ABSOLUTE,
            "console_idle": CONSOLE_IDLE,
            "console_absolute": CONSOLE_ABSOLUTE,
            "half": HALF_ABSOLUTE,
            "seen_every": SEEN_EVERY,
        },
    )
    if row is None:
        return None
    found, person_id, mobile, name, *rest = row
    person = Person(person_id, mobile, name) if person_id is not None else None
    return Session(found, person, *rest)


async def end(db: Database, token_hash: bytes, now: datetime) -> None:
    """Signed out."""
    await db.one(
        "update session set ended_at = %(now)s where token_hash = %(token_hash)s and ended_at is null",
        {"token_hash": token_hash, "now": now},
    )


async def end_all(
    db: Database,
    now: datetime,
    *,
    person_id: int | None = None,
    operator_id: int | None = None,
    but: bytes | None = None,
) -> int:
    """Signed out everywhere (`but` here). Returns how many sessions that ended."""
    rows = await db.all(
        """
        update session set ended_at = %(now)s
        where ended_at is null and token_hash is distinct from %(but)s
            and (person_id = %(person_id)s or operator_id = %(operator_id)s)
        returning 1
        """,
        {"person_id": person_id, "operator_id": operator_id, "but": but, "now": now},
    )
    return len(rows)


async def open_ones(db: Database, person_id: int, this: bytes, now: datetime) -> list[Open]:
    """Where a person is signed in, this browser first. The last fifty: who has more ends them all."""
    rows = await db.all(
        """
        select s.token_hash = %(this)s, coalesce(d.name, ''), s.created_at, s.seen_at, host(s.ip), s.agent
        from session s left join device d on d.id = s.device_id
        where s.person_id = %(person_id)s and s.ended_at is null and d.revoked_at is null
            and s.seen_at > %(now)s - %(idle)s and s.created_at > %(now)s - %(absolute)s
        order by s.token_hash = %(this)s desc, s.seen_at desc limit 50
        """,
        {"person_id": person_id, "this": this, "now": now, "idle": IDLE, "absolute": ABSOLUTE},
    )
    return [Open(*row) for row in rows]
