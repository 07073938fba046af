"""`python -m bench.settling`: a day's settlement run over ten thousand and a million purchases of a thousand merchants.

Measured in one run: the whole run as the worker does it (plan, payouts, all that is written) against the bare sums
that any settlement needs, read from the same rows, and the peak memory of the process that runs it.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import resource
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
from pydantic import SecretStr

from bench.ten_million import SERVER
from mopos.actions.run_settlement import run_settlement
from mopos.base import embedded
from mopos.base.config import Settings
from mopos.base.db import Database
from mopos.build import build_services
from mopos.db.migrate import migrate
from mopos.domain.settlement.calendar import holidays_of

MERCHANTS = 1_000
SIZES = (10_000, 1_000_000)
# What the project allows: the run against the bare sums.
RATIO_MAX = 2.0
ROUNDS = 5
KEY = "k" * 40
# A working day's evening in Tehran, after the cut-off.
NOW = datetime(2026, 11, 23, 20, 30, tzinfo=UTC)

# A sum over the payable accounts, by both sides: no settlement can know what it owes with less.
_BARE_SUMS = """
    select account_id, sum(rial) from (
        select credit_id as account_id, amount_rial as rial from ledger_line
        union all select debit_id, -amount_rial from ledger_line
    ) line join ledger_account a on a.id = line.account_id and a.kind = 'merchant_payable'
    group by account_id
