"""The SQL of split rules. What a merchant sets waits until an operator agrees: nobody is paid whom no operator has
seen. To end a split, so that all goes to the merchant himself, needs nobody."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from psycopg.types.json import Jsonb

from mopos.base.db import Database, Row
from mopos.domain.settlement.splits import Split, from_json, to_json

# Newest first; who wants older ones reads the log.
LISTED_MAX = 50


class Kept(NamedTuple):
    """A row: what was set, by whom, from when on."""

    id: int
    gateway_id: int
    valid_from: datetime
    split: Split
    operator_id: int | None
    person_id: int | None
    at: datetime

    @property
    def is_agreed(self) -> bool:
        """Whether it may be paid by."""
        return self.operator_id is not None or not self.split.parts


_KEPT = "s.id, s.gateway_id, s.valid_from, s.parts, s.operator_id, s.person_id, s.at"


def _kept(row: Row) -> Kept:
    split_id, gateway_id, valid_from, parts, *rest = row
    return Kept(split_id, gateway_id, valid_from, from_json(parts), *rest)


async def add(
    db: Database,
    gateway_id: int,
    split: Split,
    *,
    valid_from: datetime,
    person_id: int | None,
    operator_id: int | None,
    reason: str,
    mobiles: list[str],
    text: str,
    now: datetime,
) -> int | None:
    """Keep a split. None: there is one from that moment on, or no such gateway."""
    row = await db.one(
        """
        with kept as (
            insert into split (gateway_id, valid_from, parts, operator_id, person_id, at)
            select id, %(valid_from)s, %(parts)s, %(operator_id)s, %(person_id)s, %(now)s
            from gateway where id = %(gateway_id)s
            on conflict do nothing returning id, gateway_id
        ),
        noted as (
            insert into activity (account_id, person_id, operator_id, at, act, subject)
            select g.account_id, %(person_id)s, %(operator_id)s, %(now)s, 'split_changed', g.name
            from kept join gateway g on g.id = kept.gateway_id where g.account_id is not null
        ),
        told as (
            insert into message (mobile, template, text, created_at, next_try_at)
            select mobile, 'split_changed', %(text)s, %(now)s, %(now)s from kept, unnest(%(mobiles)s::text[]) mobile
        ),
        audited as (
            insert into audit_log (at, operator_id, act, subject, reason, data)
            select %(now)s, %(operator_id)s, 'set_split', 'split ' || id, %(reason)s,
                jsonb_build_object('gateway', gateway_id, 'split', %(parts)s::jsonb)
            from kept where %(operator_id)s::bigint is not null
        )
        select id from kept
        """,
        {
            "gateway_id": gateway_id,
            "valid_from": valid_from,
            "parts": Jsonb(to_json(split)),
            "operator_id": operator_id,
            "person_id": person_id,
            "reason": reason,
            "mobiles": mobiles,
            "text": text,
            "now": now,
        },
    )
    return int(row[0]) if row else None


async def agree(db: Database, split_id: int, *, operator_id: int, reason: str, now: datetime) -> bool:
    """An operator has looked at the parties. False: somebody has already, or there is none."""
    row = await db.one(
        """
        with agreed as (
            update split set operator_id = %(operator_id)s where id = %(id)s and operator_id is null
            returning id, gateway_id, parts
        )
        insert into audit_log (at, operator_id, act, subject, reason, data)
        select %(now)s, %(operator_id)s, 'agree_split', 'split ' || id, %(reason)s,
            jsonb_build_object('gateway', gateway_id, 'split', parts)
        from agreed returning 1
        """,
        {"id": split_id, "operator_id": operator_id, "reason": reason, "now": now},
    )
    return row is not None


async def of_gateway(db: Database, gateway_id: int) -> list[Kept]:
    """A gateway's splits, the latest first."""
    rows = await db.all(
        f"""
        select {_KEPT} from split s where s.gateway_id = %(id)s order by s.valid_from desc limit %(most)s
        """,  # noqa: S608
        {"id": gateway_id, "most": LISTED_MAX},
    )
    return [_kept(row) for row in rows]


async def find(db: Database, split_id: int) -> Kept | None:
    """One split."""
    row = await db.one(f"select {_KEPT} from split s where s.id = %(id)s", {"id": split_id})  # noqa: S608
    return _kept(row) if row else None


async def waiting(db: Database) -> list[Kept]:
    """Splits that merchants have set and no operator has looked at, the oldest first."""
    rows = await db.all(
        f"""
        select {_KEPT} from split s where s.operator_id is null and s.parts <> '[]' and not exists (
            select from split later where later.gateway_id = s.gateway_id and later.at > s.at
        )
        order by s.at limit %(most)s
        """,  # noqa: S608
        {"most": LISTED_MAX},
    )
    return [_kept(row) for row in rows]


async def at(db: Database, gateway_id: int, moment: datetime) -> Split:
    """The split that is in force at a moment."""
    row = await db.one(
        """
        select parts from split
        where gateway_id = %(id)s and valid_from <= %(moment)s and (operator_id is not null or parts = '[]')
        order by valid_from desc limit 1
        """,
        {"id": gateway_id, "moment": moment},
    )
    return from_json(row[0]) if row else Split()
