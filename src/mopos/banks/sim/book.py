"""A simulated bank's own side of the counter: its orders, its rules, and its book of what it took and gave back.

Plain functions without waiting; each bank's `*_sim.py` puts its doors before them, and says a `Code` in its own words.
Every call costs the same, however many orders there are. Card numbers, CVV2 and passwords never come here: only the
masked number does.

A bank that is started again with its file knows all of it again, but for what a buyer or a test loses without harm: how
often a second password was wrong, which dynamic password was shown, and how many answers a card has spoiled already.
"""

from __future__ import annotations

import errno
import os
import random
import secrets
from collections import deque
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import IntEnum, StrEnum
from pathlib import Path

import msgspec

from mopos.banks.sim.cards import BY_SLUG, Card, Fault
from mopos.base.clock import TEHRAN, Clock
from mopos.base.money import Rial

# Below it, a payment costs more than it brings; above it, not even the sandbox believes in a card.
AMOUNT_RIAL_MIN = Rial(1_000)
AMOUNT_RIAL_MAX = Rial(100_000_000_000)

# Three wrong second passwords end the payment, as they block a real card (spec of cards, section 4).
WRONG_PASSWORDS_MAX = 3


class Code(IntEnum):
    """What the bank answers. From 13 to 99 they are the switch's (ISO 8583 field 39)."""

    DONE = 0
    NOT_PAID_YET = 1
    ALREADY_VERIFIED = 2
    WAITS_FOR_VERIFY = 3
    NO_SUCH_ORDER = -2
    WRONG_TOKEN = -3
    SESSION_EXPIRED = -4
    REVERSED = -5
    GIVEN_BACK = -6
    TOO_LATE_TO_REVERSE = -7
    REFUND_EXCEEDS = -8
    REFUND_DIFFERS = -9
    """The same refund number with another amount."""
    REFUND_REFUSED = -10
    AMOUNT_INVALID = 13
    CANCELLED = 17
    FORMAT_ERROR = 30
    AMOUNT_DIFFERS = 64
    WRONG_PASSWORD = 55
    TOO_MANY_PASSWORDS = 75
    ORDER_USED = 94
    NOT_SIGNED = -105
    NOT_PERMITTED = 57


class Stage(StrEnum):
    """Where an order stands at the bank."""

    OPEN = "open"
    TAKEN = "taken"
    VERIFIED = "verified"
    SETTLED = "settled"
    """Verified, and asked to be paid to the merchant, where a bank wants both."""
    REFUSED = "refused"
    GIVEN_BACK = "given_back"
    """By the bank itself, as nobody verified it in time."""
    REVERSED = "reversed"
    """At the gateway's wish."""


@dataclass(slots=True)
class Order:
    """One order, from the token to its end."""

    number: str
    terminal: str
    token: str
    amount: Rial
    return_url: str
    return_by_get: bool
    description: str
    opened_at: datetime
    unit_rial: int = 1
    """In what the gateway counts this order, at the bank's wire: 10 for Toman. The book itself is in Rial."""
    verifies_itself: bool = False
    """Whether the bank verifies by itself what is taken: the gateway's own verify finds it done."""
    stage: Stage = Stage.OPEN
    code: int = Code.NOT_PAID_YET
    """Why it was refused; meaningless in other stages."""
    taken: Rial | None = None
    taken_at: datetime | None = None
    ref: str = ""
    trace: str = ""
    pan: str = ""
    card: Card | None = None
    otp: str = ""
    otp_until: datetime | None = None
    wrong_passwords: int = 0
    verified_at: datetime | None = None
    refunds: dict[str, Entry] = field(default_factory=dict)
    """What was given back later, by the gateway's refund number."""
    faults: dict[str, Iterator[Fault]] = field(default_factory=dict)
    entered: bool = False
    """Whether the buyer came in by the bank's own door."""

    @property
    def is_paid(self) -> bool:
        """Whether the bank holds the money: verified or not."""
        return self.stage in (Stage.TAKEN, Stage.VERIFIED, Stage.SETTLED)

    @property
    def end_code(self) -> int:
        """Why an order that is not paid stands as it does."""
        match self.stage:
            case Stage.GIVEN_BACK:
                return Code.GIVEN_BACK
            case Stage.REVERSED:
                return Code.REVERSED
            case _:
                return self.code


