"""What every bank can be asked, and how it may answer: the verbs and their typed answers.

A bank is one file beside this one, its simulator beside it. It parses its own bytes into these types and hides its own
secrets; nothing behind this port knows a bank's field names. Amounts are `Rial`.

**"I do not know" is an answer.** Only an explicit yes is `Confirmed`, only an explicit no is `Declined`; a time-out, a
broken line, garbage, an HTTP 500: all of that is `Silent`, and never guessed to be one or the other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Protocol

from mopos.base.money import Rial


class Decline(StrEnum):
    """Why a bank refused, in words that all banks share. Each bank's codes map onto these; pages have their texts."""

    INSUFFICIENT_FUNDS = "insufficient_funds"
    WRONG_PIN = "wrong_pin"
    PIN_BLOCKED = "pin_blocked"
    """The second password was wrong too often."""
    WRONG_CARD = "wrong_card"
    EXPIRED_CARD = "expired_card"
    LIMIT_EXCEEDED = "limit_exceeded"
    NOT_PERMITTED = "not_permitted"
    """The card or its holder may not pay so: not this kind of purchase, or not here."""
    ISSUER_DOWN = "issuer_down"
    CANCELLED = "cancelled"
    SESSION_EXPIRED = "session_expired"
    GIVEN_BACK = "given_back"
    NOT_ACCEPTED = "not_accepted"
    """The bank does not accept our terminal: credentials, address of the server, domain, or a terminal that is off. No
    buyer can help it; another terminal can."""
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Order:
    """What `open` asks a bank for: one attempt to pay one purchase."""

    number: str
    """Our order number, digits only, never used twice at a bank."""
    amount: Rial
    return_url: str
    """Where the bank sends the browser afterwards; holds the attempt's unguessable reference."""
    description: str = ""


@dataclass(frozen=True, slots=True)
class Redirect:
    """How the browser gets to the bank: the bank's own method, address and form fields."""

    method: str
    """`GET` or `POST`."""
    url: str
    fields: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Opened:
    """The bank is ready for the buyer."""

    token: str
    """The bank's own name for this payment."""
    redirect: Redirect


@dataclass(frozen=True, slots=True)
class Attempt:
    """An attempt as the bank must recognise it again: what `verify`, `inquire` and `reverse` are asked about."""

    number: str
    amount: Rial
    token: str | None
    """None when `open` was never answered."""
    bank_ref: str | None = None
    """The bank's reference as the browser brought it back; a hint, never evidence."""
    masked_pan: str = ""
    """The card as the browser brought it back, for banks that never tell it themselves."""


@dataclass(frozen=True, slots=True)
class Confirmed:
    """An explicit yes: the bank has taken this amount for this order, and says so itself."""

    amount: Rial
    order_number: str
    bank_ref: str
    """The reference that pays one attempt only (RRN where the bank has one)."""
    trace: str = ""
    """STAN, the trace number of the receipt."""
    masked_pan: str = ""


@dataclass(frozen=True, slots=True)
class Declined:
    """An explicit no: no money was taken, or all of it was given back, and that will not change."""

    reason: Decline
    code: str = ""
    """The bank's own code, for operators."""


@dataclass(frozen=True, slots=True)
class GivenBack:
    """An explicit yes to `refund`: this very refund was done."""

    bank_ref: str = ""
    """The bank's reference of the refund."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """An explicit yes to `probe`: the bank knows our terminal."""


@dataclass(frozen=True, slots=True)
class Pending:
    """The bank knows the order, and the buyer may still pay it. Nothing was taken so far."""


@dataclass(frozen=True, slots=True)
class Unverified:
    """`inquire`: the bank took the money and waits for our `verify`; without it, it gives the money back."""


@dataclass(frozen=True, slots=True)
class Silent:
    """No answer that can be trusted. The truth is to be asked for again."""

    why: str
    """For the journal and operators: `timeout`, `garbage`, `http_502`..."""


@dataclass(frozen=True, slots=True)
class ReportLine:
    """One movement as the bank's own report of a day tells it."""

    kind: str
    """`purchase`, `refund` or `reversal`: what it took, and what it gave back."""
    order_number: str
    bank_ref: str
    amount: Rial
    at: datetime


