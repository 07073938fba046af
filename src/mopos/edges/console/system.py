"""The system as it runs: versions, migrations, settings without secrets, the last audit, what the disk holds."""

from __future__ import annotations

import asyncio
import platform
import shutil
from importlib.metadata import version
from pathlib import Path
from typing import Any

from litestar import Response
from psycopg.conninfo import conninfo_to_dict
from pydantic import SecretStr

from mopos.base.config import Settings
from mopos.db.migrate import known_migrations
from mopos.domain.operators import log, system
from mopos.domain.operators.model import Duty
from mopos.edges.console import show
from mopos.edges.console.overview import AUDIT_STALE_AFTER
from mopos.edges.web.ask import Ask
from mopos.edges.web.routes import Route

# Files counted in the data folder: enough for any installation's documents, and an end for a loop of links.
_FILES_MAX = 200_000


async def show_system(ask: Ask) -> Response[Any]:
    db, settings = ask.services.db, ask.services.settings
    runs = await log.last_runs(db)
    applied = await system.migrations(db)
    return show.page(
        ask,
        "console/system.html",
        title=ask.t["console.system"],
        versions=[("MoPos", version("mopos")), ("Python", platform.python_version())],
        server=await system.server(db),
        applied=applied,
        missing=sorted(set(await asyncio.to_thread(known_migrations)) - {one.name for one in applied}),
        tables=await system.largest_tables(db),
        runs=runs,
        stale=not runs or max(run.at for run in runs) < ask.now - AUDIT_STALE_AFTER,
        settings=shown_settings(settings),
        folder=str(settings.data_dir),
        disk=await asyncio.to_thread(disk_use, settings.data_dir),
    )


def shown_settings(settings: Settings) -> list[tuple[str, str]]:
    """Every setting with its value; of a secret only whether it is set, of a server's address never the password."""
    return [(f"MOPOS_{name.upper()}", _shown(name, getattr(settings, name))) for name in Settings.model_fields]


def _shown(name: str, value: object) -> str:
    if isinstance(value, SecretStr):
        return "***" if value.get_secret_value() else ""
    if value is None:
        return ""
    if name.endswith("database_url"):
        parts = conninfo_to_dict(str(value))
        return " ".join(f"{part}={parts[part]}" for part in ("host", "port", "dbname", "user") if parts.get(part))
    return str(value)


def disk_use(folder: Path) -> tuple[int, int, int]:
    """Bytes of the files in the data folder (0 where there is none), and of its disk: free, and all."""
    place = folder
    while not place.exists() and place != place.parent:
        place = place.parent
    disk = shutil.disk_usage(place)
    return (_bytes_in(folder) if folder.exists() else 0), disk.free, disk.total


def _bytes_in(folder: Path) -> int:
    total = 0
    for count, path in enumerate(folder.rglob("*")):
        if count >= _FILES_MAX:
            break
        try:
            total += path.lstat().st_size
        except OSError:
            continue  # PostgreSQL's own files come and go, and may not be looked at
    return total


ROUTES: list[Route] = [Route("GET", "/console/system", show_system, Duty.LOOK)]
