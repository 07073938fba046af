"""The sandbox bank's report of a day: what it took for good and gave back, by its own book, for a terminal.

For tests it can misreport an order: leave its line out, name it twice, or tell another amount.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterator
from datetime import date, datetime
from enum import StrEnum
from urllib.parse import urlencode

import msgspec
from litestar import Response, get, post

from mopos.banks.sim.book import Book, Code, Entry
from mopos.banks.sim.state import AnyRequest, Running, Terminal, running
from mopos.base.clock import TEHRAN

# Some 40 kilobytes: the gateway reads answers of 64 at most.
PAGE_LINES = 250

# What of the book a report tells, and what it calls it there.
_KINDS = {"verified": "purchase", "given_back": "reversal", "refunded": "refund"}


class Fault(StrEnum):
    """What a report does wrong about one order."""

    MISSING = "missing"
    DOUBLED = "doubled"
    AMOUNT = "amount"
    """It tells a tenth of the amount."""


class _Line(msgspec.Struct, frozen=True):
    kind: str
    order: str
    ref: str
    amount: int
    at: datetime


class _Report(msgspec.Struct, frozen=True, omit_defaults=True):
    code: int
    terminal: str
    day: str
    lines: list[_Line] = []
    next: str = ""
    commission: int = 0


class _Misreport(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    order: str
    fault: Fault | None = None


_read_misreport = msgspec.json.Decoder(_Misreport).decode


@get("/api/report")
async def report(request: AnyRequest) -> Response[bytes]:
    """`?terminal=&day=2026-11-24&after=`: a page of a day's report. Signed over the path, a line feed, and the query
    with its names sorted. A day that is not over has no report yet."""
    bank = running(request)
    bank.book.give_back_due()
    asked = {name: str(request.query_params.get(name, "")) for name in ("after", "day", "terminal")}
    terminal = bank.terminals.get(asked["terminal"])
    if terminal is None or not _is_signed(request, terminal, asked):
        return _say(_Report(Code.NOT_SIGNED, "", ""), 401)
    day, after = _day(asked["day"]), asked["after"] or "0"
    if day is None or not (after.isascii() and after.isdigit() and len(after) < 18):
        return _say(_Report(Code.FORMAT_ERROR, terminal.number, asked["day"]))
    if day >= bank.clock().astimezone(TEHRAN).date():
        return _say(_Report(Code.NOT_PAID_YET, terminal.number, asked["day"]))
    numbers = bank.book.lines_on(terminal.number, day)
    page = numbers[int(after) : int(after) + PAGE_LINES]
    reached = int(after) + len(page)
    return _say(
        _Report(
            Code.DONE,
            terminal.number,
            day.isoformat(),
            [line for seq in page for line in _told(bank, bank.book.entries[seq - 1])],
            str(reached) if reached < len(numbers) else "",
            commission(bank.book, terminal, day),
        )
    )


def commission(book: Book, terminal: Terminal, day: date) -> int:
    """What the bank keeps of a day: of what it took, rounded down."""
    if not terminal.commission_ppm:
        return 0
    entries = (book.entries[seq - 1] for seq in book.lines_on(terminal.number, day))
    return sum(entry.rial for entry in entries if entry.what == "verified") * terminal.commission_ppm // 1_000_000


@post("/book/misreport", status_code=200)
async def misreport(request: AnyRequest) -> Response[bytes]:
    """For tests: `{"order": ..., "fault": "missing" | "doubled" | "amount" | null}`, from the next report on."""
    try:
        wanted = _read_misreport(await request.body())
    except ValueError:
        return Response(b'{"ok":false}', status_code=400, media_type="application/json")
    wrong = running(request).misreported
    if wanted.fault is None:
        wrong.pop(wanted.order, None)
    else:
        wrong[wanted.order] = wanted.fault
    return Response(b'{"ok":true}', media_type="application/json")


def _told(bank: Running, entry: Entry) -> Iterator[_Line]:
    kind = _KINDS.get(entry.what)
    # Money that nobody verified was never the merchant's, so the report does not tell that it went back.
    if kind is None or (kind == "reversal" and not _was_verified(bank.book, entry)):
        return
    fault = bank.misreported.get(entry.order)
    if fault == Fault.MISSING:
        return
    amount = max(1, entry.rial // 10) if fault == Fault.AMOUNT else entry.rial
    line = _Line(kind, entry.order, entry.ref, amount, entry.at)
    yield line
    if fault == Fault.DOUBLED:
        yield line


def _was_verified(book: Book, entry: Entry) -> bool:
    return any(line.what == "verified" for line in book.lines_of(entry.terminal, entry.order))


def _is_signed(request: AnyRequest, terminal: Terminal, asked: dict[str, str]) -> bool:
    signed = f"{request.scope['path']}\n{urlencode(sorted(asked.items()))}"
    right = hmac.digest(terminal.key.encode(), signed.encode(), "sha256").hex()
    return hmac.compare_digest(right.encode(), request.headers.get("x-signature", "").encode())


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _say(answer: _Report, status: int = 200) -> Response[bytes]:
    return Response(msgspec.json.encode(answer), status_code=status, media_type="application/json")
