"""The SQL of payouts on their way to the bank: which file they stand in, when they were handed over, when to ask.

Of a payout that goes by API, SUBMITTED without `submitted_at` means: it is being handed over. It can be cancelled no
longer, and the service has not said yet that it has it.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import NamedTuple

from mopos.base.db import Database, Row
from mopos.base.money import Rial


class Going(NamedTuple):
    """A batch as far as its way to the bank is concerned."""

    id: int
    day: date
    state: str
    way: str
    planned: int
    """Payouts that are PLANNED..."""
    unfiled: int
    """... and of them those in no file."""
    stopped: int
    """... and of these those of merchants whose payouts an operator has stopped since."""


async def batch(db: Database, batch_id: int) -> Going | None:
    """A batch, with what stands in its way."""
    row = await db.one(
        """
        select b.id, b.day, b.state, b.way, count(p.id), count(p.id) filter (where p.file_id is null),
            count(p.id) filter (where p.file_id is null and g.payouts_held_at is not null)
        from settlement_batch b
        left join payout p on p.batch_id = b.id and p.state = 'PLANNED'
        left join gateway g on g.id = p.gateway_id
        where b.id = %(id)s group by b.id
        """,
        {"id": batch_id},
    )
    return Going(*row) if row else None


class Listed(NamedTuple):
    """A payout as a file or a service needs it. `tries`: how often it was handed over or asked about."""

    id: int
    iban: str
    payee: str
    national_id: str
    amount: Rial
    channel: str
    is_refund: bool
    tries: int = 0
    settled: bool = False


def _listed(row: Row) -> Listed:
    return Listed(*row)._replace(amount=Rial(row[4]))


# --- files ------------------------------------------------------------------------------------------------------------


class Kept(NamedTuple):
    """A file that was written, as it is remembered: it is written again from its payouts."""

    id: str
    profile: str
    payouts: int
    total: Rial
    length: int
    sha256: bytes
    created_at: datetime


def _kept(row: Row) -> Kept:
    return Kept(*row)._replace(total=Rial(row[3]))


async def kept_file(db: Database, batch_id: int, channel: str) -> Kept | None:
    """The file of a batch's channel, if it was made."""
    row = await db.one(
        """
        select id, profile, payouts, total_rial, bytes, sha256, created_at from payout_file
        where batch_id = %(batch)s and channel = %(channel)s order by serial limit 1
        """,
        {"batch": batch_id, "channel": channel},
    )
    return _kept(row) if row else None


async def kept_files(db: Database, batch_id: int) -> list[tuple[str, Kept]]:
    """All files of a batch, with their channels."""
    rows = await db.all(
        """
        select channel, id, profile, payouts, total_rial, bytes, sha256, created_at from payout_file
        where batch_id = %(batch)s order by serial
        """,
        {"batch": batch_id},
    )
    return [(row[0], _kept(row[1:])) for row in rows]


async def to_file(db: Database, batch_id: int, channel: str) -> list[Listed]:
    """The payouts of a channel that stand in no file yet, in the order in which a file has them."""
    rows = await db.all(
        """
        select id, iban, payee, national_id, amount_rial, channel, refund_id is not null from payout
        where batch_id = %(batch)s and channel = %(channel)s and state = 'PLANNED' and file_id is null order by id
        """,
        {"batch": batch_id, "channel": channel},
    )
    return [_listed(row) for row in rows]


async def in_file(db: Database, file_id: str) -> list[Listed]:
    """The payouts of a file, in its order. Row numbers in results are places in this list, from 1."""
    rows = await db.all(
        """
        select id, iban, payee, national_id, amount_rial, channel, refund_id is not null from payout
        where file_id = %(file)s order by id
        """,
        {"file": file_id},
    )
    return [_listed(row) for row in rows]


async def next_serial(db: Database) -> int:
    """A file's own number: nine digits, never given twice."""
    ((serial,),) = await db.all("select nextval('payout_file_seq')")
    return int(serial)


