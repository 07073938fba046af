"""The SQL of second factors: authenticator, recovery codes, and how tries are counted.

A try is counted before it is checked, so that guesses in the same moment are no more than guesses one by one; a right
one takes the count back.
"""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from mopos.base.db import Database
from mopos.base.totp import LOCK, WRONG_MAX
from mopos.domain.people.messages import NOTED, noted
from mopos.domain.people.sessions import STARTED, Entry


class Factors(NamedTuple):
    """What a person can show."""

    totp: bool
    devices: int
    recovery_codes: int
    locked_until: datetime | None

    @property
    def any(self) -> bool:
        """Whether there is a second factor at all. Recovery codes are none: they replace one."""
        return self.totp or self.devices > 0


class Claimed(NamedTuple):
    """A try that was counted: what it may be right against."""

    totp_sealed: bytes | None
    totp_last_step: int
    recovery: list[tuple[int, str]]


async def factors_of(db: Database, person_id: int) -> Factors:
    """What a person can show."""
    row = await db.one(
        """
        select p.totp_sealed is not null,
            (select count(*) from device d where d.person_id = p.id and d.revoked_at is null),
            (select count(*) from recovery_code r where r.person_id = p.id and r.used_at is null),
            p.locked_until
        from person p where p.id = %(person_id)s
        """,
        {"person_id": person_id},
    )
    return Factors(*row) if row else Factors(totp=False, devices=0, recovery_codes=0, locked_until=None)


async def claim_try(db: Database, person_id: int, now: datetime) -> Claimed | None:
    """Count one more try. None: too many were wrong, and the time is not over."""
    rows = await db.all(
        """
        with claimed as (
            update person
            set wrong_count = case when wrong_count + 1 < %(wrong_max)s then wrong_count + 1 else 0 end,
                locked_until = case when wrong_count + 1 < %(wrong_max)s then null else %(now)s + %(lock)s end
            where id = %(person_id)s and (locked_until is null or locked_until <= %(now)s)
            returning id, totp_sealed, totp_last_step
        )
        select c.totp_sealed, c.totp_last_step, r.id, r.code_hash
        from claimed c left join recovery_code r on r.person_id = c.id and r.used_at is null
        """,
        {"person_id": person_id, "now": now, "wrong_max": WRONG_MAX, "lock": LOCK},
    )
    if not rows:
        return None
    sealed, last_step = rows[0][:2]
    codes = [(code_id, code_hash) for _, _, code_id, code_hash in rows if code_id is not None]
    return Claimed(bytes(sealed) if sealed is not None else None, last_step, codes)


async def pass_totp(db: Database, *, person_id: int, device_id: int | None, step: int, entry: Entry) -> bool:
    """A right code: its step is used up, a session with second factor starts. False: somebody used it just now."""
    row = await db.one(
        f"""
        with stepped as (
            update person set totp_last_step = %(step)s, wrong_count = 0, locked_until = null
            where id = %(person_id)s and totp_last_step < %(step)s and totp_sealed is not null
            returning id
        ),
        who as (select id as person_id, %(device_id)s::bigint as device_id, true as second_factor from stepped),
        {STARTED}
        select 1 from who
        """,  # noqa: S608
        entry.params() | {"person_id": person_id, "device_id": device_id, "step": step},
    )
    return row is not None


async def pass_recovery(db: Database, *, person_id: int, device_id: int | None, code_id: int, entry: Entry) -> bool:
    """A recovery code: used up, told by SMS, a session with second factor starts. False: it was used just now."""
    row = await db.one(
        f"""
        with used as (
            update recovery_code set used_at = %(now)s
            where id = %(code_id)s and person_id = %(person_id)s and used_at is null
            returning person_id
        ),
        told as (select person_id from used),
        {NOTED},
        counted as (
            update person p set wrong_count = 0, locked_until = null from used where p.id = used.person_id
        ),
        who as (select person_id, %(device_id)s::bigint as device_id, true as second_factor from used),
        {STARTED}
        select 1 from who
        """,  # noqa: S608
        entry.params()
        | noted("person.recovery")
        | {"person_id": person_id, "device_id": device_id, "code_id": code_id},
    )
    return row is not None


async def set_totp(
    db: Database,
    *,
    person_id: int,
    device_id: int | None,
    sealed: bytes,
    step: int,
    is_first: bool,
    entry: Entry,
) -> bool:
    """Turn the authenticator on; the code that proved it is used up, the session starts anew. `is_first`: as the only
    factor, which is refused (False) when there is one; otherwise the person is told by SMS."""
    row = await db.one(
        f"""
        with changed as (
            update person p set totp_sealed = %(sealed)s, totp_last_step = %(step)s
            where id = %(person_id)s and totp_sealed is null
                and not (%(is_first)s and exists (
                    select from device d where d.person_id = p.id and d.revoked_at is null
                ))
            returning id
        ),
        told as (select id as person_id from changed where not %(is_first)s),
        {NOTED},
        who as (select id as person_id, %(device_id)s::bigint as device_id, true as second_factor from changed),
        {STARTED}
        select 1 from who
        """,  # noqa: S608
        entry.params()
        | noted("person.totp")
        | {"person_id": person_id, "device_id": device_id, "sealed": sealed, "step": step, "is_first": is_first},
    )
    return row is not None


async def drop_totp(db: Database, person_id: int, now: datetime) -> bool:
    """Turn the authenticator off. False: it is the last factor, or was off. The passkeys that remain are locked, so
    that nobody takes away the last one in the same moment."""
    row = await db.one(
        f"""
        with live as (
            select id from device where person_id = %(person_id)s and revoked_at is null order by id for update
        ),
        changed as (
            update person set totp_sealed = null
            where id = %(person_id)s and totp_sealed is not null and (select count(*) from live) > 0
            returning id
        ),
        told as (select id as person_id from changed),
        {NOTED}
        select 1 from changed
        """,  # noqa: S608
        noted("person.totp_gone") | {"person_id": person_id, "now": now},
    )
    return row is not None


async def new_recovery_codes(db: Database, person_id: int, hashes: list[str], now: datetime) -> None:
    """Replace a person's recovery codes; all earlier ones are worth nothing."""
    await db.one(
        f"""
        with gone as (delete from recovery_code where person_id = %(person_id)s returning 1),
        told as (select %(person_id)s::bigint as person_id where exists (select from gone)),
        {NOTED}
        insert into recovery_code (person_id, code_hash)
        select %(person_id)s, code_hash from unnest(%(hashes)s::text[]) as code_hash
        """,  # noqa: S608
        noted("person.recovery_new") | {"person_id": person_id, "hashes": hashes, "now": now},
    )
