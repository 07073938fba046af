"""What must hold of the money whatever happened, as SQL that finds where it does not; and hands that try to break it.

The rules look at the whole database. Each finds rows that say what is wrong; none means that the rule holds.
"""

from typing import NamedTuple

import psycopg


class Rule(NamedTuple):
    """One thing that must hold, and the statement that finds where it does not."""

    name: str
    sql: str


RULES: tuple[Rule, ...] = (
    Rule(
        "kept balances are the sums of the lines",
        """
        select a.kind, a.owner, coalesce(l.rial, 0), coalesce(b.rial, 0) from ledger_account a
        left join (
            select id, sum(rial) as rial from (
                select debit_id as id, -amount_rial as rial from ledger_line
                union all select credit_id, amount_rial from ledger_line
            ) side group by id
        ) l using (id)
        left join (
            select account_id as id, sum(credit_rial - debit_rial) as rial from ledger_balance group by account_id
        ) b using (id)
        where coalesce(l.rial, 0) <> coalesce(b.rial, 0)
        """,
    ),
    Rule(
        "no account stands below its floor",
        """
        select a.kind, a.owner, sum(b.credit_rial - b.debit_rial)
        from ledger_account a join ledger_balance b on b.account_id = a.id
        where a.floor_rial is not null group by a.id having sum(b.credit_rial - b.debit_rial) < a.floor_rial
        """,
    ),
    Rule(
        "each line is one that its entry lists",
        """
        select l.id, l.entry from ledger_line l join ledger_account d on d.id = l.debit_id
        join ledger_account c on c.id = l.credit_id
        where l.entry <> 'correction' and not exists (
            select from entry_rule r where (r.entry, r.debit_kind, r.credit_kind) = (l.entry, d.kind, c.kind))
        """,
    ),
    Rule(
        "refunds of a purchase come to what it says, and never to more than was paid",
        """
        select p.id, p.state, p.amount_rial, p.refund_rial, p.refunded_rial, r.live, r.done
        from purchase p left join (
            select purchase_id,
                sum(amount_rial) filter (where state not in ('FAILED', 'REFUSED')) as live,
                sum(amount_rial) filter (where state = 'DONE') as done
            from refund group by purchase_id
        ) r on r.purchase_id = p.id
        where coalesce(r.live, 0) <> p.refund_rial or coalesce(r.done, 0) <> p.refunded_rial
            or p.refund_rial > p.amount_rial or (p.state <> 'PAID' and p.refund_rial > 0)
        """,
    ),
    Rule(
        "nothing is reversed that a live settlement has taken up",
        """
        select p.id, s.id from purchase p join attempt a on a.id = p.attempt_id
        join settlement s on s.gateway_id = p.gateway_id and s.live
            and s.after_entry < a.entry_id and a.entry_id <= s.upto_entry
        join journal j on j.purchase_id = p.id and j.event = 'reversal_requested'
        join ledger_line l on l.journal_id = j.id
        join money_event e on e.noun = 'batch' and e.subject_id = s.batch_id and e.event = 'planned'
        join ledger_line planned on planned.event_id = e.id
        where p.state in ('REVERSING', 'REVERSED') and l.entry_id > planned.entry_id
        """,
    ),
    Rule(
        "the stretches of a gateway's live settlements never overlap",
        """
        select s.id, t.id from settlement s join settlement t
            on t.gateway_id = s.gateway_id and t.id > s.id and s.live and t.live
            and int8range(s.after_entry, s.upto_entry, '(]') && int8range(t.after_entry, t.upto_entry, '(]')
        """,
    ),
    Rule(
        "a settlement's balance at its end is what the lines say",
        """
        select s.id, s.opening_rial + s.lines_rial, coalesce(sum(m.rial), 0) from settlement s
        join ledger_account a on a.kind = 'merchant_payable' and a.owner = s.gateway_id
        left join lateral (
            select amount_rial as rial from ledger_line l where l.credit_id = a.id and l.entry_id <= s.upto_entry
            union all select -amount_rial from ledger_line l where l.debit_id = a.id and l.entry_id <= s.upto_entry
        ) m on true
        where s.live group by s.id having s.opening_rial + s.lines_rial <> coalesce(sum(m.rial), 0)
        """,
    ),
    Rule(
        "the payouts of a live settlement come to what it pays, and one of them is the main one",
        """
        select s.id, s.payout_rial, coalesce(sum(p.amount_rial), 0), count(*) filter (where p.main)
        from settlement s join payout p on p.settlement_id = s.id and p.state <> 'CANCELLED'
        where s.live group by s.id
        having s.payout_rial <> sum(p.amount_rial) or count(*) filter (where p.main) <> 1
        """,
    ),
    Rule(
        "a day has one live batch, which comes to its settlements",
        """
        select b.day, count(distinct b.id), sum(b.total_rial), sum(s.rial) from settlement_batch b
        left join (
            select batch_id, sum(payout_rial) as rial from settlement where live group by batch_id
        ) s on s.batch_id = b.id
        where b.state <> 'CANCELLED' group by b.day having count(*) > 1
        """,
    ),
    Rule(
        "each payout ended once: its entries are those of its state",
        """
        select p.id, p.state, count(*) filter (where l.entry = 'payout_settled'),
            count(*) filter (where l.entry in ('payout_returned', 'payout_came_back'))
        from payout p left join money_event e on (e.noun, e.subject_id) = ('payout', p.id)
        left join ledger_line l on l.event_id = e.id
        where p.settlement_id is not null
        group by p.id, p.state
        having count(*) filter (where l.entry = 'payout_settled') > 1
            or (p.state = 'SETTLED') <> (count(*) filter (where l.entry = 'payout_settled') = 1
                and count(*) filter (where l.entry = 'payout_came_back') = 0)
            or (p.state = 'RETURNED')
                <> (count(*) filter (where l.entry in ('payout_returned', 'payout_came_back')) = 1)
        """,
    ),
    Rule(
        "held money is what the holds say",
        """
        select a.owner, coalesce(b.rial, 0), coalesce(h.rial, 0) from ledger_account a
        left join (
            select account_id, sum(credit_rial - debit_rial) as rial from ledger_balance group by account_id
        ) b on b.account_id = a.id
        left join (
            select gateway_id, sum(amount_rial) as rial from hold where state = 'HELD' group by gateway_id
        ) h on h.gateway_id = a.owner
        where a.kind = 'merchant_held' and coalesce(b.rial, 0) <> coalesce(h.rial, 0)
        """,
    ),
    Rule(
        "a purchase is held once at most",
        "select purchase_id from hold where state = 'HELD' and purchase_id is not null group by 1 having count(*) > 1",
    ),
    Rule(
        "nobody decides on an own refund",
        """
        select id from refund where decided_by_person = asked_by_person or decided_by_operator = asked_by_operator
        """,
    ),
    Rule(
        "the journals have each version once, and every row stands where its journal ends",
        """
        select noun, subject_id, max(version), count(*) from money_event group by 1, 2 having max(version) <> count(*)
        union all
        select 'refund', r.id, r.version, e.version from refund r join lateral (
            select * from money_event e where e.noun = 'refund' and e.subject_id = r.id order by version desc limit 1
        ) e on true where (r.version, r.state) <> (e.version, e.to_state)
        union all
        select 'payout', r.id, r.version, e.version from payout r join lateral (
            select * from money_event e where e.noun = 'payout' and e.subject_id = r.id order by version desc limit 1
        ) e on true where (r.version, r.state) <> (e.version, e.to_state)
        union all
        select 'batch', r.id, r.version, e.version from settlement_batch r join lateral (
            select * from money_event e where e.noun = 'batch' and e.subject_id = r.id order by version desc limit 1
        ) e on true where (r.version, r.state) <> (e.version, e.to_state)
        """,
    ),
)


def broken(connection: psycopg.Connection) -> list[str]:
    """What does not hold: the rule's name and the rows that say so."""
    found = []
    for rule in RULES:
        rows = connection.execute(rule.sql).fetchmany(3)
        if rows:
            found.append(f"{rule.name}: {rows}")
    return found
