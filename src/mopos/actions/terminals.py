"""Our terminals at banks as one process knows them: a connector to each, its health, and where a purchase goes."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Collection, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import structlog

from mopos.actions.credentials import KeyUnknown
from mopos.actions.no_bank import NoBank, no_bank
from mopos.banks.port import Accepted, Bank, Decline, Declined, Facts, Opened, Order, Silent
from mopos.banks.wire import Transcript
from mopos.base.clock import Clock, system_clock
from mopos.base.db import Database, DatabaseUnavailable
from mopos.base.log import places
from mopos.base.money import Rial
from mopos.domain.routing import store
from mopos.domain.routing.health import Fitness, Health, Why
from mopos.domain.routing.model import Group, Rule, Terminal, candidates

Heard = Callable[[Transcript], None]
"""Told each call to a bank, however it ended."""
Build = Callable[[Terminal, Heard], Bank]

# How soon a change of terminals and rules is known to every process.
REFRESH_S = 5.0
# Calls by a connector that was replaced have ended by then, whatever their deadline.
CLOSE_AFTER = timedelta(minutes=1)
# How often it is looked whether a sick terminal is due to be asked how it is.
LOOK_EVERY_S = 0.25

log = structlog.get_logger()


@dataclass(slots=True)
class Live:
    """A terminal with the connector to its bank, and how it fares as far as this process knows."""

    terminal: Terminal
    bank: Bank
    health: Health
    probing: asyncio.Task[None] | None = None
    """Asks whether it is well again; never two at once."""


class TerminalUnknown(LookupError):
    """No terminal has this number, as far as this process knows."""


class NoTerminal(Exception):
    """No terminal takes such a purchase, or all that do were tried."""


class Terminals:
    """All of them, also those that are off: what is under way there goes on."""

    def __init__(self, build: Build, clock: Clock = system_clock, chance: random.Random | None = None) -> None:
        """`build` makes the connector to a terminal's bank."""
        self._build = build
        self._clock = clock
        self._chance = chance or random.SystemRandom()
        self._live: dict[int, Live] = {}
        self._rules: dict[int | None, list[Rule]] = {}
        self._replaced: list[tuple[datetime, Bank]] = []

    @classmethod
    def single(cls, bank: Bank, terminal_id: int = 1, name: str = "10000001") -> Terminals:
        """One terminal at one bank."""
        terminals = cls(lambda terminal, heard: bank)
        terminals._take([Terminal(terminal_id, bank.facts.name if bank else "", name)], [])
        return terminals

    # --- what is known ------------------------------------------------------------------------------------------------

    @asynccontextmanager
    async def watched(self, db: Database, every_s: float = REFRESH_S) -> AsyncIterator[None]:
        """Read them now, and again every few seconds, and look after the sick ones, as long as this lasts; then close
        their connections."""
        await self.refresh(db)
        tasks = [asyncio.create_task(self._watch(db, every_s)), asyncio.create_task(self._look_after_the_sick())]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            try:
                await asyncio.gather(*tasks, return_exceptions=True)
            finally:
                await self.aclose()

    async def _watch(self, db: Database, every_s: float) -> None:
        while True:
            await asyncio.sleep(every_s)
            try:
                await self.refresh(db)
            except DatabaseUnavailable:
                log.warning("terminals.not_read")
            except Exception as error:
                # Whatever it was: who stops reading never learns of another terminal.
                _log_failure("terminals.not_read", error)

    async def refresh(self, db: Database) -> None:
        """Read terminals and rules again. A terminal that is reached in another way than before gets a new connector;
        calls under way by the old one end by themselves."""
        found = await store.routing(db)
        self._take(found.terminals, found.rules)
        await self._close_replaced()

    def _take(self, terminals: Sequence[Terminal], rules: Sequence[Rule]) -> None:
        before = self._live
        self._live = {terminal.id: self._live_of(terminal, before.get(terminal.id)) for terminal in terminals}
        for terminal_id, live in before.items():
            if self._live.get(terminal_id) is not live:
                self._replaced.append((self._clock() + CLOSE_AFTER, live.bank))
        self._rules = {}
        for rule in rules:
            self._rules.setdefault(rule.gateway_id, []).append(rule)

    def _live_of(self, terminal: Terminal, known: Live | None) -> Live:
        if known is not None and _is_reached_alike(known, terminal):
            known.terminal = terminal
            return known
        health = Health()

        def heard(said: Transcript) -> None:
            with _telling(terminal, health):
                health.heard(said.outcome == "answered", said.duration_ms, self._clock(), said.about)

        try:
            return Live(terminal, self._build(terminal, heard), health)
        except Exception as error:
            if isinstance(error, KeyUnknown) and known is not None and _is_at_the_same_place(known, terminal):
                return _kept(known, terminal)
            # One that cannot be reached hides no other. Nothing of what was being read is told, only what kind of
            # failure it was.
            sick = Health(Why.NO_CREDENTIALS)
            _tell(terminal, sick, kind=type(error).__name__)
            return Live(terminal, no_bank(terminal), sick)

    def of(self, terminal_id: int) -> Bank:
        """The connector to a terminal's bank. Raises `TerminalUnknown`."""
        return self._find(terminal_id).bank

    def _find(self, terminal_id: int) -> Live:
        live = self._live.get(terminal_id)
        if live is None:
            raise TerminalUnknown(terminal_id)
        return live

    @property
    def all(self) -> Mapping[int, Live]:
        """All of them, by number."""
        return self._live

    async def _close_replaced(self) -> None:
        now = self._clock()
        due = [bank for close_at, bank in self._replaced if close_at <= now]
        self._replaced = [kept for kept in self._replaced if kept[0] > now]
        await _close(due)

    async def aclose(self) -> None:
        """Close the connections to all banks."""
        probing = [live.probing for live in self._live.values() if live.probing]
        for task in probing:
            task.cancel()
        await asyncio.gather(*probing, return_exceptions=True)
        replaced, self._replaced = self._replaced, []
        await _close([*(live.bank for live in self._live.values()), *(bank for _, bank in replaced)])

    # --- where a purchase goes ----------------------------------------------------------------------------------------

    def choose(self, gateway_id: int, amount: Rial, *, bank: str = "", without: Collection[int] = ()) -> Terminal:
        """Where a new attempt to pay goes. `bank`: the buyer's wish; `without`: those that were tried just now.

        The healthiest of the first priority that has one, by weight at random; a sick one only when there is no other,
        as we may be wrong about it. Raises `NoTerminal`."""
        now = self._clock()
        groups = self._groups(gateway_id, amount, now)
        if bank:
            wished = self._pick(groups, now, without, bank)
            if wished and self.is_fit(wished.id):
                return wished
        chosen = self._pick(groups, now, without)
        if chosen is None and not without:
            # All are off, as far as we know; the database knows whether one was switched on just now.
            chosen = self._pick(self._groups(gateway_id, amount, now, even_off=True), now)
        if chosen is None:
            if not without:
                log.warning("terminals.nobody_takes", gateway=gateway_id, amount=int(amount))
            raise NoTerminal
        return chosen

    def choices(self, gateway_id: int, amount: Rial) -> list[Facts]:
        """The banks that a buyer may choose among, the first priority's first: those with a terminal that is well."""
        now = self._clock()
        found: dict[str, Facts] = {}
        for group in self._groups(gateway_id, amount, now):
            for terminal, _ in group:
                live = self._live[terminal.id]
                if live.health.fitness(now) < Fitness.SICK:
                    found.setdefault(terminal.bank, live.bank.facts)
        return list(found.values())

    def is_fit(self, terminal_id: int) -> bool:
        """Whether new purchases should go there at all. Raises `TerminalUnknown`."""
        return self._find(terminal_id).health.fitness(self._clock()) < Fitness.SICK

    def takes(self, terminal_id: int, amount: Rial) -> bool:
        """Whether a terminal can be asked for this amount at all, be it on or off, well or sick. Raises
        `TerminalUnknown`."""
        live = self._find(terminal_id)
        return live.terminal.is_about(amount) and _is_in_units(live.bank, amount)

    def _groups(self, gateway_id: int, amount: Rial, now: datetime, *, even_off: bool = False) -> list[Group]:
        rules = self._rules.get(gateway_id) or self._rules.get(None, [])
        terminals = [live.terminal for live in self._live.values() if _is_in_units(live.bank, amount)]
        if even_off:
            terminals = [replace(terminal, disabled_at=None) for terminal in terminals]
        return candidates(terminals, rules, gateway_id, amount, now)

    def _pick(
        self, groups: Sequence[Group], now: datetime, without: Collection[int] = (), bank: str = ""
    ) -> Terminal | None:
        best, at, fit = len(Fitness), -1, Group()
        for place, group in enumerate(groups):
            for terminal, weight in group:
                if terminal.id in without or (bank and terminal.bank != bank):
                    continue
                fitness = self._live[terminal.id].health.fitness(now)
                if fitness < best:
                    best, at, fit = fitness, place, [(terminal, weight)]
                elif fitness == best and place == at:
                    fit.append((terminal, weight))
        if len(fit) < 2:
            return fit[0][0] if fit else None
        return self._chance.choices([one for one, _ in fit], [weight for _, weight in fit])[0]

    # --- how each fares -----------------------------------------------------------------------------------------------

    async def open(self, terminal_id: int, order: Order, purchase: str = "") -> Opened | Declined | Silent:
        """Ask a terminal's bank to open an order, and learn from what it says: each `purchase` counts once. A connector
        that fails is a silence, as other terminals need not. Raises `TerminalUnknown`."""
        live = self._find(terminal_id)
        live.health.opens(order.number, self._clock(), purchase)
        answer: Opened | Declined | Silent = Silent("cut_off")
        try:
            answer = await live.bank.open(order)
        except Exception as error:
            _log_failure("terminal.broken", error, terminal=terminal_id)
            with _telling(live.terminal, live.health):
                live.health.heard(False, 0, self._clock(), order.number)
            answer = Silent("broken_connector")
        finally:
            with _telling(live.terminal, live.health):
                live.health.opened(order.number, _accepts(answer), self._clock())
        return answer

    async def _look_after_the_sick(self) -> None:
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            try:
                self._probe_the_sick()
            except Exception as error:
                _log_failure("terminals.not_looked_after", error)

    def _probe_the_sick(self) -> None:
        now = self._clock()
        for live in self._live.values():
            if live.health.is_to_be_probed(now) and live.terminal.disabled_at is None and live.probing is None:
                live.probing = asyncio.create_task(self._probe(live))

    async def _probe(self, live: Live) -> None:
        """Ask a sick terminal's bank how it is. Each process asks for itself, one question at a time."""
        accepted = None
        try:
            accepted = _accepts(await live.bank.probe())
        except Exception as error:
            # A connector that fails must not end the looking after all others.
            _log_failure("terminal.probe_failed", error, terminal=live.terminal.id)
        live.probing = None
        with _telling(live.terminal, live.health):
            live.health.probed(accepted, self._clock())


