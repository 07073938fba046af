"""The checks of `mopos audit` over the books themselves: lines, balances, floors, and balances against what they stand
for."""

from __future__ import annotations

from mopos.actions.audit_parts import Check, Over
from mopos.domain.ledger.ties import TIE

_TIES = f"select 0, format('%%s Rial are not accounted for', difference) from ({TIE}) tie where difference <> 0"  # noqa: S608

CHECKS: tuple[Check, ...] = (
    Check(
        "lines: each is one that the table of entries lists",
        """
        select l.id, format('%%s from %%s to %%s', l.entry, d.kind, c.kind)
        from ledger_line l join ledger_account d on d.id = l.debit_id join ledger_account c on c.id = l.credit_id
        where l.id between %(first)s and %(last)s and l.entry <> 'correction' and not exists (
            select from entry_rule r where (r.entry, r.debit_kind, r.credit_kind) = (l.entry, d.kind, c.kind)
        )
        """,
        Over.LINES,
    ),
    Check(
        "lines: those of one entry were booked for one event, under one name",
        """
        select min(id), format('entry %%s: %%s events, %%s names', entry_id, count(distinct (journal_id, event_id)),
            count(distinct entry))
        from ledger_line where id between %(first)s and %(last)s group by entry_id
        having count(distinct (journal_id, event_id)) > 1 or count(distinct entry) > 1
        """,
        Over.LINES,
    ),
    Check(
        "corrections: each takes back all lines of the entry that it names, and nothing else",
        """
        with correcting as (
            select distinct entry_id, corrects from ledger_line
            where id between %(first)s and %(last)s and corrects is not null
        ),
        old as (
            select c.entry_id, l.id, l.debit_id, l.credit_id, l.amount_rial
            from correcting c join ledger_line l on l.entry_id = c.corrects
        ),
        new as (
            select c.entry_id, l.id, l.debit_id, l.credit_id, l.amount_rial
            from correcting c join ledger_line l on l.entry_id = c.entry_id and l.corrects is not null
        )
        select coalesce(n.id, o.id), format('entry %%s: %%s Rial taken back of %%s', coalesce(n.entry_id, o.entry_id),
            coalesce(n.amount_rial, 0), coalesce(o.amount_rial, 0))
        from old o full join new n on (n.entry_id, n.debit_id, n.credit_id) = (o.entry_id, o.credit_id, o.debit_id)
        where o.amount_rial is distinct from n.amount_rial
        """,
        Over.LINES,
    ),
    Check(
        "balances: what is kept of each account is the sum of its lines",
        """
        select a.id, format('%%s %%s: kept %%s debit and %%s credit, lines come to %%s and %%s', a.kind, a.owner,
            kept.debit, kept.credit, d.rial, c.rial)
        from ledger_account a
        cross join lateral (
            select coalesce(sum(debit_rial), 0) as debit, coalesce(sum(credit_rial), 0) as credit
            from ledger_balance where account_id = a.id
        ) kept
        cross join lateral (
            select coalesce(sum(amount_rial), 0) as rial from ledger_line where debit_id = a.id
        ) d
        cross join lateral (
            select coalesce(sum(amount_rial), 0) as rial from ledger_line where credit_id = a.id
        ) c
        where a.id between %(first)s and %(last)s and (kept.debit, kept.credit) <> (d.rial, c.rial)
        """,
        Over.ACCOUNTS,
        always=False,
    ),
    Check(
        "floors: no account stands below its floor, but where a bank took money back",
        """
        select a.id, format('%%s %%s stands at %%s Rial, its floor is %%s', a.kind, a.owner, kept.rial, a.floor_rial)
        from ledger_account a cross join lateral (
            select coalesce(sum(credit_rial - debit_rial), 0) as rial from ledger_balance where account_id = a.id
        ) kept
        where a.id between %(first)s and %(last)s and kept.rial < a.floor_rial and not exists (
            select from ledger_line l join entry_rule r on r.entry = l.entry and r.overdraws where l.debit_id = a.id
        )
        """,
        Over.ACCOUNTS,
    ),
    Check(
        "held money is what the holds say",
        """
        select a.id, format('%%s %%s: %%s Rial, holds come to %%s', a.kind, a.owner, kept.rial, h.rial)
        from ledger_account a
        cross join lateral (
            select coalesce(sum(credit_rial - debit_rial), 0) as rial from ledger_balance where account_id = a.id
        ) kept
        cross join lateral (
            select coalesce(sum(amount_rial), 0) as rial from hold where gateway_id = a.owner and state = 'HELD'
        ) h
        where a.id between %(first)s and %(last)s and a.kind = 'merchant_held' and kept.rial <> h.rial
        """,
        Over.ACCOUNTS,
    ),
    Check(
        "money on its way to merchants is what the payouts say",
        """
        select 0,
            format('settlement_in_transit stands at %%s Rial, payouts on their way come to %%s', kept.rial, due.rial)
        from (
            select coalesce(sum(b.credit_rial - b.debit_rial), 0) as rial
            from ledger_balance b join ledger_account a on a.id = b.account_id where a.kind = 'settlement_in_transit'
        ) kept, (
            select coalesce(sum(rial), 0) as rial from (
                select amount_rial as rial from payout
                where settlement_id is not null and state in ('PLANNED', 'SUBMITTED')
                union all
                select s.payout_rial from settlement s join settlement_batch b on b.id = s.batch_id
                where b.state = 'DRAFT' and not exists (select from payout p where p.settlement_id = s.id)
            ) on_way
        ) due where kept.rial <> due.rial
        """,
        Over.BOOKS,
    ),
    Check(
        "money on its way back to buyers is what refunds and reversals say",
        """
        select 0, format('refunds_in_flight stands at %%s Rial, refunds and reversals come to %%s', kept.rial, due.rial)
        from (
            select coalesce(sum(b.credit_rial - b.debit_rial), 0) as rial
            from ledger_balance b join ledger_account a on a.id = b.account_id where a.kind = 'refunds_in_flight'
        ) kept, (
            select coalesce(sum(rial), 0) as rial from (
                select amount_rial as rial from refund where state in ('REQUESTED', 'APPROVED', 'SENDING', 'UNKNOWN')
                union all
                select amount_rial + case when fee_by_buyer then fee_rial else 0 end from purchase
                where next_check_at is not null and state = 'REVERSING'
            ) on_way
        ) due where kept.rial <> due.rial
        """,
        Over.BOOKS,
    ),
    Check(
        "books: what the banks took is deposits, fees, refunds and balances, to the Rial",
        _TIES,
        Over.BOOKS,
        always=False,
    ),
)
