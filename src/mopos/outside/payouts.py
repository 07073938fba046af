"""What every payout service can be asked: to take orders to the central bank, and what became of one.

A service is one file beside this one, with its simulator. Amounts are Rial. **"I do not know" is an answer**: only an
explicit yes is `Accepted`, only an explicit no is `Refused` or `Returned`; everything else is `Silent` and is asked
again. That is safe, because an order is known by our own number: the service takes each number once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Protocol

from mopos.banks.port import Silent
from mopos.base.money import Rial

__all__ = ["Accepted", "Order", "PayoutBank", "Pending", "Refused", "Returned", "Settled", "Silent", "Unknown"]


@dataclass(frozen=True, slots=True)
class Order:
    """One order: our own number (the payout's), whom it pays, and by which channel (`paya` or `satna`)."""

    payout_id: int
    iban: str
    name: str
    amount: Rial
    channel: str
    description: str = ""


@dataclass(frozen=True, slots=True)
class Accepted:
    """The order is with the service, now or since an earlier call."""


@dataclass(frozen=True, slots=True)
class Refused:
    """The order was not taken, and the very same order never will be."""

    reason: str


@dataclass(frozen=True, slots=True)
class Pending:
    """The order is on its way."""


@dataclass(frozen=True, slots=True)
class Settled:
    """The money has reached the receiver's bank. Days later it may still be `Returned`."""

    tracking_no: str
    on: date
    """The day of Tehran."""


@dataclass(frozen=True, slots=True)
class Returned:
    """The money came back, or never went: it is ours again."""

    reason: str
    on: date


@dataclass(frozen=True, slots=True)
class Unknown:
    """The service has no such order."""


class PayoutBank(Protocol):
    """Never raises for what a service or a network does: that is `Silent`."""

    async def submit(self, orders: Sequence[Order]) -> list[Accepted | Refused | Silent]:
        """Hand orders over, one answer each, in their order. Handing over again what was taken is `Accepted`."""

    async def ask(self, order: Order) -> Settled | Returned | Pending | Unknown | Silent:
        """What became of an order, changing nothing."""