"""
_MERCHANTS = (
    """
    insert into account (id, name, national_id, iban, payee, created_at) overriding system value
    select 5000 + n, 'فروشگاه ' || n, '0013542419', iban, jsonb_build_object('iban', iban, 'name', 'فروشگاه ' || n,
        'national_id', '0013542419'), %(now)s
    from (
        select n, 'IR' || lpad((98 - (bban || '182700')::numeric %% 97)::text, 2, '0') || bban as iban
        from (select n, '012' || lpad(n::text, 19, '0') as bban from generate_series(1, %(merchants)s) n) numbered
    ) merchant
    """,
    """
    insert into gateway (id, name, rmz_hash, created_at, account_id) overriding system value
    select 100000 + n, 'درگاه ' || n, decode(repeat('00', 32), 'hex'), %(now)s, 5000 + n
    from generate_series(1, %(merchants)s) n
    """,
)
_PAID = (
    "set session_replication_role = replica",
    """
    insert into purchase (id, gateway_id, res, amount_rial, nam, dsc, redirect_url, buyer_ip, token, state, last_event,
        version, attempt_id, registered_at, expires_at, paid_at, fee_rial)
    overriding system value
    select 100000 + i, 100001 + i %% %(merchants)s, 'R' || i, 100000 + i::bigint * 7919 %% 5000000, '', '', 'https://x/',
        '10.0.0.1', 't' || i, 'PAID', 'bank_confirmed', 4, 1000000 + i, at, at, at, 1200
    from (
        select i, %(now)s::timestamptz - interval '2 hours' * (1 + 10 * (1 - i::float8 / %(purchases)s)) as at
        from generate_series(1, %(purchases)s) i
    ) spread
    """,
    """
    insert into journal (id, purchase_id, version, attempt_id, event, from_state, to_state, actor, at)
    overriding system value
    select id, id, 4, attempt_id, 'bank_confirmed', 'VERIFYING', 'PAID', 'system', paid_at from purchase
    """,
    """
    insert into attempt (id, purchase_id, terminal_id, bank, ref, state, bank_ref, started_at, ended_at, entry_id)
    overriding system value
    select attempt_id, id, 1, 'sandbox', 'a' || id, 'CONFIRMED', id::text, paid_at, paid_at, id from purchase
    """,
    """
    insert into ledger_line (entry_id, journal_id, entry, debit_id, credit_id, amount_rial, booked_at, effective_at)
    select p.id, p.id, 'purchase_paid', line.debit, line.credit, line.rial, p.paid_at, p.paid_at
    from purchase p join ledger_account m on m.kind = 'merchant_payable' and m.owner = p.gateway_id
    join ledger_account t on t.kind = 'acquirer_receivable' join ledger_account f on f.kind = 'fee_income'
    cross join lateral (values (t.id, m.id, p.amount_rial), (m.id, f.id, p.fee_rial)) line (debit, credit, rial)
    order by p.id
    """,
    "set session_replication_role = default",
    """
    insert into ledger_balance (account_id, slot, debit_rial, credit_rial)
    select account_id, 0, sum(debit), sum(credit) from (
        select debit_id as account_id, amount_rial as debit, 0 as credit from ledger_line
        union all select credit_id, 0, amount_rial from ledger_line
    ) moved group by account_id
    """,
    "select setval('ledger_entry_seq', (select max(entry_id) from ledger_line))",
    "vacuum analyze",
    "checkpoint",
)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.settling", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--run", help=argparse.SUPPRESS)
    parser.add_argument("--sizes", type=int, nargs="+", default=list(SIZES))
    options = parser.parse_args()
    if options.run:
        print(json.dumps(asyncio.run(_run(options.run))))
        return
    with tempfile.TemporaryDirectory(prefix="mopos-bench-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o755)
        with embedded.start(folder / "postgresql", settings=SERVER) as server:
            figures = [_measure(server.dsn, size) for size in options.sizes]
    print(json.dumps(figures, indent=2) if options.json else _as_text(figures))


def _measure(dsn: str, purchases: int) -> dict[str, Any]:
    """Fill a database, and settle fresh copies of it in rounds."""
    name = f"settle_{purchases}"
    with closing(psycopg.connect(dsn, autocommit=True)) as connection:
        connection.execute(f"create database {name}_template")
    template = psycopg.conninfo.make_conninfo(dsn, dbname=f"{name}_template")
    migrate(template)
    values = {"now": NOW, "merchants": MERCHANTS, "purchases": purchases}
    with closing(psycopg.connect(template, autocommit=True)) as connection:
        for statement in (*_MERCHANTS, *_PAID):
            given = {key: value for key, value in values.items() if f"%({key})s" in statement}
            connection.execute(statement, given or None)
    rounds = [_round(dsn, name) for _ in range(ROUNDS)]
    bare, run = (min(one[key] for one in rounds) for key in ("bare_s", "run_s"))
    return {
        "purchases": purchases,
        "merchants": MERCHANTS,
        "bare_sums_s": bare,
        "settlement_run_s": run,
        "ratio": run / bare,
        "peak_memory_mb": max(one["memory_mb"] for one in rounds),
        "payouts": rounds[0]["payouts"],
        "paid_out_rial": rounds[0]["rial"],
    }


def _round(dsn: str, name: str) -> dict[str, Any]:
    with closing(psycopg.connect(dsn, autocommit=True)) as connection:
        connection.execute(f"drop database if exists {name}")
        connection.execute(f"create database {name} template {name}_template")
    copy = psycopg.conninfo.make_conninfo(dsn, dbname=name)
    with closing(psycopg.connect(copy, autocommit=True)) as connection:
        connection.execute("select count(*) from ledger_line")  # both find the rows in memory
        connection.execute(_BARE_SUMS)
        began = time.perf_counter()
        connection.execute(_BARE_SUMS).fetchall()
        bare_s = time.perf_counter() - began
    done = subprocess.run(
        [sys.executable, "-m", "bench.settling", "--run", copy], capture_output=True, text=True, check=True
    )
    return {"bare_s": bare_s, **json.loads(done.stdout)}


async def _run(dsn: str) -> dict[str, Any]:
    """The run itself, in a process of its own, whose memory is then known."""
    settings = Settings(database_url=dsn, secret_key=SecretStr(KEY), database_timeout_s=300)
    async with Database(dsn, pool_size=2, timeout_s=300) as db:
        services = build_services(settings, db, lambda: NOW)
        await db.one("select 1")
        holidays_of(NOW.year)  # a worker loads the calendar's seed once in its life
        began = time.perf_counter()
        ran = await run_settlement(services)
        took = time.perf_counter() - began
        row = await db.one(
            "select count(*), coalesce(sum(amount_rial), 0)::bigint from payout where batch_id = %(id)s",
            {"id": ran.batch_id},
        )
    assert row is not None
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"run_s": took, "memory_mb": memory, "payouts": row[0], "rial": row[1]}


def _as_text(figures: list[dict[str, Any]]) -> str:
    lines = [f"{'purchases':>10} {'bare sums':>10} {'run':>10} {'ratio':>6} {'memory':>9} {'payouts':>8}"]
    lines += [
        f"{one['purchases']:>10,} {one['bare_sums_s'] * 1000:>7.0f} ms {one['settlement_run_s'] * 1000:>7.0f} ms "
        f"{one['ratio']:>6.2f} {one['peak_memory_mb']:>6.0f} MB {one['payouts']:>8,}"
        for one in figures
    ]
    return "\n".join([*lines, f"allowed: ratio {RATIO_MAX} at the largest size"])


if __name__ == "__main__":
    main()
