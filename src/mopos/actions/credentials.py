"""A terminal's credentials at rest: encrypted under a key of the environment that can be changed. And how a terminal is
reached with them."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec

from mopos.banks.catalogue import KINDS
from mopos.banks.kind import Access, CredentialsWrong
from mopos.banks.wire import Transcript
from mopos.base.config import Settings
from mopos.base.secret import Secret, key_for, keyed_hash, seal, unseal
from mopos.domain.routing.model import Terminal


class KeyUnknown(Exception):
    """A terminal's credentials were sealed with a key that is not among the settings' any more."""

    def __init__(self, terminal: Terminal) -> None:
        super().__init__(
            f"the credentials of terminal {terminal.id} ({terminal.bank} {terminal.name}) were sealed with key "
            f"{terminal.key_name}, which is not in MOPOS_TERMINAL_KEYS"
        )
        self.terminal = terminal


def keys(settings: Settings) -> dict[str, Secret]:
    """The keys by their names, the one that seals first.

    The key that is made from `MOPOS_SECRET_KEY` is always the last one: when `MOPOS_TERMINAL_KEYS` is set for the first
    time, what was sealed without it must still open."""
    given = [key.strip() for key in settings.terminal_keys.get_secret_value().split(",") if key.strip()]
    named: dict[str, Secret] = {}
    for key in (*map(Secret, given), own_key(settings)):
        named.setdefault(name_of(key), key)
    return named


def own_key(settings: Settings) -> Secret:
    """The key that is there without any setting."""
    return key_for(settings.rmz_key, "terminals")


def name_of(key: Secret) -> str:
    """How a key is called beside what it has sealed; nobody finds the key by it."""
    return keyed_hash(key, "mopos key name").hex()[:8]


def seal_credentials(settings: Settings, bank: str, name: str, credentials: Mapping[str, Secret]) -> tuple[str, bytes]:
    """The name of the key, and the credentials as they may be kept."""
    key_name, key = next(iter(keys(settings).items()))
    said = msgspec.json.encode({field: secret.reveal() for field, secret in credentials.items()}, order="sorted")
    return key_name, seal(key, said.decode(), _about(bank, name))


def open_credentials(settings: Settings, terminal: Terminal) -> dict[str, Secret]:
    """The credentials again. Raises `KeyUnknown`, and `ValueError` when they were changed."""
    if terminal.sealed is None:
        return {
            "terminal": Secret(settings.sandbox_terminal),
            "key": Secret(settings.sandbox_key.get_secret_value()),
        }
    key = keys(settings).get(terminal.key_name)
    if key is None:
        raise KeyUnknown(terminal)
    said = unseal(key, terminal.sealed, _about(terminal.bank, terminal.name))
    return KINDS[terminal.bank].check(msgspec.json.decode(said.reveal(), type=dict[str, str]))


def do_open(settings: Settings, terminal: Terminal) -> bool:
    """Whether a terminal's credentials can be read: their key is here, they are as they were sealed, and complete."""
    try:
        open_credentials(settings, terminal)
    except (KeyUnknown, CredentialsWrong, ValueError, LookupError):
        return False
    return True


def access_to(settings: Settings, terminal: Terminal, on_call: Callable[[Transcript], None] | None = None) -> Access:
    """How a terminal's bank is reached: the row's own address and times, else the kind's; without credentials of its
    own it is the sandbox's, of which the settings tell everything. Raises as `open_credentials` does."""
    kind = KINDS[terminal.bank]
    base_url, deadlines = terminal.base_url or kind.base_url, terminal.deadlines
    if terminal.sealed is None:
        base_url, deadlines = settings.sandbox_url, sandbox_deadlines(settings)
    credentials = open_credentials(settings, terminal)
    return Access(base_url, credentials, kind.facts_with(deadlines), settings.bank_deadline_s, on_call)


def sandbox_deadlines(settings: Settings) -> dict[str, float]:
    """The times that the settings give the sandbox bank."""
    return {
        "session": settings.sandbox_session_s,
        "verify_deadline": settings.sandbox_give_back_s,
        "reverse_within": settings.sandbox_reverse_s,
    }


def _about(bank: str, name: str) -> str:
    return f"terminal {bank} {name}"
