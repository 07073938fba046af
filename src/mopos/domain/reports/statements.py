"""The statements of `search`: each way of finding candidates, in both directions.

Put together from the named pieces below when this module is loaded; what is asked for comes in as parameters only.
"""

from __future__ import annotations

PREPARE = """
    select
        case when %(since)s::timestamptz is null then 0 else purchase_id_at(%(since)s) end,
        case when %(until)s::timestamptz is null then 4611686018427387904 else purchase_id_at(%(until)s) end,
        (
            select coalesce(array_agg(word order by dense_from nulls first, word), '{}') from (
                -- How far back the last two hundred purchases with a word reach: the further, the rarer it is.
                select word, (
                    select max(hit.purchase_id)
                    from unnest(coalesce(%(gateways)s::bigint[], (select array_agg(id) from gateway))) g
                    cross join lateral (
                        select w.purchase_id from purchase_word w where w.gateway_id = g and w.word = wanted.word
                        order by w.purchase_id desc offset 200 limit 1
                    ) hit
                ) as dense_from
                from words_of(%(text)s) as wanted (word) limit %(words_max)s
            ) ranked
        )
"""

_PER_GATEWAY = """
    select c.id from unnest(coalesce(%(gateways)s::bigint[], (select array_agg(id) from gateway))) g
    cross join lateral (INNER order by id ORDER limit %(scan)s) c order by c.id ORDER limit %(scan)s
"""
_BY_WORD = """
    select w.purchase_id as id from purchase_word w
    where w.gateway_id = g and w.word = WORD and w.purchase_id between %(low)s and %(high)s
"""
# Where each way of searching finds its candidates.
_DRIVERS: dict[str, str] = {
    "number": "select p.id from purchase p where p.id = %(number)s and p.id between %(low)s and %(high)s",
    "res": _PER_GATEWAY.replace(
        "INNER",
        "select p.id from purchase p where p.gateway_id = g and p.res = %(res)s and p.id between %(low)s and %(high)s",
    ),
    "ref": """
        select id from (
            select a.purchase_id as id from terminal t
            join attempt a on a.terminal_id = t.id and a.bank_ref = %(ref)s and a.state = 'CONFIRMED'
            union
            select a.purchase_id from attempt a
            where a.bank_ref = %(ref)s and a.bank_ref is not null and a.state <> 'CONFIRMED'
        ) paid where id between %(low)s and %(high)s order by id ORDER limit %(scan)s
    """,
    "watch": """
        select p.id from purchase p where p.state = any(%(states)s) and p.state in ('UNKNOWN', 'CONFLICTED')
            and (%(gateways)s::bigint[] is null or p.gateway_id = any(%(gateways)s))
            and p.id between %(low)s and %(high)s
        order by id ORDER limit %(scan)s
    """,
    "open": """
        select p.id from purchase p where p.next_check_at is not null and p.state = any(%(states)s)
            and (%(gateways)s::bigint[] is null or p.gateway_id = any(%(gateways)s))
            and p.id between %(low)s and %(high)s
        order by id ORDER limit %(scan)s
    """,
    "late": """
        select p.id from purchase p where p.late and p.id between %(low)s and %(high)s
            and (%(gateways)s::bigint[] is null or p.gateway_id = any(%(gateways)s))
        order by id ORDER limit %(scan)s
    """,
    "card": _PER_GATEWAY.replace("INNER", _BY_WORD.replace("WORD", "%(card_word)s")),
    "word": _PER_GATEWAY.replace("INNER", _BY_WORD.replace("WORD", "%(word)s")),
    "amount": _PER_GATEWAY.replace("INNER", _BY_WORD.replace("WORD", "%(amount_word)s")),
    "amounts": _PER_GATEWAY.replace("INNER", _BY_WORD.replace("WORD", "k")).replace(
        "cross join lateral", "cross join unnest(%(classes)s::text[]) k cross join lateral"
    ),
    "unacknowledged": _PER_GATEWAY.replace(
        "INNER",
        "select p.id from purchase p where p.gateway_id = g and p.paid_at is not null and p.acknowledged_at is null "
        # Whose money went back, nobody need ask about.
        "and p.state = 'PAID' and p.id between %(low)s and %(high)s",
    ),
    "newest": _PER_GATEWAY.replace(
        "INNER", "select p.id from purchase p where p.gateway_id = g and p.id between %(low)s and %(high)s"
    ),
    "newest_of_all": """
        select p.id from purchase p where p.id between %(low)s and %(high)s order by id ORDER limit %(scan)s
    """,
}
# A condition whose value is null is none: PostgreSQL plans each search for its values and leaves it out.
_WANTED = """
    (%(gateways)s::bigint[] is null or p.gateway_id = any(%(gateways)s))
    and (%(number)s::bigint is null or p.id = %(number)s)
    and (%(res)s::text is null or p.res = %(res)s)
    and (%(res_start)s::text is null or starts_with(p.res, %(res_start)s))
    and (%(amount_min)s::bigint is null or p.amount_rial >= %(amount_min)s)
    and (%(amount_max)s::bigint is null or p.amount_rial <= %(amount_max)s)
    and (%(states)s::text[] is null or p.state = any(%(states)s))
    and (%(since)s::timestamptz is null or p.registered_at >= %(since)s)
    and (%(until)s::timestamptz is null or p.registered_at < %(until)s)
    and (%(acknowledged)s::boolean is null
        or case when %(acknowledged)s then p.acknowledged_at is not null
            else p.paid_at is not null and p.acknowledged_at is null and p.state = 'PAID' end)
    and (%(late)s::boolean is null or p.late)
    and (%(ref)s::text is null
        or exists (select from attempt a where a.purchase_id = p.id and a.bank_ref = %(ref)s))
    and (%(card)s::text is null
        or exists (select from attempt a where a.purchase_id = p.id and a.masked_pan like %(card)s))
    and (%(words)s::text[] is null or not exists (
        select from unnest(%(words)s::text[]) further (word) where not exists (
            select from purchase_word w
            where w.gateway_id = p.gateway_id and w.word = further.word and w.purchase_id = p.id)))
"""
_PAGE = f"""
    with c as materialized (DRIVER),
    hits as (
        select p.id, p.gateway_id, g.name, g.account_id, p.res, p.amount_rial, p.nam, p.dsc, p.state, p.registered_at,
            p.paid_at, p.late, p.acknowledged_at, p.buyer_ip, p.attempt_count, a.bank_ref, a.trace, a.masked_pan,
            a.decline, a.bank_code, p.refund_rial, p.refunded_rial, p.fee_rial, p.fee_by_buyer,
            case when p.state = 'PAID' and a.entry_id <= g.settled_upto then a.entry_id end as settled_entry
        from purchase p join gateway g on g.id = p.gateway_id left join attempt a on a.id = p.attempt_id
        -- An array rather than a join: PostgreSQL 17 and later walk the index once, in order, and stop at the limit.
        where p.id = any(array(select id from c)) and {_WANTED} order by p.id ORDER limit %(limit)s
    )
    select looked.scanned, looked.edge, hits.id, hits.gateway_id, hits.name, hits.account_id, hits.res,
        hits.amount_rial, hits.nam, hits.dsc, hits.state, hits.registered_at, hits.paid_at, hits.late,
        hits.acknowledged_at, hits.buyer_ip, hits.attempt_count, hits.bank_ref, hits.trace, hits.masked_pan,
        hits.decline, hits.bank_code, hits.refund_rial, hits.refunded_rial, hits.fee_rial, hits.fee_by_buyer,
        settled.settled_on, settled.tracking_no, settled.payout_id,
        hits.state = 'PAID' and exists (select from hold h where h.purchase_id = hits.id and h.state = 'HELD')
    from (select count(*) as scanned, EDGE(id) as edge from c) looked left join hits on true
    -- Asked only of what can be settled: of the others the condition is false before the function is called.
    left join lateral (
        select s.* from settled_by(hits.id, hits.gateway_id, hits.settled_entry) s where hits.settled_entry is not null
    ) settled on true
    order by hits.id ORDER
"""  # noqa: S608  # named constants only
OLDER = {
    name: _PAGE.replace("DRIVER", driver).replace("ORDER", "desc").replace("EDGE", "min")
    for name, driver in _DRIVERS.items()
}
NEWER = {
    name: _PAGE.replace("DRIVER", driver).replace("ORDER", "asc").replace("EDGE", "max")
    for name, driver in _DRIVERS.items()
}
COUNT = {name: f"select count(*) from ({driver.replace('ORDER', 'desc')}) c" for name, driver in _DRIVERS.items()}  # noqa: S608
