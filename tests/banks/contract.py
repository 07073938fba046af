"""What the contract of all banks is tested with: what each protocol can tell, a simulator as a process of its own whose
clock can be moved, a buyer, and our connector, spoken to as the gateway speaks to it."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import re
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from enum import Enum
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlsplit

import httpx2
from tests.banks.process import Process, server, start

from mopos.banks import asking
from mopos.banks.asking import Answer
from mopos.banks.kind import Access, Kind
from mopos.banks.port import Attempt, Bank, Decline, Facts, Opened, Order
from mopos.banks.sim.buyer import Form, NoForm, cancel_at_bank, pay_at_bank
from mopos.banks.sim.state import Simulator
from mopos.banks.sims import SIMS
from mopos.banks.wire import Transcript
from mopos.base.money import Rial

# An odd number of Rial: no whole Toman.
AMOUNT = 250_001

# For all that is not about silence: long enough for a machine that is busy with other tests.
PATIENT_S = 10.0
# For silence: every late answer costs a test this long, and half as much again.
DEADLINE_S = 0.8

CANARY_REF = "canary-return-4f1a"
CANARY_DESCRIPTION = "canary-description-9b27"

# --- what a protocol tells --------------------------------------------------------------------------------------------


class Amount(Enum):
    """What becomes known when a bank takes another amount than ordered."""

    TOLD = "its yes tells the amount that it took"
    REFUSED = "it is asked with our amount, and then says no"
    TAKES_ALL = "its yes tells no amount, so its simulator takes what was ordered, with every card"


class Protocol(NamedTuple):
    """What a bank's protocol can tell, by its guide. It stands here, and is not read from the code under test."""

    refusals: Mapping[str, Decline]
    """By refusing card."""
    cancelled: Decline = Decline.CANCELLED
    session_over: Decline = Decline.SESSION_EXPIRED
    passwords: Decline = Decline.PIN_BLOCKED
    amount: Amount = Amount.TOLD
    names_order: bool = True
    """Whether a yes is bound to our order or token: if not, the reference of another order is confirmed as such, and
    the database refuses it (it pays one attempt only)."""
    settles: bool = False
    """Whether a call of its own, after `verify`, asks to be paid."""
    said_at_open_only: frozenset[str] = frozenset()
    """Credentials that no question about an order says."""
    asks_referer: bool = True
    """Whether only a buyer who comes from the registered domain is let in."""


EVERY_REASON = {
    "insufficient_funds": Decline.INSUFFICIENT_FUNDS,
    "wrong_pin": Decline.WRONG_PIN,
    "expired_card": Decline.EXPIRED_CARD,
    "wrong_card": Decline.WRONG_CARD,
    "not_permitted": Decline.NOT_PERMITTED,
    "issuer_down": Decline.ISSUER_DOWN,
    "limit_exceeded": Decline.LIMIT_EXCEEDED,
}
NO_REASON = dict.fromkeys(EVERY_REASON, Decline.OTHER)

# A new bank stands here when its protocol tells less than that, or lets in every buyer.
PROTOCOLS: dict[str, Protocol] = {
    # So that one may pay with curl.
    "sandbox": Protocol(EVERY_REASON, asks_referer=False),
    "mellat": Protocol(EVERY_REASON, amount=Amount.TAKES_ALL, settles=True),
    "sadad": Protocol(EVERY_REASON, said_at_open_only=frozenset({"merchant", "terminal"})),
    # `State` says "Failed", whatever the card's bank said. Its yes names the terminal and the receipt, not our number.
    "saman": Protocol(NO_REASON, passwords=Decline.OTHER, names_order=False),
    # `Status=NOK` is all that a return says.
    "zarinpal": Protocol(NO_REASON, Decline.OTHER, Decline.OTHER, Decline.OTHER, amount=Amount.REFUSED),
}
TELLS_ALL = Protocol(EVERY_REASON)

# --- a simulator in its own process -----------------------------------------------------------------------------------


# Its clock goes on by as many seconds as it is told on a line of its standard input.
def start_own(kind: str, domain: str = "", **options: Any) -> Process:
    """Start a kind's simulator with the terminal of its own, and the domain that is registered for it. None: any return
    address will do."""
    terminal = asdict(replace(SIMS[kind].terminal, domain=domain))
    return start(kind, [terminal], **{"deadline_s": DEADLINE_S, **options})


