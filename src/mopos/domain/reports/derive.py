"""What the worker derives beside the payments: the words by which a purchase is found, and sales by hour and day.

Both are read from the journal, in its order, each row once. Numbers of the journal may become visible out of order, so
a mark is set first: all that the journal shows now, and the number of this very transaction. Once every transaction
that began before has ended, nothing new can appear below the mark, and what is below it is taken. One statement takes a
batch, adds it up and moves the position: a worker that is killed anywhere has done a batch whole or not at all.
"""

from __future__ import annotations

from datetime import datetime

from mopos.base.db import Database

# Rows of the journal in one statement: some 50 ms of PostgreSQL's time, and far below a statement's deadline.
BATCH = 2_000
# A purchase is found by so many of its words; nobody writes more, but anybody can post a form with a thousand.
WORDS_MAX = 40

MARK = """
    update progress set seen = coalesce((select max(id) from journal), 0), seen_xid = pg_current_xact_id(), at = %(now)s
    where name = 'journal' and position = seen
"""
TERMS_OF_FORM = f"""
    select word from (select word from words_of(p.nam || ' ' || p.dsc) as words (word) limit {WORDS_MAX}) words
    union all select '=' || p.amount_rial union all select amount_class(p.amount_rial)
"""  # noqa: S608
TERMS_OF_CARD = """
    select '#' || right(digits, 4) from (select regexp_replace(a.masked_pan, '[^0-9]', '', 'g') as digits) card
        where length(digits) >= 4
    union all select '#' || digits from (select regexp_replace(a.masked_pan, '[^0-9]', '', 'g') as digits) card
        where length(digits) = 10
"""
# What an event counts as. A payment whose reversal the bank refused was counted when it was paid; one that was given
# back stays a sale of its day: what was sold and what was given back are told apart.
_COUNTS = """
        count(*) filter (where event = 'registered') as registered,
        count(*) filter (where to_state = 'PAID' and event <> 'reversal_refused') as paid,
        coalesce(sum(amount_rial) filter (where to_state = 'PAID' and event <> 'reversal_refused'), 0) as paid_rial,
        count(*) filter (where event = 'bank_declined') as declined,
        count(*) filter (where event = 'buyer_cancelled') as cancelled,
        count(*) filter (where event = 'expired') as expired,
        count(*) filter (where event = 'bank_differs') as conflicted
"""
_ADDED = """
        registered = s.registered + excluded.registered, paid = s.paid + excluded.paid,
        paid_rial = s.paid_rial + excluded.paid_rial, declined = s.declined + excluded.declined,
        cancelled = s.cancelled + excluded.cancelled, expired = s.expired + excluded.expired,
        conflicted = s.conflicted + excluded.conflicted
"""
SALES = f"""
    hours as (
        insert into sales_hour as s
        select gateway_id, date_trunc('hour', at, 'Asia/Tehran'), {_COUNTS} from batch group by 1, 2 order by 1, 2
        on conflict (gateway_id, hour) do update set {_ADDED}
    ),
    days as (
        insert into sales_day as s
        select counted.*, coalesce(declines, '{{}}') from (
            select gateway_id, (at at time zone 'Asia/Tehran')::date as day, {_COUNTS} from batch group by 1, 2
        ) counted left join (
            select gateway_id, day, jsonb_object_agg(reason, times) as declines from (
                select gateway_id, (at at time zone 'Asia/Tehran')::date as day,
                    coalesce(data ->> 'reason', 'other') as reason, count(*) as times
                from batch where event = 'bank_declined' group by 1, 2, 3
            ) each_reason group by 1, 2
        ) reasons using (gateway_id, day) order by 1, 2
        on conflict (gateway_id, day) do update set {_ADDED}, declines = (
            select coalesce(jsonb_object_agg(key, times), '{{}}') from (
                select key, sum(value::bigint) as times
                from (
                    select * from jsonb_each_text(s.declines) union all select * from jsonb_each_text(excluded.declines)
                ) both_of_them group by key
            ) summed
        )
    )
"""  # noqa: S608
_DERIVE = f"""
    with mine as (
        select position, seen from progress
        where name = 'journal' and position < seen and seen_xid < pg_snapshot_xmin(pg_current_snapshot())
        for update skip locked
    ),
    batch as materialized (
        select j.id, j.attempt_id, j.event, j.to_state, j.at, j.data, p.id as purchase_id, p.gateway_id, p.amount_rial,
            p.nam, p.dsc
        from mine cross join lateral (
            select * from journal j where j.id > mine.position and j.id <= mine.seen order by j.id limit {BATCH}
        ) j join purchase p on p.id = j.purchase_id
    ),
    words as (
        insert into purchase_word (gateway_id, word, purchase_id)
        select p.gateway_id, term.word, p.purchase_id from batch p cross join lateral ({TERMS_OF_FORM}) term (word)
        where p.event = 'registered'
        union all
        select p.gateway_id, term.word, p.purchase_id from batch p join attempt a on a.id = p.attempt_id
        cross join lateral ({TERMS_OF_CARD}) term (word)
        where p.to_state in ('PAID', 'CONFLICTED', 'DECLINED') and a.masked_pan <> ''
        on conflict do nothing
    ),
    {SALES}
    update progress set at = %(now)s, position = case when taken.times < {BATCH} then mine.seen else taken.last end
    from mine, (select count(*) as times, max(id) as last from batch) taken
    where progress.name = 'journal'
    returning taken.times
"""  # noqa: S608  # named constants only


async def mark(db: Database, now: datetime) -> None:
    """Remember how far the journal goes now, once all before the last mark is taken."""
    await db.one(MARK, {"now": now})


async def take_batch(db: Database, now: datetime) -> int | None:
    """Derive from the next rows of the journal; how many they were. None: nothing to do, or not yet certain, or
    another worker is at it."""
    row = await db.one(_DERIVE, {"now": now})
    return int(row[0]) if row else None
