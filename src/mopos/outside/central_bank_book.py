"""The simulated central bank's book: files, orders and deposits, and what becomes of them. Plain functions, no waiting.

What becomes of an order is decided when it is received, from the calendar, its Sheba and the seed; how it stands is
read off the clock. So a clock may stand still or leap, and a book that is loaded again says the same. Amounts are Rial.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple, Protocol

import msgspec

from mopos.base.clock import TEHRAN, Clock
from mopos.base.iban import is_iban
from mopos.domain.settlement.channels import Channel
from mopos.domain.settlement.rules import Rules

# Where nobody has named the operator's account yet: fictitious.
DEFAULT_ACCOUNT = "IR750560000000001000000001"
# A transferred order comes back within so many bank days.
BACK_DAYS_MAX = 3
_SLOW_DAYS = 2
_DAY = timedelta(days=1)


class Days(Protocol):
    """The bank days, as `domain/settlement/calendar.py` has them."""

    def rules(self, day: date) -> Rules: ...

    def next_open(self, day: date, channel: Channel) -> date: ...

    def next_cycle(self, after: datetime, channel: Channel) -> datetime: ...


class Fate(StrEnum):
    """What becomes of orders to an account that ends in four certain digits (`FATES`)."""

    REFUSED = "refused"
    """Not taken at all."""
    RETURNED = "returned"
    """Sent back by the receiver's bank, a cycle later; it never arrived."""
    CAME_BACK = "came_back"
    """Settled, and sent back some bank days later."""
    NEVER = "never"
    """Nobody ever says what became of it."""
    SLOW = "slow"
    """Settled two bank days later than it should be."""
    SILENT_AFTER = "silent_after"
    """By API: taken, and the first time nothing is answered."""
    SILENT_BEFORE = "silent_before"
    """By API: the first time nothing is answered, and it is not taken."""
    GARBAGE = "garbage"
    """By API: taken, and the first answer is none."""


# The last four digits of a Sheba, and what becomes of orders to it.
FATES: dict[str, Fate] = {
    "9991": Fate.RETURNED,
    "9992": Fate.CAME_BACK,
    "9993": Fate.NEVER,
    "9994": Fate.SLOW,
    "9995": Fate.REFUSED,
    "9996": Fate.SILENT_AFTER,
    "9997": Fate.SILENT_BEFORE,
    "9998": Fate.GARBAGE,
}

# Reasons, as ISO 20022 lists them.
WRONG_ACCOUNT, CLOSED_ACCOUNT, TOO_MUCH, NOT_IRR = "AC01", "AC04", "AM02", "AM03"
REASONS: dict[str, str] = {
    WRONG_ACCOUNT: "شبا نادرست است",
    CLOSED_ACCOUNT: "حساب گیرنده بسته یا مسدود است",
    TOO_MUCH: "مبلغ بیش از سقف پایا است",
    NOT_IRR: "ارز یا مبلغ نادرست است",
}


class Order(msgspec.Struct, frozen=True, omit_defaults=True):
    """An order as it was received, with what is to become of it."""

    seq: int
    own_id: str
    """By API our number; of a file its number and the row: `IR...42/3`."""
    file: str
    """Empty: by API."""
    row: int
    iban: str
    name: str
    rial: int
    channel: str
    at: datetime
    text: str = ""
    refused: str = ""
    """The reason's code; then nothing else becomes of it."""
    carried_at: datetime | None = None
    back_at: datetime | None = None
    tracking_no: str = ""

    def state(self, now: datetime) -> str:
        """`refused`, `waiting`, `settled`, `returned` or `came_back`."""
        if self.refused:
            return "refused"
        if self.back_at is not None and self.back_at <= now:
            return "came_back" if self.carried_at is not None else "returned"
        return "settled" if self.carried_at is not None and self.carried_at <= now else "waiting"

    def reason(self, now: datetime) -> str:
        """Why it did not arrive, as a code."""
        return self.refused or (CLOSED_ACCOUNT if self.state(now) in ("returned", "came_back") else "")

    def ended_on(self, now: datetime) -> date | None:
        """The day of Tehran on which it came to stand as it stands; None: it waits."""
        match self.state(now):
            case "refused":
                moment: datetime | None = self.at
            case "returned" | "came_back":
                moment = self.back_at
            case "settled":
                moment = self.carried_at
            case _:
                moment = None
        return moment.astimezone(TEHRAN).date() if moment else None


class File(msgspec.Struct, frozen=True):
    """A group Paya file, or one for Satna, that was taken."""

    id: str
    channel: str
    at: datetime
    payer: str
    orders: int
    rial: int


