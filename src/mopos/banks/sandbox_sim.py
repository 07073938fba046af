"""The sandbox bank as a service of its own: its API for the gateway, and its book for whoever tests.

It is spoken to over HTTP only, and knows nothing of the gateway but terminal, key and return address. Its rules are in
`sandbox_book.py`, the buyer's page in `sandbox_page.py`, the test cards in `sandbox_cards.py`.
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import re
import socket
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

import httpx2
import msgspec
import uvicorn
from litestar import Litestar, Response, get, post

from mopos.banks.sandbox_book import Book, Code, Entry, Order
from mopos.banks.sandbox_cards import Fault
from mopos.banks.sandbox_page import cancel, pay, request_password, show_asset, show_no_payment, show_page
from mopos.banks.sandbox_report import misreport, report
from mopos.banks.sandbox_state import AnyRequest, Running, Terminal, running
from mopos.base.clock import Clock, system_clock
from mopos.base.text import harmless

# A request of the API is some hundred bytes, a form of the page too.
BODY_BYTES_MAX = 16 * 1024

# Lines of the book on one page: some hundred kilobytes.
BOOK_PAGE_MAX = 1_000

# The longest return address that a browser surely carries, and what fits on the page.
RETURN_URL_LENGTH_MAX = 2_048
DESCRIPTION_LENGTH_MAX = 100

# How long the bank waits for the merchant's site when it posts a return by itself. Longer than a gateway's own deadline
# at the bank, so that the gateway's question is over before the buyer goes on.
OWN_RETURN_TIMEOUT_S = 20.0

# What is due is given back this often, also when nobody asks.
GIVE_BACK_EVERY_S = 1.0

# Requests that are under way when the bank is stopped may end; a browser that hangs on may not hold it longer.
STOP_S = 5

_ORDER_NUMBER = re.compile(r"[0-9]{1,20}")

# http or https, a plain host, no name and password before it: its origin goes into a header of the page as it is.
_RETURN_URL = re.compile(r"https?://([A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?([/?#][!-~]*)?")

# --- the gateway's door -----------------------------------------------------------------------------------------------


class _TokenRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    terminal: str
    order: str
    amount: int
    return_url: str
    description: str = ""
    return_by_get: bool = False


class _OrderRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    terminal: str
    order: str
    amount: int
    token: str | None = None


class _RefundRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    terminal: str
    order: str
    amount: int
    """What to give back."""
    refund: str
    """The gateway's own number of the refund."""
    token: str | None = None


Asked = TypeVar("Asked", _TokenRequest, _OrderRequest, _RefundRequest)


class _Answer(msgspec.Struct, frozen=True, omit_defaults=True):
    code: int
    terminal: str
    order: str
    token: str | None = None
    amount: int | None = None
    ref: str | None = None
    trace: str | None = None
    pan: str | None = None
    refund: str | None = None


_read_token_request = msgspec.json.Decoder(_TokenRequest).decode
_read_order_request = msgspec.json.Decoder(_OrderRequest).decode
_read_refund_request = msgspec.json.Decoder(_RefundRequest).decode


@post("/api/token", status_code=200)
async def open_order(request: AnyRequest) -> Response[bytes]:
    """Take an order from the gateway and give it a token."""
    bank = running(request)
    asked = await _signed(request, bank, _read_token_request)
    if isinstance(asked, Response):
        return asked
    if not _acceptable(asked):
        return _say(_Answer(Code.FORMAT_ERROR, asked.terminal, asked.order))
    opened = bank.book.open(
        asked.terminal,
        asked.order,
        asked.amount,
        asked.return_url,
        return_by_get=asked.return_by_get,
        description=harmless(asked.description),
    )
    if isinstance(opened, Code):
        return _say(_Answer(opened, asked.terminal, asked.order))
    return _say(_Answer(Code.DONE, asked.terminal, asked.order, token=opened.token))


@post("/api/verify", status_code=200)
async def verify(request: AnyRequest) -> Response[bytes]:
    """The gateway asks whether an order was paid, and takes the money for good."""
    return await _about_an_order(request, "verify", lambda bank, order: bank.book.verify(order))


@post("/api/inquire", status_code=200)
async def inquire(request: AnyRequest) -> Response[bytes]:
    """The gateway asks how an order stands."""
    return await _about_an_order(request, "inquire", lambda bank, order: bank.book.inquire(order))


@post("/api/reverse", status_code=200)
async def reverse(request: AnyRequest) -> Response[bytes]:
    """The gateway gives the money back."""
    return await _about_an_order(request, "reverse", lambda bank, order: bank.book.reverse(order))


