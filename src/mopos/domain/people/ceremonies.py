"""The SQL of WebAuthn's challenges: each is given to one browser, waits shortly, and is taken out when answered."""

from __future__ import annotations

from datetime import datetime, timedelta

from mopos.base.db import Database

# How long somebody may look for the finger that the phone knows.
LIFE = timedelta(minutes=5)
# More than one, so that what is left over shrinks; few, so that asking stays quick.
_GONE_MAX = 10


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
    """Keep a challenge until it is answered. Some that nobody answered go out with it: anybody may ask for one, so the
    table must not grow by asking."""
    await db.one(
        """
        with gone as (
            delete from ceremony where id_hash in (
                select id_hash from ceremony where expires_at < %(now)s order by expires_at limit %(gone_max)s
                for update skip locked
            )
        )
        insert into ceremony (id_hash, kind, challenge, person_id, operator_id, expires_at)
        values (%(id_hash)s, %(kind)s, %(challenge)s, %(person_id)s, %(operator_id)s, %(expires_at)s)
        """,
        {
            "id_hash": id_hash,
            "kind": kind,
            "challenge": challenge,
            "person_id": person_id,
            "operator_id": operator_id,
            "now": now,
            "expires_at": now + LIFE,
            "gone_max": _GONE_MAX,
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
