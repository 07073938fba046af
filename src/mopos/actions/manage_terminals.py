"""Terminals at banks as operators of the command line manage them: made, listed, tested, changed, switched.

No value of a credential is in what is returned, raised or told to the audit log: they are `Secret` from the door on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from mopos.actions import credentials
from mopos.actions.read_terminal import (
    TerminalRefused,
    changed_at_rest,
    kind_of,
    read_credentials,
    read_deadlines,
    read_limits,
    read_name,
    read_url,
)
from mopos.actions.terminals import REFRESH_S
from mopos.banks.kind import CredentialsWrong, Kind, by_code
from mopos.banks.port import Accepted, Declined, Silent
from mopos.base.clock import Clock
from mopos.base.config import Settings
from mopos.base.db import Database
from mopos.base.money import Rial
from mopos.domain.operators import terminals as health
from mopos.domain.operators.model import check_reason
from mopos.domain.routing import store
from mopos.domain.routing.model import Rule, Terminal
from mopos.domain.routing.store import By

# A buyer who is sent to a new terminal by one process may come back to another one, which must know the terminal by
# then. Each reads them every `REFRESH_S`; twice that, as one reading may find the database away.
TAKES_PART_AFTER = timedelta(seconds=2 * REFRESH_S)
# Announced further ahead than this, it is a slip in the year.
AHEAD_MAX = timedelta(days=3 * 366)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a terminal is to be like, as typed. None: as it is, or as its bank says."""

    url: str | None = None
    least: str | None = None
    most: str | None = None
    deadlines: Mapping[str, str | None] = field(default_factory=dict)
    credentials: Mapping[str, str] | None = None


# --- a new one --------------------------------------------------------------------------------------------------------


async def refuse_taken(db: Database, bank: str, name: str) -> None:
    """Before anybody types a secret. Raises `TerminalRefused`."""
    if await store.is_known(db, bank, read_name(name)):
        raise TerminalRefused(f"{bank} has a terminal {name} already; see mopos terminal list")


async def add_terminal(
    db: Database,
    clock: Clock,
    settings: Settings,
    bank: str,
    name: str,
    wanted: Wanted,
    *,
    valid_from: datetime | None,
    operator_id: int | None,
    reason: str,
) -> Terminal:
    """Make a terminal. It takes part from `valid_from` on (None: now), `TAKES_PART_AFTER` from now at the earliest.
    Raises `TerminalRefused` for what was typed, or when the name is taken; `Refused`: the reason."""
    by = By(operator_id, check_reason(reason), clock())
    if valid_from is not None and not by.now <= valid_from <= by.now + AHEAD_MAX:
        raise TerminalRefused("--from must be a moment to come, and no more than three years ahead")
    begins = max(valid_from or by.now, by.now + TAKES_PART_AFTER)
    blank = Terminal(0, kind_of(bank).name, read_name(name), amount_from=Rial(0), valid_from=begins)
    terminal = _with(settings, blank, replace(wanted, credentials=wanted.credentials or {}))
    try:
        made = await store.add(db, terminal, by, {**_facts(terminal), "valid_from": begins.isoformat()})
    except store.NameTaken:
        raise TerminalRefused(f"{terminal.bank} has a terminal {terminal.name} already") from None
    if made is None:
        raise TerminalRefused(f"there are {store.TERMINALS_MAX} terminals already; a process reads no more")
    return replace(terminal, id=made)


# --- a change ---------------------------------------------------------------------------------------------------------


async def find(db: Database, terminal_id: int) -> Terminal:
    """A terminal by its number. Raises `TerminalRefused`."""
    found = await store.find(db, terminal_id)
    if found is None:
        raise TerminalRefused(f"there is no terminal {terminal_id}; see mopos terminal list")
    return found


async def change_terminal(
    db: Database,
    clock: Clock,
    settings: Settings,
    terminal_id: int,
    wanted: Wanted,
    *,
    operator_id: int | None,
    reason: str,
) -> Terminal:
    """Give a terminal other credentials, another address, times or limits; each process knows them `REFRESH_S` later.
    Raises `TerminalRefused`, also when nothing would change or somebody else changed it meanwhile; `Refused`: the
    reason."""
    by = By(operator_id, check_reason(reason), clock())
    before = await find(db, terminal_id)
    after = _moved(settings, before, wanted)
    if after == before:
        raise TerminalRefused(f"nothing is different about terminal {terminal_id}")
    was, now = _facts(before), _facts(after)
    data: dict[str, Any] = {"changed": {name: [was[name], now[name]] for name in now if was[name] != now[name]}}
    if after.sealed != before.sealed:
        data["credentials"] = "new"
    if not await store.change(db, before, after, by, data):
        raise TerminalRefused(f"terminal {terminal_id} was changed by somebody else just now; look, and try again")
    return after