@post("/api/refund", status_code=200)
async def refund(request: AnyRequest) -> Response[bytes]:
    """The gateway gives a part of the money back, or all of it, whenever it likes. Idempotent by its refund number."""
    bank = running(request)
    asked = await _signed(request, bank, _read_refund_request)
    if isinstance(asked, Response):
        return asked
    if not _ORDER_NUMBER.fullmatch(asked.refund):
        return _say(_Answer(Code.FORMAT_ERROR, asked.terminal, asked.order, refund=asked.refund[:20]))
    order = bank.book.find(asked.terminal, asked.order)
    if order is None:
        return _say(_Answer(Code.NO_SUCH_ORDER, asked.terminal, asked.order, refund=asked.refund))
    if asked.token is not None and asked.token != order.token:
        return _say(_Answer(Code.WRONG_TOKEN, asked.terminal, asked.order, refund=asked.refund))
    fault = bank.book.next_fault(order, "refund")
    if spoiled := await _instead(bank, fault):
        return spoiled
    answer = _Answer(Code.REFUND_REFUSED, order.terminal, order.number, token=order.token, refund=asked.refund)
    if fault is not Fault.REFUSED:
        answer = _refunded(bank.book.refund(order, asked.refund, asked.amount), order, asked.refund)
    return await _spoil(bank, fault, _say(answer))


def _refunded(done: Entry | int, order: Order, number: str) -> _Answer:
    if isinstance(done, int):
        return _Answer(done, order.terminal, order.number, token=order.token, refund=number)
    return _Answer(
        Code.DONE,
        order.terminal,
        order.number,
        token=order.token,
        amount=done.rial,
        ref=done.ref,
        trace=order.trace,
        refund=number,
    )


async def _instead(bank: Running, fault: Fault | None) -> Response[bytes] | None:
    """What comes instead of doing what was asked."""
    if fault is Fault.SILENT:
        await asyncio.sleep(bank.late_s)
    if fault in (Fault.SILENT, Fault.ERROR):
        return Response(b"Internal Server Error", status_code=500, media_type="text/plain")
    return None


async def _about_an_order(request: AnyRequest, call: str, act: Callable[[Running, Order], int]) -> Response[bytes]:
    bank = running(request)
    asked = await _signed(request, bank, _read_order_request)
    if isinstance(asked, Response):
        return asked
    order = bank.book.find(asked.terminal, asked.order)
    if order is None:
        return _say(_Answer(Code.NO_SUCH_ORDER, asked.terminal, asked.order))
    if asked.token is not None and asked.token != order.token:
        return _say(_Answer(Code.WRONG_TOKEN, asked.terminal, asked.order))
    if asked.amount != order.amount:
        return _say(_Answer(Code.AMOUNT_DIFFERS, asked.terminal, asked.order, token=order.token))
    fault = bank.book.next_fault(order, call)
    if spoiled := await _instead(bank, fault):
        return spoiled
    code = Code.TOO_LATE_TO_REVERSE if fault is Fault.REFUSED else act(bank, order)
    return await _spoil(bank, fault, _say(_answer(code, order)))


async def _spoil(bank: Running, fault: Fault | None, answer: Response[bytes]) -> Response[bytes]:
    match fault:
        case Fault.SLOW:
            await asyncio.sleep(bank.slow_s)
        case Fault.LATE:
            await asyncio.sleep(bank.late_s)
        case Fault.GARBAGE:
            return Response('{"code":0,"terminal":"\ufffd'.encode() + b"\xff\x00<html>", media_type="application/json")
        case _:
            pass
    return answer


def _answer(code: int, order: Order) -> _Answer:
    if code not in (Code.DONE, Code.ALREADY_VERIFIED) or order.taken is None:
        return _Answer(code, order.terminal, order.number, token=order.token)
    return _Answer(
        code,
        order.terminal,
        order.number,
        token=order.token,
        amount=int(order.taken),
        ref=order.ref,
        trace=order.trace,
        pan=order.pan,
    )


async def _signed(request: AnyRequest, bank: Running, read: Callable[[bytes], Asked]) -> Asked | Response[bytes]:
    """The request, once it is known to come from the terminal that it names. Who is not known learns nothing else."""
    body = await request.body()
    try:
        asked = read(body)
    except (ValueError, RecursionError):
        return _say(_Answer(Code.FORMAT_ERROR, "", ""), status=400)
    terminal = bank.terminals.get(asked.terminal)
    key = terminal.key if terminal else ""
    right = hmac.digest(key.encode(), f"{request.scope['path']}\n".encode() + body, "sha256").hex()
    given = request.headers.get("x-signature", "")
    if terminal is None or not hmac.compare_digest(right.encode(), given.encode()):
        return _say(_Answer(Code.NOT_SIGNED, "", ""), status=401)
    return asked


def _acceptable(asked: _TokenRequest) -> bool:
    """Whether order number, return address and description are such as the bank can keep and show."""
    return (
        bool(_ORDER_NUMBER.fullmatch(asked.order))
        and bool(_RETURN_URL.fullmatch(asked.return_url))
        and len(asked.return_url) <= RETURN_URL_LENGTH_MAX
        and len(asked.description) <= DESCRIPTION_LENGTH_MAX
    )


