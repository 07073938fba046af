"""How much memory an export takes: the worker's own action, in a process of its own, whose peak the kernel tells."""

from __future__ import annotations

import asyncio
import json
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psycopg

from bench.filling import ACCOUNT, GATEWAYS
from mopos.actions.export_purchases import export_purchases
from mopos.actions.services import Services
from mopos.actions.terminals import Terminals
from mopos.base.clock import system_clock
from mopos.base.config import Settings
from mopos.base.db import Database
from mopos.base.ids import with_check_digit
from mopos.edges.panel.sheets import new_sheet

_ASK = """
    with p as (
        insert into person (mobile, handle, created_at) values ('09120000000', decode(repeat('00', 32), 'hex'), now())
        on conflict (mobile) do update set mobile = excluded.mobile returning id
    )
    insert into export (account_id, person_id, format, query, lang, next_try_at, created_at, expires_at)
    select %s, p.id, %s, %s, 'fa', now(), now(), now() + interval '1 day' from p returning id
"""


def measure_exports(dsns: dict[str, str], folder: Path) -> list[dict[str, Any]]:
    """Export the second gateway's purchases (twelve of a hundred) from each database, in each format."""
    found = []
    for name, dsn in dsns.items():
        for kind in ("csv", "xlsx"):
            command = [sys.executable, "-m", "bench.exporting", dsn, kind, str(folder)]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            found.append({"size": name, "format": kind} | json.loads(done.stdout.splitlines()[-1]))
    return found


async def _export(dsn: str, kind: str, folder: Path) -> dict[str, Any]:
    with psycopg.connect(dsn, autocommit=True) as connection:
        query = f"gateway={with_check_digit(GATEWAYS[1])}"
        ((export_id,),) = connection.execute(_ASK, (ACCOUNT, kind, query)).fetchall()
    settings = Settings(database_url=dsn, data_dir=folder)
    async with (
        Database(dsn, pool_size=2, timeout_s=60) as db,
        Database(dsn, pool_size=2, timeout_s=60, for_reports=True) as reports,
    ):
        nobody: Any = None
        services = Services(
            db=db, terminals=Terminals.single(nobody), clock=system_clock, settings=settings, report_db=reports
        )
        began = time.monotonic()
        await export_purchases(services, new_sheet)
        seconds = time.monotonic() - began
    with psycopg.connect(dsn, autocommit=True) as connection:
        ((state, rows, size, path),) = connection.execute(
            "delete from export where id = %s returning state, rows_done, bytes, path", [export_id]
        ).fetchall()
    assert state == "done", state
    (folder / "exports" / path).unlink()
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"rows": rows, "bytes": size, "seconds": round(seconds, 1), "peak_mb": round(peak_mb, 1)}


if __name__ == "__main__":
    print(json.dumps(asyncio.run(_export(sys.argv[1], sys.argv[2], Path(sys.argv[3])))))