class Entry(msgspec.Struct, frozen=True, omit_defaults=True):
    """One line of the book: what happened to an order, at what moment. Written once, never changed."""

    seq: int
    at: datetime
    what: str
    order: str
    terminal: str
    rial: int = 0
    """What moved: taken, given back or refunded; else 0."""
    ref: str = ""
    trace: str = ""
    pan: str = ""
    code: int = 0
    card: str = ""
    refund: str = ""
    """The gateway's refund number; `ref` is the refund's own then."""


class _Opening(msgspec.Struct, frozen=True, omit_defaults=True):
    """What an order needs to be known again after a restart. Kept in the file, never shown."""

    number: str
    terminal: str
    token: str
    amount: int
    return_url: str
    return_by_get: bool
    description: str
    unit_rial: int = 1
    verifies_itself: bool = False


class _Coming(msgspec.Struct, frozen=True, omit_defaults=True):
    """That a buyer came in by the bank's own door, and how he goes back. Kept in the file, never shown."""

    number: str
    terminal: str
    return_by_get: bool = False


class _Line(msgspec.Struct, frozen=True, omit_defaults=True):
    """One line of the file: an entry (the first of an order with its opening), or else a buyer's coming."""

    entry: Entry | None = None
    opening: _Opening | None = None
    coming: _Coming | None = None


@dataclass(slots=True)
class Sum:
    count: int = 0
    rial: int = 0

    def add(self, rial: int) -> None:
        self.count += 1
        self.rial += rial


# How each line of the file begins, also one that was cut off.
_STARTS = (b'{"entry":', b'{"coming":')


class WrongBook(Exception):
    """A file is not this bank's book. Says why, in one line; the file is as it was."""