async def _close(banks: Sequence[Bank]) -> None:
    """Close the connections to each, whatever becomes of the others."""
    for error in await asyncio.gather(*(bank.aclose() for bank in banks), return_exceptions=True):
        if isinstance(error, Exception):
            _log_failure("terminal.not_closed", error)


def _log_failure(event: str, error: Exception, **about: int) -> None:
    log.error(event, kind=type(error).__name__, where=places(error), **about)


def _is_in_units(bank: Bank, amount: Rial) -> bool:
    return amount % bank.facts.unit_rial == 0


def _is_reached_alike(known: Live, terminal: Terminal) -> bool:
    if isinstance(known.bank, NoBank):
        return known.terminal == terminal
    return _access(known.terminal) == _access(terminal)


def _is_at_the_same_place(known: Live, terminal: Terminal) -> bool:
    was = known.terminal
    same = (was.bank, was.name, was.base_url) == (terminal.bank, terminal.name, terminal.base_url)
    return same and not isinstance(known.bank, NoBank)


def _kept(known: Live, terminal: Terminal) -> Live:
    """Its credentials are sealed with a key that this process was not started with: those that it has are most likely
    still the same ones, and better than none. Told once, as from now on its row is as known."""
    log.warning(
        "terminal.key_unknown", terminal=terminal.id, bank=terminal.bank, name=terminal.name, key=terminal.key_name
    )
    known.terminal = terminal
    return known


def _access(terminal: Terminal) -> tuple[object, ...]:
    """What a connector is made of; limits and the operators' switch are not."""
    return (
        terminal.bank,
        terminal.name,
        terminal.base_url,
        terminal.sealed,
        terminal.key_name,
        terminal.deadlines,
    )


def _accepts(answer: Opened | Accepted | Declined | Silent) -> bool | None:
    """What an answer says of our terminal; None: nothing."""
    if isinstance(answer, Silent):
        return None
    return not (isinstance(answer, Declined) and answer.reason is Decline.NOT_ACCEPTED)


@contextmanager
def _telling(terminal: Terminal, health: Health) -> Iterator[None]:
    """Tell when what was learnt makes it sick or well."""
    was = health.why
    yield
    if health.why is not was:
        _tell(terminal, health)


def _tell(terminal: Terminal, health: Health, **more: str) -> None:
    about = {"terminal": terminal.id, "bank": terminal.bank, "name": terminal.name}
    if health.why is None:
        log.info("terminal.well", **about, **more)
    else:
        log.warning("terminal.sick", **about, why=str(health.why), **health.figures(), **more)
