"""The SQL of passkeys: a person's devices."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from mopos.base.db import Database
from mopos.domain.people.messages import NOTED, noted
from mopos.domain.people.model import DEVICES_MAX
from mopos.domain.people.sessions import STARTED, Entry


class Device(NamedTuple):
    """A device as its owner sees it in a list."""

    id: int
    name: str
    is_phone: bool
    created_at: datetime
    last_used_at: datetime | None
    last_ip: str | None


class Passkey(NamedTuple):
    """A passkey as it was kept, for checking what a browser shows."""

    device_id: int
    person_id: int
    public_key: bytes
    sign_count: int
    handle: bytes


async def devices_of(db: Database, person_id: int) -> list[Device]:
    """A person's living devices, oldest first: the recognised phone stands at the head."""
    rows = await db.all(
        """
        select id, name, is_phone, created_at, last_used_at, host(last_ip) from device
        where person_id = %(person_id)s and revoked_at is null order by id
        """,
        {"person_id": person_id},
    )
    return [Device(*row) for row in rows]


async def credential_ids(db: Database, person_id: int) -> list[bytes]:
    """The ids by which a browser knows a person's passkeys."""
    rows = await db.all(
        "select credential_id from device where person_id = %(person_id)s and revoked_at is null order by id",
        {"person_id": person_id},
    )
    return [bytes(row[0]) for row in rows]


async def handle_of(db: Database, person_id: int) -> bytes:
    """A person's user handle."""
    row = await db.one("select handle from person where id = %(person_id)s", {"person_id": person_id})
    if row is None:
        raise LookupError("no such person")
    return bytes(row[0])


async def find(db: Database, credential_id: bytes) -> Passkey | None:
    """A living passkey, whoever's it is."""
    row = await db.one(
        """
        select d.id, d.person_id, d.public_key, d.sign_count, p.handle
        from device d join person p on p.id = d.person_id
        where d.credential_id = %(credential_id)s and d.revoked_at is null
        """,
        {"credential_id": credential_id},
    )
    return Passkey(row[0], row[1], bytes(row[2]), row[3], bytes(row[4])) if row else None


async def add(
    db: Database,
    *,
    person_id: int,
    credential_id: bytes,
    public_key: bytes,
    sign_count: int,
    name: str,
    is_phone: bool,
    is_first: bool,
    entry: Entry,
) -> int | None:
    """Keep a new passkey; the session starts anew, as this device's. `is_first`: as the only factor, refused when there
    is one; otherwise the person is told by SMS. None: refused, or there are `DEVICES_MAX` already."""
    row = await db.one(
        f"""
        with owner as (
            select p.id, p.totp_sealed is not null as totp,
                (select count(*) from device d where d.person_id = p.id and d.revoked_at is null) as devices
            from person p where p.id = %(person_id)s for update
        ),
        made as (
            insert into device
                (person_id, credential_id, public_key, sign_count, name, is_phone, created_at, last_used_at, last_ip)
            select id, %(credential_id)s, %(public_key)s, %(sign_count)s, %(name)s, %(is_phone)s, %(now)s, %(now)s,
                %(ip)s::inet
            from owner where devices < %(devices_max)s and not (%(is_first)s and (totp or devices > 0))
            on conflict (credential_id) do nothing
            returning id, person_id
        ),
        told as (select person_id from made where not %(is_first)s),
        {NOTED},
        who as (select person_id, id as device_id, true as second_factor from made),
        {STARTED}
        select device_id from who
        """,  # noqa: S608
        entry.params()
        | noted("person.device")
        | {
            "person_id": person_id,
            "credential_id": credential_id,
            "public_key": public_key,
            "sign_count": sign_count,
            "name": name,
            "is_phone": is_phone,
            "is_first": is_first,
            "devices_max": DEVICES_MAX,
        },
    )
    return int(row[0]) if row else None


async def enter(db: Database, *, passkey: Passkey, sign_count: int, entry: Entry) -> bool | None:
    """A passkey was shown: its count is kept, a session as this device starts. False: its person is barred; None: it
    was revoked, or shown elsewhere, in the same moment."""
    row = await db.one(
        f"""
        with used as (
            update device set sign_count = %(sign_count)s, last_used_at = %(now)s, last_ip = %(ip)s::inet
            where id = %(device_id)s and sign_count = %(old_count)s and revoked_at is null
            returning id, person_id
        ),
        who as (
            select used.person_id, used.id as device_id, true as second_factor
            from used join person p on p.id = used.person_id where p.barred_at is null
        ),
        {STARTED}
        select exists (select from who) from used
        """,  # noqa: S608
        entry.params() | {"device_id": passkey.device_id, "sign_count": sign_count, "old_count": passkey.sign_count},
    )
    return bool(row[0]) if row else None


async def rename(db: Database, person_id: int, device_id: int, name: str) -> bool:
    """Give a device another name. False: no such device of this person."""
    row = await db.one(
        """
        update device set name = %(name)s where id = %(id)s and person_id = %(person_id)s and revoked_at is null
        returning 1
        """,
        {"id": device_id, "person_id": person_id, "name": name},
    )
    return row is not None


async def revoke(db: Database, person_id: int, device_id: int, now: datetime) -> bool | None:
    """Take a device's passkey away, and end its sessions. False: it is the last factor; None: no such device.

    All of the person's devices are locked: of two revocations in the same moment the second sees the first."""
    row = await db.one(
        f"""
        with owner as (select id, totp_sealed is not null as totp from person where id = %(person_id)s for update),
        live as (
            select id from device where person_id = %(person_id)s and revoked_at is null order by id for update
        ),
        changed as (
            update device d set revoked_at = %(now)s from owner
            where d.id = %(id)s and d.id in (select id from live) and (owner.totp or (select count(*) from live) > 1)
            returning d.id, d.person_id
        ),
        ended as (
            update session set ended_at = %(now)s
            where device_id = (select id from changed) and ended_at is null
        ),
        told as (select person_id from changed),
        {NOTED}
        select exists (select from changed) from live where id = %(id)s
        """,  # noqa: S608
        noted("person.device_gone") | {"person_id": person_id, "id": device_id, "now": now},
    )
    return bool(row[0]) if row else None
