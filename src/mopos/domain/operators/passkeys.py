"""The SQL of operators' passkeys."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from psycopg.errors import UniqueViolation

from mopos.base.db import Database
from mopos.base.errors import Refused


class Passkey(NamedTuple):
    """A passkey as its owner's page shows it."""

    id: int
    name: str
    created_at: datetime
    last_used_at: datetime | None


class StoredPasskey(NamedTuple):
    """A passkey as it is verified."""

    id: int
    operator_id: int
    public_key: bytes
    sign_count: int
    handle: bytes


async def of(db: Database, operator_id: int) -> list[Passkey]:
    """An operator's passkeys (a handful)."""
    rows = await db.all(
        """
        select id, name, created_at, last_used_at from operator_device
        where operator_id = %(id)s and revoked_at is null order by id limit 100
        """,
        {"id": operator_id},
    )
    return [Passkey(*row) for row in rows]


async def credential_ids(db: Database, operator_id: int) -> tuple[bytes, list[bytes]]:
    """The operator's WebAuthn user handle, and the credential ids of his passkeys."""
    row = await db.one(
        """
        select handle, array(
            select credential_id from operator_device d where d.operator_id = o.id and revoked_at is null
            order by id limit 100
        ) from operator o where id = %(id)s
        """,
        {"id": operator_id},
    )
    if row is None:
        raise LookupError("no such operator")
    return bytes(row[0]), [bytes(credential_id) for credential_id in row[1]]


async def find(db: Database, credential_id: bytes) -> StoredPasskey | None:
    """The passkey with a credential id, of an operator who may work."""
    row = await db.one(
        """
        select d.id, d.operator_id, d.public_key, d.sign_count, o.handle
        from operator_device d join operator o on o.id = d.operator_id
        where d.credential_id = %(credential_id)s and d.revoked_at is null and o.disabled_at is null
        """,
        {"credential_id": credential_id},
    )
    return StoredPasskey(row[0], row[1], bytes(row[2]), row[3], bytes(row[4])) if row else None


async def used(db: Database, passkey: StoredPasskey, sign_count: int, now: datetime) -> bool:
    """Note a use. False: a rival used the same count, or it was taken away meanwhile."""
    row = await db.one(
        """
        update operator_device set sign_count = %(new)s, last_used_at = %(now)s
        where id = %(id)s and sign_count = %(old)s and revoked_at is null returning 1
        """,
        {"id": passkey.id, "new": sign_count, "old": passkey.sign_count, "now": now},
    )
    return row is not None


async def add(
    db: Database,
    operator_id: int,
    *,
    credential_id: bytes,
    public_key: bytes,
    sign_count: int,
    name: str,
    now: datetime,
) -> None:
    """A new passkey. Raises `Refused` for one that somebody has already."""
    try:
        await db.one(
            """
            with made as (
                insert into operator_device (operator_id, credential_id, public_key, sign_count, name, created_at)
                values (%(operator_id)s, %(credential_id)s, %(public_key)s, %(sign_count)s, %(name)s, %(now)s)
                returning operator_id, name
            )
            insert into audit_log (at, operator_id, act, subject, reason, data)
            select %(now)s, made.operator_id, 'add_passkey', o.name, '', jsonb_build_object('passkey', made.name)
            from made join operator o on o.id = made.operator_id
            """,
            {
                "operator_id": operator_id,
                "credential_id": credential_id,
                "public_key": public_key,
                "sign_count": sign_count,
                "name": name,
                "now": now,
            },
        )
    except UniqueViolation as error:
        raise Refused(["operator_passkey_wrong"]) from error


async def remove(db: Database, operator_id: int, passkey_id: int, now: datetime) -> bool:
    """Take a passkey away. False: it is not this operator's. TOTP always stays, so nobody locks himself out."""
    row = await db.one(
        """
        with gone as (
            update operator_device set revoked_at = %(now)s
            where id = %(id)s and operator_id = %(operator_id)s and revoked_at is null returning operator_id, name
        ),
        told as (
            insert into audit_log (at, operator_id, act, subject, reason, data)
            select %(now)s, gone.operator_id, 'remove_passkey', o.name, '', jsonb_build_object('passkey', gone.name)
            from gone join operator o on o.id = gone.operator_id
        )
        select 1 from gone
        """,
        {"id": passkey_id, "operator_id": operator_id, "now": now},
    )
    return row is not None