# --- the gateway, as far as a bank sees it ----------------------------------------------------------------------------

_numbers = itertools.count(700_001)


@dataclass
class Sent:
    """An order at the bank, and its buyer's way there."""

    opened: Opened
    attempt: Attempt
    way: Form


@dataclass
class Gateway:
    """A connector to one bank, a browser, and all that was said."""

    kind: Kind
    sim: Simulator
    url: str
    bank: Bank
    browser: httpx2.AsyncClient
    process: Process | None = None
    calls: list[Transcript] = field(default_factory=list)

    @property
    def protocol(self) -> Protocol:
        return PROTOCOLS.get(self.kind.name, TELLS_ALL)

    @property
    def facts(self) -> Facts:
        return self.bank.facts

    # --- what the gateway does ---

    async def open(
        self,
        amount: int = AMOUNT,
        return_url: str = f"http://127.0.0.1:9/pay/return/{CANARY_REF}",
        description: str = CANARY_DESCRIPTION,
    ) -> Sent:
        """Open a new order at the bank."""
        order = new_order(amount, return_url, description)
        opened = await self.bank.open(order)
        assert isinstance(opened, Opened), opened
        # The form stands on a page of ours, and browsers tell that page's origin.
        origin = "{0.scheme}://{0.netloc}/".format(urlsplit(return_url))
        redirect = opened.redirect
        way = Form(redirect.method, redirect.url, redirect.fields, referer=origin)
        return Sent(opened, Attempt(order.number, order.amount, opened.token), way)

    def told(self, attempt: Attempt, fields: Mapping[str, str]) -> Attempt:
        """The attempt with what the gateway keeps of a return."""
        returned = self.bank.read_return(fields)
        if not asking.is_about(returned, attempt):
            return attempt
        return replace(
            attempt,
            bank_ref=returned.bank_ref or attempt.bank_ref,
            masked_pan=returned.masked_pan or attempt.masked_pan,
        )

    async def came_back(self, attempt: Attempt, fields: Mapping[str, str]) -> Answer:
        """A browser has brought these fields to the attempt's return address."""
        returned = self.bank.read_return(fields)
        return await asking.after_return(self.bank, self.told(attempt, fields), returned)

    async def ask(self, attempt: Attempt) -> Answer:
        """The worker asks."""
        return await asking.ask(self.bank, attempt)

    # --- what the buyer does ---

    async def pay(self, sent: Sent, card: str = "paid") -> dict[str, str]:
        """Pay with a test card. Returns what the browser takes back."""
        back = await pay_at_bank(self.browser, sent.way, card)
        assert back is not None
        return dict(back.fields)

    async def cancel(self, sent: Sent) -> dict[str, str]:
        """Press the cancel button."""
        back = await cancel_at_bank(self.browser, sent.way)
        assert back is not None
        return dict(back.fields)

    async def wrong_password(self, sent: Sent) -> dict[str, str] | None:
        """Pay with a wrong second password. Returns what the browser takes back; None: the buyer may try again."""
        try:
            back = await pay_at_bank(self.browser, sent.way, password="99999")
        except NoForm:
            return None
        assert back is not None
        return dict(back.fields)

    async def paid(self, card: str = "paid", amount: int = AMOUNT) -> tuple[Attempt, dict[str, str]]:
        """An order that a buyer has just paid: the attempt with what the browser brought, and that itself."""
        sent = await self.open(amount)
        fields = await self.pay(sent, card)
        return self.told(sent.attempt, fields), fields

    # --- what the bank says ---

    async def book(self, attempt: Attempt) -> Book:
        """The bank's own book of one order."""
        shown = (await self.browser.get(f"{self.url}/book", params={"order": attempt.number})).json()
        return Book(shown["stage"] or "", shown["entries"])

    async def totals(self) -> dict[str, Any]:
        """What it took and gave back, in all."""
        totals: dict[str, Any] = (await self.browser.get(f"{self.url}/book", params={"limit": "0"})).json()["totals"]
        return totals

    async def plan(self, call: str, *faults: str) -> None:
        """What goes wrong with the next calls of one name. No fault: what was planned and did not happen is off."""
        planned = await self.browser.post(f"{self.url}/faults", json={"call": call, "faults": faults})
        assert planned.status_code == 200


