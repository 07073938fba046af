"""A merchant chooses how the buyer's pages of a gateway look: name, colour, logo."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from mopos.actions.services import Services
from mopos.base.errors import Refused
from mopos.base.ids import with_check_digit
from mopos.domain.accounts import brand_store
from mopos.domain.accounts.brand import read_colour, read_name
from mopos.domain.accounts.gateways import By
from mopos.domain.accounts.logo import logo_of

T = TypeVar("T")

# Decoding takes memory and a processor: one picture at a time leaves both to payments.
_one_at_a_time = asyncio.Semaphore(1)


@dataclass(frozen=True, slots=True)
class Look:
    """A look whose every part has been read and found good."""

    name: str
    colour: str
    logo: bytes | None
    """A PNG of our own making; None: no new one."""


async def read_look(name: str, colour: str, logo: bytes | None) -> Look:
    """What a form asks for. Raises `Refused` with the problems of all of its fields; nothing is kept yet."""
    problems: list[str] = []
    look = Look(
        _read(lambda: read_name(name), problems) or "",
        _read(lambda: read_colour(colour), problems) or "",
        await _read_logo(logo, problems) if logo else None,
    )
    if problems:
        raise Refused(problems)
    return look


async def set_brand(
    services: Services, account_id: int, gateway_id: int, look: Look, *, without_logo: bool, by: By
) -> bool:
    """Keep a look. A new logo goes before `without_logo`. False: no such gateway in this account, or it is closed."""
    return await brand_store.change(
        services.db,
        account_id,
        gateway_id,
        name=look.name,
        colour=look.colour,
        logo=look.logo,
        keep_logo=look.logo is None and not without_logo,
        subject=with_check_digit(gateway_id),
        by=by,
    )


async def _read_logo(body: bytes, problems: list[str]) -> bytes | None:
    async with _one_at_a_time:
        return await asyncio.to_thread(_read, lambda: logo_of(body), problems)


def _read(read: Callable[[], T], problems: list[str]) -> T | None:
    try:
        return read()
    except Refused as refused:
        problems.extend(problem.code for problem in refused.problems)
        return None
