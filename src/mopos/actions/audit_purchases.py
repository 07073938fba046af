"""The checks of `mopos audit` over purchases: state, journal, attempts, fees, the lines of each move."""

from __future__ import annotations

from mopos.actions.audit_parts import Check

CHECKS: tuple[Check, ...] = (
    Check(
        "journal: every purchase has each version once, and each move starts where the one before ended",
        """
        select purchase_id, format('version %%s: %%s after %%s', version, from_state, before) from (
            select purchase_id, version, from_state,
                lag(to_state, 1, '') over purchase as before, row_number() over purchase as place
            from journal where purchase_id between %(first)s and %(last)s
            window purchase as (partition by purchase_id order by version)
        ) j where version <> place or from_state <> before
        """,
    ),
    Check(
        "state: every purchase stands where its journal ends",
        """
        select p.id, format('%%s version %%s, journal %%s version %%s', p.state, p.version, j.to_state, j.version)
        from purchase p left join lateral (
            select version, to_state, event from journal where purchase_id = p.id order by version desc limit 1
        ) j on true
        where p.id between %(first)s and %(last)s
            and (p.state, p.version, p.last_event) is distinct from (j.to_state, j.version, j.event)
        """,
    ),
    Check(
        "entries: a move has the ledger lines that the tables name, of the purchase's own amounts and accounts",
        """
        with rules as (
            select * from unnest(%(entries)s::text[], %(debits)s::text[], %(credits)s::text[], %(amounts)s::text[])
                as r (entry, debit_kind, credit_kind, amount)
        ),
        wanted as (
            select p.id as purchase_id, j.id as journal_id, r.entry, r.debit_kind, r.credit_kind,
                case r.amount
                    when 'amount' then p.amount_rial
                    when 'merchant_fee' then case when p.fee_by_buyer then 0 else p.fee_rial end
                    when 'buyer_fee' then case when p.fee_by_buyer then p.fee_rial else 0 end
                    when 'charge' then p.amount_rial + case when p.fee_by_buyer then p.fee_rial else 0 end
                end as due,
                case r.debit_kind when 'acquirer_receivable' then a.terminal_id
                    when 'merchant_payable' then p.gateway_id else 0 end as debit_owner,
                case r.credit_kind when 'acquirer_receivable' then a.terminal_id
                    when 'merchant_payable' then p.gateway_id else 0 end as credit_owner
            from journal j join purchase p on p.id = j.purchase_id left join attempt a on a.id = j.attempt_id
            join move m on (m.from_state, m.event, m.to_state) = (j.from_state, j.event, j.to_state)
            join rules r on r.entry = m.entry
            where j.purchase_id between %(first)s and %(last)s
        ),
        found as (
            select j.purchase_id, j.id as journal_id, l.entry, d.kind as debit_kind, c.kind as credit_kind,
                d.owner as debit_owner, c.owner as credit_owner, l.amount_rial as rial
            from journal j join ledger_line l on l.journal_id = j.id
            join ledger_account d on d.id = l.debit_id join ledger_account c on c.id = l.credit_id
            where j.purchase_id between %(first)s and %(last)s
        )
        select coalesce(w.purchase_id, f.purchase_id), format('%%s: %%s Rial from %%s %%s to %%s %%s, %%s are due',
            entry, coalesce(f.rial, 0), debit_kind, debit_owner, credit_kind, credit_owner, coalesce(w.due, 0))
        from (select * from wanted where due > 0) w
        full join found f using (journal_id, entry, debit_kind, credit_kind, debit_owner, credit_owner)
        where w.due is distinct from f.rial
        """,
    ),
    Check(
        "attempts: what is paid, being reversed or reversed has one confirmed attempt, and nothing else has one",
        """
        select p.id, format('%%s, %%s confirmed', p.state, count(a.id))
        from purchase p left join attempt a on a.purchase_id = p.id and a.state = 'CONFIRMED'
        where p.id between %(first)s and %(last)s group by p.id, p.state
        having count(a.id) <> (case when p.state in ('PAID', 'REVERSING', 'REVERSED') then 1 else 0 end)
        """,
    ),
    Check(
        "attempts: a confirmed one knows the entry by which it was paid",
        """
        select distinct a.purchase_id,
            format('attempt %%s knows entry %%s, its line is of entry %%s', a.id, a.entry_id, l.entry_id)
        from attempt a left join journal j on j.attempt_id = a.id and j.purchase_id = a.purchase_id
            and j.to_state = 'PAID' and j.event <> 'reversal_refused'
        left join ledger_line l on l.journal_id = j.id and l.entry = 'purchase_paid'
        where a.purchase_id between %(first)s and %(last)s
            and (a.state = 'CONFIRMED' or a.entry_id is not null) and a.entry_id is distinct from l.entry_id
        """,
    ),
    Check(
        "fees: a purchase's fee is what its gateway's plan said when it was registered",
        """
        select p.id, format('%%s Rial%%s, the plan says %%s%%s', p.fee_rial,
            case when p.fee_by_buyer then ' by buyer' end, coalesce(due.fee_rial, 0),
            case when due.by_buyer then ' by buyer' end)
        from purchase p left join lateral fee_of(p.gateway_id, p.amount_rial, p.registered_at) due on true
        where p.id between %(first)s and %(last)s
            and (p.fee_rial, p.fee_by_buyer and p.fee_rial > 0)
                <> (coalesce(due.fee_rial, 0), coalesce(due.by_buyer, false) and coalesce(due.fee_rial, 0) > 0)
            -- A plan that was given in the very second of the registration may or may not have been seen by it.
            and not exists (
                select from gateway_fee f where f.gateway_id = p.gateway_id
                    and f.valid_from between p.registered_at - interval '10 seconds' and p.registered_at
                union all
                select from fee_bracket b
                where b.valid_from between p.registered_at - interval '10 seconds' and p.registered_at
            )
        """,
    ),
    Check(
        "refunds: those of a purchase come to what it says, and never to more than was paid",
        """
        select p.id, format('refunds of %%s Rial, %%s done; the purchase says %%s and %%s',
            coalesce(r.live, 0), coalesce(r.done, 0), p.refund_rial, p.refunded_rial)
        from purchase p left join lateral (
            select sum(amount_rial) filter (where state not in ('FAILED', 'REFUSED')) as live,
                sum(amount_rial) filter (where state = 'DONE') as done
            from refund where purchase_id = p.id
        ) r on true
        where p.id between %(first)s and %(last)s
            and ((p.refund_rial, p.refunded_rial) <> (coalesce(r.live, 0), coalesce(r.done, 0))
                or coalesce(r.live, 0) > p.amount_rial or (p.state <> 'PAID' and coalesce(r.live, 0) > 0))
        """,
    ),
    Check(
        "reversals: what was reversed is in no live settlement that was planned before",
        """
        select p.id, format('settlement %%s', s.id)
        from purchase p join attempt a on a.id = p.attempt_id
        join journal j on j.purchase_id = p.id and j.event = 'reversal_requested'
        join ledger_line l on l.journal_id = j.id
        join settlement s on s.gateway_id = p.gateway_id and s.live and s.given_back_entry is null
            and s.after_entry < a.entry_id and a.entry_id <= s.upto_entry and l.entry_id > s.upto_entry
        where p.id between %(first)s and %(last)s and p.state in ('REVERSING', 'REVERSED')
            and j.version = (select max(version) from journal where purchase_id = p.id and event = 'reversal_requested')
        """,
    ),
    Check(
        "attempts: none is alive when its purchase has ended",
        """
        select p.id, format('%%s, attempt %%s', p.state, a.id)
        from purchase p join attempt a on a.purchase_id = p.id and a.state = 'LIVE'
        where p.id between %(first)s and %(last)s and (p.next_check_at is null or a.id <> p.attempt_id)
        """,
    ),
    Check(
        "corrections: each one was proposed by one operator and approved by another, and says what became of it",
        """
        select p.id, format('%%s, proposal %%s', j.event, coalesce(j.data ->> 'proposal', 'none'))
        from journal j join purchase p on p.id = j.purchase_id
        left join proposal r on r.id = (j.data ->> 'proposal')::bigint
        where p.id between %(first)s and %(last)s and j.event like 'corrected%%'
            and (r.decision is distinct from 'approved' or r.proposed_by = r.decided_by
                or replace(r.act, 'correct_', 'corrected_') <> j.event or r.subject not like 'purchase ' || p.id || '_')
        """,
    ),
    Check(
        "worker: nothing that waits is overdue",
        """
        select p.id, format('%%s since %%s', p.state, p.next_check_at)
        from purchase p where p.id between %(first)s and %(last)s and p.next_check_at < %(overdue)s
        """,
    ),
)
