"""What must hold after everything that gives money back: our books, the purchases' totals, and the bank's own book."""

from typing import Any

from mopos.actions.services import Services


async def check_books(services: Services, bank: Any) -> None:
    """Everything ties to the Rial."""
    rows = await services.db.all(
        """
        select a.kind, sum(b.credit_rial - b.debit_rial)::bigint from ledger_balance b
        join ledger_account a on a.id = b.account_id group by 1
        """
    )
    stands = dict(rows)
    written = await services.db.all(
        """
        select a.kind, sum(m.rial)::bigint from (
            select debit_id as id, -amount_rial as rial from ledger_line
            union all select credit_id, amount_rial from ledger_line
        ) m join ledger_account a on a.id = m.id group by 1
        """
    )
    assert {kind: rial for kind, rial in stands.items() if rial} == {kind: rial for kind, rial in written if rial}
    assert sum(stands.values()) == 0
    assert stands.get("merchant_payable", 0) >= 0
    assert stands.get("refunds_in_flight", 0) >= 0
    ((wrong,),) = await services.db.all(
        """
        select count(*) from purchase p cross join lateral (
            select coalesce(sum(amount_rial) filter (where state not in ('FAILED', 'REFUSED')), 0) as live,
                coalesce(sum(amount_rial) filter (where state = 'DONE'), 0) as done
            from refund where purchase_id = p.id
        ) r where (p.refund_rial, p.refunded_rial) is distinct from (r.live, r.done)
        """
    )
    assert wrong == 0
    ((in_flight,),) = await services.db.all(
        """
        select coalesce((select sum(amount_rial) from refund
            where state in ('REQUESTED', 'APPROVED', 'SENDING', 'UNKNOWN')), 0)
            + coalesce((select sum(amount_rial + case when fee_by_buyer then fee_rial else 0 end) from purchase
                where state = 'REVERSING'), 0)
        """
    )
    assert stands.get("refunds_in_flight", 0) == in_flight
    if bank is not None and in_flight == 0 and not stands.get("operator_bank"):
        # Once nothing is on its way, what the bank owes us is what it has kept.
        assert -stands.get("acquirer_receivable", 0) == sum(bank.captured().values())