async def keep_file(
    db: Database,
    kept: Kept,
    *,
    batch_id: int,
    channel: str,
    serial: int,
    payout_ids: list[int],
    operator_id: int,
    now: datetime,
) -> bool:
    """Remember a file and put exactly these payouts into it. False: they are not the ones any more, or the batch has
    moved. Rivals wait for the batch's row, and then find the payouts in a file."""
    row = await db.one(
        """
        with approved as (
            select id from settlement_batch where id = %(batch)s and state = 'APPROVED' for update
        ),
        due as (
            select p.id from approved a join payout p on p.batch_id = a.id
            where p.channel = %(channel)s and p.state = 'PLANNED' and p.file_id is null order by p.id for update of p
        ),
        same as (
            select from (select array_agg(id order by id) as ids from due) found where ids = %(ids)s::bigint[]
        ),
        made as (
            insert into payout_file
                (id, batch_id, channel, profile, serial, payouts, total_rial, bytes, sha256, created_at)
            select %(file)s, %(batch)s, %(channel)s, %(profile)s, %(serial)s, %(payouts)s, %(total)s, %(bytes)s,
                %(sha256)s, %(now)s
            from same returning id
        ),
        named as (
            update payout p set file_id = made.id from made, due where p.id = due.id returning p.id
        ),
        told as (
            insert into audit_log (at, operator_id, act, subject, reason, data)
            select %(now)s, %(operator)s, 'make_payout_file', 'batch ' || %(batch)s::bigint, '', jsonb_build_object(
                'file', id, 'channel', %(channel)s::text, 'payouts', %(payouts)s::int, 'total', %(total)s::bigint,
                'sha256', encode(%(sha256)s, 'hex'))
            from made
        )
        select count(*) from named
        """,
        {
            "batch": batch_id,
            "channel": channel,
            "ids": payout_ids,
            "file": kept.id,
            "profile": kept.profile,
            "serial": serial,
            "payouts": kept.payouts,
            "total": int(kept.total),
            "bytes": kept.length,
            "sha256": kept.sha256,
            "operator": operator_id,
            "now": now,
        },
    )
    return row is not None and row[0] == len(payout_ids)


# --- the move to SUBMITTED --------------------------------------------------------------------------------------------


async def submit(db: Database, batch_id: int, *, way: str, operator_id: int | None, now: datetime) -> int | None:
    """The batch and its payouts are handed over: as files by an operator, or from now on by the worker. Returns how
    many; None: something stands in the way (`batch` tells what)."""
    row = await db.one(
        """
        with gone as (
            update settlement_batch b
            set state = 'SUBMITTED', last_event = 'submitted', version = version + 1, submitted_at = %(now)s
            where b.id = %(batch)s and b.state = 'APPROVED' and b.way = %(way)s
                and exists (select from payout p where p.batch_id = b.id and p.state = 'PLANNED')
                and not exists (
                    select from payout p join gateway g on g.id = p.gateway_id
                    where p.batch_id = b.id and p.state = 'PLANNED' and p.file_id is null
                        and (b.way = 'file' or g.payouts_held_at is not null)
                )
            returning id, version
        ),
        sent as (
            update payout p set state = 'SUBMITTED', last_event = 'submitted', version = p.version + 1,
                submitted_at = case when %(way)s = 'file' then %(now)s::timestamptz end,
                next_check_at = case when %(way)s = 'api' then %(now)s::timestamptz end
            from gone where p.batch_id = gone.id and p.state = 'PLANNED'
            returning p.id, p.version, p.file_id
        ),
        batch_told as (
            insert into money_event
                (noun, subject_id, version, event, from_state, to_state, actor, operator_id, at)
            select 'batch', id, version, 'submitted', 'APPROVED', 'SUBMITTED', %(actor)s, %(operator)s, %(now)s
            from gone
        ),
        payouts_told as (
            insert into money_event
                (noun, subject_id, version, event, from_state, to_state, actor, operator_id, at, data)
            select 'payout', id, version, 'submitted', 'PLANNED', 'SUBMITTED', %(actor)s, %(operator)s, %(now)s,
                jsonb_strip_nulls(jsonb_build_object('file', file_id))
            from sent
        ),
        told as (
            insert into audit_log (at, operator_id, act, subject, reason, data)
            select %(now)s, %(operator)s, 'mark_batch_submitted', 'batch ' || id, '', '{}' from gone
            where %(operator)s::bigint is not null
        )
        select (select count(*) from sent) from gone
        """,
        {
            "batch": batch_id,
            "way": way,
            "actor": "operator" if operator_id is not None else "worker",
            "operator": operator_id,
            "now": now,
        },
    )
    return None if row is None else int(row[0])


async def approved_for_api(db: Database) -> list[int]:
    """Batches that the worker has to hand over."""
    rows = await db.all("select id from settlement_batch where state = 'APPROVED' and way = 'api' order by id")
    return [row[0] for row in rows]


# --- by API -----------------------------------------------------------------------------------------------------------