class Deposit(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a PSP paid into the operator's account (or, below nought, what was taken from it)."""

    on: date
    rial: int
    terminal: str = ""
    reference: str = ""
    text: str = ""


class Wish(NamedTuple):
    """An order as somebody asks for it, not looked at yet."""

    own_id: str
    file: str
    row: int
    iban: str
    name: str
    rial: int
    channel: Channel
    currency: str = "IRR"
    text: str = ""


class Movement(NamedTuple):
    """A line of the account's statement: plus came in, minus went out."""

    at: datetime
    rial: int
    reference: str
    text: str
    own_id: str = ""

    @property
    def on(self) -> date:
        return self.at.astimezone(TEHRAN).date()


class _Line(msgspec.Struct, frozen=True, omit_defaults=True):
    order: Order | None = None
    file: File | None = None
    deposit: Deposit | None = None


class Book:
    """Everything that the bank was told, kept in a file if there is one."""

    def __init__(
        self, *, clock: Clock, calendar: Days, seed: int = 0, return_ppm: int = 0, path: Path | None = None
    ) -> None:
        """`return_ppm`: how many of a million ordinary orders come back after they were settled, by the seed."""
        self.clock = clock
        self.calendar = calendar
        self.seed = seed
        self.return_ppm = return_ppm
        self.files: dict[str, File] = {}
        self.orders: dict[str, Order] = {}
        self.deposits: list[Deposit] = []
        self._of_file: dict[str, list[Order]] = {}
        self._known: set[Deposit] = set()
        self._file: int | None = None
        if path is not None:
            self._load(path)
            self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    def close(self) -> None:
        """Close the book's file."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    @property
    def account(self) -> str:
        """The operator's account: that of the first file."""
        return next((file.payer for file in self.files.values()), DEFAULT_ACCOUNT)

    # --- taking ---

    def take_file(self, file: File, wishes: list[Wish]) -> list[Order]:
        """Take a file with all of its orders; what is wrong with one of them refuses that one. A file's number is
        taken once: whoever asks looks at `files` first."""
        orders = [self._decide(wish, offset) for offset, wish in enumerate(wishes)]
        self._write(_Line(file=file), *(_Line(order=order) for order in orders))
        return orders

    def take(self, wish: Wish) -> Order:
        """Take one order by API; what is wrong with it is for `why_not` to say beforehand."""
        order = self._decide(wish, 0)
        self._write(_Line(order=order))
        return order

    def why_not(self, wish: Wish) -> str:
        """Why an order is refused, as a code; empty: it is taken."""
        if not is_iban(wish.iban):
            return WRONG_ACCOUNT
        if wish.rial <= 0 or wish.currency != "IRR":
            return NOT_IRR
        today = self.clock().astimezone(TEHRAN).date()
        if wish.channel is Channel.PAYA and wish.rial > self.calendar.rules(today).paya_rial_max:
            return TOO_MUCH
        return CLOSED_ACCOUNT if fate_of(wish.iban) is Fate.REFUSED else ""

    def deposit(self, deposit: Deposit) -> bool:
        """Somebody pays into the account. False: the very same was told before."""
        if deposit.reference and deposit in self._known:
            return False
        self._write(_Line(deposit=deposit))
        return True

    # --- telling ---

    def orders_of(self, file: str) -> list[Order]:
        """A file's orders, in its order."""
        return self._of_file.get(file, [])

    def movements(self) -> list[Movement]:
        """The account's movements up to now, in the order of time."""
        now = self.clock()
        found = [*(_deposited(deposit) for deposit in self.deposits), *self._moved(now)]
        return sorted((one for one in found if one.at <= now), key=lambda one: (one.at, one.reference))

    def _moved(self, now: datetime) -> Iterator[Movement]:
        for order in self.orders.values():
            if order.carried_at is None or order.carried_at > now:
                continue
            channel = "پایا" if order.channel == Channel.PAYA else "ساتنا"
            yield Movement(
                order.carried_at,
                -order.rial,
                order.tracking_no,
                f"انتقال {channel} به {order.iban} {order.text}".strip(),
                order.own_id,
            )
            if order.back_at is not None and order.back_at <= now:
                text = f"برگشت {channel} {order.tracking_no} {CLOSED_ACCOUNT} {order.text}".strip()
                yield Movement(order.back_at, order.rial, _number(order.back_at, order.seq, "9"), text, order.own_id)

    # --- deciding ---

    def _decide(self, wish: Wish, offset: int) -> Order:
        seq, now = len(self.orders) + offset + 1, self.clock()
        order = Order(
            seq=seq,
            own_id=wish.own_id,
            file=wish.file,
            row=wish.row,
            iban=wish.iban,
            name=wish.name,
            rial=wish.rial,
            channel=wish.channel,
            at=now,
            text=wish.text,
            refused=self.why_not(wish),
        )
        if order.refused:
            return order
        carried_at, back_at = self._plan(wish, now)
        number = (
            _number(carried_at, seq) if wish.channel is Channel.PAYA else f"ST{self._chance(wish, 'ref'):06}{seq:08}"
        )
        return msgspec.structs.replace(
            order, carried_at=carried_at, back_at=back_at, tracking_no=number if carried_at else ""
        )

    def _plan(self, wish: Wish, now: datetime) -> tuple[datetime | None, datetime | None]:
        """When it is carried, and when it comes back; None: never."""
        # Never in the very moment in which it is received.
        first = self.calendar.next_cycle(now + timedelta(seconds=1), wish.channel)
        match fate_of(wish.iban):
            case Fate.NEVER:
                return None, None
            case Fate.RETURNED:
                return None, self.calendar.next_cycle(first + timedelta(seconds=1), wish.channel)
            case Fate.CAME_BACK:
                return first, self._back(wish, first)
            case Fate.SLOW:
                return self._later(first, _SLOW_DAYS, wish.channel), None
            case _:
                back = self._chance(wish, "back") < self.return_ppm
                return first, self._back(wish, first) if back else None

    def _back(self, wish: Wish, carried_at: datetime) -> datetime:
        return self._later(carried_at, 1 + self._chance(wish, "days") % BACK_DAYS_MAX, wish.channel)

    def _later(self, moment: datetime, days: int, channel: Channel) -> datetime:
        """The first cycle so many bank days later."""
        day = moment.astimezone(TEHRAN).date()
        for _ in range(days):
            day = self.calendar.next_open(day + _DAY, channel)
        return self.calendar.next_cycle(datetime(day.year, day.month, day.day, tzinfo=TEHRAN), channel)

    def _chance(self, wish: Wish, what: str) -> int:
        """A number below a million, the same each time for the same seed and order."""
        said = f"{self.seed}/{what}/{wish.own_id}/{wish.iban}/{wish.rial}".encode()
        return int.from_bytes(hashlib.sha256(said).digest()[:8]) % 1_000_000

    # --- the file ---

    def _write(self, *lines: _Line) -> None:
        # First on paper, then in mind: what cannot be written did not happen. At once: a file is taken whole or not.
        if self._file is not None:
            os.write(self._file, b"".join(msgspec.json.encode(line) + b"\n" for line in lines))
        for line in lines:
            self._enter(line)

    def _enter(self, line: _Line) -> None:
        if line.file is not None:
            self.files[line.file.id] = line.file
        if line.order is not None:
            self.orders[line.order.own_id] = line.order
            if line.order.file:
                self._of_file.setdefault(line.order.file, []).append(line.order)
        if line.deposit is not None:
            self.deposits.append(line.deposit)
            self._known.add(line.deposit)

    def _load(self, path: Path) -> None:
        """Read an earlier run's book. A last line that was cut off by a kill never happened, and is cut away."""
        if not path.exists():
            return
        kept = path.read_bytes()
        whole = kept.rfind(b"\n") + 1
        if whole < len(kept):
            os.truncate(path, whole)
        decode = msgspec.json.Decoder(_Line).decode
        for raw in kept[:whole].splitlines():
            self._enter(decode(raw))


def fate_of(iban: str) -> Fate | None:
    """What is to become of orders to a Sheba; None: nothing special."""
    return FATES.get(iban[-4:])


def _number(moment: datetime | None, seq: int, first: str = "1") -> str:
    """20 digits, for a movement of Paya: the day, and a number that only it has. The shape is our choice."""
    day = moment.astimezone(TEHRAN).date() if moment else date(2000, 1, 1)
    return f"{day:%Y%m%d}{first}{seq:011}"


def _deposited(deposit: Deposit) -> Movement:
    # PSPs' money comes in the morning.
    at = datetime(deposit.on.year, deposit.on.month, deposit.on.day, 6, 0, tzinfo=TEHRAN)
    words = [deposit.text or "واریز شاپرک", deposit.terminal, deposit.reference]
    reference = deposit.reference or f"D{deposit.on:%Y%m%d}{deposit.terminal}"
    return Movement(at, deposit.rial, reference, " ".join(word for word in words if word))
