"""`python -m bench.ten_million`: every list and search of the panel at ten thousand and at ten million purchases.

Both databases are filled and measured in one run, by the very functions that the pages call. Many calls, small and
large by turns, so that whatever else the machine does falls on both.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import psycopg
from psycopg.conninfo import make_conninfo

from bench.exporting import measure_exports
from bench.filling import ACCOUNT, GATEWAYS, derive, fill
from mopos.base import embedded
from mopos.base.clock import TEHRAN, jalali
from mopos.base.db import Database
from mopos.base.ids import with_check_digit
from mopos.db.migrate import migrate
from mopos.domain.reports import one, sales, search
from mopos.domain.reports.model import fields_of, parse_filter

# A database that can be made again is not worth waiting for the disk; the rest is a server's usual size.
SERVER = {
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "shared_buffers": "4GB",
    "max_wal_size": "8GB",
    "maintenance_work_mem": "1GB",
    "autovacuum": "off",
}
ROUNDS = 101
WARM_UP = 5
# What the issue allows.
RATIO_MAX = 1.3

# Name and query string. The purchases that are named exist in both sizes.
SEARCHES: tuple[tuple[str, str], ...] = (
    ("newest", ""),
    ("one gateway", "gateway=GATEWAY"),
    ("purchase number", "number=NUMBER"),
    ("Res", "res=R5007"),
    ("Res from its beginning", "res=R*"),
    ("bank reference", "ref=700000105007"),
    ("a word of many", "text=سفارش"),
    ("two words", "text=سفارش+کتاب"),
    ("a rare word", "text=زعفران"),
    ("three words, few hits", "text=سفارش+ویژه+زعفران"),
    ("a word that is nowhere", "text=هیچ‌جا"),
    ("an amount", "amount=250000"),
    ("a range of amounts", "amount_min=1000000&amount_max=5000000"),
    ("large amounts", "amount_min=300000000"),
    ("paid", "state=PAID"),
    ("declined or cancelled", "state=DECLINED&state=CANCELLED"),
    ("under review", "state=CONFLICTED"),
    ("waiting for the bank", "state=UNKNOWN"),
    ("at the bank", "state=AT_BANK"),
    ("not fetched", "ack=no"),
    ("fetched", "ack=yes"),
    ("late", "late=1"),
    ("a month", "since=SINCE&until=UNTIL"),
    ("up to a day", "until=UNTIL"),
    ("end of a card", "card=1234"),
    ("first and last digits of a card", "card=603799-1234"),
    ("word, state, amount, month", "text=کتاب&state=PAID&amount_max=5000000&since=SINCE"),
    ("amount and state", "amount=250000&state=DECLINED"),
    ("what never holds", "ack=yes&state=DECLINED"),
)
Call = Callable[[], Awaitable[object]]


@dataclass
class Side:
    """One of the two databases."""

    name: str
    dsn: str
    purchases: int
    db: Database


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.ten_million", description=__doc__)
    parser.add_argument("--small", type=int, default=10_000)
    parser.add_argument("--large", type=int, default=10_000_000)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--folder", type=Path, default=Path("/tmp/mopos-ten-million"), help="kept, and used again")
    parser.add_argument("--exports", action="store_true", help="also the memory that exports take")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    options.folder.mkdir(mode=0o755, exist_ok=True)
    with embedded.start(options.folder / "postgresql", settings=SERVER) as server:
        sizes = {"small": options.small, "large": options.large}
        dsns = {name: make(server.dsn, name, purchases) for name, purchases in sizes.items()}
        rows = asyncio.run(measure(dsns, sizes, options.rounds))
        exports = measure_exports(dsns, options.folder) if options.exports else []
    if options.json:
        print(json.dumps({"rows": rows, "exports": exports}, indent=2, ensure_ascii=False))
    else:
        print(as_text(rows, exports))
    sys.exit(0 if all(row["ratio"] <= RATIO_MAX for row in rows) else 1)


def make(server: str, name: str, purchases: int) -> str:
    """The database `name` with so many purchases: the one that is there, or a new one."""
    dsn = make_conninfo(server, dbname=name)
    with psycopg.connect(server, autocommit=True) as connection:
        if connection.execute("select 1 from pg_database where datname = %s", [name]).fetchone():
            return dsn
        connection.execute(f"create database {name}")
    migrate(dsn)
    fill(dsn, purchases, datetime.now(UTC))
    derive(dsn, purchases)
    return dsn


async def measure(dsns: dict[str, str], sizes: dict[str, int], rounds: int) -> list[dict[str, Any]]:
    """Milliseconds of each list, search and report in both databases."""
    async with (
        Database(dsns["small"], pool_size=1, timeout_s=60, for_reports=True) as small,
        Database(dsns["large"], pool_size=1, timeout_s=60, for_reports=True) as large,
    ):
        sides = [
            Side("small", dsns["small"], sizes["small"], small),
            Side("large", dsns["large"], sizes["large"], large),
        ]
        calls = [await _timed(side) for side in sides]
        return [await _row(name, calls[0][name], calls[1][name], rounds) for name in calls[0]]


async def _row(name: str, small: Timed, large: Timed, rounds: int) -> dict[str, Any]:
    """The medians of one call. The ratio is of CPU, PostgreSQL's and ours: on a machine that does other things as well,
    the time on the clock tells mostly of them."""
    for _ in range(WARM_UP):
        found = [await side.call() for side in (small, large)]
    measured: tuple[list[Took], list[Took]] = ([], [])
    for _ in range(rounds):
        for side, took in zip((small, large), measured, strict=True):
            took.append(await side.took())
    clock = [statistics.median(took.clock_ms for took in side) for side in measured]
    cpu = [statistics.median(took.cpu_ms for took in side) for side in measured]
    return {"name": name, "clock_ms": clock, "cpu_ms": cpu, "ratio": cpu[1] / cpu[0], "found": found}


class Took(NamedTuple):
    """What one call took."""

    clock_ms: float
    cpu_ms: float


class Timed(NamedTuple):
    """A call, and the PostgreSQL process that answers it."""

    call: Call
    backend: int

    async def took(self) -> Took:
        cpu, began = self._cpu_ms(), time.perf_counter()
        await self.call()
        clock = (time.perf_counter() - began) * 1000
        return Took(clock, self._cpu_ms() - cpu)

    def _cpu_ms(self) -> float:
        """CPU of that process and of ours so far. The kernel counts it in nanoseconds here, elsewhere in ticks."""
        theirs = int(Path(f"/proc/{self.backend}/schedstat").read_text().split()[0]) / 1e6
        return theirs + time.process_time() * 1000


async def _timed(side: Side) -> dict[str, Timed]:
    row = await side.db.one("select pg_backend_pid()")
    assert row is not None
    return {name: Timed(call, row[0]) for name, call in (await _calls(side)).items()}


async def _calls(side: Side) -> dict[str, Call]:
    """What the pages ask, by name. A search is made ready and asked for its first page and, where there are more, for
    one in the middle."""
    db, gateways = side.db, list(GATEWAYS)
    now = datetime.now(UTC)
    calls: dict[str, Call] = {}
    for name, query in SEARCHES:
        wanted = parse_filter(fields_of(_filled(query, now)))
        scope = [GATEWAYS[1]] if "GATEWAY" in query else gateways
        # A small database has only a dozen late ones.
        calls[name] = _page(db, scope, wanted, limit=10) if wanted.late else _page(db, scope, wanted)
    middle = 100_000 + side.purchases // 2
    calls["newest, in the middle"] = _page(db, gateways, parse_filter({}), before=middle)
    calls["newest, back from the middle"] = _page(db, gateways, parse_filter({}), after=middle)
    calls["a word of many, in the middle"] = _page(db, gateways, parse_filter({"text": ["سفارش"]}), before=middle)
    calls["operators: newest of all"] = _page(db, None, parse_filter({}))
    calls["operators: Res"] = _page(db, None, parse_filter({"res": ["R5007"]}))
    calls["operators: end of a card"] = _page(db, None, parse_filter({"card": ["1234"]}))
    calls["one purchase"] = _whole(db)
    calls["dashboard"] = _dashboard(db, gateways, now)
    return calls


def _filled(query: str, now: datetime) -> str:
    since, until = now - timedelta(days=130), now - timedelta(days=100)
    values = {
        "GATEWAY": with_check_digit(GATEWAYS[1]),
        "NUMBER": with_check_digit(105_007),
        "SINCE": jalali(since)[:10],
        "UNTIL": jalali(until)[:10],
    }
    for name, value in values.items():
        query = query.replace(name, value)
    return query


def _page(db: Database, gateways: Sequence[int] | None, wanted: search.Filter, **more: int) -> Call:
    async def call() -> int:
        scope = None if gateways is None else list(gateways)
        page = await search.page(db, scope, wanted, **more)
        return len(page.lines)

    return call


def _whole(db: Database) -> Call:
    async def call() -> str:
        found = await one.whole(db, 105_007, ACCOUNT)
        assert found is not None
        await one.attempts(db, found.id)
        await one.events(db, found.id)
        await one.ledger_lines(db, found.id)
        return found.state

    return call


def _dashboard(db: Database, gateways: list[int], now: datetime) -> Call:
    async def call() -> int:
        today = now.astimezone(TEHRAN).date()
        found = await sales.by_period(db, gateways, sales.periods(now))
        await sales.by_hour(db, gateways, today)
        await sales.by_day(db, gateways, today - timedelta(days=29), today)
        await sales.unacknowledged(db, gateways)
        return found["month"].paid

    return call


def as_text(rows: list[dict[str, Any]], exports: list[dict[str, Any]]) -> str:
    """Two tables, as docs/benchmarks.md has them."""
    lines = [
        "| ms | CPU, small | CPU, large | **ratio** | clock, small | clock, large | lines |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for row in rows:
        small, large = row["found"]
        found = f"{small}, {large}" if small != large else f"{small}"
        mark = "" if row["ratio"] <= RATIO_MAX else " (above)"
        (cpu_small, cpu_large), (clock_small, clock_large) = row["cpu_ms"], row["clock_ms"]
        lines.append(
            f"| {row['name']} | {cpu_small:.2f} | {cpu_large:.2f} | {row['ratio']:.2f}{mark} | {clock_small:.1f} | "
            f"{clock_large:.1f} | {found} |"
        )
    if exports:
        lines += ["", "| export | rows | MB | seconds | peak memory, MB |", "| --- | --- | --- | --- | --- |"]
    for row in exports:
        lines.append(
            f"| {row['format']}, {row['size']} | {row['rows']:,} | {row['bytes'] / 1e6:.1f} | {row['seconds']} | "
            f"{row['peak_mb']} |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
