"""The processes of the demo: started one after the other, stopped in reverse."""

from __future__ import annotations

import fcntl
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2

# A part that does not answer by then will not: each needs about a second.
_START_S = 30.0
# In-flight requests are finished in this time; then a part is killed.
_STOP_S = 35.0


class PartFailed(Exception):
    """A part of the demo did not start."""


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Nobody else's demo on this folder. Two would have one database but two banks, and each worker would ask the bank
    that knows nothing of half of the purchases. Raises `PartFailed`."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "demo.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise PartFailed(
                f"a demo already runs with the data in {folder}: use that one, or another MOPOS_DATA_DIR"
            ) from None
        yield


def refuse_taken(host: str, port: int) -> None:
    """Raise `PartFailed` when another program listens there already."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            raise PartFailed(f"port {port} of {host} is taken: choose other ones with --port") from None


class Parts:
    """Child processes, each in a session of its own so that Ctrl-C in the terminal reaches only us."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._processes: list[subprocess.Popen[bytes]] = []

    def start(self, arguments: list[str], address: str | None, environment: dict[str, str]) -> None:
        """Start `mopos ARGUMENTS` and wait until `address` answers."""
        name = "-".join(argument for argument in arguments[:2] if not argument.startswith("--"))
        log = self._folder / f"{name}.log"
        with log.open("ab") as file:
            process = subprocess.Popen(
                [sys.executable, "-m", "mopos", *arguments],
                env=os.environ | environment,
                stdout=file,
                stderr=file,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
        self._processes.append(process)
        if address is not None:
            _wait_for(address, process, log)

    def stop(self) -> None:
        """Ask each to finish what it does, the last one first."""
        for process in reversed(self._processes):
            process.terminate()
            try:
                process.wait(_STOP_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _wait_for(address: str, process: subprocess.Popen[bytes], log: Path) -> None:
    give_up = time.monotonic() + _START_S
    while time.monotonic() < give_up and process.poll() is None:
        try:
            # Any answer will do: the shop, as shops are, has no /healthz.
            httpx2.get(f"{address}/healthz", trust_env=False, timeout=2)
        except httpx2.TransportError:
            time.sleep(0.1)
        else:
            return
    tail = log.read_text(errors="replace")[-1500:]
    raise PartFailed(f"{address} does not answer. The end of {log}:\n{tail}")
