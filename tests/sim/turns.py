"""Actors at one database, whose statements take turns as a seed says: the same seed, the same order.

Each actor is a coroutine that talks to the database through `Gated`. Before every statement it waits until it is let
through; the next one is let through when the statement is done, or stands waiting for somebody's lock.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from contextvars import ContextVar

from mopos.base.db import Database, Params, Row

# A statement that takes longer is waiting for a lock: each of ours is done in a millisecond or two.
BLOCKED_AFTER_S = 0.02

_actor: ContextVar[int | None] = ContextVar("actor", default=None)


class Turns:
    """Who may run the next statement."""

    def __init__(self, seed: int) -> None:
        self._chance = random.Random(seed)
        self._gates: dict[int, asyncio.Event] = {}
        self._quiet: dict[int, asyncio.Event] = {}
        self._changed = asyncio.Event()
        self.order: list[int] = []

    async def run(self, actors: Sequence[Callable[[], Awaitable[object]]]) -> list[object]:
        """Run all of them to their end; what each returned or raised."""
        tasks = [asyncio.create_task(self._play(number, actor)) for number, actor in enumerate(actors)]
        conductor = asyncio.create_task(self._conduct(tasks))
        try:
            return list(await asyncio.gather(*tasks, return_exceptions=True))
        finally:
            conductor.cancel()

    async def _play(self, number: int, actor: Callable[[], Awaitable[object]]) -> object:
        _actor.set(number)
        self._quiet[number] = asyncio.Event()
        try:
            return await actor()
        finally:
            self._quiet[number].set()
            self._changed.set()

    async def pass_gate(self) -> None:
        """Wait for the actor's turn. Who is no actor passes at once."""
        number = _actor.get()
        if number is None or number not in self._quiet:
            return
        gate = self._gates[number] = asyncio.Event()
        self._quiet[number].set()
        self._changed.set()
        await gate.wait()

    async def _conduct(self, tasks: Sequence[asyncio.Task[object]]) -> None:
        while not all(task.done() for task in tasks):
            ready = sorted(self._gates)
            if not ready:
                self._changed.clear()
                await self._changed.wait()
                continue
            chosen = self._chance.choice(ready)
            self.order.append(chosen)
            quiet = self._quiet[chosen]
            quiet.clear()
            self._gates.pop(chosen).set()
            try:
                async with asyncio.timeout(BLOCKED_AFTER_S):
                    await quiet.wait()
            except TimeoutError:
                continue


class Gated(Database):
    """A database whose statements wait for their turn. `turns` may be changed between episodes."""

    turns: Turns | None = None

    async def all(self, sql: str, params: Params | None = None) -> list[Row]:
        if self.turns is not None:
            await self.turns.pass_gate()
        return await super().all(sql, params)
