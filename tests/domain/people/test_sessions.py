"""How long a browser stays signed in: unused, and at all."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime, timedelta

import pytest

from mopos.base.db import Database
from mopos.domain.people import sessions
from mopos.domain.people.model import ABSOLUTE, CONSOLE_ABSOLUTE, CONSOLE_IDLE, IDLE

NOW = datetime(2026, 3, 21, 12, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)


@pytest.fixture
async def db(dsn):
    async with Database(dsn, pool_size=1, timeout_s=10) as opened:
        yield opened


async def somebody(db: Database, who: str) -> int:
    """A person or an operator, bare."""
    name = secrets.token_hex(4)
    if who == "person_id":
        row = await db.one(
            """
            insert into person (mobile, handle, created_at)
            values ('0912' || lpad(floor(random() * 1e7)::int::text, 7, '0'), %(handle)s, now()) returning id
            """,
            {"handle": secrets.token_bytes(32)},
        )
    else:
        row = await db.one(
            """
            insert into operator (name, title, role, handle, password_hash, created_at)
            values (%(name)s, '', 'support', %(handle)s, '', now()) returning id
            """,
            {"name": f"op{name}", "handle": secrets.token_bytes(32)},
        )
    return int(row[0])


@pytest.mark.parametrize(
    ("who", "idle", "absolute"),
    [("person_id", IDLE, ABSOLUTE), ("operator_id", CONSOLE_IDLE, CONSOLE_ABSOLUTE)],
)
async def test_how_long_a_session_lives(db, who, idle, absolute):
    token_hash = secrets.token_bytes(32)
    owner = {who: await somebody(db, who)}
    await sessions.start(
        db, token_hash=token_hash, second_factor=True, ip="203.0.113.7", agent="test", now=NOW, **owner
    )
    # Used again and again it lives on, though never past its absolute limit.
    now = NOW
    while now < NOW + absolute:
        assert await sessions.find(db, token_hash, now) is not None
        now += idle - SECOND
    assert await sessions.find(db, token_hash, NOW + absolute) is None


@pytest.mark.parametrize(("who", "idle"), [("person_id", IDLE), ("operator_id", CONSOLE_IDLE)])
async def test_an_unused_session_ends(db, who, idle):
    token_hash = secrets.token_bytes(32)
    owner = {who: await somebody(db, who)}
    await sessions.start(
        db, token_hash=token_hash, second_factor=True, ip="203.0.113.7", agent="test", now=NOW, **owner
    )
    assert await sessions.find(db, token_hash, NOW + idle - SECOND) is not None
    assert await sessions.find(db, token_hash, NOW + 2 * idle) is None
