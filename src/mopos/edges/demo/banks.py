"""The banks of the demo: simulators, each a process of its own, and our terminals at them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path

from mopos.actions.credentials import seal_credentials
from mopos.banks.catalogue import KINDS
from mopos.banks.sims import SIMS
from mopos.base.config import Settings
from mopos.base.db import Database

# What a terminal at a simulator is called. The sandbox bank's own is there from the first migration on.
TERMINAL = "demo"
EVERY = "all"


class BankUnknown(Exception):
    """There is no simulator of this name."""


def chosen(name: str) -> tuple[str, ...]:
    """The banks that a `--bank` names: one, or all of them. Raises `BankUnknown`."""
    if name == EVERY:
        return tuple(SIMS)
    if name not in SIMS:
        raise BankUnknown(f"there is no bank {name}; one of {', '.join(SIMS)}, {EVERY}")
    return (name,)


def ports_of(port: int, banks: Sequence[str]) -> tuple[int, ...]:
    """The demo's ports, counted from its first: gateway, first bank, shop, SMS; then those of further banks. The port
    between them is where `mopos central-bank-sim` listens unless told otherwise."""
    return (*range(port, port + 4), *range(port + 5, port + 4 + len(banks)))


def arguments_of(bank: str, port: int, folder: Path, domain: str) -> list[str]:
    """How its simulator is run. `domain`: the gateway's host, as if it had been registered with the bank."""
    return ["bank-sim", bank, f"--port={port}", f"--book={book_of(bank, folder)}", f"--domain={domain}"]


def book_of(bank: str, folder: Path) -> Path:
    """Where a bank keeps its book."""
    return folder / ("bank-book.jsonl" if bank == "sandbox" else f"bank-book-{bank}.jsonl")


def title_of(bank: str) -> str:
    """What people call it."""
    return KINDS[bank].facts.title_en


async def point_at(db: Database, settings: Settings, addresses: Mapping[str, str]) -> None:
    """Purchases go to the simulators at these addresses, by their banks' names, and nowhere else: each gets a terminal,
    and every other terminal is switched off. Doing it again with other addresses moves the terminals there."""
    others = [bank for bank in addresses if bank != "sandbox"]
    sealed = [
        seal_credentials(settings, bank, TERMINAL, KINDS[bank].check(dict(SIMS[bank].credentials))) for bank in others
    ]
    await db.one(
        """
        with given as (
            select * from unnest(%(banks)s::text[], %(addresses)s::text[], %(keys)s::text[], %(sealed)s::bytea[])
            as given (bank, base_url, key_name, sealed)
        ),
        put as (
            insert into terminal (bank, name, base_url, key_name, sealed)
            select bank, %(name)s, base_url, key_name, sealed from given
            on conflict (bank, name) do update set
                base_url = excluded.base_url, key_name = excluded.key_name, sealed = excluded.sealed,
                disabled_at = null, disabled_reason = ''
            returning id
        ),
        switched as (
            select id, sealed is null and %(sandbox)s as takes_part from terminal where id not in (select id from put)
        )
        update terminal t set
            disabled_at = case when not takes_part then coalesce(disabled_at, now()) end,
            disabled_reason = case when not takes_part then 'the demo plays with another bank' else '' end
        from switched where switched.id = t.id
        """,
        {
            "banks": others,
            "addresses": [addresses[bank] for bank in others],
            "keys": [key_name for key_name, _ in sealed],
            "sealed": [secret for _, secret in sealed],
            "name": TERMINAL,
            "sandbox": "sandbox" in addresses,
        },
    )


async def keep_to(db: Database, gateway_id: int, bank: str, now: datetime) -> None:
    """A gateway's purchases go to the demo's terminal at this bank, and to no other."""
    await db.one(
        """
        insert into routing_rule (terminal_id, gateway_id, created_at)
        select id, %(gateway_id)s, %(now)s from terminal where bank = %(bank)s and disabled_at is null
        """,
        {"gateway_id": gateway_id, "bank": bank, "now": now},
    )
