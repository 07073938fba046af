"""The chart of accounts. An account is a kind and whose it is; it is opened together with its owner."""

from __future__ import annotations

from enum import StrEnum


class Kind(StrEnum):
    """What an account is for. Fees, refunds and settlement bring theirs along when they are built."""

    ACQUIRER_RECEIVABLE = "acquirer_receivable"
    """What a bank has taken for us and still owes us; one per terminal. Grows by debit."""
    MERCHANT_PAYABLE = "merchant_payable"
    """What we owe a merchant; one per gateway. Grows by credit."""


# Whose number goes with each kind of account.
OWNER: dict[Kind, str] = {Kind.ACQUIRER_RECEIVABLE: "terminal", Kind.MERCHANT_PAYABLE: "gateway"}
