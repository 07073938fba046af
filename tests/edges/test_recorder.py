"""Rows told beside calls: in batches, within bounds, without ever being in a call's way."""

import asyncio

import pytest
import structlog

from mopos.base.db import DatabaseUnavailable
from mopos.edges.recorder import BATCH_MAX, STOP_DEADLINE_S, Recorder


class Shelf:
    """Where rows are written to; it can be shut."""

    def __init__(self):
        self.batches: list[list[int]] = []
        self.failure: Exception | None = None

    async def write(self, rows):
        if self.failure:
            raise self.failure
        self.batches.append(list(rows))

    @property
    def rows(self) -> list[int]:
        return [row for batch in self.batches for row in batch]


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


async def test_rows_are_written_soon_and_together(shelf):
    async with Recorder("test", shelf.write, every_s=0.05) as recorder:
        for number in range(100):
            recorder.put(number)
        assert shelf.batches == [], "nobody waits for the shelf"
        await asyncio.sleep(0.2)
        assert shelf.batches == [list(range(100))]


async def test_what_is_left_is_written_when_it_stops(shelf):
    async with Recorder("test", shelf.write, every_s=60) as recorder:
        recorder.put(1)
    assert shelf.rows == [1]


async def test_a_burst_stays_bounded_and_the_oldest_go(shelf):
    async with Recorder("test", shelf.write, rows_max=1_500, every_s=60) as recorder:
        for number in range(5_000):
            recorder.put(number)
        assert (len(recorder), recorder.dropped) == (1_500, 3_500)
    assert shelf.rows == list(range(3_500, 5_000))
    assert max(map(len, shelf.batches)) <= BATCH_MAX


async def test_one_key_has_only_so_many_in_a_second(shelf):
    async with Recorder("test", shelf.write, per_key_max=3, every_s=0.05) as recorder:
        for number in range(10):
            recorder.put(number, "loud")
        recorder.put(100, "quiet")
        await asyncio.sleep(0.2)
        assert (shelf.rows, recorder.skipped, recorder.dropped) == ([0, 1, 2, 100], 7, 0)
        recorder.put(11, "loud")
    assert shelf.rows[-1] == 11, "the next second is another one"


async def test_a_database_that_is_away_is_asked_again(shelf):
    shelf.failure = DatabaseUnavailable("gone")
    async with Recorder("test", shelf.write, rows_max=50, every_s=0.02) as recorder:
        for number in range(50):
            recorder.put(number)
        await asyncio.sleep(0.1)
        for number in range(50, 60):
            recorder.put(number)
        await asyncio.sleep(0.1)
        assert (len(recorder), recorder.dropped) == (50, 10)
        shelf.failure = None
    assert shelf.rows == list(range(10, 60)), "in order, without the oldest"


async def test_rows_that_the_database_refuses_cost_nothing_but_themselves(shelf):
    shelf.failure = ValueError("a row that cannot be")
    async with Recorder("test", shelf.write, every_s=0.02) as recorder:
        recorder.put(1)
        await asyncio.sleep(0.1)
        shelf.failure = None
        recorder.put(2)
    assert (shelf.rows, recorder.dropped) == ([2], 1)


async def test_losing_is_said_once(shelf):
    with structlog.testing.capture_logs() as lines:
        async with Recorder("test", shelf.write, rows_max=10, every_s=60) as recorder:
            for number in range(5_000):
                recorder.put(number)
    assert [line["event"] for line in lines] == ["recorder.dropping"]


async def test_a_stop_waits_for_nobody_for_ever():
    async def never(rows):
        await asyncio.sleep(3600)

    async with asyncio.timeout(STOP_DEADLINE_S + 5):
        async with Recorder("test", never, every_s=60) as recorder:
            recorder.put(1)
