"""Any bank's simulator as a process of its own, on a free port, with a clock that can be moved; and servers that are no
bank."""

from __future__ import annotations

import asyncio
import contextlib
import json
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

_RUN = """
import json, sys, threading
from datetime import timedelta
from mopos.banks.sims import SIMS
from mopos.banks.sim import service
from mopos.banks.sim.state import Terminal
from mopos.base.clock import system_clock
ahead = timedelta(0)
def clock():
    return system_clock() + ahead
def listen():
    global ahead
    for line in sys.stdin:
        ahead += timedelta(seconds=float(line))
        print("moved", flush=True)
options = json.loads(sys.argv[2])
terminals = tuple(Terminal(**one) for one in options.pop("terminals"))
threading.Thread(target=listen, daemon=True).start()
service.run(SIMS[sys.argv[1]], port=0, clock=clock, terminals=terminals,
            on_listening=lambda url: print(url, flush=True), **options)
"""


@dataclass
class Process:
    """A simulated bank in a process of its own."""

    url: str
    running: subprocess.Popen[str]

    def move_clock(self, seconds: float) -> None:
        """So much later it is at the bank."""
        assert self.running.stdin is not None
        assert self.running.stdout is not None
        self.running.stdin.write(f"{seconds}\n")
        self.running.stdin.flush()
        assert self.running.stdout.readline() == "moved\n"

    @property
    def is_up(self) -> bool:
        return self.running.poll() is None

    def stop(self) -> str:
        """Stop it gently. Returns what it wrote."""
        self.running.terminate()
        written, _ = self.running.communicate(timeout=20)
        return written


def start(kind: str, terminals: Sequence[dict[str, Any]] = (), **options: Any) -> Process:
    """Start a kind's simulator and wait until it listens. Without `terminals` it knows the one of its own."""
    given = json.dumps({"terminals": list(terminals), **options})
    running = subprocess.Popen(
        [sys.executable, "-W", "error", "-c", _RUN, kind, given],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert running.stdout is not None
    url = running.stdout.readline().strip()
    assert url.startswith("http://"), url + running.stdout.read()
    return Process(url, running)


Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@contextlib.asynccontextmanager
async def server(handle: Handler, tls: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    """A server that says whatever it likes, byte by byte. Its address."""
    calls: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                await handle(reader, writer)
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        calls.add(asyncio.create_task(serve(reader, writer)))

    listening = await asyncio.start_server(take, "127.0.0.1", 0, ssl=tls)
    try:
        yield f"http{'s' if tls else ''}://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    finally:
        listening.close()
        for call in calls:
            call.cancel()
        await asyncio.gather(*calls, return_exceptions=True)
