"""Whether what the banks took is all accounted for, to the Rial: one statement, shown in docs/howto/tie-the-books.md.

It takes each number from the rows that people work with (purchases, payouts, refunds), and only the balances from the
ledger: so the two are compared.
"""

from __future__ import annotations

from typing import NamedTuple

from mopos.base.db import Database

TIE = """\
with purchases as (
    select
        sum(amount_rial + case when fee_by_buyer then fee_rial else 0 end) as took,
        sum(fee_rial) filter (where state = 'PAID') as fees,
        sum(amount_rial + case when fee_by_buyer then fee_rial else 0 end) filter (where state = 'REVERSED') as reversed
    from purchase where state in ('PAID', 'REVERSING', 'REVERSED')
),
payouts as (
    select sum(amount_rial) as deposits from payout where settlement_id is not null and state = 'SETTLED'
),
refunds as (select sum(amount_rial) as refunded from refund where state = 'DONE'),
balances as (
    select a.kind, sum(b.credit_rial - b.debit_rial) as rial
    from ledger_balance b join ledger_account a on a.id = b.account_id group by a.kind
),
standing as (
    select sum(rial) as rial from balances
    where kind in ('merchant_payable', 'merchant_held', 'refunds_in_flight', 'settlement_in_transit')
),
adjusted as (
    -- What reconciliation gave to merchants, or a bank took back from them, beside their purchases; and what of it was
    -- corrected.
    select coalesce(sum(case c.kind when 'merchant_payable' then l.amount_rial else -l.amount_rial end), 0) as rial
    from ledger_line l join ledger_account d on d.id = l.debit_id join ledger_account c on c.id = l.credit_id
    where l.entry in ('suspense_to_merchant', 'bank_took_back', 'correction')
        and 'merchant_payable' in (d.kind, c.kind)
)
select
    coalesce(took, 0) as banks_took,
    coalesce(deposits, 0) as deposits,
    coalesce(fees, 0) as fees,
    coalesce(refunded, 0) + coalesce(reversed, 0) as given_back,
    coalesce(standing.rial, 0) as balances,
    adjusted.rial as adjusted,
    coalesce(took, 0) + adjusted.rial
        - coalesce(deposits, 0) - coalesce(fees, 0) - coalesce(refunded, 0) - coalesce(reversed, 0)
        - coalesce(standing.rial, 0) as difference
from purchases, payouts, refunds, standing, adjusted
"""


class Tie(NamedTuple):
    """What the banks took, and where it is; all in Rial. `difference` is 0, or something is wrong."""

    banks_took: int
    deposits: int
    fees: int
    given_back: int
    balances: int
    adjusted: int
    difference: int


async def tie(db: Database) -> Tie:
    """Ask it of a database."""
    row = await db.one(TIE)
    if row is None:
        raise LookupError("no answer")
    return Tie(*(int(value) for value in row))