def _say(answer: _Answer, status: int = 200) -> Response[bytes]:
    return Response(msgspec.json.encode(answer), status_code=status, media_type="application/json")


# --- the book's door --------------------------------------------------------------------------------------------------


@get("/book")
async def show_book(request: AnyRequest) -> Response[bytes]:
    """What the bank took and gave back. `?order=`: the lines of one order. Else `?after=` a line, `&limit=` lines."""
    book = running(request).book
    book.give_back_due()
    query = request.query_params
    number = query.get("order")
    if number is not None:
        terminal = str(query.get("terminal", next(iter(running(request).terminals))))
        order = book.find(terminal, str(number))
        lines = book.lines_of(terminal, str(number))
        return _json({"order": number, "stage": order.stage if order else None, "entries": lines})
    after, limit = _count(query.get("after"), 0), min(_count(query.get("limit"), BOOK_PAGE_MAX), BOOK_PAGE_MAX)
    entries: list[Entry] = book.entries[after : after + limit]
    more = after + limit < len(book.entries)
    totals = {what: {"count": total.count, "rial": total.rial} for what, total in book.totals.items()}
    return _json({"totals": totals, "entries": entries, "next": after + limit if more else None})


@get("/healthz")
async def healthz() -> Response[bytes]:
    """Whether the bank is up."""
    return _json({"ok": True})


def _count(text: object, otherwise: int) -> int:
    text = str(text)
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 12 else otherwise


def _json(content: object) -> Response[bytes]:
    return Response(msgspec.json.encode(content), media_type="application/json")


# --- the service ------------------------------------------------------------------------------------------------------


def create_app(
    *,
    clock: Clock = system_clock,
    seed: int | None = None,
    book_path: Path | str | None = None,
    give_back_s: float = 1800.0,
    reverse_s: float = 10_800.0,
    session_s: float = 900.0,
    otp_s: float = 120.0,
    deadline_s: float = 10.0,
    terminals: tuple[Terminal, ...] = (Terminal(),),
) -> Litestar:
    """The bank as an ASGI application. With a `seed`, tokens, references and passwords come in the same order each
    time (for tests: whoever knows the seed knows them); without one nobody can guess them. `deadline_s` is the
    gateway's deadline, against which "slow" and "late" answers are timed."""
    book = Book(
        clock=clock,
        seed=seed,
        give_back=timedelta(seconds=give_back_s),
        session=timedelta(seconds=session_s),
        otp_life=timedelta(seconds=otp_s),
        reverse_within=timedelta(seconds=reverse_s),
        path=Path(book_path) if book_path is not None else None,
    )

    @contextlib.asynccontextmanager
    async def lifespan(app: Litestar) -> AsyncIterator[None]:
        async with httpx2.AsyncClient(timeout=OWN_RETURN_TIMEOUT_S, trust_env=False) as outside:
            app.state.bank = Running(
                book=book,
                terminals={terminal.number: terminal for terminal in terminals},
                clock=clock,
                slow_s=deadline_s * 2 / 3,
                late_s=deadline_s * 1.5,
                outside=outside,
            )
            giving_back = asyncio.create_task(_give_back_for_ever(book))
            try:
                yield
            finally:
                giving_back.cancel()
                book.close()

    return Litestar(
        route_handlers=[
            open_order,
            verify,
            inquire,
            reverse,
            refund,
            show_page,
            show_no_payment,
            request_password,
            cancel,
            pay,
            show_asset,
            show_book,
            report,
            misreport,
            healthz,
        ],
        lifespan=[lifespan],
        openapi_config=None,
        logging_config=None,
        request_max_body_size=BODY_BYTES_MAX,
    )


async def _give_back_for_ever(book: Book) -> None:
    while True:
        await asyncio.sleep(GIVE_BACK_EVERY_S)
        book.give_back_due()


def run(
    host: str = "127.0.0.1",
    port: int = 8001,
    *,
    on_listening: Callable[[str], None] | None = None,
    **options: Any,
) -> None:
    """Run the bank until it is told to stop (SIGINT, SIGTERM); requests under way end first. Port 0 takes a free one.
    `on_listening` gets the address once it accepts connections. `options` are those of `create_app`."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server((host, port), family=family, backlog=2048) as listening:
        config = uvicorn.Config(
            create_app(**options),
            log_level="warning",
            access_log=False,
            timeout_keep_alive=30,
            timeout_graceful_shutdown=STOP_S,
            server_header=False,
        )
        if on_listening is not None:
            shown = f"[{host}]" if ":" in host else host
            on_listening(f"http://{shown}:{listening.getsockname()[1]}")
        with contextlib.suppress(KeyboardInterrupt):
            uvicorn.Server(config).run(sockets=[listening])
