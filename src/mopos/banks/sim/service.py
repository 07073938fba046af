"""A simulated bank as a service of its own: its doors, its book for whoever tests, and its faults."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx2
import msgspec
import uvicorn
from litestar import Litestar, Response, get, post

from mopos.banks.sim import page
from mopos.banks.sim.book import Book, Entry
from mopos.banks.sim.cards import Fault
from mopos.banks.sim.state import AnyRequest, Running, Simulator, Terminal, running
from mopos.base.clock import Clock, system_clock

# A request of an API is some hundred bytes, a form of the page too.
BODY_BYTES_MAX = 16 * 1024

# Lines of the book on one page: some hundred kilobytes.
BOOK_PAGE_MAX = 1_000

# How long the bank waits for the merchant's site when it posts a return by itself. Longer than a gateway's own deadline
# at the bank, so that the gateway's question is over before the buyer goes on.
OWN_RETURN_TIMEOUT_S = 20.0

# What is due is given back this often, also when nobody asks.
GIVE_BACK_EVERY_S = 1.0

# Requests that are under way when the bank is stopped may end; a browser that hangs on may not hold it longer.
STOP_S = 5

# --- faults -----------------------------------------------------------------------------------------------------------


async def instead(bank: Running, fault: Fault | None) -> Response[bytes] | None:
    """What comes instead of doing what was asked; None: it is done."""
    if fault is Fault.SILENT:
        await asyncio.sleep(bank.late_s)
    if fault in (Fault.SILENT, Fault.ERROR):
        return Response(b"Internal Server Error", status_code=500, media_type="text/plain")
    return None


async def spoil(bank: Running, fault: Fault | None, answer: Response[bytes]) -> Response[bytes]:
    """The answer to what was done, as the fault lets it out."""
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


class _Plan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    call: str
    faults: list[Fault]


@post("/faults", status_code=200)
async def plan_faults(request: AnyRequest) -> Response[bytes]:
    """For tests: `{"call": "open", "faults": ["silent"]}`, what goes wrong with the next such calls, in order."""
    try:
        plan = msgspec.json.decode(await request.body(), type=_Plan)
    except ValueError:
        return Response(b'{"ok":false}', status_code=400, media_type="application/json")
    running(request).planned[plan.call] = list(plan.faults)
    return Response(b'{"ok":true}', media_type="application/json")


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
    sim: Simulator,
    *,
    clock: Clock = system_clock,
    seed: int | None = None,
    book_path: Path | str | None = None,
    give_back_s: float | None = None,
    reverse_s: float | None = None,
    session_s: float | None = None,
    otp_s: float = 120.0,
    deadline_s: float = 10.0,
    terminals: tuple[Terminal, ...] = (),
) -> Litestar:
    """The bank as an ASGI application. With a `seed`, tokens, references and passwords come in the same order each
    time (for tests: whoever knows the seed knows them); without one nobody can guess them. `deadline_s` is the
    gateway's deadline, against which "slow" and "late" answers are timed. Times that are None are the bank's own.
    Raises `WrongBook` when the file is another bank's."""
    known = {terminal.number: terminal for terminal in terminals or (sim.terminal,)}
    book = Book(
        clock=clock,
        seed=seed,
        give_back=timedelta(seconds=sim.give_back_s if give_back_s is None else give_back_s),
        session=timedelta(seconds=sim.session_s if session_s is None else session_s),
        otp_life=timedelta(seconds=otp_s),
        reverse_within=timedelta(seconds=sim.reverse_s if reverse_s is None else reverse_s),
        settles_itself=sim.settles_itself,
        draw_token=sim.draw_token,
        draw_ref=sim.draw_ref,
        path=Path(book_path) if book_path is not None else None,
        terminals=known,
    )

    @contextlib.asynccontextmanager
    async def lifespan(app: Litestar) -> AsyncIterator[None]:
        async with httpx2.AsyncClient(timeout=OWN_RETURN_TIMEOUT_S, trust_env=False) as outside:
            app.state.bank = Running(
                book=book,
                terminals=known,
                clock=clock,
                slow_s=deadline_s * 2 / 3,
                late_s=deadline_s * 1.5,
                outside=outside,
                face=sim.face,
            )
            giving_back = asyncio.create_task(_give_back_for_ever(book))
            try:
                yield
            finally:
                giving_back.cancel()
                book.close()

    return Litestar(
        route_handlers=[*sim.doors, *page.DOORS, show_book, plan_faults, healthz],
        lifespan=[lifespan],
        openapi_config=None,
        logging_config=None,
        request_max_body_size=BODY_BYTES_MAX,
    )


async def _give_back_for_ever(book: Book) -> None:
    while True:
        await asyncio.sleep(GIVE_BACK_EVERY_S)
        # What cannot be written, on a full disk, is due again the next time.
        with contextlib.suppress(OSError):
            book.give_back_due()


def run(
    sim: Simulator,
    host: str = "127.0.0.1",
    port: int = 8001,
    *,
    on_listening: Callable[[str], None] | None = None,
    **options: Any,
) -> None:
    """Run the bank until it is told to stop (SIGINT, SIGTERM); requests under way end first. Port 0 takes a free one.
    `on_listening` gets the address once it accepts connections. `options` are those of `create_app`, which raises
    `WrongBook` before anybody is served."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server((host, port), family=family, backlog=2048) as listening:
        config = uvicorn.Config(
            create_app(sim, **options),
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
