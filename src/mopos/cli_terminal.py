"""`mopos terminal ...`: our terminals at banks."""

from __future__ import annotations

import json
import os
import re
import stat
import sys
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Annotated, Any, TypeVar

import typer
from rich.console import Console
from rich.table import Table

from mopos.actions import manage_terminals
from mopos.actions.credentials import KeyUnknown
from mopos.actions.manage_routes import amounts_of
from mopos.actions.manage_terminals import Shown, Wanted
from mopos.actions.read_terminal import TerminalRefused, kind_of
from mopos.actions.rotate_terminal_key import Rotated
from mopos.actions.rotate_terminal_key import rotate_key as rotate
from mopos.actions.services import Services
from mopos.actions.set_fees import read_moment
from mopos.banks.kind import CredentialField, Kind
from mopos.banks.port import Accepted, Declined, Silent
from mopos.base.clock import jalali, system_clock
from mopos.base.errors import Refused
from mopos.base.text import harmless
from mopos.domain.routing.model import Terminal
from mopos.edges.i18n.lang import Lang
from mopos.edges.i18n.texts import TEXTS

T = TypeVar("T")

# Credentials of a terminal are some hundred bytes.
CREDENTIALS_BYTES_MAX = 16 * 1024

NUMBER_HELP = "The terminal's number, as `mopos terminal list` prints it."
URL_HELP = "Where the bank is, such as a simulator; the bank's own address, if left out."
MIN_HELP = "It takes purchases from this amount on, in Rial."
MAX_HELP = "It takes purchases up to this amount, in Rial."
SESSION_HELP = "Seconds that a buyer may stay on the bank's page, by the contract."
VERIFY_HELP = "Seconds after which the bank gives back what was not verified, by the contract."
REVERSE_HELP = "Seconds in which the bank reverses a payment, by the contract."
SET_HELP = "A credential that is no secret, once for each; what is not given is asked for."
CREDENTIALS_HELP = (
    "A file of mode 0600 with all credentials as one JSON object, `{FIELD: VALUE}`; `-` reads it from standard input."
)
REASON_HELP = "Why; it stands in the audit log."
RESTART_FIRST = (
    "Every gateway and worker must have been restarted with this key in MOPOS_TERMINAL_KEYS before: one that does not "
    "know it goes on with the credentials that it has, and has none after its next start."
)
OR_NONE = " `none` takes it away."

Number = Annotated[int, typer.Argument(metavar="NUMBER", help=NUMBER_HELP)]
As = Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")]
Credentials = Annotated[str | None, typer.Option("--credentials", metavar="FILE", help=CREDENTIALS_HELP)]

terminal = typer.Typer(help="Our terminals at banks: credentials, limits, health, the switch.", no_args_is_help=True)
out = Console(highlight=False)
err = Console(stderr=True, highlight=False)


@contextmanager
def refusals() -> Iterator[None]:
    """What cannot be done is one line on standard error, and exit status 1."""
    try:
        yield
    except (TerminalRefused, KeyUnknown) as refused:
        said = str(refused)
    except Refused as refused:
        said = " ".join(TEXTS[Lang.EN][f"problem.{problem.code}"] for problem in refused.problems)
    else:
        return
    err.print(f"mopos: {said}", markup=False, soft_wrap=True)
    raise typer.Exit(1)


def work(what: Callable[[Services], Awaitable[T]]) -> T:
    """Run something with the services of an action."""
    from mopos.cli import with_services  # noqa: PLC0415  # it imports this module

    with refusals():
        return with_services(what)


# --- a new one --------------------------------------------------------------------------------------------------------


