"""The worker writes what somebody wants as a file, page by page, in flat memory: purchases, or a statement
(`export_sources`).

Claim, write, record: the claim is a lease that each page extends, so the export of a killed worker is taken up again,
from its beginning, and two workers never finish the same one.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Protocol

import structlog

from mopos.actions.export_sources import SOURCES
from mopos.actions.services import Services
from mopos.base.db import DatabaseUnavailable
from mopos.base.errors import Refused
from mopos.domain.reports import exports
from mopos.domain.reports.exports import Export
from mopos.outside.export_files import ExportFiles

KEPT = timedelta(hours=24)
# Far above what a page takes; who is silent for so long is dead.
_LEASE = timedelta(minutes=2)
_TELL_EVERY_S = 5.0
# One at a time in a process: exports never take the worker's places from those who ask banks.
_one_at_a_time = asyncio.Lock()

log = structlog.get_logger()


class Sheet(Protocol):
    """A file that takes rows of its kind: the edges know its columns and its words."""

    def add(self, lines: Sequence[Any]) -> None:
        """Write these rows below the others."""

    def close(self) -> None:
        """Finish the file."""


NewSheet = Callable[[Export, Path], Sheet]


class Taken(Exception):
    """Another worker has this export by now."""


async def export_purchases(services: Services, new_sheet: NewSheet) -> int:
    """Make the exports that are due. Returns how many were tried; may run twice and be killed anywhere."""
    if _one_at_a_time.locked():
        return 0
    tried = 0
    async with _one_at_a_time:
        while export := await _claimed(services):
            tried += 1
            await _make(services, export, new_sheet)
    return tried


async def forget_old_exports(services: Services) -> None:
    """Remove exports whose time is over, their files, and what killed workers have left."""
    files = ExportFiles(services.settings.data_dir)
    for name in await exports.forget_old(services.db, services.clock()):
        await asyncio.to_thread(files.remove, name)
    await asyncio.to_thread(files.remove_leftovers, await exports.kept(services.db))


async def _claimed(services: Services) -> Export | None:
    now = services.clock()
    while export := await exports.claim(services.db, now=now, lease_until=now + _LEASE):
        if export.state == "running":
            return export
    return None


async def _make(services: Services, export: Export, new_sheet: NewSheet) -> None:
    files = ExportFiles(services.settings.data_dir)
    try:
        path = await asyncio.to_thread(files.new, export.format)
    except OSError as error:
        log.error("export.file", export=export.id, kind=type(error).__name__)
        return
    sheet = await asyncio.to_thread(new_sheet, export, path)
    done = False
    try:
        done = await _write(services, _Writing(export, path, sheet))
    except Refused:
        # The filter's rules have changed since it was asked for: no later try would do better.
        await exports.fail(services.db, export)
    except Taken:
        log.info("export.taken", export=export.id)
    except (OSError, DatabaseUnavailable) as error:
        # No space, no permission, no database: the lease runs out, and it is tried again later.
        log.error("export.failed", export=export.id, kind=type(error).__name__)
    finally:
        if not done:
            with contextlib.suppress(OSError):
                await asyncio.to_thread(sheet.close)
            path.unlink(missing_ok=True)


@dataclass
class _Writing:
    """An export while it is written."""

    export: Export
    path: Path
    sheet: Sheet
    rows: int = 0
    rows_all: int | None = None


async def _write(services: Services, writing: _Writing) -> bool:
    async for part in SOURCES[writing.export.kind](services, writing.export):
        await _alive(services, writing, asyncio.to_thread(writing.sheet.add, part.rows))
        writing.rows += len(part.rows)
        writing.rows_all = part.rows_all
        await _tell(services, writing)
    await _alive(services, writing, asyncio.to_thread(writing.sheet.close))
    now = services.clock()
    return await exports.finish(
        services.db,
        writing.export,
        path=writing.path.name,
        size=writing.path.stat().st_size,
        rows=writing.rows,
        now=now,
        expires_at=now + KEPT,
    )


async def _alive(services: Services, writing: _Writing, work: Coroutine[Any, Any, None]) -> None:
    """Do something that may take long, and keep telling that we are at it."""
    task = asyncio.create_task(work)
    try:
        while not (await asyncio.wait({task}, timeout=_TELL_EVERY_S))[0]:
            await _tell(services, writing)
    finally:
        await task


async def _tell(services: Services, writing: _Writing) -> None:
    ours = await exports.tell_progress(
        services.db,
        writing.export,
        rows_done=writing.rows,
        rows_all=writing.rows_all,
        lease_until=services.clock() + _LEASE,
    )
    if not ours:
        raise Taken
