"""The SQL of signing in a computer by approval on the phone, with a number to match.

A request is bound to the browser that asked. Numbers without an account get the same rows, so that neither a page nor
the time it takes tells who has one.
"""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from mopos.base.db import Database
from mopos.domain.people.model import (
    ADDRESS_WINDOW,
    OTP_SHORT,
    REQUEST_GRACE,
    REQUEST_LIFE,
    REQUESTS_MAX,
    address_block,
)
from mopos.domain.people.sessions import STARTED, Entry


class Shown(NamedTuple):
    """A request as the computer sees it."""

    number: int
    expires_at: datetime
    answer: str | None
    used_at: datetime | None

    def state(self, now: datetime) -> str:
        """`waiting`, `approved`, `refused` or `over`."""
        if self.used_at is not None:
            return "over"
        if self.answer == "approved":
            return "approved" if now < self.expires_at + REQUEST_GRACE else "over"
        if self.answer == "refused":
            return "refused"
        return "waiting" if now < self.expires_at else "over"


class Pending(NamedTuple):
    """A request as the phone sees it."""

    id: int
    choices: list[int]
    ip: str
    agent: str
    created_at: datetime


async def ask(
    db: Database,
    *,
    browser_hash: bytes,
    mobile: str,
    number: int,
    choices: list[int],
    ip: str,
    agent: str,
    per_address_max: int,
    now: datetime,
) -> bool:
    """Put a question to whoever has the number. False: too many were asked."""
    row = await db.one(
        """
        insert into sign_in_request (browser_hash, mobile, number, choices, ip, agent, created_at, expires_at)
        select %(browser_hash)s, %(mobile)s, %(number)s, %(choices)s::int[], %(ip)s::inet, %(agent)s, %(now)s,
            %(expires_at)s
        where (
                select count(*) from sign_in_request where mobile = %(mobile)s and created_at > %(now)s - %(short)s
            ) < %(requests_max)s
            and (
                select count(*) from sign_in_request where ip = %(ip)s and created_at > %(now)s - %(window)s
            ) < %(hour_max)s
        returning 1
        """,
        {
            "browser_hash": browser_hash,
            "mobile": mobile,
            "number": number,
            "choices": choices,
            "ip": address_block(ip),
            "agent": agent,
            "now": now,
            "expires_at": now + REQUEST_LIFE,
            "short": OTP_SHORT,
            "requests_max": REQUESTS_MAX,
            "window": ADDRESS_WINDOW,
            "hour_max": per_address_max,
        },
    )
    return row is not None


async def shown(db: Database, browser_hash: bytes) -> Shown | None:
    """The request of a browser."""
    row = await db.one(
        "select number, expires_at, answer, used_at from sign_in_request where browser_hash = %(browser_hash)s",
        {"browser_hash": browser_hash},
    )
    return Shown(*row) if row else None


async def pending(db: Database, mobile: str, now: datetime, request_id: int | None = None) -> list[Pending]:
    """Questions to a number that wait for an answer, newest first; only one, if it is named."""
    rows = await db.all(
        """
        select id, choices, host(ip), agent, created_at from sign_in_request
        where mobile = %(mobile)s and answer is null and expires_at > %(now)s and created_at > %(now)s - %(life)s
            and id = coalesce(%(id)s::bigint, id)
        order by id desc limit %(requests_max)s
        """,
        {"mobile": mobile, "now": now, "life": REQUEST_LIFE, "id": request_id, "requests_max": REQUESTS_MAX},
    )
    return [Pending(*row) for row in rows]


async def answer(
    db: Database, request_id: int, *, mobile: str, device_id: int, number: int | None, now: datetime
) -> str | None:
    """Answer a question, once: `approved` for the right number from a recognised phone, else `refused`. None: it is
    over, or another's."""
    row = await db.one(
        """
        update sign_in_request
        set answer = case when number = %(number)s::int then 'approved' else 'refused' end,
            answered_at = %(now)s, device_id = %(device_id)s
        where id = %(id)s and mobile = %(mobile)s and answer is null and expires_at > %(now)s
            and exists (
                select from device d join person p on p.id = d.person_id
                where d.id = %(device_id)s and d.is_phone and d.revoked_at is null and p.mobile = %(mobile)s
            )
        returning answer
        """,
        {"id": request_id, "mobile": mobile, "device_id": device_id, "number": number, "now": now},
    )
    return str(row[0]) if row else None


async def enter(db: Database, *, browser_hash: bytes, entry: Entry) -> bool:
    """The computer takes up the approval, once: its session starts. False: there is none (any more)."""
    row = await db.one(
        f"""
        with used as (
            update sign_in_request set used_at = %(now)s
            where browser_hash = %(browser_hash)s and answer = 'approved' and used_at is null
                and expires_at > %(now)s - %(grace)s
            returning mobile
        ),
        who as (
            select p.id as person_id, null::bigint as device_id, true as second_factor
            from used join person p on p.mobile = used.mobile where p.barred_at is null
        ),
        {STARTED}
        select 1 from who
        """,  # noqa: S608
        entry.params() | {"browser_hash": browser_hash, "grace": REQUEST_GRACE},
    )
    return row is not None
