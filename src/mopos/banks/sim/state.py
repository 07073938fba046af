"""What every door of a simulated bank works with."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import httpx2
from litestar import Request

from mopos.banks.sim.book import Book, Order
from mopos.banks.sim.cards import Fault
from mopos.base.clock import Clock

AnyRequest = Request[Any, Any, Any]


def lies_in(url: str, domain: str) -> bool:
    """Whether an address lies in a domain or in a part of it. Small and capital letters are the same in both."""
    try:
        host, domain = urlsplit(url).hostname or "", domain.lower()
    except ValueError:
        return False  # a bracket without its other one
    return host == domain or host.endswith(f".{domain}")


@dataclass(frozen=True, slots=True)
class Terminal:
    """A merchant's terminal at the bank. Each bank uses those fields that its protocol knows."""

    number: str = "10000001"
    key: str = "sandbox-key"
    merchant_fa: str = "درگاه پرداخت موپوز"
    merchant_en: str = "MoPos payment gateway"
    commission_ppm: int = 0
    """What the bank keeps of what it takes, in millionths."""
    merchant_id: str = ""
    user: str = ""
    password: str = ""
    domain: str = ""
    """The merchant's registered domain: return addresses lie inside of it. Empty: any."""
    verifies_itself: bool = False
    """Whether the bank is set to verify this merchant's payments by itself, where a payment may say otherwise."""

    def returns_to(self, url: str) -> bool:
        """Whether a return address lies in the registered domain."""
        return not self.domain or lies_in(url, self.domain)


@dataclass(frozen=True, slots=True)
class Face:
    """What makes the shared payment page the page of one bank."""

    title_fa: str
    title_en: str
    return_fields: Callable[[Order], dict[str, str]]
    """What the browser carries back."""
    forged_returns: Callable[[Order, str], Sequence[dict[str, str]]]
    """What an attacker would send who knows the return address: "paid", with a made-up reference, and "failed"."""
    asks_referer: bool = False
    """Whether only a buyer who comes from the merchant's site is let in, as the browser's `Referer` tells."""
    stars: int = 6
    """In a masked card number, between the first six and the last four digits."""
    tells_amount: bool = True
    """Whether the bank's yes tells what it took. A bank whose yes tells none takes what was ordered, with every card:
    nobody could find out otherwise."""

    def masked(self, number: str) -> str:
        """A card number as this bank shows it."""
        return f"{number[:6]}{'*' * self.stars}{number[-4:]}"


@dataclass(frozen=True, slots=True)
class Simulator:
    """One bank's simulator: what is its own. `sim/service.py` runs it."""

    face: Face
    doors: Sequence[Any]
    """Its API, and the entry to its payment page (which calls `page.enter`)."""
    terminal: Terminal
    """Whom it knows when nobody says otherwise."""
    credentials: Mapping[str, str]
    """How our connector reaches that terminal: the values of the kind's fields."""
    draw_token: Callable[[random.Random], str]
    draw_ref: Callable[[random.Random], str]
    session_s: float = 900.0
    """How long a buyer may stay on its page."""
    give_back_s: float = 1800.0
    """So long after a payment it gives back what nobody has verified."""
    reverse_s: float = 10_800.0
    """So long after a payment it reverses what is verified."""
    settles_itself: bool = False
    """Whether it settles by itself what is verified, once it reverses it no longer. There the time counts from
    verify."""


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
    face: Face
    planned: dict[str, list[Fault]] = field(default_factory=dict)
    """By call: what goes wrong with the next ones, for tests (`POST /faults`)."""
    misreported: dict[str, str] = field(default_factory=dict)
    """By order number: what the report does wrong about it, for tests (`sandbox_report.Fault`)."""

    def next_fault(self, order: Order | None, call: str) -> Fault | None:
        """What is to go wrong with this answer: what tests have planned, else what the order's card brings."""
        if planned := self.planned.get(call):
            return planned.pop(0)
        return self.book.next_fault(order, call) if order else None


def running(request: AnyRequest) -> Running:
    """The bank that a request has come to."""
    bank: Running = request.app.state.bank
    return bank