class Book:
    """All orders of the bank, by number and by token, and the lines of what happened to them."""

    def __init__(
        self,
        *,
        clock: Clock,
        seed: int | None,
        give_back: timedelta,
        session: timedelta,
        otp_life: timedelta,
        reverse_within: timedelta = timedelta(hours=3),
        settles_itself: bool = False,
        draw_token: Callable[[random.Random], str] = lambda chance: f"{chance.getrandbits(128):032x}",
        draw_ref: Callable[[random.Random], str] = lambda chance: str(chance.randrange(10**11, 10**12)),
        path: Path | None = None,
        terminals: Collection[str] | None = None,
    ) -> None:
        """`terminals`: whom the bank knows; None: whoever stands in the book. Raises `WrongBook`."""
        self.clock = clock
        self.give_back = give_back
        self.reverse_within = reverse_within
        self.settles_itself = settles_itself
        self.session = session
        self.otp_life = otp_life
        self.entries: list[Entry] = []
        self.totals: dict[str, Sum] = {
            what: Sum() for what in ("opened", "taken", "verified", "settled", "given_back", "refused", "refunded")
        }
        self._random: random.Random = secrets.SystemRandom() if seed is None else random.Random(seed)  # noqa: S311
        self._draw_token, self._draw_ref = draw_token, draw_ref
        self._orders: dict[tuple[str, str], Order] = {}
        self._by_token: dict[str, Order] = {}
        self._lines_of: dict[tuple[str, str], list[int]] = {}
        self._lines_on: dict[tuple[str, date], list[int]] = {}
        # References of payments and refunds; those of payments lead to their order.
        self._refs: dict[str, Order] = {}
        # In the order of taking, so that what is due stands in front.
        self._unverified: deque[Order] = deque()
        self._file: int | None = None
        if path is not None:
            self._load(path, terminals)
            self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    def close(self) -> None:
        """Close the book's file."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    # --- what the gateway asks ---

    def open(
        self,
        terminal: str,
        number: str,
        amount: int,
        return_url: str,
        *,
        return_by_get: bool,
        description: str,
        unit_rial: int = 1,
        verifies_itself: bool = False,
    ) -> Order | Code:
        """A new order, waiting for its buyer. An order number is taken once and for ever."""
        if not AMOUNT_RIAL_MIN <= amount <= AMOUNT_RIAL_MAX:
            return Code.AMOUNT_INVALID
        if (terminal, number) in self._orders:
            return Code.ORDER_USED
        token = self._new(self._draw_token, self._by_token)
        opening = _Opening(
            number, terminal, token, amount, return_url, return_by_get, description, unit_rial, verifies_itself
        )
        order = _opened(opening, self.clock())
        self._write("opened", order, opening=opening)
        self._enter(order)
        return order

    def find(self, terminal: str, number: str) -> Order | None:
        """The order as it stands now: what is due by the clock is done first."""
        return self._as_of_now(self._orders.get((terminal, number)))

    def find_by_token(self, token: str) -> Order | None:
        return self._as_of_now(self._by_token.get(token))

    def find_by_ref(self, terminal: str, ref: str) -> Order | None:
        """The order that was paid under a reference, as it stands now."""
        order = self._as_of_now(self._refs.get(ref))
        return order if order is not None and order.terminal == terminal and order.ref == ref else None

    def verify(self, order: Order) -> int:
        """The gateway confirms: from now on the money is the merchant's."""
        if order.stage is Stage.TAKEN:
            self._write("verified", order, rial=order.taken)
            return Code.DONE
        return Code.ALREADY_VERIFIED if order.stage in (Stage.VERIFIED, Stage.SETTLED) else _standing(order)

    def settle(self, order: Order) -> None:
        """The gateway asks to be paid what it has verified."""
        self._write("settled", order, rial=order.taken)

    def inquire(self, order: Order) -> int:
        """How the order stands; changes nothing."""
        return Code.DONE if order.stage in (Stage.VERIFIED, Stage.SETTLED) else _standing(order)

    def reverse(self, order: Order) -> int:
        """Give all of it back, verified or not; what is verified only for a while from the payment (from verify, at a
        bank that settles by itself), and never beside refunds."""
        if order.stage not in (Stage.TAKEN, Stage.VERIFIED):
            return _standing(order)
        if order.refunds:
            return Code.REFUND_EXCEEDS
        since = order.verified_at if self.settles_itself else order.taken_at
        if order.stage is Stage.VERIFIED and _has_passed(since, self.reverse_within, self.clock()):
            return Code.TOO_LATE_TO_REVERSE
        self._write("given_back", order, rial=order.taken, code=Code.REVERSED)
        return Code.DONE

    def refund(self, order: Order, number: str, amount: int) -> Entry | int:
        """Give a part back, or the rest. The same number again is the same refund, and gets the same answer."""
        known = order.refunds.get(number)
        if known is not None:
            return known if known.rial == amount else Code.REFUND_DIFFERS
        if order.stage not in (Stage.VERIFIED, Stage.SETTLED) or order.taken is None:
            return _standing(order)
        if not 0 < amount <= int(order.taken) - sum(entry.rial for entry in order.refunds.values()):
            return Code.REFUND_EXCEEDS
        return self._write("refunded", order, rial=Rial(amount), ref=self.new_ref(), refund=number)

    def next_fault(self, order: Order, call: str) -> Fault | None:
        """What is to go wrong with this answer about an order that was paid with a troublesome card."""
        if order.card is None:
            return None
        if call not in order.faults:
            planned = {
                "verify": order.card.on_verify,
                "inquire": order.card.on_inquire,
                "reverse": order.card.on_reverse,
                "refund": order.card.on_refund,
            }
            order.faults[call] = iter(planned.get(call, ()))
        return next(order.faults[call], None)

    # --- what the buyer does ---

    def enter(self, order: Order, *, return_by_get: bool | None = None) -> None:
        """The buyer comes in by the bank's own door. How he goes back may be said there, the first time only; None: as
        the order says."""
        if order.entered:
            return
        by_get = order.return_by_get if return_by_get is None else return_by_get
        self._put_on_paper(_Line(coming=_Coming(order.number, order.terminal, by_get)))
        order.entered, order.return_by_get = True, by_get

    def new_otp(self, order: Order) -> str:
        """A dynamic second password for this order; the one before is good no longer."""
        order.otp = f"{self._random.randrange(10**6):06}"
        order.otp_until = self.clock() + self.otp_life
        return order.otp

    def use_otp(self, order: Order, typed: str) -> bool:
        """Whether `typed` is the dynamic password that was shown last; it is good once."""
        good = bool(order.otp) and secrets.compare_digest(order.otp, typed)
        good = good and order.otp_until is not None and self.clock() < order.otp_until
        if good:
            order.otp = ""
        return good

    def wrong_password(self, order: Order, pan: str) -> bool:
        """One more wrong second password. True: it was the last one, and the order is refused."""
        order.wrong_passwords += 1
        if order.wrong_passwords < WRONG_PASSWORDS_MAX:
            return False
        self._write("refused", order, code=Code.TOO_MANY_PASSWORDS, pan=pan)
        return True

    def take(self, order: Order, card: Card, pan: str, *, whole: bool = False) -> None:
        """Take the money from a card, or let the card refuse. `whole`: the amount that was ordered, whatever the
        card's story is."""
        if card.code:
            self._write("refused", order, code=card.code, card=card, pan=pan)
            return
        taken = order.amount if whole else card.takes(order.amount)
        ref, trace = self.new_ref(), f"{self._random.randrange(10**6):06}"
        self._write("taken", order, rial=taken, ref=ref, trace=trace, card=card, pan=pan)
        if order.verifies_itself:
            self.verify(order)

    def refuse(self, order: Order, code: int) -> None:
        """The order ends, and nothing was taken."""
        self._write("refused", order, code=code)

    def new_ref(self) -> str:
        """A reference that no payment has."""
        return self._new(self._draw_ref, self._refs)

    # --- what the clock does ---

    def give_back_due(self) -> None:
        """Give back what nobody verified in time."""
        now = self.clock()
        while self._unverified:
            order = self._unverified[0]
            if order.stage is Stage.TAKEN and not _has_passed(order.taken_at, self.give_back, now):
                return
            self._give_back_if_due(order, now)
            self._unverified.popleft()

    def _as_of_now(self, order: Order | None) -> Order | None:
        if order is not None:
            now = self.clock()
            self._give_back_if_due(order, now)
            self._settle_if_due(order, now)
            if order.stage is Stage.OPEN and now >= order.opened_at + self.session:
                self.refuse(order, Code.SESSION_EXPIRED)
        return order

    def _give_back_if_due(self, order: Order, now: datetime) -> None:
        if order.stage is Stage.TAKEN and _has_passed(order.taken_at, self.give_back, now):
            self._write("given_back", order, rial=order.taken, code=Code.GIVEN_BACK)

    def _settle_if_due(self, order: Order, now: datetime) -> None:
        due = order.stage is Stage.VERIFIED and _has_passed(order.verified_at, self.reverse_within, now)
        if self.settles_itself and due:
            self.settle(order)

    # --- the lines ---

    def lines_of(self, terminal: str, number: str) -> list[Entry]:
        """What happened to one order, in its order."""
        return [self.entries[seq - 1] for seq in self._lines_of.get((terminal, number), ())]

    def lines_on(self, terminal: str, day: date) -> list[int]:
        """The numbers of a terminal's lines of a day of Tehran, in their order."""
        return self._lines_on.get((terminal, day), [])

    def _write(
        self,
        what: str,
        order: Order,
        *,
        rial: Rial | None = None,
        code: int = 0,
        opening: _Opening | None = None,
        ref: str = "",
        trace: str = "",
        card: Card | None = None,
        pan: str = "",
        refund: str = "",
    ) -> Entry:
        card = card or order.card
        entry = Entry(
            seq=len(self.entries) + 1,
            at=self.clock(),
            what=what,
            order=order.number,
            terminal=order.terminal,
            rial=int(rial or 0),
            ref=ref or order.ref,
            trace=trace or order.trace,
            pan=pan or order.pan,
            code=code,
            card=card.slug if card else "",
            refund=refund,
        )
        # First on paper, then in mind: what cannot be written did not happen.
        self._put_on_paper(_Line(entry, opening))
        self._happened(entry, order)
        return entry

    def _put_on_paper(self, line: _Line) -> None:
        """Write a whole line, or none: on a full disk a part of it may be written, to which the next one would stick.
        Raises `OSError`."""
        if self._file is None:
            return
        text = msgspec.json.encode(line) + b"\n"
        size = os.fstat(self._file).st_size
        if os.write(self._file, text) != len(text):
            os.ftruncate(self._file, size)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def _happened(self, entry: Entry, order: Order) -> None:
        """What a line says, done to its order: when it is written, and when it is read again."""
        order.card, order.pan = BY_SLUG.get(entry.card), entry.pan
        match entry.what:
            case "taken":
                order.stage, order.taken, order.taken_at = Stage.TAKEN, Rial(entry.rial), entry.at
                order.ref, order.trace = entry.ref, entry.trace
                self._refs[entry.ref] = order
                self._unverified.append(order)
            case "verified":
                order.stage, order.verified_at = Stage.VERIFIED, entry.at
            case "settled":
                order.stage = Stage.SETTLED
            case "refunded":
                order.refunds[entry.refund] = entry
                self._refs[entry.ref] = order
            case "given_back":
                order.stage = Stage.REVERSED if entry.code == Code.REVERSED else Stage.GIVEN_BACK
            case "refused":
                order.stage, order.code = Stage.REFUSED, entry.code
        self._count(entry, order)

    def _count(self, entry: Entry, order: Order) -> None:
        self.entries.append(entry)
        self._lines_of.setdefault((order.terminal, order.number), []).append(entry.seq)
        self._lines_on.setdefault((order.terminal, entry.at.astimezone(TEHRAN).date()), []).append(entry.seq)
        self.totals[entry.what].add(entry.rial)

    def _enter(self, order: Order) -> None:
        self._orders[order.terminal, order.number] = order
        self._by_token[order.token] = order

    def _load(self, path: Path, terminals: Collection[str] | None) -> None:
        """Read an earlier run's book. A last line that was cut off by a kill never happened, and is cut away."""
        if not path.exists():
            return
        kept = path.read_bytes()
        whole = kept.rfind(b"\n") + 1
        decode = msgspec.json.Decoder(_Line).decode
        for at, raw in enumerate(kept[:whole].splitlines(), start=1):
            try:
                line = decode(raw)
                self._replay(line)
            except (msgspec.DecodeError, KeyError, ValueError):
                raise WrongBook(f"{path} is no book of a simulated bank: see its line {at}") from None
            if terminals is not None and line.opening is not None and line.opening.terminal not in terminals:
                known = ", ".join(sorted(terminals))
                raise WrongBook(f"{path} is the book of terminal {line.opening.terminal}; this bank knows {known}")
        if whole < len(kept):
            if not any(start.startswith(kept[whole:][: len(start)]) for start in _STARTS):
                raise WrongBook(f"{path} is no book of a simulated bank: see its end")
            os.truncate(path, whole)

    def _replay(self, line: _Line) -> None:
        entry, coming = line.entry, line.coming
        if entry is None:
            if coming is None:
                raise ValueError("neither")
            order = self._orders[coming.terminal, coming.number]
            order.entered, order.return_by_get = True, coming.return_by_get
            return
        if line.opening is not None:
            self._enter(_opened(line.opening, entry.at))
        self._happened(entry, self._orders[entry.terminal, entry.order])

    def _new(self, draw: Callable[[random.Random], str], taken: dict[str, Order]) -> str:
        # A seeded bank that finds its book again draws the same numbers again; those that are given out are passed by.
        while (drawn := draw(self._random)) in taken:
            pass
        return drawn


def _has_passed(since: datetime | None, time: timedelta, now: datetime) -> bool:
    return since is not None and now >= since + time


def _opened(opening: _Opening, at: datetime) -> Order:
    return Order(
        number=opening.number,
        terminal=opening.terminal,
        token=opening.token,
        amount=Rial(opening.amount),
        return_url=opening.return_url,
        return_by_get=opening.return_by_get,
        description=opening.description,
        opened_at=at,
        unit_rial=opening.unit_rial,
        verifies_itself=opening.verifies_itself,
    )


def _standing(order: Order) -> int:
    """What an order that is not verified says of itself."""
    match order.stage:
        case Stage.OPEN:
            return Code.NOT_PAID_YET
        case Stage.TAKEN:
            return Code.WAITS_FOR_VERIFY
        case Stage.GIVEN_BACK:
            return Code.GIVEN_BACK
        case Stage.REVERSED:
            return Code.REVERSED
        case _:
            return order.code
