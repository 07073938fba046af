"""Which event writes which lines. A line names the account it debits and the account it credits, so it balances by
its very shape; an entry is all the lines of one event.

Entries are facts: written once, in the statement that makes the move, and never changed. The same table stands in
PostgreSQL (`entry_rule`), which refuses a line that is not listed. A line whose amount is nought is not written.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from mopos.base.money import Rial
from mopos.domain.ledger.chart import OWNER, Kind


class Line(NamedTuple):
    """One line of an entry. `amount` names which of the event's amounts it moves, in Rial."""

    debit: Kind
    credit: Kind
    amount: str = "amount"
    overdraws: bool = False
    """It may take an account below its floor: what a bank did is booked, whatever we think of it."""


K = Kind

ENTRIES: dict[str, tuple[Line, ...]] = {
    # amount: the merchant's. Of the two fees one at most is more than nought.
    "purchase_paid": (
        Line(K.ACQUIRER_RECEIVABLE, K.MERCHANT_PAYABLE),
        Line(K.MERCHANT_PAYABLE, K.FEE_INCOME, "merchant_fee"),
        Line(K.ACQUIRER_RECEIVABLE, K.FEE_INCOME, "buyer_fee"),
    ),
    # A reversal gives all of it back, the fee too.
    "reversal_requested": (
        Line(K.FEE_INCOME, K.MERCHANT_PAYABLE, "merchant_fee"),
        Line(K.MERCHANT_PAYABLE, K.REFUNDS_IN_FLIGHT),
        Line(K.FEE_INCOME, K.REFUNDS_IN_FLIGHT, "buyer_fee"),
    ),
    "reversal_refused": (
        Line(K.REFUNDS_IN_FLIGHT, K.MERCHANT_PAYABLE),
        Line(K.MERCHANT_PAYABLE, K.FEE_INCOME, "merchant_fee"),
        Line(K.REFUNDS_IN_FLIGHT, K.FEE_INCOME, "buyer_fee"),
    ),
    "reversal_confirmed": (Line(K.REFUNDS_IN_FLIGHT, K.ACQUIRER_RECEIVABLE, "charge"),),
    # The merchant gives back what the buyer gets; the operator has earned the fee.
    "refund_requested": (Line(K.MERCHANT_PAYABLE, K.REFUNDS_IN_FLIGHT),),
    "refund_failed": (Line(K.REFUNDS_IN_FLIGHT, K.MERCHANT_PAYABLE),),
    "refund_done": (Line(K.REFUNDS_IN_FLIGHT, K.ACQUIRER_RECEIVABLE),),
    # By Paya, out of our own bank account.
    "refund_paid": (Line(K.REFUNDS_IN_FLIGHT, K.OPERATOR_BANK),),
    "refund_came_back": (Line(K.OPERATOR_BANK, K.MERCHANT_PAYABLE),),
    "hold_placed": (Line(K.MERCHANT_PAYABLE, K.MERCHANT_HELD),),
    "hold_released": (Line(K.MERCHANT_HELD, K.MERCHANT_PAYABLE),),
    # A batch: one line for each gateway.
    "payout_planned": (Line(K.MERCHANT_PAYABLE, K.SETTLEMENT_IN_TRANSIT),),
    "payout_cancelled": (Line(K.SETTLEMENT_IN_TRANSIT, K.MERCHANT_PAYABLE),),
    "payout_settled": (Line(K.SETTLEMENT_IN_TRANSIT, K.OPERATOR_BANK),),
    "payout_returned": (Line(K.SETTLEMENT_IN_TRANSIT, K.MERCHANT_PAYABLE),),
    "payout_came_back": (Line(K.OPERATOR_BANK, K.MERCHANT_PAYABLE),),
    # Reconciliation: what the bank account's statement shows.
    "acquirer_deposited": (Line(K.OPERATOR_BANK, K.ACQUIRER_RECEIVABLE),),
    "acquirer_cost": (Line(K.ACQUIRER_COST, K.ACQUIRER_RECEIVABLE),),
    "credit_unknown": (Line(K.OPERATOR_BANK, K.SUSPENSE),),
    "debit_unknown": (Line(K.SUSPENSE, K.OPERATOR_BANK),),
    # ... and what became of what nobody knew.
    "suspense_to_acquirer": (Line(K.SUSPENSE, K.ACQUIRER_RECEIVABLE),),
    "suspense_to_merchant": (Line(K.SUSPENSE, K.MERCHANT_PAYABLE),),
    "suspense_to_income": (Line(K.SUSPENSE, K.FEE_INCOME),),
    "income_to_suspense": (Line(K.FEE_INCOME, K.SUSPENSE),),
    "bank_took_back": (Line(K.MERCHANT_PAYABLE, K.ACQUIRER_RECEIVABLE, overdraws=True),),
    "difference_borne": (Line(K.FEE_INCOME, K.ACQUIRER_RECEIVABLE),),
    "difference_earned": (Line(K.ACQUIRER_RECEIVABLE, K.FEE_INCOME),),
}
# Takes back all lines of one earlier entry, by the same accounts the other way round, and names it (`corrects`).
CORRECTION = "correction"


@dataclass(frozen=True, slots=True)
class Booking:
    """An entry ready to be written: for each line kinds and owners of both accounts, and Rial. The shape that the
    function `book` in PostgreSQL takes."""

    entry: str
    debit_kinds: list[str]
    debit_owners: list[int]
    credit_kinds: list[str]
    credit_owners: list[int]
    amounts: list[int]

    @property
    def params(self) -> dict[str, object]:
        """As parameters of a statement: `entry`, `debit_kinds`, ..."""
        return {name: getattr(self, name) for name in self.__slots__}


def booking(entry: str, amounts: Mapping[str, Rial], owners: Mapping[str, int]) -> Booking:
    """The lines of an entry. `amounts`: by the names that the table uses; `owners`: `gateway` and `terminal` as the
    chart names them. Lines of nought are left out."""
    lines = [line for line in ENTRIES[entry] if amounts.get(line.amount)]
    numbers = {"": 0, **owners}
    return Booking(
        entry,
        [line.debit for line in lines],
        [numbers[OWNER[line.debit]] for line in lines],
        [line.credit for line in lines],
        [numbers[OWNER[line.credit]] for line in lines],
        [int(amounts[line.amount]) for line in lines],
    )
