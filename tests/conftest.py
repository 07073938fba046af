"""What tests stand on: a real PostgreSQL, and a fresh, migrated database for each test; for some, all of the processes.

`MOPOS_PG_BINDIR` runs the same tests on other binaries (Debian's PostgreSQL 15 in CI).
"""

import itertools
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from playwright.async_api import Browser
from psycopg.conninfo import make_conninfo
from tests.browser import launched
from tests.stack import browser, running

from mopos.base import embedded
from mopos.db.migrate import migrate

_numbers = itertools.count(1)
# A new database is some hundred files: 20 ms in memory, half a second on many a disk. Where there is little memory, the
# disk does.
_SHARED = Path("/dev/shm")
_IN_MEMORY = _SHARED if _SHARED.is_dir() and shutil.disk_usage(_SHARED).free > 4 << 30 else None


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The address of a PostgreSQL server with an empty, migrated database `template_mopos`."""
    bindir = os.environ.get("MOPOS_PG_BINDIR")
    with open_folder(_IN_MEMORY) as folder, embedded.start(folder, Path(bindir) if bindir else None) as server:
        with psycopg.connect(server.dsn, autocommit=True) as connection:
            connection.execute("create database template_mopos")
        migrate(make_conninfo(server.dsn, dbname="template_mopos"))
        yield server.dsn


@contextmanager
def open_folder(within: Path | None = None) -> Iterator[Path]:
    """A folder for an embedded server. Pytest's own are closed to others; as root, PostgreSQL runs as another user."""
    with tempfile.TemporaryDirectory(prefix="mopos-test-", dir=within, ignore_cleanup_errors=True) as name:
        Path(name).chmod(0o755)
        yield Path(name) / "postgresql"


@contextmanager
def fresh_database(server: str) -> Iterator[str]:
    """A fresh, migrated database on `server`; it is gone afterwards."""
    name = f"mopos_{os.getpid()}_{next(_numbers)}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"create database {name} template template_mopos")
        yield make_conninfo(server, dbname=name)
        connection.execute(f"drop database {name} with (force)")


@pytest.fixture
def dsn(postgres: str) -> Iterator[str]:
    """The address of a fresh, migrated database, for one test."""
    with fresh_database(postgres) as address:
        yield address


@pytest.fixture(scope="module")
def shared_dsn(postgres: str) -> Iterator[str]:
    """The same, for all tests of a module that leave nothing behind."""
    with fresh_database(postgres) as address:
        yield address


@pytest.fixture(scope="module")
def stack(postgres):
    """Sandbox bank, gateway and worker, running for a module; their logs must end without a traceback."""
    with open_folder() as folder, fresh_database(postgres) as dsn:
        folder.mkdir(exist_ok=True)
        with running(dsn, folder) as stack:
            yield stack
        assert "Traceback" not in stack.logs()


@pytest.fixture(scope="module")
def shop(stack):
    """A merchant at the running stack."""
    return stack.make_shop()


@pytest.fixture
async def chromium() -> AsyncIterator[Browser]:
    """A real browser, for one test."""
    async with launched() as browser:
        yield browser


@pytest.fixture
async def web():
    """A client without proxies or redirects."""
    async with browser() as client:
        yield client