async def claim_unsent(db: Database, *, now: datetime, lease_until: datetime, limit: int) -> list[Listed]:
    """Payouts that are to be handed over now, for whoever comes first; after the lease they are due again."""
    rows = await db.all(
        """
        with due as (
            select id from payout
            where next_check_at <= %(now)s and state = 'SUBMITTED' and submitted_at is null
            order by next_check_at, id limit %(limit)s for update skip locked
        )
        update payout p set next_check_at = %(lease)s from due where p.id = due.id
        returning p.id, p.iban, p.payee, p.national_id, p.amount_rial, p.channel, p.refund_id is not null,
            p.check_count, p.state = 'SETTLED'
        """,
        {"now": now, "lease": lease_until, "limit": limit},
    )
    return sorted(_listed(row) for row in rows)


async def sent(db: Database, payout_ids: list[int], *, now: datetime, ask_at: datetime) -> None:
    """The service has them. What it said before of one of them stays."""
    await db.one(
        """
        update payout set submitted_at = %(now)s, check_count = 0, next_check_at = %(ask_at)s
        where id = any(%(ids)s::bigint[]) and state = 'SUBMITTED' and submitted_at is null
        """,
        {"ids": payout_ids, "now": now, "ask_at": ask_at},
    )


async def claim_to_ask(db: Database, *, now: datetime, lease_until: datetime, limit: int) -> list[Listed]:
    """Payouts of which the service is to be asked now, for whoever comes first."""
    rows = await db.all(
        """
        with due as (
            select id from payout
            where next_check_at <= %(now)s and state in ('SUBMITTED', 'SETTLED') and submitted_at is not null
            order by next_check_at, id limit %(limit)s for update skip locked
        )
        update payout p set next_check_at = %(lease)s from due where p.id = due.id
        returning p.id, p.iban, p.payee, p.national_id, p.amount_rial, p.channel, p.refund_id is not null,
            p.check_count, p.state = 'SETTLED'
        """,
        {"now": now, "lease": lease_until, "limit": limit},
    )
    return sorted(_listed(row) for row in rows)


async def ask_later(db: Database, at: dict[int, datetime]) -> None:
    """Come back to each of them at its moment."""
    await db.one(
        """
        update payout p set next_check_at = later.at, check_count = p.check_count + 1
        from unnest(%(ids)s::bigint[], %(ats)s::timestamptz[]) as later (id, at)
        where p.id = later.id and p.state in ('SUBMITTED', 'SETTLED')
        """,
        {"ids": list(at), "ats": list(at.values())},
    )


async def watch_settled(db: Database, *, settled_after: date, batches_after: date, ask_at: datetime) -> int:
    """What was transferred can come back: who was settled lately by API is asked about again, who was settled long ago
    or has come back no more. Looks at the latest batches only. Returns of how many that changed."""
    rows = await db.all(
        """
        with watched as (
            update payout p
            set next_check_at = case when p.state = 'SETTLED' and p.settled_on > %(settled_after)s
                then %(ask_at)s::timestamptz end
            from settlement_batch b
            where b.id = p.batch_id and b.way = 'api' and b.day > %(batches_after)s
                and (p.state = 'SETTLED' or p.state = 'RETURNED')
                and (p.next_check_at is null) = (p.state = 'SETTLED' and p.settled_on > %(settled_after)s)
            returning p.id
        )
        select count(*) from watched
        """,
        {"settled_after": settled_after, "batches_after": batches_after, "ask_at": ask_at},
    )
    return int(rows[0][0])


# --- results ----------------------------------------------------------------------------------------------------------


class Named(NamedTuple):
    """A payout that a result may be about."""

    id: int
    file_id: str | None
    row: int
    """Its place in its file, from 1."""
    iban: str
    amount: Rial


async def named(db: Database, payout_ids: list[int], file_ids: list[str]) -> list[Named]:
    """Payouts that were handed to the bank: by their own numbers, and all of some files."""
    rows = await db.all(
        """
        with files as (
            select unnest(%(files)s::text[]) as id
            union select file_id from payout where id = any(%(ids)s::bigint[]) and file_id is not null
        ),
        placed as (
            select p.id, p.file_id, row_number() over (partition by p.file_id order by p.id) as n, p.iban,
                p.amount_rial, p.state
            from payout p join settlement_batch b on b.id = p.batch_id
            where p.file_id in (select id from files) and b.id in (
                select f.batch_id from payout_file f where f.id in (select id from files)
            )
            union all
            select id, null, 0, iban, amount_rial, state from payout
            where id = any(%(ids)s::bigint[]) and file_id is null
        )
        select id, file_id, n, iban, amount_rial from placed where state not in ('PLANNED', 'CANCELLED')
        """,
        {"ids": payout_ids, "files": file_ids},
    )
    return [Named(*row)._replace(amount=Rial(row[4])) for row in rows]
