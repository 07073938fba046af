"""`python -m bench.ten_million`: every list and search of the panel at ten thousand and at ten million purchases."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime
from pathlib import Path

import psycopg
from psycopg.conninfo import make_conninfo

from bench.filling import derive, fill
from mopos.base import embedded
from mopos.db.migrate import migrate

# A database that can be made again is not worth waiting for the disk; the rest is a server's usual size.
SERVER = {
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "shared_buffers": "2GB",
    "max_wal_size": "8GB",
    "maintenance_work_mem": "1GB",
    "autovacuum": "off",
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.ten_million", description=__doc__)
    parser.add_argument("--small", type=int, default=10_000)
    parser.add_argument("--large", type=int, default=10_000_000)
    parser.add_argument("--folder", type=Path, default=Path("/tmp/mopos-ten-million"), help="kept, and used again")
    options = parser.parse_args()
    options.folder.mkdir(mode=0o755, exist_ok=True)
    with embedded.start(options.folder / "postgresql", settings=SERVER) as server:
        for name, purchases in (("small", options.small), ("large", options.large)):
            make(server.dsn, name, purchases)


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


if __name__ == "__main__":
    main()