@dataclass(frozen=True, slots=True)
class ReportPage:
    """A part of a day's report."""

    lines: Sequence[ReportLine]
    following: str
    """Where the next part begins; empty: this was the last one."""
    commission: Rial
    """What the bank keeps of the whole day for its work."""


@dataclass(frozen=True, slots=True)
class Returned:
    """What the browser brought back. It only tells which question to ask: `verify`, or `inquire` when it says no."""

    claims_paid: bool
    bank_ref: str | None = None
    masked_pan: str = ""
    order_number: str | None = None
    """Whose return it claims to be; None: this bank's returns do not say it."""
    token: str | None = None
    """The same, by the bank's token."""
    reason: Decline = Decline.OTHER
    """Why it was not paid, by its own word."""
    code: str = ""
    """The bank's own code of a no; empty: no such word could be read, so it is none."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What a bank is like, as data: shown in the reference, used by the sweep."""

    name: str
    title_fa: str
    title_en: str
    session: timedelta
    """How long a buyer may stay on the bank's page."""
    verify_deadline: timedelta
    """After this the bank gives back an unverified payment by itself, so asking on is of no use."""
    reverse_within: timedelta = timedelta(0)
    """So long after a payment the bank reverses it, if it is not settled; nought: never."""
    can_refund: bool = False
    """Whether the bank gives money back to the card later, whole or in part (`refund`)."""
    can_inquire: bool = True
    """Whether `inquire` can be asked. Where it cannot, `verify` is the only question, and only a browser says no."""
    asks_by_ref: bool = False
    """Whether `verify` needs the reference that the browser brings back: who never returns cannot be asked about, and
    what he paid is given back by the bank."""
    reports: bool = False
    """Whether the bank gives a report of each day (`report`)."""
    unit_rial: int = 1
    """The terminal can say whole multiples of so many Rial only: 10 where it speaks Toman."""


class Bank(Protocol):
    """The verbs. None of them raises for anything that a bank or a network does: that is `Silent`."""

    @property
    def facts(self) -> Facts: ...

    async def open(self, order: Order) -> Opened | Declined | Silent:
        """Ask the bank to take `order.amount` from a buyer who is about to come."""

    def read_return(self, fields: Mapping[str, str]) -> Returned:
        """Read what the browser brought back from the bank: query and form fields in one mapping. Never trusted."""

    async def verify(self, attempt: Attempt) -> Confirmed | Declined | Pending | Silent:
        """Ask the bank itself, and confirm: from `Confirmed` on the money is ours. Asking twice is safe: "already
        verified" is a yes when it is bound to this order."""

    async def inquire(self, attempt: Attempt) -> Confirmed | Unverified | Declined | Pending | Silent:
        """Ask what became of an attempt, changing nothing. `Silent("no_inquiry")` where the bank has no such call."""

    async def reverse(self, attempt: Attempt) -> Declined | Silent:
        """Give the whole amount back before settlement. `Declined(GIVEN_BACK)` says that it was done, now or before;
        any other `Declined` that it was not and will not be. Asking twice is safe."""

    async def refund(self, attempt: Attempt, refund_number: str, amount: Rial) -> GivenBack | Declined | Silent:
        """Give a part of the amount back, or all of it. `refund_number` is ours, digits only, never used twice at a
        bank: asking again with the same one is safe, and is how to learn what became of it. `Declined`: it was not
        done and will not be."""

    async def probe(self) -> Accepted | Declined | Silent:
        """Prove our credentials, and that the bank answers, without money. `Declined(NOT_ACCEPTED)`: it does not know
        us."""

    async def aclose(self) -> None:
        """Close the connections to the bank."""

    async def report(self, day: date, after: str = "") -> ReportPage | Silent:
        """What the bank took and gave back on a day of Tehran, by its own books, a page at a time. `after`: where the
        page before ended. A day that is not over is `Silent`."""
