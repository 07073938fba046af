"""What operators type about a terminal or a rule, read: credentials, address, times, limits. What is wrong with it is
one sentence, which names no value of a credential."""

from __future__ import annotations

import re
from collections.abc import Mapping
from ipaddress import ip_address
from urllib.parse import urlsplit

import httpx2

from mopos.banks.catalogue import KINDS
from mopos.banks.kind import CredentialsWrong, Kind
from mopos.base.money import Rial
from mopos.base.secret import Secret
from mopos.base.text import harmless, latin_digits
from mopos.domain.payments.model import AMNT_RIAL_MAX, AMNT_RIAL_MIN
from mopos.domain.routing.model import Terminal

# Lists show it in one column, and the audit log as its subject.
NAME_LENGTH_MAX = 60
# No bank's address is nearly as long.
URL_LENGTH_MAX = 200
# By name, in seconds. A buyer needs a minute to type a card; no bank waits a week for a verify, nor reverses after a
# month.
DEADLINES = {"session": (60, 604_800), "verify_deadline": (60, 604_800), "reverse_within": (0, 2_678_400)}
# What removes a bound, or lets the bank's own time count again.
NONE = "none"

# Labels as resolvers take them: of 1 to 63 letters, digits and hyphens, and the underscore of networks of one's own.
_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_NAME = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")

_SEPARATORS = str.maketrans("", "", ",_٬، ")
# The longest number that a bigint always holds.
_DIGITS_MAX = 18


class TerminalRefused(Exception):
    """What is wrong with what was asked for, in one sentence for operators. It holds no value of a credential."""


def kind_of(bank: str) -> Kind:
    """A kind of bank by its name. Raises `TerminalRefused`."""
    kind = KINDS.get(bank)
    if kind is None:
        raise TerminalRefused(f"there is no kind of bank {bank}; those known are {', '.join(KINDS)}")
    return kind


def read_credentials(kind: Kind, given: Mapping[str, str]) -> dict[str, Secret]:
    """The credentials, complete and well formed. Raises `TerminalRefused`, which names fields only."""
    try:
        return kind.check(given)
    except CredentialsWrong as wrong:
        problems = "; ".join(f"{name} {what}" for name, what in wrong.problems.items())
        raise TerminalRefused(f"the credentials are not such as {kind.name} gives out: {problems}") from None


def read_name(text: str) -> str:
    """What a terminal is called. Raises `TerminalRefused`."""
    name = harmless(text)
    if not 0 < len(name) <= NAME_LENGTH_MAX:
        raise TerminalRefused(f"the name must have 1 to {NAME_LENGTH_MAX} characters")
    return name


def read_url(kind: Kind, text: str) -> str:
    """Where a bank is; empty: the kind's own address. Raises `TerminalRefused`: also for an address whose line anybody
    could read along, as credentials go over it."""
    url = text.strip().rstrip("/")
    if not url:
        return ""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
        # As it will be read at each call.
        httpx2.URL(url)
    except (ValueError, httpx2.InvalidURL):
        raise TerminalRefused("the address cannot be read; write https://host or https://host/path") from None
    strange = parts.username is not None or parts.query or parts.fragment or not url.isascii() or not url.isprintable()
    if parts.scheme not in ("http", "https") or not host or strange or " " in url or len(url) > URL_LENGTH_MAX:
        raise TerminalRefused("the address must be https://host or https://host/path, with nothing behind it")
    if not _is_host(host):
        raise TerminalRefused("the address names no host that can be: write its name, or its address in numbers")
    if parts.scheme == "http" and kind.name != "sandbox" and not _is_near(host):
        raise TerminalRefused("the address must begin with https://: credentials go over this line")
    return url


def _is_host(host: str) -> bool:
    """A name, or an address in numbers: what ends in a number is one of those."""
    try:
        ip_address(host)
    except ValueError:
        return _NAME.fullmatch(host) is not None and not host.rpartition(".")[2].isdigit()
    return True


def _is_near(host: str) -> bool:
    """This machine, or a name that only a network of one's own knows: where simulators are."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return "." not in host


def read_rial(text: str, what: str) -> Rial:
    """An amount as typed, with separators or without. Raises `TerminalRefused`."""
    plain = latin_digits(text).translate(_SEPARATORS)
    if not (plain.isascii() and plain.isdigit()) or len(plain) > _DIGITS_MAX:
        raise TerminalRefused(f"{what} must be a whole number of Rial, such as 500,000")
    return Rial(int(plain))


def read_limits(least: str | None, most: str | None, was: tuple[Rial, Rial | None]) -> tuple[Rial, Rial | None]:
    """From which amount on, and up to which. None: as it was; `none`: no bound. Raises `TerminalRefused`."""
    amount_from, amount_upto = was
    if least is not None:
        amount_from = Rial(0) if least == NONE else read_rial(least, "--min")
    if most is not None:
        amount_upto = None if most == NONE else read_rial(most, "--max")
    if amount_from > AMNT_RIAL_MAX:
        raise TerminalRefused(f"no purchase is as large as {amount_from:,} Rial; the largest is {AMNT_RIAL_MAX:,}")
    if amount_upto is not None and amount_upto < AMNT_RIAL_MIN:
        raise TerminalRefused(f"no purchase is as small as {amount_upto:,} Rial; the smallest is {AMNT_RIAL_MIN:,}")
    if amount_upto is not None and amount_upto < amount_from:
        raise TerminalRefused(f"nothing lies between {amount_from:,} and {amount_upto:,} Rial: --min is above --max")
    return amount_from, amount_upto


def read_deadlines(kind: Kind, given: Mapping[str, str | None], was: Mapping[str, float]) -> dict[str, float]:
    """A contract's own times, in seconds. None: as it was; `none`: the bank's. Raises `TerminalRefused`."""
    times = dict(was)
    for name, text in given.items():
        if text == NONE:
            times.pop(name, None)
        elif text is not None:
            times[name] = _seconds(name, text)
    if times.get("reverse_within") and not kind.facts.reverse_within:
        raise TerminalRefused(f"{kind.name} never reverses a payment, whatever the contract says")
    return times


def _seconds(name: str, text: str) -> int:
    least, most = DEADLINES[name]
    plain = latin_digits(text).strip()
    if not (plain.isascii() and plain.isdigit()) or len(plain) > _DIGITS_MAX or not least <= int(plain) <= most:
        raise TerminalRefused(f"--{name.replace('_', '-')} must be {least} to {most} seconds")
    return int(plain)


def changed_at_rest(terminal: Terminal) -> str:
    """What is said of credentials that do not open although their key is there."""
    return (
        f"the credentials of terminal {terminal.id} ({terminal.bank} {terminal.name}) do not open: they were changed "
        "in the database; give it new ones with mopos terminal set"
    )
