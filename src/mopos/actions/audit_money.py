"""The checks of `mopos audit` over the money after the purchase: refunds, holds, settlements, batches, payouts."""

from __future__ import annotations

from mopos.actions.audit_parts import Check, Over

_STANDS = """
    select r.id, format('%%s version %%s by %%s, its events end at %%s version %%s by %%s', r.state, r.version,
        r.last_event, e.to_state, e.version, e.event)
    from {table} r left join lateral (
        select version, to_state, event from money_event where noun = '{noun}' and subject_id = r.id
        order by version desc limit 1
    ) e on true
    where r.id between %(first)s and %(last)s
        and (r.state, r.version, r.last_event) is distinct from (e.to_state, e.version, e.event)
"""
_IN_ORDER = """
    select subject_id, format('version %%s: %%s after %%s', version, from_state, before) from (
        select subject_id, version, from_state, lag(to_state, 1, '') over events as before,
            row_number() over events as place
        from money_event where noun = '{noun}' and subject_id between %(first)s and %(last)s
        window events as (partition by subject_id order by version)
    ) e where version <> place or from_state <> before
"""
_TABLES = (
    ("refund", "refund", Over.REFUNDS),
    ("hold", "hold", Over.HOLDS),
    ("batch", "settlement_batch", Over.BATCHES),
    ("payout", "payout", Over.PAYOUTS),
    ("exception", "recon_exception", Over.EXCEPTIONS),
)
_JOURNALS = tuple(
    check
    for noun, table, over in _TABLES
    for check in (
        Check(
            f"events: every {noun} has each version once, and each move starts where the one before ended",
            _IN_ORDER.format(noun=noun),
            over,
        ),
        Check(f"state: every {noun} stands where its events end", _STANDS.format(table=table, noun=noun), over),
    )
)

