"""The chart of accounts. An account is a kind and whose it is; it is opened together with its owner."""

from __future__ import annotations

from enum import StrEnum


class Kind(StrEnum):
    """What an account is for. `OWNER` names whose number goes with it."""

    ACQUIRER_RECEIVABLE = "acquirer_receivable"
    """What a bank has taken for us and still owes us; one per terminal. Grows by debit."""
    OPERATOR_BANK = "operator_bank"
    """The operator's own bank account, as far as we know of it. Grows by debit."""
    ACQUIRER_COST = "acquirer_cost"
    """What a bank keeps for its work; one per terminal. Grows by debit."""
    MERCHANT_PAYABLE = "merchant_payable"
    """What we owe a merchant; one per gateway. Grows by credit, and never falls below its floor."""
    MERCHANT_HELD = "merchant_held"
    """What we owe a merchant and do not pay out for now; one per gateway. Grows by credit."""
    REFUNDS_IN_FLIGHT = "refunds_in_flight"
    """On its way back to buyers. Grows by credit."""
    SETTLEMENT_IN_TRANSIT = "settlement_in_transit"
    """On its way to merchants. Grows by credit."""
    FEE_INCOME = "fee_income"
    """What the operator has earned. Grows by credit."""
    SUSPENSE = "suspense"
    """Money on the bank account of which nobody knows yet what it is. Grows by credit."""


# Whose number goes with each kind of account; empty: there is one, the operator's, with owner 0.
OWNER: dict[Kind, str] = {
    Kind.ACQUIRER_RECEIVABLE: "terminal",
    Kind.OPERATOR_BANK: "",
    Kind.ACQUIRER_COST: "terminal",
    Kind.MERCHANT_PAYABLE: "gateway",
    Kind.MERCHANT_HELD: "gateway",
    Kind.REFUNDS_IN_FLIGHT: "",
    Kind.SETTLEMENT_IN_TRANSIT: "",
    Kind.FEE_INCOME: "",
    Kind.SUSPENSE: "",
}

# Of these, debits less credits is the balance that people expect; of all others, credits less debits.
GROWS_BY_DEBIT = frozenset({Kind.ACQUIRER_RECEIVABLE, Kind.OPERATOR_BANK, Kind.ACQUIRER_COST})
