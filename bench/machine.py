"""CPU time of processes, as the kernel counts it."""

import os
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")


def cpu_s(pid: int) -> float:
    """User and system time of one process, without its children."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def postgres_cpu_s(cluster: Path) -> float:
    """The same of a PostgreSQL: its postmaster with all that it has reaped, and its living children."""
    postmaster = int((cluster / "postmaster.pid").read_text().split("\n")[0])
    fields = Path(f"/proc/{postmaster}/stat").read_text().rpartition(")")[2].split()
    total = sum(int(field) for field in fields[11:15]) / _TICKS
    for child in Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text().split():
        try:
            total += cpu_s(int(child))
        except FileNotFoundError:
            continue
    return total