CHECKS: tuple[Check, ...] = (
    *_JOURNALS,
    Check(
        "entries: what a refund, batch, payout or hold did is in the books as its move says, of its own amount",
        """
        select id, format('%%s %%s %%s: %%s Rial as %%s, due are %%s as %%s', noun, subject_id, event,
            coalesce(rial, 0), coalesce(entry, 'nothing'), case when due_entry = '' then 0 else due end,
            coalesce(nullif(due_entry, ''), 'nothing'))
        from (
            select e.id, e.noun, e.subject_id, e.event, l.entry, l.entries, l.rial, l.strange,
                case when p.refund_id is not null then '' else m.entry end as due_entry,
                coalesce(r.amount_rial, p.amount_rial, h.amount_rial, (
                    select sum(payout_rial) from settlement where e.noun = 'batch' and batch_id = e.subject_id
                ), 0) as due
            from money_event e
            join money_move m on (m.noun, m.from_state, m.event, m.to_state)
                = (e.noun, e.from_state, e.event, e.to_state)
            left join refund r on e.noun = 'refund' and r.id = e.subject_id
            left join payout p on e.noun = 'payout' and p.id = e.subject_id
            left join hold h on e.noun = 'hold' and h.id = e.subject_id
            left join lateral (
                select min(l.entry) as entry, count(distinct l.entry) as entries, sum(l.amount_rial) as rial,
                    bool_or(a.kind in ('merchant_payable', 'merchant_held')
                        and a.owner <> coalesce(r.gateway_id, p.gateway_id, h.gateway_id)) as strange
                from ledger_line l
                join ledger_account a on a.id = l.debit_id where l.event_id = e.id
            ) l on true
            where e.id between %(first)s and %(last)s and e.noun in ('refund', 'batch', 'payout', 'hold')
        ) e
        where strange or coalesce(entries, 0) > 1 or coalesce(entry, '') <> case when due = 0 then '' else due_entry end
            or coalesce(rial, 0) <> case when due_entry = '' then 0 else due end
        """,
        Over.EVENTS,
    ),
    Check(
        "refunds: DONE has one entry by which it was done, FAILED and REFUSED gave the money back",
        """
        select r.id, format('%%s: set aside %%s times, done %%s, given back %%s', r.state, asked, done, back)
        from refund r cross join lateral (
            select count(*) filter (where l.entry = 'refund_requested') as asked,
                count(*) filter (where l.entry in ('refund_done', 'refund_paid')) as done,
                count(*) filter (where l.entry in ('refund_failed', 'refund_came_back')) as back
            from money_event e join ledger_line l on l.event_id = e.id where e.noun = 'refund' and e.subject_id = r.id
        ) l
        where r.id between %(first)s and %(last)s and (asked, done, back) <> (1,
            case when r.state = 'DONE' or r.last_event = 'came_back' then 1 else 0 end,
            case when r.state in ('FAILED', 'REFUSED') then 1 else 0 end)
        """,
        Over.REFUNDS,
    ),
    Check(
        "refunds: one by Paya that is on its way or done has its payout, and the same for the same amount",
        """
        select r.id, format('%%s, %%s payouts of %%s Rial', r.state, count(p.id), coalesce(sum(p.amount_rial), 0))
        from refund r left join payout p on p.refund_id = r.id and p.state in ('PLANNED', 'SUBMITTED', 'SETTLED')
        where r.id between %(first)s and %(last)s and r.method = 'paya' group by r.id
        having (r.state in ('SENDING', 'DONE')) <> (count(p.id) = 1)
            or count(p.id) > 0 and sum(p.amount_rial) <> r.amount_rial
        """,
        Over.REFUNDS,
    ),
    Check(
        "holds: HELD money was set aside once, RELEASED money was given back once, by the entry that it names",
        """
        select h.id, format('%%s: placed %%s times, released %%s', h.state, placed, released)
        from hold h cross join lateral (
            select count(*) filter (where l.entry = 'hold_placed') as placed,
                count(*) filter (where l.entry = 'hold_released') as released, max(l.entry_id) as last
            from money_event e join ledger_line l on l.event_id = e.id where e.noun = 'hold' and e.subject_id = h.id
        ) l
        where h.id between %(first)s and %(last)s
            and ((placed, released) <> (1, case when h.state = 'RELEASED' then 1 else 0 end)
                or h.state = 'RELEASED' and h.released_entry is distinct from last)
        """,
        Over.HOLDS,
    ),
    Check(
        "settlements: each begins where the one before ended, and its Rial are those of the account's lines",
        """
        select s.id, format('gateway %%s entries %%s to %%s: opens with %%s and moves %%s; before it %%s at entry %%s, '
            'lines come to %%s', s.gateway_id, s.after_entry, s.upto_entry, s.opening_rial, s.lines_rial,
            coalesce(o.opening_rial + o.lines_rial, 0), coalesce(o.upto_entry, 0), came.rial - went.rial)
        from settlement s
        join ledger_account a on a.kind = 'merchant_payable' and a.owner = s.gateway_id
        left join lateral (
            select * from settlement o where o.gateway_id = s.gateway_id and o.live and o.upto_entry < s.upto_entry
            order by o.upto_entry desc limit 1
        ) o on true
        cross join lateral (
            select coalesce(sum(amount_rial), 0) as rial from ledger_line l
            where l.credit_id = a.id and l.entry_id > s.after_entry and l.entry_id <= s.upto_entry
        ) came
        cross join lateral (
            select coalesce(sum(amount_rial), 0) as rial from ledger_line l
            where l.debit_id = a.id and l.entry_id > s.after_entry and l.entry_id <= s.upto_entry
        ) went
        where s.id between %(first)s and %(last)s and s.live and (
            s.after_entry <> coalesce(o.upto_entry, 0) or s.opening_rial <> coalesce(o.opening_rial + o.lines_rial, 0)
            or s.lines_rial <> came.rial - went.rial
        )
        """,
        Over.SETTLEMENTS,
    ),
    Check(
        "settlements: the payouts of each come to what it pays, and one of them is the main one",
        """
        select s.id, format('pays %%s Rial, payouts come to %%s, %%s of them main', s.payout_rial,
            coalesce(sum(p.amount_rial), 0), count(*) filter (where p.main))
        from settlement s join settlement_batch b on b.id = s.batch_id
        left join payout p on p.settlement_id = s.id and p.state <> 'CANCELLED'
        where s.id between %(first)s and %(last)s and s.live and s.given_back_entry is null
        group by s.id, b.id
        -- The worker writes payouts in the moments after it has planned the day.
        having (b.state <> 'DRAFT' or b.created_at < %(overdue)s or count(p.id) > 0)
            and (s.payout_rial <> coalesce(sum(p.amount_rial), 0)
                or s.payout_rial > 0 and count(*) filter (where p.main) <> 1
                or bool_or(p.gateway_id <> s.gateway_id or p.batch_id <> s.batch_id))
        """,
        Over.SETTLEMENTS,
    ),
    Check(
        "batches: the total is that of its settlements and refunds, of its payouts, and what left the merchants",
        """
        select b.id, format('total %%s Rial of %%s payouts; settlements %%s, payouts %%s (%%s), refunds %%s; '
            'entries %%s out and %%s back', b.total_rial, b.payout_count, s.rial, p.rial, p.times, p.refunds, l.went,
            l.back)
        from settlement_batch b
        cross join lateral (
            select coalesce(sum(payout_rial), 0) as rial from settlement where batch_id = b.id
        ) s
        cross join lateral (
            select count(*) as times, coalesce(sum(amount_rial), 0) as rial,
                coalesce(sum(amount_rial) filter (where refund_id is not null), 0) as refunds
            from payout where batch_id = b.id
        ) p
        cross join lateral (
            select coalesce(sum(l.amount_rial) filter (where l.entry = 'payout_planned'), 0) as went,
                coalesce(sum(l.amount_rial) filter (where l.entry = 'payout_cancelled'), 0) as back
            from money_event e join ledger_line l on l.event_id = e.id where e.noun = 'batch' and e.subject_id = b.id
        ) l
        where b.id between %(first)s and %(last)s and (
            b.total_rial <> s.rial + p.refunds or l.went <> s.rial
            or l.back <> case when b.state = 'CANCELLED' then s.rial else 0 end
            or (b.state not in ('DRAFT', 'CANCELLED') and b.total_rial <> p.rial) or b.payout_count <> p.times
        )
        """,
        Over.BATCHES,
    ),
    Check(
        "batches: each gateway's line of the entry is what its settlement pays",
        """
        select batch_id, format('gateway %%s: line of %%s Rial, the settlement pays %%s', gateway_id,
            coalesce(l.rial, 0), coalesce(s.rial, 0))
        from (
            select batch_id, gateway_id, sum(payout_rial) as rial from settlement
            where batch_id between %(first)s and %(last)s and payout_rial > 0 group by 1, 2
        ) s
        full join (
            select e.subject_id as batch_id, a.owner as gateway_id, sum(l.amount_rial) as rial
            from money_event e join ledger_line l on l.event_id = e.id and l.entry = 'payout_planned'
            join ledger_account a on a.id = l.debit_id
            where e.noun = 'batch' and e.subject_id between %(first)s and %(last)s group by 1, 2
        ) l using (batch_id, gateway_id)
        where s.rial is distinct from l.rial
        """,
        Over.BATCHES,
    ),
    Check(
        "batches: each that went beyond a draft was approved by two operators",
        """
        select b.id, format('%%s, proposal %%s', b.state, coalesce(e.data ->> 'proposal', 'none'))
        from settlement_batch b
        left join money_event e on e.noun = 'batch' and e.subject_id = b.id and e.event = 'approved'
        left join proposal r on r.id = (e.data ->> 'proposal')::bigint
        where b.id between %(first)s and %(last)s and b.state not in ('DRAFT', 'CANCELLED')
            and (r.act is distinct from 'approve_batch' or r.decision is distinct from 'approved'
                or r.proposed_by = r.decided_by)
        """,
        Over.BATCHES,
    ),
    Check(
        "files: each says as many payouts and as many Rial as it has",
        """
        select f.batch_id, format('file %%s: %%s payouts of %%s Rial, it says %%s of %%s', f.id, count(p.id),
            coalesce(sum(p.amount_rial), 0), f.payouts, f.total_rial)
        from payout_file f left join payout p on p.file_id = f.id
        where f.batch_id between %(first)s and %(last)s group by f.id
        having (count(p.id), coalesce(sum(p.amount_rial), 0)) <> (f.payouts, f.total_rial)
        """,
        Over.BATCHES,
    ),
    Check(
        "payouts: each ended once, and its entries are those of its state",
        """
        select p.id, format('%%s: settled %%s times, returned %%s, came back %%s', p.state, settled, returned, back)
        from payout p cross join lateral (
            select count(*) filter (where l.entry = 'payout_settled') as settled,
                count(*) filter (where l.entry = 'payout_returned') as returned,
                count(*) filter (where l.entry = 'payout_came_back') as back,
                max(l.entry_id) filter (where l.entry in ('payout_returned', 'payout_came_back')) as last
            from money_event e join ledger_line l on l.event_id = e.id where e.noun = 'payout' and e.subject_id = p.id
        ) l
        where p.id between %(first)s and %(last)s and p.settlement_id is not null and (
            (settled, returned, back) <> (
                case when p.state = 'SETTLED' or p.last_event = 'came_back' then 1 else 0 end,
                case when p.state = 'RETURNED' and p.last_event = 'returned' then 1 else 0 end,
                case when p.last_event = 'came_back' then 1 else 0 end)
            or p.state = 'RETURNED' and p.returned_entry is distinct from last
        )
        """,
        Over.PAYOUTS,
    ),
    Check(
        "worker: no refund that waits for its bank is overdue",
        """
        select r.id, format('%%s since %%s', r.state, r.next_check_at)
        from refund r where r.id between %(first)s and %(last)s and r.next_check_at < %(overdue)s
        """,
        Over.REFUNDS,
    ),
    Check(
        "worker: no payout that waits for its bank is overdue",
        """
        select p.id, format('%%s since %%s', p.state, p.next_check_at)
        from payout p where p.id between %(first)s and %(last)s and p.next_check_at < %(overdue)s
        """,
        Over.PAYOUTS,
    ),
)
