"""The SQL of signing in: what operators are recognised by, and how many tries there were."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from mopos.base.db import Database, Row
from mopos.domain.operators.model import (
    TRIES_FORGOTTEN_AFTER,
    WRONG_CODES_LOCK,
    WRONG_CODES_MAX,
    Operator,
    Post,
)


class Credentials(NamedTuple):
    """What an operator is recognised by."""

    operator: Operator
    password_hash: str
    setup_until: datetime | None
    """Until then the password is a one-time one: a new one and TOTP are to be set up."""
    totp_sealed: bytes | None
    locked_until: datetime | None
    """Codes are not taken until then; a passkey is."""
    disabled: bool


_CREDENTIALS = "id, name, title, role, password_hash, setup_until, totp_sealed, locked_until, disabled_at is not null"


async def by_name(db: Database, name: str) -> Credentials | None:
    """Who signs in under a name."""
    row = await db.one(
        f"select {_CREDENTIALS} from operator where name = %(name)s",  # noqa: S608
        {"name": name},
    )
    return _credentials(row) if row else None


async def by_id(db: Database, operator_id: int) -> Credentials | None:
    """The same by number, for who is signed in or half way there."""
    row = await db.one(
        f"select {_CREDENTIALS} from operator where id = %(id)s",  # noqa: S608
        {"id": operator_id},
    )
    return _credentials(row) if row else None


def _credentials(row: Row) -> Credentials:
    return Credentials(Operator(row[0], row[1], row[2], Post(row[3])), *row[4:])


async def count_try(db: Database, key_hashes: Sequence[bytes], now: datetime) -> list[int]:
    """Count one more try under each key, before it is looked at, so that many at once are counted too. Returns how
    many each has had since its first one; they are forgotten half an hour after that one."""
    rows = await db.all(
        """
        insert into sign_in_try (key_hash, tries, since)
        select key_hash, 1, %(now)s from unnest(%(keys)s::bytea[]) as key_hash order by key_hash
        on conflict (key_hash) do update set
            tries = case when sign_in_try.since > %(now)s - %(life)s then sign_in_try.tries + 1 else 1 end,
            since = case when sign_in_try.since > %(now)s - %(life)s then sign_in_try.since else excluded.since end
        returning key_hash, tries
        """,
        {"keys": list(key_hashes), "now": now, "life": TRIES_FORGOTTEN_AFTER},
    )
    counts = {bytes(key_hash): tries for key_hash, tries in rows}
    return [counts[key_hash] for key_hash in key_hashes]


async def forget_tries(db: Database, key_hash: bytes) -> None:
    """A right password: what was tried before counts no more."""
    await db.one("delete from sign_in_try where key_hash = %(key)s", {"key": key_hash})


async def forget_old_tries(db: Database, now: datetime) -> None:
    """For the worker: rows that would count as nothing."""
    await db.one(
        "delete from sign_in_try where since < %(now)s - %(life)s", {"now": now, "life": TRIES_FORGOTTEN_AFTER}
    )


async def use_totp_step(db: Database, operator_id: int, step: int, now: datetime) -> bool:
    """A right code's time step is used up. False: it was used before (RFC 6238, section 5.2), or codes are locked."""
    row = await db.one(
        """
        update operator set totp_last_step = %(step)s, wrong_count = 0, locked_until = null
        where id = %(id)s and totp_last_step < %(step)s and disabled_at is null
            and (locked_until is null or locked_until <= %(now)s)
        returning 1
        """,
        {"id": operator_id, "step": step, "now": now},
    )
    return row is not None


async def wrong_code(db: Database, operator_id: int, ip: str, now: datetime) -> None:
    """A wrong code after a right password: counted and told, as somebody may know the password."""
    await db.one(
        """
        with counted as (
            update operator set wrong_count = wrong_count + 1,
                locked_until = case when wrong_count + 1 >= %(max)s then %(now)s + %(lock)s else locked_until end
            where id = %(id)s and (locked_until is null or locked_until <= %(now)s) returning id, name, wrong_count
        )
        insert into audit_log (at, operator_id, act, subject, reason, data)
        select %(now)s, id, 'wrong_code', name, '', jsonb_build_object('address', %(ip)s::text, 'count', wrong_count)
        from counted
        """,
        {"id": operator_id, "max": WRONG_CODES_MAX, "lock": WRONG_CODES_LOCK, "now": now, "ip": ip},
    )


class OpenSession(NamedTuple):
    """A browser in which an operator is signed in."""

    token_hash: bytes
    ip: str
    agent: str
    created_at: datetime
    seen_at: datetime


async def open_sessions(db: Database, operator_id: int, *, used_since: datetime) -> list[OpenSession]:
    """Where an operator is signed in, the last used first."""
    rows = await db.all(
        """
        select token_hash, host(ip), agent, created_at, seen_at from session
        where operator_id = %(id)s and ended_at is null and seen_at > %(used_since)s order by seen_at desc limit 50
        """,
        {"id": operator_id, "used_since": used_since},
    )
    return [OpenSession(bytes(row[0]), *row[1:]) for row in rows]
