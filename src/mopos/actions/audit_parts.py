"""What checks of `mopos audit` are made of."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple


class Over(StrEnum):
    """The rows that a check walks over, by their ids; what its findings are about."""

    PURCHASES = "purchase"
    REFUNDS = "refund"
    HOLDS = "hold"
    BATCHES = "batch"
    SETTLEMENTS = "settlement"
    PAYOUTS = "payout"
    EXCEPTIONS = "exception"
    EVENTS = "money event"
    LINES = "ledger line"
    ACCOUNTS = "ledger account"
    BOOKS = "books"
    """Nothing in particular: once, of everything."""


class Check(NamedTuple):
    """One thing that must be true, and the statement that finds where it is not: id, and what is wrong."""

    name: str
    sql: str
    over: Over = Over.PURCHASES
    always: bool = True
    """Also when only what is newest is looked at; otherwise it needs everything."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A difference: which check, about what (`purchase 100017`), and what was found there."""

    check: str
    about: str
    what: str
