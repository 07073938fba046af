"""CPU time of processes, as the kernel counts it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")


def cpu_s(pid: int) -> float:
    """User and system time of one process, without its children."""
    return sum(_times(pid)[:2])


def postgres_cpu_s(cluster: Path) -> float:
    """The same of a PostgreSQL, by its data folder: the postmaster, whom it has reaped, and who lives."""
    postmaster = int((cluster / "postmaster.pid").read_text().split("\n")[0])
    while True:
        try:
            children = Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text().split()
            return sum(cpu_s(int(child)) for child in children) + sum(_times(postmaster))
        except (FileNotFoundError, ProcessLookupError):
            continue  # one of them has just ended: its time is the postmaster's now


def _times(pid: int) -> list[float]:
    """utime, stime, cutime, cstime of /proc/PID/stat, in seconds."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return [int(field) / _TICKS for field in fields[11:15]]


@dataclass
class Spent:
    """CPU time that a block took, in seconds; known once the block has ended."""

    seconds: float = 0.0

    def per_ms(self, number: int) -> float:
        """Milliseconds for each of so many."""
        return self.seconds * 1000 / number


@contextmanager
def spent(read_s: Callable[[], float]) -> Iterator[Spent]:
    """What a counter of CPU seconds (`cpu_s`, `postgres_cpu_s`) counted during the block."""
    result = Spent()
    before = read_s()
    yield result
    result.seconds = read_s() - before
