"""The sandbox bank as a process of its own on a free port, and our connector to it."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx2
import pytest
from tests.banks import process
from tests.banks.process import Process

from mopos.banks.kind import Access
from mopos.banks.port import Attempt, Opened, Order
from mopos.banks.sandbox import FACTS, Sandbox
from mopos.banks.wire import Transcript
from mopos.base.money import Rial
from mopos.base.secret import Secret

KEY = "canary-key-7c1f"
TERMINAL = "10000001"
DEADLINE_S = 0.9

_numbers = itertools.count(1001)


@dataclass
class RunningBank(Process):
    """A sandbox bank in its own process."""

    terminal: str = TERMINAL
    key: str = KEY


@dataclass
class Gateway:
    """What a gateway has at this bank: a connector, a buyer's browser, and the transcripts of all calls."""

    bank: Sandbox
    browser: httpx2.AsyncClient
    url: str
    calls: list[Transcript] = field(default_factory=list)

    async def open(
        self, amount: int = 250_000, return_url: str = "http://127.0.0.1:9/pay/return/canary-ref", description: str = ""
    ) -> tuple[Opened, Attempt]:
        """Open a new order at the bank."""
        number = str(next(_numbers))
        opened = await self.bank.open(Order(number, Rial(amount), return_url, description))
        assert isinstance(opened, Opened)
        return opened, Attempt(number, Rial(amount), opened.token)

    async def book(self, attempt: Attempt) -> dict[str, Any]:
        """What the bank's book says of one order."""
        answer = await self.browser.get(f"{self.url}/book", params={"order": attempt.number})
        found: dict[str, Any] = answer.json()
        return found


def start_bank(**options: Any) -> RunningBank:
    """Start a sandbox bank and wait until it listens."""
    bank = process.start("sandbox", [{"number": TERMINAL, "key": KEY}], **{"deadline_s": DEADLINE_S, **options})
    return RunningBank(bank.url, bank.running)


@pytest.fixture
async def client() -> AsyncIterator[httpx2.AsyncClient]:
    """Whoever speaks to a bank without our connector."""
    async with httpx2.AsyncClient(trust_env=False, timeout=20) as one:
        yield one


@pytest.fixture(scope="session")
def shared_bank() -> Iterator[RunningBank]:
    """One bank for all tests that need no other settings."""
    bank = start_bank()
    yield bank
    bank.stop()


@pytest.fixture
def bank_with() -> Iterator[Callable[..., RunningBank]]:
    """Start a bank with other settings; it is stopped after the test."""
    with contextlib.ExitStack() as running:

        def start(**options: Any) -> RunningBank:
            bank = start_bank(**options)
            running.callback(lambda: bank.is_up and bank.stop())
            return bank

        yield start


@pytest.fixture(scope="session")
def gateway_at() -> Callable[..., contextlib.AbstractAsyncContextManager[Gateway]]:
    """Make a connector to whatever listens at an address."""
    return _gateway_at


@contextlib.asynccontextmanager
async def _gateway_at(
    url: str, *, key: str = KEY, terminal: str = TERMINAL, deadline_s: float = DEADLINE_S
) -> AsyncIterator[Gateway]:
    calls: list[Transcript] = []
    credentials = {"terminal": Secret(terminal), "key": Secret(key)}
    sandbox = Sandbox(Access(url, credentials, FACTS, deadline_s, calls.append))
    try:
        async with httpx2.AsyncClient(trust_env=False, timeout=10) as browser:
            yield Gateway(sandbox, browser, url, calls)
    finally:
        await sandbox.aclose()


@pytest.fixture
async def gateway(shared_bank: RunningBank) -> AsyncIterator[Gateway]:
    """Our connector to the shared bank."""
    async with _gateway_at(shared_bank.url) as one:
        yield one


@pytest.fixture
def tcp_server() -> Callable[..., contextlib.AbstractAsyncContextManager[str]]:
    """A server that says whatever bytes it likes."""
    return process.server
