"""Gateways are made, listed and given a new `Rmz`; by the operator's command line until the panel is built."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import NamedTuple

from mopos.base.clock import Clock
from mopos.base.config import Settings
from mopos.base.db import Database
from mopos.base.ids import has_check_digit, with_check_digit, without_check_digit
from mopos.base.secret import Secret, keyed_hash, new_rmz
from mopos.base.text import harmless, latin_digits
from mopos.domain.accounts import store

NAME_LENGTH_MAX = 100
# Read so many at a time: memory stays flat however many there are.
_PAGE = 500


class Credentials(NamedTuple):
    """What a merchant puts into the shop. The `Rmz` is shown once: only its hash is kept."""

    id: str
    rmz: Secret


class NameUnusable(ValueError):
    """The name is empty or too long."""


async def create_account(db: Database, clock: Clock, settings: Settings, name: str) -> Credentials:
    """A new gateway for a merchant. Raises `NameUnusable`."""
    plain = harmless(name)
    if not 0 < len(plain) <= NAME_LENGTH_MAX:
        raise NameUnusable(f"the name must have 1 to {NAME_LENGTH_MAX} characters")
    rmz = new_rmz()
    gateway_id = await store.create(db, name=plain, rmz_hash=keyed_hash(settings.rmz_key, rmz.reveal()), now=clock())
    return Credentials(with_check_digit(gateway_id), rmz)


async def rotate_rmz(db: Database, clock: Clock, settings: Settings, number: str) -> Credentials | None:
    """A new `Rmz`. The old one stays valid for the grace time, so that the shop can be changed. None: no such ID."""
    number = latin_digits(number).strip()
    if not has_check_digit(number):
        return None
    rmz = new_rmz()
    known = await store.rotate_rmz(
        db,
        without_check_digit(number),
        rmz_hash=keyed_hash(settings.rmz_key, rmz.reveal()),
        old_until=clock() + timedelta(seconds=settings.rmz_grace_s),
    )
    return Credentials(number, rmz) if known else None


async def switch(db: Database, clock: Clock, number: str, *, suspended: bool, reason: str) -> bool:
    """Suspend a gateway that the command line made, or let it sell again. False: no such gateway in the other state.
    Raises `ValueError` without a reason."""
    number = latin_digits(number).strip()
    plain = harmless(reason)
    if not plain:
        raise ValueError("a reason is needed")
    if not has_check_digit(number):
        return False
    return await store.switch(db, without_check_digit(number), suspended=suspended, reason=plain, now=clock())


async def accounts(db: Database) -> AsyncIterator[store.Gateway]:
    """All gateways in order of their number."""
    after_id = 0
    while page := await store.page(db, after_id=after_id, limit=_PAGE):
        for gateway in page:
            yield gateway
        after_id = page[-1].id
