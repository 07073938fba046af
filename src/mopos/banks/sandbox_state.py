"""What every door of the sandbox bank works with."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import httpx2
from litestar import Request

from mopos.banks.sandbox_book import Book
from mopos.base.clock import Clock

AnyRequest = Request[Any, Any, Any]


@dataclass(frozen=True, slots=True)
class Terminal:
    """A merchant's terminal at the bank."""

    number: str = "10000001"
    key: str = "sandbox-key"
    merchant_fa: str = "درگاه پرداخت موپوز"
    merchant_en: str = "MoPos payment gateway"
    commission_ppm: int = 0
    """What the bank keeps of what it takes, in millionths."""


@dataclass(slots=True)
class Running:
    """The bank that is running."""

    book: Book
    terminals: dict[str, Terminal]
    clock: Clock
    slow_s: float
    late_s: float
    outside: httpx2.AsyncClient
    """To post returns by ourselves, for the cards whose story says so."""
    misreported: dict[str, str] = field(default_factory=dict)
    """By order number: what the report does wrong about it, for tests (`sandbox_report.Fault`)."""


def running(request: AnyRequest) -> Running:
    """The bank that a request has come to."""
    bank: Running = request.app.state.bank
    return bank
