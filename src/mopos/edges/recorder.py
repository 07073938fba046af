"""Rows that are written beside the calls that they tell of: `put` at once, written in batches about once a second.

What is told here is good to have and never worth a payment: `put` neither waits nor fails, and what the database cannot
take in time is forgotten, the oldest first.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Awaitable, Callable, Hashable, Sequence
from typing import Generic, Self, TypeVar

import structlog

from mopos.base import log as logging
from mopos.base.db import DatabaseUnavailable

# Some megabytes, and more than a process makes in the ten seconds that a statement may take.
ROWS_MAX = 5_000
# One statement's rows: a few milliseconds of work for PostgreSQL.
BATCH_MAX = 1_000
# Somebody who watches a page does not notice one second; a hundred calls share one statement.
EVERY_S = 1.0
# Of one key (a gateway) in `EVERY_S`: whoever reads the rows can read no more, and a busy key costs no more than that.
PER_KEY_MAX = 10
# A process that stops waits no longer than this for its last rows.
STOP_DEADLINE_S = 3.0

Row = TypeVar("Row")

log = structlog.get_logger()


class Recorder(Generic[Row]):
    """A bounded buffer, and the task that empties it: `async with recorder` in a process's lifespan.

    `write(rows)` writes a batch with ONE statement (arrays and `unnest`), which itself leaves out what cannot be
    written, such as a row of a gateway that is not there: one bad row costs its whole batch."""

    def __init__(
        self,
        name: str,
        write: Callable[[Sequence[Row]], Awaitable[object]],
        *,
        rows_max: int = ROWS_MAX,
        per_key_max: int = PER_KEY_MAX,
        every_s: float = EVERY_S,
    ) -> None:
        self._name = name
        self._write = write
        self._every_s = every_s
        self._per_key_max = per_key_max
        self._rows: deque[Row] = deque(maxlen=rows_max)
        self._counts: dict[Hashable, int] = {}
        self._stopping = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._overflowing = False
        self.dropped = 0
        """Rows that were lost because the buffer was full or the database refused them."""
        self.skipped = 0
        """Rows beyond what one key may have."""

    def __len__(self) -> int:
        return len(self._rows)

    def has_room(self, key: Hashable) -> bool:
        """Whether a row of this key would be kept now: who asks first need not make a row that is not."""
        if self._counts.get(key, 0) < self._per_key_max:
            return True
        self.skipped += 1
        return False

    def put(self, row: Row, key: Hashable = None) -> None:
        """Keep a row until it is written. Never waits, never raises. With a `key`, only so many of it in a second."""
        if key is not None:
            if not self.has_room(key):
                return
            self._counts[key] = self._counts.get(key, 0) + 1
        if len(self._rows) == self._rows.maxlen:
            self.dropped += 1
            self._say_once("full")
        self._rows.append(row)

    async def __aenter__(self) -> Self:
        self._stopping.clear()
        self._task = asyncio.create_task(self._run(), name=f"recorder {self._name}")
        return self

    async def __aexit__(self, *_: object) -> None:
        """Write what is left, within a deadline."""
        task, self._task = self._task, None
        if task is None:
            return
        self._stopping.set()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(task, STOP_DEADLINE_S)
        if self._rows:
            log.warning("recorder.lost", recorder=self._name, rows=len(self._rows))

    async def _run(self) -> None:
        stopping = False
        while not stopping:
            with contextlib.suppress(TimeoutError):
                stopping = await asyncio.wait_for(self._stopping.wait(), self._every_s)
            self._counts.clear()
            await self._empty()

    async def _empty(self) -> None:
        while self._rows:
            batch = [self._rows.popleft() for _ in range(min(len(self._rows), BATCH_MAX))]
            try:
                await self._write(batch)
            except DatabaseUnavailable:
                self._put_back(batch)
                return
            except Exception as error:
                # What is told beside a call must not end the telling: these rows are lost, the next ones are not.
                self.dropped += len(batch)
                log.error(
                    "recorder.failure", recorder=self._name, kind=type(error).__name__, where=logging.places(error)
                )
            else:
                self._overflowing = False

    def _put_back(self, batch: list[Row]) -> None:
        """To be tried again in a second; what came in meanwhile is newer and goes before the oldest."""
        room = (self._rows.maxlen or 0) - len(self._rows)
        kept = batch[len(batch) - room :] if room < len(batch) else batch
        self._rows.extendleft(reversed(kept))
        if len(kept) < len(batch):
            self.dropped += len(batch) - len(kept)
            self._say_once("database")

    def _say_once(self, why: str) -> None:
        """One line for each time that rows begin to be lost, not one for each row."""
        if not self._overflowing:
            self._overflowing = True
            log.warning("recorder.dropping", recorder=self._name, why=why)