@dataclass
class Book:
    """What a bank's book says of one order."""

    stage: str
    entries: list[dict[str, Any]]

    @property
    def whats(self) -> list[str]:
        return [entry["what"] for entry in self.entries]

    def rial(self, what: str) -> list[int]:
        """The amounts of all its lines of one name."""
        return [entry["rial"] for entry in self.entries if entry["what"] == what]

    @property
    def is_confirmed(self) -> bool:
        return self.stage in ("verified", "settled")

    @property
    def ref(self) -> str:
        """The reference of the payment."""
        return next((str(entry["ref"]) for entry in self.entries if entry["what"] == "taken"), "")


def new_order(
    amount: int = AMOUNT, return_url: str = "http://127.0.0.1:9/pay/return/x", description: str = ""
) -> Order:
    """An order with a number that was never used."""
    return Order(str(next(_numbers)), Rial(amount), return_url, description)


@contextlib.asynccontextmanager
async def gateway_at(
    kind: Kind,
    sim: Simulator,
    url: str,
    *,
    deadline_s: float = PATIENT_S,
    credentials: Mapping[str, str] | None = None,
    make: Callable[[Access], Bank] | None = None,
    process: Process | None = None,
    bank_url: str = "",
) -> AsyncIterator[Gateway]:
    """A connector to what listens at an address. `make`: another one than the kind's; `bank_url`: what lies between the
    connector and the bank."""
    calls: list[Transcript] = []
    known = kind.check(sim.credentials if credentials is None else credentials)
    bank = (make or kind.make)(Access(bank_url or url, known, kind.facts, deadline_s, calls.append))
    try:
        # All of it is plain HTTP; to load the machine's certificates costs more than a payment.
        async with httpx2.AsyncClient(verify=False, trust_env=False, timeout=PATIENT_S * 2) as browser:
            yield Gateway(kind, sim, url, bank, browser, process, calls)
    finally:
        await bank.aclose()


def other_credentials(kind: Kind, credentials: Mapping[str, str], name: str) -> dict[str, str] | None:
    """The same, with one of them wrong and yet well formed. None: it is a choice, not a name or a key."""
    pattern = next(one.pattern for one in kind.fields if one.name == name)
    right = credentials[name]
    for at, letter in itertools.product(range(len(right)), "7321abcdxyzABCD"):
        wrong = right[:at] + letter + right[at + 1 :]
        if wrong != right and re.fullmatch(pattern, wrong):
            return {**credentials, name: wrong}
    return None


# --- servers that are no bank -----------------------------------------------------------------------------------------


class Request(NamedTuple):
    """A request as it came."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes

    @property
    def fields(self) -> dict[str, str]:
        """Query and form in one, as the gateway reads a return."""
        return dict(parse_qsl(urlsplit(self.target).query) + parse_qsl(self.body.decode("latin-1")))


async def read_request(reader: asyncio.StreamReader) -> Request:
    """One whole request."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *lines = head.strip().split("\r\n")
    method, target, _ = first.split(" ")
    headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    return Request(method, target, headers, await reader.readexactly(int(headers.get("content-length", "0"))))


def http(body: bytes, status: str = "200 OK", headers: str = "") -> bytes:
    """An answer in HTTP."""
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n{headers}Connection: close\r\n\r\n".encode() + body


@contextlib.asynccontextmanager
async def between(bank_url: str, change: Callable[[Request, bytes], bytes]) -> AsyncIterator[str]:
    """Something between us and the bank, that changes what comes back: `change` gets the request and the body of the
    bank's answer, and says all that goes on, head and body."""
    async with httpx2.AsyncClient(verify=False, trust_env=False, timeout=PATIENT_S) as onward:

        async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            request = await read_request(reader)
            # What belongs to this connection alone stays behind.
            headers = {k: v for k, v in request.headers.items() if k not in ("host", "connection", "content-length")}
            answer = await onward.request(
                request.method, bank_url + request.target, headers=headers, content=request.body
            )
            writer.write(change(request, answer.content))
            await writer.drain()

        async with server(handle) as url:
            yield url
