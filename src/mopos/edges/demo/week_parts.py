"""What the demo's week stands on: a clock that is moved by hand, simulators that read it, merchants, operators.

The simulators are spoken to over real HTTP, as in real life; they run beside the story in this process, so that all
have one clock.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from datetime import time as time_of_day
from typing import Any, NamedTuple

import uvicorn

from mopos.base.clock import TEHRAN
from mopos.base.db import Database
from mopos.base.iban import with_check_digits
from mopos.domain.operators.model import Operator, Post

# A server in this process is there at once; longer means that it has failed.
_START_S = 10.0
# Passes the check of a national id; belongs to nobody whom we know.
_NATIONAL_ID = "0013542419"


class MovedClock:
    """The time of the whole story. It stands still until it is moved, and never goes back."""

    def __init__(self, start: datetime) -> None:
        self.now = start

    def __call__(self) -> datetime:
        return self.now

    def go_to(self, day: date, at: time_of_day) -> None:
        """Move to a time of a day of Tehran, if it is still to come."""
        self.now = max(self.now, datetime.combine(day, at, TEHRAN).astimezone(self.now.tzinfo))

    def pass_by(self, **duration: float) -> None:
        self.now += timedelta(**duration)

    @property
    def day(self) -> date:
        """The day in Tehran."""
        return self.now.astimezone(TEHRAN).date()


@contextmanager
def served(app: Any) -> Iterator[str]:
    """An ASGI application on a free port of this machine; its address."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False, lifespan="on"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        deadline = time.monotonic() + _START_S
        while not server.started:
            if time.monotonic() > deadline or not thread.is_alive():
                raise RuntimeError("a simulator did not start")
            time.sleep(0.01)
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()


class Merchant(NamedTuple):
    """A gateway that sells all week."""

    name: str
    gateway_id: int
    account_id: int


async def make_merchant(db: Database, name: str, iban: str, now: datetime) -> Merchant:
    """An account with a confirmed payee, and its gateway."""
    row = await db.one(
        """
        with a as (
            insert into account (name, national_id, iban, payee, created_at)
            values (%(name)s, %(national_id)s, %(iban)s,
                jsonb_build_object('iban', %(iban)s::text, 'name', %(name)s::text, 'national_id', %(national_id)s::text),
                %(now)s) returning id
        )
        insert into gateway (name, rmz_hash, created_at, rmz_shown_at, account_id)
        select %(name)s, decode(repeat('00', 32), 'hex'), %(now)s, %(now)s, id from a returning id, account_id
        """,
        {"name": name, "national_id": _NATIONAL_ID, "iban": iban, "now": now},
    )
    if row is None:
        raise LookupError(name)
    return Merchant(name, *row)


async def make_operator(db: Database, name: str, now: datetime) -> Operator:
    """An operator who signs nothing in: the story acts in the name."""
    row = await db.one(
        """
        insert into operator (name, title, role, handle, password_hash, created_at)
        values (%(name)s, %(name)s, 'finance', sha256(convert_to(%(name)s, 'UTF8')), '', %(now)s) returning id
        """,
        {"name": name, "now": now},
    )
    if row is None:
        raise LookupError(name)
    return Operator(row[0], name, name, Post.FINANCE)


def iban_of(bank: str, account: int) -> str:
    """A Sheba with right check digits: bank code and account number."""
    return with_check_digits(f"{bank}{account:019d}")
