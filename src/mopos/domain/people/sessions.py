"""The SQL of sessions: a browser's cookie, by its hash."""

from __future__ import annotations

from datetime import datetime, timedelta

from mopos.base.db import Database
from mopos.domain.people.model import ABSOLUTE, CONSOLE_ABSOLUTE, CONSOLE_IDLE, IDLE, Person, Session

# How often a session's last use is written: more would be a write for each page.
SEEN_EVERY = timedelta(minutes=1)


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
    instead_of: bytes | None = None,
) -> None:
    """A new session; `instead_of` ends the one that the browser had before (sessions are never carried over a change
    of who or how)."""
    await db.one(
        """
        with ended as (
            update session set ended_at = %(now)s where token_hash = %(instead_of)s and ended_at is null
        )
        insert into session (token_hash, person_id, operator_id, device_id, created_at, seen_at, fresh_at,
            second_factor, ip, agent)
        values (%(token_hash)s, %(person_id)s, %(operator_id)s, %(device_id)s, %(now)s, %(now)s,
            case when %(second_factor)s then %(now)s::timestamptz end, %(second_factor)s, %(ip)s, %(agent)s)
        """,
        {
            "token_hash": token_hash,
            "person_id": person_id,
            "operator_id": operator_id,
            "device_id": device_id,
            "second_factor": second_factor,
            "ip": ip,
            "agent": agent[:300],
            "now": now,
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
                and s.seen_at > %(now)s - case when s.operator_id is null then %(idle)s else %(console_idle)s end
                and s.created_at > %(now)s
                    - case when s.operator_id is null then %(absolute)s else %(console_absolute)s end
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
