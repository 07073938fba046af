"""The SQL of one-time codes by SMS, and of coming in with one: which also makes the person and a first account."""

from __future__ import annotations

import secrets
from datetime import datetime
from typing import NamedTuple

from mopos.base.db import Database
from mopos.domain.people.model import (
    ADDRESS_WINDOW,
    OTP_DAY,
    OTP_DAY_ALL_MAX,
    OTP_DAY_MAX,
    OTP_LIFE,
    OTP_SHORT,
    OTP_SHORT_MAX,
    OTP_TRIES_MAX,
    address_block,
)
from mopos.domain.people.sessions import STARTED, Entry

SIGN_IN = "sign_in"


class Waiting(NamedTuple):
    """The last code that a browser asked for."""

    mobile: str
    expires_at: datetime
    tries: int

    def is_open(self, now: datetime) -> bool:
        """Whether a right code would still be taken."""
        return self.expires_at > now and self.tries < OTP_TRIES_MAX


class Tried(NamedTuple):
    """What came of a code. `person_id` is None for a wrong one, and for a right one of somebody who is barred."""

    person_id: int | None
    is_new: bool
    is_barred: bool


async def ask(
    db: Database, *, mobile: str, code_hash: bytes, binding: str, ip: str, per_address_max: int, now: datetime
) -> str | None:
    """Keep a new code, if the limits allow one. Returns the refusal (`otp_too_many`, `otp_too_many_here`) or None.

    Limits count codes that were asked for, whoever has the number: they tell nobody whether it has an account. Of
    several requests for one number in the same moment one gets the next `n`; the others are too many."""
    row = await db.one(
        """
        with asked as (
            select count(*) filter (where ip = %(ip)s and created_at > %(now)s - %(short)s) as lately,
                count(*) filter (where ip = %(ip)s) as today, count(*) as today_all
            from otp where mobile = %(mobile)s and created_at > %(now)s - %(day)s
        ),
        here as (select count(*) as hour from otp where ip = %(ip)s and created_at > %(now)s - %(window)s),
        made as (
            insert into otp (mobile, n, purpose, code_hash, binding, ip, created_at, expires_at)
            select %(mobile)s, (select coalesce(max(n), 0) + 1 from otp where mobile = %(mobile)s), %(purpose)s,
                %(code_hash)s, %(binding)s, %(ip)s::inet, %(now)s, %(expires_at)s
            from asked, here
            where lately < %(short_max)s and today < %(day_max)s and today_all < %(all_max)s and hour < %(hour_max)s
            on conflict (mobile, n) do nothing
            returning id
        )
        select exists (select from made), hour >= %(hour_max)s from here
        """,
        {
            "mobile": mobile,
            "purpose": SIGN_IN,
            "code_hash": code_hash,
            "binding": binding,
            "ip": address_block(ip),
            "now": now,
            "expires_at": now + OTP_LIFE,
            "short": OTP_SHORT,
            "short_max": OTP_SHORT_MAX,
            "day": OTP_DAY,
            "day_max": OTP_DAY_MAX,
            "all_max": OTP_DAY_ALL_MAX,
            "window": ADDRESS_WINDOW,
            "hour_max": per_address_max,
        },
    )
    made, too_many_here = row or (False, False)
    return None if made else ("otp_too_many_here" if too_many_here else "otp_too_many")


async def waiting(db: Database, binding: str) -> Waiting | None:
    """The last code of a browser, unless it was used. Earlier ones ended when it was asked for."""
    row = await db.one(
        """
        select mobile, expires_at, tries, used_at from otp where binding = %(binding)s and purpose = %(purpose)s
        order by id desc limit 1
        """,
        {"binding": binding, "purpose": SIGN_IN},
    )
    return Waiting(*row[:3]) if row and row[3] is None else None


async def enter(db: Database, *, code_hash: bytes, binding: str, entry: Entry) -> Tried | None:
    """Try a code; a right one ends itself and starts a session that is still without second factor. Who comes with a
    new number becomes a person, and the owner of a first account. None: no code waits, or it had its last try."""
    row = await db.one(
        f"""
        with tried as (
            update otp
            set tries = tries + 1, used_at = case when code_hash = %(code_hash)s then %(now)s::timestamptz end
            where id = (
                    select id from otp where binding = %(binding)s and purpose = %(purpose)s order by id desc limit 1
                )
                and used_at is null and expires_at > %(now)s and tries < %(tries_max)s
            returning mobile, used_at is not null as is_right
        ),
        known as (select p.id, p.barred_at from tried t join person p on p.mobile = t.mobile where t.is_right),
        made as (
            insert into person (mobile, handle, created_at)
            select mobile, %(handle)s, %(now)s from tried where is_right and not exists (select from known)
            on conflict do nothing
            returning id
        ),
        opened as (insert into account (created_at) select %(now)s from made returning id),
        owner as (
            insert into member (account_id, person_id, role, since)
            select opened.id, made.id, 'owner', %(now)s from opened, made
        ),
        who as (
            select id as person_id, null::bigint as device_id, false as second_factor from known
            where barred_at is null
            union all select id, null, false from made
        ),
        {STARTED}
        select (select person_id from who), exists (select from made),
            exists (select from known where barred_at is not null)
        from tried
        """,  # noqa: S608
        entry.params()
        | {
            "code_hash": code_hash,
            "binding": binding,
            "purpose": SIGN_IN,
            "tries_max": OTP_TRIES_MAX,
            "handle": secrets.token_bytes(32),
        },
    )
    return Tried(*row) if row else None


async def forget(db: Database, before: datetime) -> None:
    """Take out what no limit, page or person needs any more: codes, challenges, requests to sign in, old sessions."""
    await db.one(
        """
        with codes as (delete from otp where created_at < %(before)s),
        challenges as (delete from ceremony where expires_at < %(before)s),
        requests as (delete from sign_in_request where created_at < %(before)s)
        delete from session where created_at < %(before)s - interval '90 days'
        """,
        {"before": before},
    )
