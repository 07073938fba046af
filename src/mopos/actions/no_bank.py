"""What stands in for the connector to a bank whose credentials we cannot read: every question stays unanswered."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta

from mopos.banks.catalogue import KINDS
from mopos.banks.port import Attempt, Facts, Order, Returned, Silent
from mopos.base.money import Rial
from mopos.domain.routing.model import Terminal

_SILENT = Silent("no_credentials")


@dataclass(frozen=True, slots=True)
class NoBank:
    """The verbs of `banks/port.py`, all of them silent: what is under way there stays open until it can be asked."""

    facts: Facts
    read: Callable[[Mapping[str, str]], Returned] | None = None
    """Reads a return without credentials, where its bank's returns can be read so."""

    async def open(self, order: Order) -> Silent:
        return _SILENT

    def read_return(self, fields: Mapping[str, str]) -> Returned:
        # Not that it was not paid, which some banks' browsers may say for good: that it has to be asked. The bank may
        # want the reference for that, and it is brought once.
        said = self.read(fields) if self.read is not None else Returned(claims_paid=True)
        return replace(said, claims_paid=True)

    async def verify(self, attempt: Attempt) -> Silent:
        return _SILENT

    async def inquire(self, attempt: Attempt) -> Silent:
        return _SILENT

    async def reverse(self, attempt: Attempt) -> Silent:
        return _SILENT

    async def refund(self, attempt: Attempt, refund_number: str, amount: Rial) -> Silent:
        return _SILENT

    async def probe(self) -> Silent:
        return _SILENT

    async def report(self, day: date, after: str = "") -> Silent:
        return _SILENT

    async def aclose(self) -> None:
        """There is nothing to close."""


def no_bank(terminal: Terminal) -> NoBank:
    """The stand-in for a terminal's bank, with that bank's own facts."""
    kind = KINDS.get(terminal.bank)
    if kind is None:
        never = timedelta(0)
        return NoBank(Facts(terminal.bank, terminal.bank, terminal.bank, never, never))
    return NoBank(kind.facts_with(terminal.deadlines), kind.read_return)
