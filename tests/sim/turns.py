"""Actors at one database, whose statements take turns as a seed says.

Each actor is a coroutine that talks to the database through `Gated`. Before every statement it waits until it is let
through. Mostly one is let through at a time, and the next when its statement is done or stands waiting for somebody's
lock; now and then all that wait are let through at once, so that statements truly overlap.
"""

import asyncio
import itertools
import random
from collections.abc import Awaitable, Callable, Sequence
from contextvars import ContextVar

from mopos.base.db import Database, Params, Row

# A statement that takes longer is waiting for a lock: each of ours is done in a millisecond or two.
BLOCKED_AFTER_S = 0.01
ALL_AT_ONCE = 0.25

_acts: ContextVar[bool] = ContextVar("acts", default=False)


class Turns:
    """Who may run the next statement."""

    def __init__(self, seed: int) -> None:
        self._chance = random.Random(seed)
        self._tickets = itertools.count()
        self._gates: dict[int, tuple[asyncio.Event, asyncio.Event]] = {}
        self._changed = asyncio.Event()

    async def run(self, actors: Sequence[Callable[[], Awaitable[object]]]) -> list[object]:
        """Run all of them to their end; what each returned or raised."""
        conductor = asyncio.create_task(self._conduct())
        try:
            return list(await asyncio.gather(*(self._play(actor) for actor in actors), return_exceptions=True))
        finally:
            conductor.cancel()

    async def _play(self, actor: Callable[[], Awaitable[object]]) -> object:
        _acts.set(True)
        return await actor()

    async def enter(self) -> asyncio.Event | None:
        """Wait for a turn; set what is returned when the statement is done. Who is no actor passes at once."""
        if not _acts.get():
            return None
        gate, done = asyncio.Event(), asyncio.Event()
        self._gates[next(self._tickets)] = (gate, done)
        self._changed.set()
        await gate.wait()
        return done

    async def _conduct(self) -> None:
        while True:
            # Whoever was let through last may come to the next gate first.
            for _ in range(3):
                await asyncio.sleep(0)
            ready = sorted(self._gates)
            if not ready:
                self._changed.clear()
                await self._changed.wait()
                continue
            chosen = ready if self._chance.random() < ALL_AT_ONCE else [self._chance.choice(ready)]
            through = [self._gates.pop(ticket) for ticket in chosen]
            for gate, _ in through:
                gate.set()
            try:
                async with asyncio.timeout(BLOCKED_AFTER_S):
                    for _, done in through:
                        await done.wait()
            except TimeoutError:
                continue


class Gated(Database):
    """A database whose statements wait for their turn. `turns` may be changed between episodes."""

    turns: Turns | None = None

    async def all(self, sql: str, params: Params | None = None) -> list[Row]:
        done = await self.turns.enter() if self.turns is not None else None
        try:
            return await super().all(sql, params)
        finally:
            if done is not None:
                done.set()
