"""A terminal's credentials at rest: encrypted under a key of the environment that can be changed."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from mopos.banks.catalogue import KINDS
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


def keys(settings: Settings) -> dict[str, Secret]:
    """The keys by their names, the one that seals first."""
    given = [key.strip() for key in settings.terminal_keys.get_secret_value().split(",") if key.strip()]
    found = [Secret(key) for key in given] or [key_for(settings.rmz_key, "terminals")]
    return {keyed_hash(key, "mopos key name").hex()[:8]: key for key in found}


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


def _about(bank: str, name: str) -> str:
    return f"terminal {bank} {name}"
