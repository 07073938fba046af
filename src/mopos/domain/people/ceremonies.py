"""The SQL of WebAuthn's challenges: each is given to one browser, waits shortly, and is taken out when answered."""

from __future__ import annotations

from datetime import datetime, timedelta

from mopos.base.db import Database

# How long somebody may look for the finger that the phone knows.
LIFE = timedelta(minutes=5)


async def begin(
    db: Database,
    *,
    id_hash: bytes,
    kind: str,
    challenge: bytes,
    now: datetime,
    person_id: int | None = None,
    operator_id: int | None = None,
) -> None:
    """Keep a challenge until it is answered."""
    await db.one(
        """
        insert into ceremony (id_hash, kind, challenge, person_id, operator_id, expires_at)
        values (%(id_hash)s, %(kind)s, %(challenge)s, %(person_id)s, %(operator_id)s, %(expires_at)s)
        """,
        {
            "id_hash": id_hash,
            "kind": kind,
            "challenge": challenge,
            "person_id": person_id,
            "operator_id": operator_id,
            "expires_at": now + LIFE,
        },
    )


async def take(
    db: Database,
    *,
    id_hash: bytes,
    kind: str,
    now: datetime,
    person_id: int | None = None,
    operator_id: int | None = None,
) -> bytes | None:
    """The challenge, once, and only for whom it was made."""
    row = await db.one(
        """
        delete from ceremony
        where id_hash = %(id_hash)s and kind = %(kind)s and expires_at > %(now)s
            and person_id is not distinct from %(person_id)s and operator_id is not distinct from %(operator_id)s
        returning challenge
        """,
        {"id_hash": id_hash, "kind": kind, "now": now, "person_id": person_id, "operator_id": operator_id},
    )
    return bytes(row[0]) if row else None
