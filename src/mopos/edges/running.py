"""What every long-running command does first: a database to talk to, and a key to hash with.

Child processes get both through the environment, so that all of them work on the same ones.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pydantic import SecretStr

from mopos.base import embedded
from mopos.base.config import Settings


class KeyMissing(Exception):
    """A server was named but no key: a key made up here would make every `Rmz` useless on the next machine."""


@contextmanager
def ready(settings: Settings) -> Iterator[Settings]:
    """Settings with a database that runs and a key. An embedded PostgreSQL is stopped at the end, if we started it."""
    if settings.database_url is not None:
        if settings.secret_key is None:
            raise KeyMissing("MOPOS_DATABASE_URL is set but MOPOS_SECRET_KEY is not")
        yield _exported(settings, settings.database_url, settings.secret_key.get_secret_value())
        return
    with embedded.start(settings.data_dir / "postgresql", settings.pg_bindir) as server:
        key = settings.secret_key.get_secret_value() if settings.secret_key else _kept_key(settings.data_dir)
        yield _exported(settings, server.dsn, key)


def _kept_key(data_dir: Path) -> str:
    """The key of this data folder, made when it is first needed; only its owner can read it."""
    path = data_dir / "secret-key"
    if not path.exists():
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w") as file:
            file.write(secrets.token_hex(32))
    return path.read_text().strip()


def _exported(settings: Settings, dsn: str, key: str) -> Settings:
    os.environ["MOPOS_DATABASE_URL"] = dsn
    os.environ["MOPOS_SECRET_KEY"] = key
    return settings.model_copy(update={"database_url": dsn, "secret_key": SecretStr(key)})
