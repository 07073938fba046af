"""All credentials of terminals are sealed again with the first key of `MOPOS_TERMINAL_KEYS`."""

from __future__ import annotations

from typing import NamedTuple

from mopos.actions import credentials
from mopos.actions.credentials import KeyUnknown
from mopos.actions.read_terminal import changed_at_rest
from mopos.banks.kind import CredentialsWrong
from mopos.base.clock import Clock
from mopos.base.config import Settings
from mopos.base.db import Database
from mopos.domain.operators.model import check_reason
from mopos.domain.routing import store
from mopos.domain.routing.store import By


class Rotated(NamedTuple):
    """What became of all credentials that are sealed."""

    key_name: str
    """The first key: the one that seals."""
    resealed: int
    failed: list[str]
    """One sentence for each terminal that was left as it was."""
    in_use: list[str]
    """Other keys by which a terminal is still sealed."""
    unused: list[str]
    """Other keys of MOPOS_TERMINAL_KEYS that open nothing any more."""


async def rotate_key(
    db: Database, clock: Clock, settings: Settings, *, operator_id: int | None, reason: str
) -> Rotated:
    """Seal all credentials with the first key, one statement each; those that are so already stay. Gateways may run,
    as long as their settings hold both keys: each reads the row anew, and opens it with the key that it names. Raises
    `Refused`: the reason."""
    by = By(operator_id, check_reason(reason), clock())
    known = list(credentials.keys(settings))
    resealed, failed = 0, []
    for terminal in (await store.routing(db)).terminals:
        if terminal.sealed is None or terminal.key_name == known[0]:
            continue
        try:
            given = credentials.open_credentials(settings, terminal)
        except KeyUnknown as unknown:
            failed.append(str(unknown))
        except (ValueError, KeyError, CredentialsWrong):
            failed.append(changed_at_rest(terminal))
        else:
            key_name, sealed = credentials.seal_credentials(settings, terminal.bank, terminal.name, given)
            resealed += await store.reseal(db, terminal, key_name, sealed, by)
    # Read again: somebody may have set new credentials meanwhile.
    used = {terminal.key_name for terminal in (await store.routing(db)).terminals if terminal.sealed is not None}
    own = credentials.name_of(credentials.own_key(settings))
    return Rotated(
        known[0],
        resealed,
        failed,
        sorted(used - {known[0]}),
        [key for key in known[1:] if key not in used and key != own],
    )