def _moved(settings: Settings, before: Terminal, wanted: Wanted) -> Terminal:
    """The terminal with what is wanted. The sandbox's without credentials has its address and times from the settings:
    they stay what they were when it gets some, and cannot be set before."""
    if before.sealed is not None:
        return _with(settings, before, wanted)
    if wanted.credentials is not None:
        times = {**credentials.sandbox_deadlines(settings), **before.deadlines}
        return _with(settings, replace(before, base_url=settings.sandbox_url, deadlines=times), wanted)
    if wanted.url is not None or any(text is not None for text in wanted.deadlines.values()):
        raise TerminalRefused(
            f"terminal {before.id} has its address and times from MOPOS_SANDBOX_*: set those, or give it credentials"
        )
    return _with(settings, before, wanted)


def _with(settings: Settings, before: Terminal, wanted: Wanted) -> Terminal:
    kind = kind_of(before.bank)
    was = (before.amount_from or Rial(0), before.amount_upto)
    amount_from, amount_upto = read_limits(wanted.least, wanted.most, was)
    after = replace(
        before,
        base_url=before.base_url if wanted.url is None else read_url(kind, wanted.url),
        deadlines=read_deadlines(kind, wanted.deadlines, before.deadlines),
        amount_from=amount_from,
        amount_upto=amount_upto,
    )
    if wanted.credentials is None:
        return after
    given = read_credentials(kind, wanted.credentials)
    key_name, sealed = credentials.seal_credentials(settings, before.bank, before.name, given)
    return replace(after, key_name=key_name, sealed=sealed)


def _facts(terminal: Terminal) -> dict[str, Any]:
    """What the audit log tells of a terminal: all that can be set, of credentials the key's name only."""
    return {
        "base_url": terminal.base_url,
        "key_name": terminal.key_name,
        "deadlines": dict(terminal.deadlines),
        "amount_from_rial": int(terminal.amount_from or 0),
        "amount_upto_rial": None if terminal.amount_upto is None else int(terminal.amount_upto),
    }


async def switch_terminal(
    db: Database, clock: Clock, terminal_id: int, *, on: bool, operator_id: int | None, reason: str
) -> Terminal:
    """On or off, as the console's switch does it: what is under way goes on. Raises `TerminalRefused`: it stands so
    already; `Refused`: the reason."""
    why = check_reason(reason)
    terminal = await find(db, terminal_id)
    if not await health.switch(db, terminal_id, on=on, operator_id=operator_id, reason=why, now=clock()):
        raise TerminalRefused(f"terminal {terminal_id} is {'on' if on else 'off'} already")
    return terminal


# --- a test -----------------------------------------------------------------------------------------------------------


async def probe(settings: Settings, terminal: Terminal) -> Accepted | Declined | Silent:
    """Ask a terminal's bank whether it accepts us, be the terminal on or off. No money moves. Raises `KeyUnknown`, and
    `TerminalRefused` when the credentials do not open, or when it cannot be asked at all."""
    kind = kind_of(terminal.bank)
    try:
        access = credentials.access_to(settings, terminal)
    except (ValueError, CredentialsWrong):
        raise TerminalRefused(changed_at_rest(terminal)) from None
    bank = kind.make(access)
    try:
        return await bank.probe()
    except Exception as error:
        raise TerminalRefused(
            f"terminal {terminal.id} ({terminal.bank} {terminal.name}) cannot be asked ({type(error).__name__}): look "
            "at its address; mopos terminal set gives it another one"
        ) from None
    finally:
        await bank.aclose()


def meaning(kind: Kind, code: str) -> str:
    """What a bank's own code means by its own table; empty: it is not there."""
    row = by_code(kind.codes).get(code)
    return row.en if row else ""


# --- the list ---------------------------------------------------------------------------------------------------------


class Shown(NamedTuple):
    """A terminal with all that lists show of it."""

    terminal: Terminal
    fares: health.Terminal
    rules: Sequence[Rule]
    key_known: bool
    """Whether the settings hold the key that opens its credentials."""
    opens: bool
    """Whether its credentials can be read at all."""

    @property
    def health(self) -> health.Health:
        return health_of(self.fares, opens=self.opens)


def health_of(fares: health.Terminal, *, opens: bool) -> health.Health:
    """How a terminal fares by its calls, or by there being none for want of credentials."""
    return health.Health.SICK if not opens and fares.health is not health.Health.OFF else fares.health


async def shown(db: Database, clock: Clock, settings: Settings, reports: Database | None = None) -> list[Shown]:
    """All terminals, by number. `reports`: where to read how they fare, if it is elsewhere."""
    found = await store.routing(db)
    fares = {one.id: one for one in await health.terminals(reports or db, clock())}
    known = credentials.keys(settings)
    return [
        Shown(
            one,
            fares[one.id],
            [rule for rule in found.rules if rule.terminal_id == one.id],
            one.sealed is None or one.key_name in known,
            credentials.do_open(settings, one),
        )
        for one in found.terminals
        if one.id in fares
    ]