@terminal.command("add")
def add(
    bank: Annotated[str, typer.Argument(metavar="BANK", help="A kind of bank, such as mellat.")],
    name: Annotated[str, typer.Argument(metavar="NAME", help="What operators call it; unique at its bank.")],
    url: Annotated[str | None, typer.Option(metavar="URL", help=URL_HELP)] = None,
    least: Annotated[str | None, typer.Option("--min", metavar="RIAL", help=MIN_HELP)] = None,
    most: Annotated[str | None, typer.Option("--max", metavar="RIAL", help=MAX_HELP)] = None,
    since: Annotated[
        str,
        typer.Option(
            "--from",
            metavar="DATE",
            help="From when on, Tehran's time: `1405/10/01`, `1405/10/01 08:30`. In some seconds, if left out.",
        ),
    ] = "",
    session: Annotated[str | None, typer.Option(metavar="S", help=SESSION_HELP)] = None,
    verify_deadline: Annotated[str | None, typer.Option(metavar="S", help=VERIFY_HELP)] = None,
    reverse_within: Annotated[str | None, typer.Option(metavar="S", help=REVERSE_HELP)] = None,
    fields: Annotated[list[str] | None, typer.Option("--set", metavar="FIELD=VALUE", help=SET_HELP)] = None,
    credentials: Credentials = None,
    reason: Annotated[str, typer.Option(help=REASON_HELP)] = "mopos terminal add",
) -> None:
    """Make a terminal. Credentials are asked for one by one, secrets without an echo, and are kept encrypted."""
    with refusals():
        kind, begins = kind_of(bank), read_moment(since)
        given = _visible(kind, fields or [])
        given = {**_from_file(credentials), **given} if credentials is not None else _asked(kind, name, given)
    times = {"session": session, "verify_deadline": verify_deadline, "reverse_within": reverse_within}

    async def make(services: Services) -> tuple[Terminal, Shown, bool]:
        made = await manage_terminals.add_terminal(
            services.db,
            services.clock,
            services.settings,
            bank,
            name,
            Wanted(url, least, most, times, given),
            valid_from=begins,
            operator_id=None,
            reason=reason,
        )
        listed = await manage_terminals.shown(services.db, services.clock, services.settings)
        any_general = any(rule.is_general for one in listed for rule in one.rules)
        return made, next(one for one in listed if one.terminal.id == made.id), any_general

    _tell_new(kind, *work(make))


def _visible(kind: Kind, typed: list[str]) -> dict[str, str]:
    """The credentials given as arguments. What is wrong is said without them: a secret may be among them."""
    known = {field.name: field for field in kind.fields}
    given: dict[str, str] = {}
    for text in typed:
        name, sign, value = text.partition("=")
        if not sign or name not in known:
            raise TerminalRefused(f"--set wants FIELD=VALUE; the fields of {kind.name} are {', '.join(known)}")
        if known[name].secret:
            raise TerminalRefused(
                f"--set {name}: a secret is never an argument, as everybody on this machine can read those; "
                "it is asked for, or read by --credentials"
            )
        given[name] = value
    return given


def _from_file(path: str) -> dict[str, str]:
    """One JSON object of texts, from standard input or from a file that only its owner can read."""
    try:
        if path == "-":
            said = sys.stdin.buffer.read(CREDENTIALS_BYTES_MAX + 1)
        else:
            with open(path, "rb") as file:  # its mode is that of the very file that is read
                if stat.S_IMODE(os.fstat(file.fileno()).st_mode) & 0o077:
                    raise TerminalRefused(
                        f"others can read {path}: chmod 600 it, and think of the credentials as known"
                    )
                said = file.read(CREDENTIALS_BYTES_MAX + 1)
    except OSError as error:
        raise TerminalRefused(f"{path} cannot be read: {error.strerror}") from None
    try:
        found = json.loads(said) if len(said) <= CREDENTIALS_BYTES_MAX else None
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict) or not all(isinstance(value, str) for value in found.values()):
        raise TerminalRefused('--credentials wants one JSON object of texts, such as {"terminal": "12345"}')
    return found


def _asked(kind: Kind, name: str, given: Mapping[str, str]) -> dict[str, str]:
    """What was not given is asked for, once it is known that the name is free."""
    missing = [field for field in kind.fields if field.name not in given]
    if not missing:
        return dict(given)
    if not sys.stdin.isatty():
        names = ", ".join(field.name for field in missing)
        raise TerminalRefused(f"{kind.name} also needs {names}, and nobody can be asked here: give --credentials")

    async def free(services: Services) -> None:
        await manage_terminals.refuse_taken(services.db, kind.name, name)

    work(free)
    return {**given, **{field.name: _ask(field) for field in missing}}


def _ask(field: CredentialField) -> str:
    while True:
        value = str(typer.prompt(field.en, hide_input=field.secret, err=True)).strip()
        if re.fullmatch(field.pattern, value):
            return value
        err.print(f"{field.en}: not of the form that the bank gives out; once more", markup=False)


