"""Our terminals at banks as one process knows them: a connector to each, and which one a purchase goes to."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

import structlog

from mopos.banks.port import Bank
from mopos.banks.wire import Transcript
from mopos.base.clock import Clock, system_clock
from mopos.base.db import Database, DatabaseUnavailable
from mopos.base.money import Rial
from mopos.domain.routing import store
from mopos.domain.routing.model import Rule, Terminal

Heard = Callable[[Transcript], None]
"""Told each call to a bank, however it ended."""
Build = Callable[[Terminal, Heard], Bank]

# How soon a change of terminals and rules is known to every process.
REFRESH_S = 5.0

log = structlog.get_logger()


@dataclass(slots=True)
class Live:
    """A terminal with the connector to its bank."""

    terminal: Terminal
    bank: Bank


class TerminalUnknown(LookupError):
    """No terminal has this number, as far as this process knows."""


class Terminals:
    """All of them, also those that are off: what is under way there goes on."""

    def __init__(self, build: Build, clock: Clock = system_clock, chance: random.Random | None = None) -> None:
        """`build` makes the connector to a terminal's bank."""
        self._build = build
        self._clock = clock
        self._chance = chance or random.SystemRandom()
        self._live: dict[int, Live] = {}
        self._rules: Sequence[Rule] = ()

    @classmethod
    def single(cls, bank: Bank, terminal_id: int = 1, name: str = "10000001") -> Terminals:
        """One terminal at one bank."""
        terminals = cls(lambda terminal, heard: bank)
        terminals._take([Terminal(terminal_id, bank.facts.name if bank else "", name)], [])
        return terminals

    @asynccontextmanager
    async def watched(self, db: Database) -> AsyncIterator[None]:
        """Read them now, and again every few seconds, as long as this lasts; then close their connections."""
        await self.refresh(db)
        watching = asyncio.create_task(self._watch(db))
        try:
            yield
        finally:
            watching.cancel()
            with suppress(asyncio.CancelledError):
                await watching
            await self.aclose()

    async def _watch(self, db: Database) -> None:
        while True:
            await asyncio.sleep(REFRESH_S)
            try:
                await self.refresh(db)
            except DatabaseUnavailable:
                log.warning("terminals.not_read")

    async def refresh(self, db: Database) -> None:
        """Read terminals and rules again. A terminal whose row has changed gets a new connector."""
        found = await store.routing(db)
        self._take(found.terminals, found.rules)

    def _take(self, terminals: Sequence[Terminal], rules: Sequence[Rule]) -> None:
        for terminal in terminals:
            live = self._live.get(terminal.id)
            if live is None or live.terminal != terminal:
                self._live[terminal.id] = Live(terminal, self._build(terminal, _nobody))
        self._rules = rules

    def of(self, terminal_id: int) -> Bank:
        """The connector to a terminal's bank. Raises `TerminalUnknown`."""
        live = self._live.get(terminal_id)
        if live is None:
            raise TerminalUnknown(terminal_id)
        return live.bank

    @property
    def all(self) -> Mapping[int, Live]:
        """All of them, by number."""
        return self._live

    def choose(self, gateway_id: int, amount: Rial, *, bank: str = "", without: Collection[int] = ()) -> Terminal:
        """Where a new attempt to pay goes. `bank`: the buyer's wish; `without`: those that were tried just now."""
        return next(live.terminal for live in self._live.values())

    async def aclose(self) -> None:
        """Close the connections to all banks."""
        for live in self._live.values():
            await live.bank.aclose()


def _nobody(said: Transcript) -> None:
    pass
