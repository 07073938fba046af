"""Which move writes which lines. A line names the account it debits and the account it credits, so it balances by
its very shape; an entry is all the lines of one row of the journal.

Entries are facts: written once, in the statement that moves the purchase, and never changed.
"""

from __future__ import annotations

from typing import NamedTuple

from mopos.domain.ledger.chart import Kind


class Line(NamedTuple):
    """One line of an entry. `amount` names which of the purchase's amounts it moves, in Rial."""

    debit: Kind
    credit: Kind
    amount: str


# The operator's fee will be a second line of `purchase_paid`: merchant_payable to fee_income.
ENTRIES: dict[str, tuple[Line, ...]] = {
    "purchase_paid": (Line(Kind.ACQUIRER_RECEIVABLE, Kind.MERCHANT_PAYABLE, "purchase"),),
}