def _tell_new(kind: Kind, made: Terminal, shown: Shown, any_general: bool) -> None:
    facts = kind.facts_with(made.deadlines)
    gives_back = [
        f"reverses a payment within {_time(facts.reverse_within.total_seconds())}" if facts.reverse_within else "",
        "refunds later" if facts.can_refund else "",
    ]
    begins = f"{jalali(made.valid_from)} (Tehran)" if made.valid_from else "now"
    lines = [
        f"terminal {made.id}: {made.bank} {made.name}, credentials sealed with key {made.key_name}",
        f"it takes purchases {amounts_of(made)}, from {begins} on",
        f"buyers have {_time(facts.session.total_seconds())} on the bank's page; what is not verified within "
        f"{_time(facts.verify_deadline.total_seconds())} the bank gives back",
        f"the bank {' and '.join(filter(None, gives_back)) or 'has no reversal or refund call: refunds go by Paya'}",
        f"next: mopos terminal test {made.id}",
        f"then: mopos route add {made.id} (no rule leads to it, so nothing goes there)"
        if any_general and not shown.rules
        else "there is no general rule: it shares purchases alike with the others (mopos route add changes that)",
    ]
    for line in lines:
        out.print(line, markup=False, soft_wrap=True)


def _time(seconds: float) -> str:
    """`90 s`, `15 min`, `3 h`: in the largest unit that divides it."""
    for unit, size in (("h", 3600), ("min", 60)):
        if seconds >= size and seconds % size == 0:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


# --- looking ----------------------------------------------------------------------------------------------------------


@terminal.command("list")
def list_terminals(as_json: As = False) -> None:
    """List the terminals: state, limits, key, rules, and how each fared in the last hour."""

    async def read(services: Services) -> list[Shown]:
        return await manage_terminals.shown(services.db, services.clock, services.settings)

    listed = work(read)
    if as_json:
        for one in listed:
            print(json.dumps(_shown_json(one), ensure_ascii=False))
        return
    table = Table("", "bank", "name", "state", "takes", "credentials", "rules", "last hour")
    for one in listed:
        found = one.terminal
        rules = ", ".join(str(rule.id) for rule in one.rules)
        row = (found.id, found.bank, found.name, _state(one), amounts_of(found), _key(one), rules, _fares(one))
        table.add_row(*(str(cell) for cell in row))
    out.print(table, markup=False)


def _state(one: Shown) -> str:
    found = one.terminal
    if found.disabled_at is not None:
        return f"off since {jalali(found.disabled_at)[:16]}: {one.fares.disabled_reason}"
    if found.valid_from is None:
        return "on"
    return f"{'on since' if found.valid_from <= system_clock() else 'on from'} {jalali(found.valid_from)[:16]}"


def _key(one: Shown) -> str:
    if one.terminal.sealed is None:
        return "from MOPOS_SANDBOX_*"
    trouble = "" if one.opens else ", but they do not open" if one.key_known else ", which is missing"
    return f"key {one.terminal.key_name}{trouble}"


def _fares(one: Shown) -> str:
    fares = one.fares
    if not fares.calls:
        return str(one.health)
    return (
        f"{one.health}: {fares.calls} calls, {fares.answered_percent}% answered, median {fares.median_ms} ms; "
        f"of {fares.attempts} attempts {fares.opened} opened, {fares.paid} paid, {fares.failed} failed"
    )


def _shown_json(one: Shown) -> dict[str, Any]:
    found, fares = one.terminal, one.fares
    return {
        "terminal": found.id,
        "bank": found.bank,
        "name": found.name,
        "url": found.base_url or None,
        "on": found.disabled_at is None,
        "off_since": found.disabled_at.isoformat() if found.disabled_at else None,
        "off_reason": fares.disabled_reason or None,
        "from": found.valid_from.isoformat() if found.valid_from else None,
        "min": int(found.amount_from or 0),
        "max": None if found.amount_upto is None else int(found.amount_upto),
        "deadlines": dict(found.deadlines),
        "key": found.key_name or None,
        "key_known": one.key_known,
        "rules": [rule.id for rule in one.rules],
        "opens": one.opens,
        "health": str(one.health),
        "calls": fares.calls,
        "answered_percent": fares.answered_percent,
        "median_ms": fares.median_ms,
        "attempts": fares.attempts,
        "opened": fares.opened,
        "paid": fares.paid,
        "failed": fares.failed,
    }


@terminal.command("test")
def test(number: Number) -> None:
    """Ask the bank whether it accepts this terminal, be it on or off. No money moves. Exit status 0: accepted, 1: not
    accepted, 2: silent."""

    async def ask(services: Services) -> tuple[Terminal, Accepted | Declined | Silent]:
        found = await manage_terminals.find(services.db, number)
        return found, await manage_terminals.probe(services.settings, found)

    found, answer = work(ask)
    match answer:
        case Accepted():
            said, status = "accepted", 0
        case Declined(code=code):
            told = manage_terminals.meaning(kind_of(found.bank), code)
            said, status = f"not accepted: code {harmless(code)[:40]} {told}".rstrip(), 1
        case Silent(why=why):
            said, status = f"silent: {harmless(why)[:40]}", 2
    out.print(f"{said} (terminal {found.id}, {found.bank} {found.name}; no money moved)", markup=False, soft_wrap=True)
    raise typer.Exit(status)


# --- changing ---------------------------------------------------------------------------------------------------------


@terminal.command("set")
def change(
    number: Number,
    url: Annotated[
        str | None, typer.Option(metavar="URL", help="Where the bank is; empty: the bank's own address.")
    ] = None,
    least: Annotated[str | None, typer.Option("--min", metavar="RIAL", help=MIN_HELP + OR_NONE)] = None,
    most: Annotated[str | None, typer.Option("--max", metavar="RIAL", help=MAX_HELP + OR_NONE)] = None,
    session: Annotated[str | None, typer.Option(metavar="S", help=SESSION_HELP + OR_NONE)] = None,
    verify_deadline: Annotated[str | None, typer.Option(metavar="S", help=VERIFY_HELP + OR_NONE)] = None,
    reverse_within: Annotated[str | None, typer.Option(metavar="S", help=REVERSE_HELP + OR_NONE)] = None,
    credentials: Credentials = None,
    reason: Annotated[str, typer.Option(help=REASON_HELP)] = "mopos terminal set",
) -> None:
    """Give a terminal other limits, times, address or credentials. All processes know them some seconds later."""
    with refusals():
        given = None if credentials is None else _from_file(credentials)
    times = {"session": session, "verify_deadline": verify_deadline, "reverse_within": reverse_within}

    async def put(services: Services) -> Terminal:
        return await manage_terminals.change_terminal(
            services.db,
            services.clock,
            services.settings,
            number,
            Wanted(url, least, most, times, given),
            operator_id=None,
            reason=reason,
        )

    changed = work(put)
    new = f", new credentials sealed with key {changed.key_name}: test them" if given is not None else ""
    out.print(
        f"terminal {changed.id} ({changed.bank} {changed.name}) takes purchases {amounts_of(changed)}{new}",
        markup=False,
        soft_wrap=True,
    )


@terminal.command("disable")
def disable(number: Number, reason: Annotated[str, typer.Option(help=REASON_HELP)]) -> None:
    """Send no new purchase to a terminal. What is under way goes on to its end."""
    _switch(number, on=False, reason=reason)


@terminal.command("enable")
def enable(number: Number, reason: Annotated[str, typer.Option(help=REASON_HELP)] = "mopos terminal enable") -> None:
    """Send purchases to a terminal again."""
    _switch(number, on=True, reason=reason)


def _switch(number: int, *, on: bool, reason: str) -> None:
    async def switch(services: Services) -> Terminal:
        return await manage_terminals.switch_terminal(
            services.db, services.clock, number, on=on, operator_id=None, reason=reason
        )

    found = work(switch)
    said = "is on" if on else "is off: no new purchase is sent to it, what is under way goes on"
    out.print(f"terminal {found.id} ({found.bank} {found.name}) {said}", markup=False, soft_wrap=True)


@terminal.command("rotate-key")
def rotate_key(reason: Annotated[str, typer.Option(help=REASON_HELP)] = "mopos terminal rotate-key") -> None:
    """Seal all credentials again with the first key of MOPOS_TERMINAL_KEYS. Twice is once. Gateways and workers may
    run, once they were restarted with the old key and the new one."""

    async def seal(services: Services) -> Rotated:
        return await rotate(services.db, services.clock, services.settings, operator_id=None, reason=reason)

    out.print(RESTART_FIRST, soft_wrap=True)
    rotated = work(seal)
    out.print(f"sealed again with key {rotated.key_name}: {rotated.resealed}")
    out.print(f"old keys still in use: {', '.join(rotated.in_use) or 'none'}")
    if rotated.unused:
        out.print(f"keys that may leave MOPOS_TERMINAL_KEYS: {', '.join(rotated.unused)}")
    for sentence in rotated.failed:
        err.print(f"mopos: {sentence}", markup=False, soft_wrap=True)
    raise typer.Exit(1 if rotated.failed else 0)
