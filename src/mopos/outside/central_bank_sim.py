"""`mopos central-bank-sim`: a simulator of the bank's and the central bank's side of payouts.

It takes group Paya files and orders of a payout API (under `/trf/v2`), carries them in the cycles of bank days, gives
results of each file and statements of the operator's account, and shows on a page what it did. It speaks HTTP only.
Orders to certain Shebas go wrong (`central_bank_book.FATES`); faults of the line are asked for at `POST /faults`.
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

import msgspec
import uvicorn
from litestar import Litestar, Request, Response, get, post
from litestar.datastructures import UploadFile
from litestar.params import FromPath

from mopos.base.clock import TEHRAN, Clock, system_clock
from mopos.base.iban import is_iban
from mopos.base.secret import Secret
from mopos.domain.settlement.calendar import Calendar
from mopos.domain.settlement.channels import Channel
from mopos.outside.central_bank_book import (
    CLOSED_ACCOUNT,
    REASONS,
    TOO_MUCH,
    WRONG_ACCOUNT,
    Book,
    Days,
    Deposit,
    Fate,
    File,
    Order,
    Wish,
    fate_of,
)
from mopos.outside.central_bank_page import page
from mopos.outside.central_bank_papers import (
    Wrong,
    read_ccti,
    results_csv,
    results_xml,
    statement,
    statement_camt,
    statement_csv,
)

# The simulator's key and secret where the settings name none.
DEFAULT_KEY, DEFAULT_SECRET = "central-bank-sim-key", "central-bank-sim-secret"
# `MOPOS_PAYOUT_URL` is the simulator's address with this behind it.
PREFIX = "/trf/v2"
# A file of a hundred thousand orders.
BODY_BYTES_MAX = 64 * 1024 * 1024
_TOKEN_LIFE = timedelta(hours=24)
# Requests that are under way when it is stopped may end; one that hangs on may not hold it longer.
STOP_S = 5
# As many as one answer of the filter holds.
_PAGE_MAX = 250

AnyRequest = Request[Any, Any, Any]
Asked = TypeVar("Asked")


class Fault(msgspec.Struct):
    """Something to go wrong with the next calls of a kind."""

    call: str
    """`tokens`, `transfers`, `ask`, `files`, `results` or `statement`."""
    what: str
    """`silent` (answers when nobody waits any more), `slow` (a while within the deadline), `garbage` or `error`."""
    when: str = "before"
    """`before` it acts: it does not act at all; `after`: it has acted."""
    times: int = 1


@dataclass(slots=True)
class Running:
    """The bank that is running."""

    book: Book
    key: Secret
    secret: Secret
    slow_s: float
    late_s: float
    faults: list[Fault] = field(default_factory=list)
    tokens: dict[str, datetime] = field(default_factory=dict)
    troubled: set[str] = field(default_factory=set)
    """Orders by API whose fate has shown already: the second time all is well."""

    @property
    def now(self) -> datetime:
        return self.book.clock()

    def next_fault(self, call: str) -> Fault | None:
        for fault in self.faults:
            if fault.call == call and fault.times > 0:
                fault.times -= 1
                return fault
        return None


def running(request: AnyRequest) -> Running:
    bank: Running = request.app.state.bank
    return bank


async def _faulty(bank: Running, fault: Fault | None, act: Callable[[], Response[bytes]]) -> Response[bytes]:
    """Act, and let go wrong what is to go wrong."""
    if fault is None:
        return act()
    answer = act() if fault.when == "after" or fault.what == "slow" else None
    match fault.what:
        case "silent":
            await asyncio.sleep(bank.late_s)
            return answer or _json({"errors": [{"code": "late"}]}, 504)
        case "slow":
            await asyncio.sleep(bank.slow_s)
            return answer or act()
        case "garbage":
            return Response(b'{"submittedCount": "all of th', media_type="application/json")
        case _:
            return Response(b"Internal Server Error", status_code=500, media_type="text/plain")


def _json(content: object, status: int = 200) -> Response[bytes]:
    return Response(msgspec.json.encode(content), status_code=status, media_type="application/json")


def _refuse(*codes: str, status: int = 400) -> Response[bytes]:
    return _json({"errors": [{"code": code, "message": code} for code in codes]}, status)


# --- the payout API ---------------------------------------------------------------------------------------------------


class _Keys(msgspec.Struct, rename="camel"):
    api_key: str
    secret_key: str


class _Tokens(msgspec.Struct, rename="camel"):
    access_token: str
    refresh_token: str


class _Transfer(msgspec.Struct, rename="camel"):
    id: str = msgspec.field(name="transferID")
    mode: str = msgspec.field(name="transferMode")
    destination: str
    amount: int
    currency: str
    destination_first_name: str = ""
    destination_last_name: str = ""
    description: str = ""
    cancellable: bool = False
    payment_id: str | None = msgspec.field(name="paymentID", default=None)


class _Submission(msgspec.Struct, rename="camel"):
    batch_id: str = msgspec.field(name="batchID")
    submission_mode: str
    transfers: list[_Transfer]


_MODES = {"ACH": Channel.PAYA, "NORMAL": Channel.SATNA}
_API = "api/"
_CODES = {
    WRONG_ACCOUNT: "destination.not_valid",
    TOO_MUCH: "amount.max_exceeded",
    CLOSED_ACCOUNT: "destination.blocked",
}


@post(f"{PREFIX}/tokens/generate", status_code=200)
async def generate(request: AnyRequest) -> Response[bytes]:
    """A token for who has key and secret."""
    bank = running(request)
    keys = await _read(request, _Keys)

    def act() -> Response[bytes]:
        if keys is None:
            return _refuse("body.not_valid")
        right = (bank.key.reveal(), bank.secret.reveal())
        given = (keys.api_key, keys.secret_key)
        same = all(hmac.compare_digest(one.encode(), other.encode()) for one, other in zip(right, given, strict=True))
        return _give_token(bank) if same else _refuse("client.bad_credentials", status=403)

    return await _faulty(bank, bank.next_fault("tokens"), act)


@post(f"{PREFIX}/tokens/refresh", status_code=200)
async def refresh(request: AnyRequest) -> Response[bytes]:
    """A new token for an old one that still lives."""
    bank = running(request)
    tokens = await _read(request, _Tokens)

    def act() -> Response[bytes]:
        lives = tokens is not None and tokens.refresh_token == f"r{tokens.access_token}"
        if tokens is None or not lives or tokens.access_token not in bank.tokens:
            return _refuse("token.not_valid", status=403)
        return _give_token(bank)

    return await _faulty(bank, bank.next_fault("tokens"), act)


def _give_token(bank: Running) -> Response[bytes]:
    said = f"{len(bank.tokens)} {bank.now.isoformat()}".encode()
    token = hmac.digest(bank.secret.reveal().encode(), said, "sha256").hex()
    bank.tokens[token] = bank.now + _TOKEN_LIFE
    return _json({"accessToken": token, "refreshToken": f"r{token}"})


def _is_known(bank: Running, request: AnyRequest) -> bool:
    token = request.headers.get("authorization", "").removeprefix("Bearer ")
    return bank.now < bank.tokens.get(token, datetime.min.replace(tzinfo=TEHRAN))


@post(f"{PREFIX}/transfers", status_code=200)
async def submit(request: AnyRequest) -> Response[bytes]:
    """Take orders: of a BATCH all or none, otherwise each by itself."""
    bank = running(request)
    if not _is_known(bank, request):
        return _refuse("security.auth_required", status=401)
    asked = await _read(request, _Submission)
    if asked is None or not asked.transfers:
        return _refuse("body.not_valid")
    fault = _fate_of_call(bank, asked.transfers) or bank.next_fault("transfers")
    return await _faulty(bank, fault, lambda: _submit(bank, asked))


def _fate_of_call(bank: Running, transfers: list[_Transfer]) -> Fault | None:
    for one in transfers:
        fate = fate_of(one.destination)
        if fate in (Fate.SILENT_AFTER, Fate.SILENT_BEFORE, Fate.GARBAGE) and one.id not in bank.troubled:
            bank.troubled.add(one.id)
            what = "garbage" if fate is Fate.GARBAGE else "silent"
            return Fault("transfers", what, "before" if fate is Fate.SILENT_BEFORE else "after")
    return None


def _submit(bank: Running, asked: _Submission) -> Response[bytes]:
    wishes = [_wish(one) for one in asked.transfers]
    codes = [_why_not(bank, place, wish) for place, wish in enumerate(wishes)]
    wrong = [code for code in codes if code]
    if wrong and (asked.submission_mode == "BATCH" or len(wrong) == len(wishes)):
        return _refuse(*wrong)
    taken = [bank.book.take(wish) for wish, code in zip(wishes, codes, strict=True) if wish is not None and not code]
    return _json({"submittedCount": len(taken)})


def _wish(one: _Transfer) -> Wish | None:
    if one.mode not in _MODES or one.currency != "RIALS" or not one.id:
        return None
    name = f"{one.destination_first_name} {one.destination_last_name}".strip()
    return Wish(_API + one.id, "", 0, one.destination, name, one.amount, _MODES[one.mode], text=one.description)


def _why_not(bank: Running, place: int, wish: Wish | None) -> str:
    if wish is None:
        return f"transfers.{place}.transfer_mode.not_valid"
    if wish.own_id in bank.book.orders:
        return "transfer.already_exists"
    reason = bank.book.why_not(wish)
    return f"transfers.{place}.{_CODES.get(reason, 'amount.not_valid')}" if reason else ""


@get(f"{PREFIX}/transfers")
async def ask(request: AnyRequest) -> Response[bytes]:
    """What became of one order."""
    bank = running(request)
    if not _is_known(bank, request):
        return _refuse("security.auth_required", status=401)

    def act() -> Response[bytes]:
        order = bank.book.orders.get(_API + str(request.query_params.get("transferID", "")))
        if order is None:
            return _refuse("transfer.not_found", status=404)
        return _json({"transfers": [_told(order, bank.now)]})

    return await _faulty(bank, bank.next_fault("ask"), act)


@get(f"{PREFIX}/transfers/filter")
async def ask_many(request: AnyRequest) -> Response[bytes]:
    """Orders of a state, a page at a time."""
    bank = running(request)
    if not _is_known(bank, request):
        return _refuse("security.auth_required", status=401)
    wanted = str(request.query_params.get("state", ""))
    size, number = _count(request, "size", _PAGE_MAX), _count(request, "page", 1)
    told = (_told(order, bank.now) for order in bank.book.orders.values() if not order.file)
    found = [one for one in told if wanted in ("", one["state"])]
    size = min(max(size, 1), _PAGE_MAX)
    return _json({"elements": found[(number - 1) * size : number * size]})


@get(f"{PREFIX}/balances")
async def balances(request: AnyRequest) -> Response[bytes]:
    """What is on the account."""
    bank = running(request)
    if not _is_known(bank, request):
        return _refuse("security.auth_required", status=401)
    rial = sum(one.rial for one in bank.book.movements())
    return _json({"balances": [{"balanceType": "STL", "amount": rial, "currency": "RIALS"}]})


def _told(order: Order, now: datetime) -> dict[str, Any]:
    states = {"settled": "TRANSFERRED", "came_back": "MANUALLY_FAILED", "returned": "FAILED"}
    state = order.state(now)
    moment = {"settled": order.carried_at, "came_back": order.back_at, "returned": order.back_at}.get(state) or order.at
    reason = order.reason(now)
    return {
        "transferID": order.own_id.removeprefix(_API),
        "destination": order.iban,
        "amount": order.rial,
        "currency": "RIALS",
        "transferMode": "ACH" if order.channel == Channel.PAYA else "NORMAL",
        "state": states.get(state) or ("INITIALIZED" if now == order.at else "IN_PROGRESS"),
        "bankTransferID": order.tracking_no if state in ("settled", "came_back") else None,
        "failReason": f"{reason} {REASONS[reason]}" if reason else None,
        "createdAt": order.at.isoformat(),
        "modifiedAt": moment.isoformat(),
    }


async def _read(request: AnyRequest, kind: type[Asked]) -> Asked | None:
    try:
        return msgspec.json.decode(await request.body(), type=kind)
    except (ValueError, RecursionError):
        return None


def _count(request: AnyRequest, name: str, otherwise: int) -> int:
    text = str(request.query_params.get(name, ""))
    return int(text) if text.isascii() and text.isdigit() and 0 < len(text) <= 9 else otherwise


# --- files ------------------------------------------------------------------------------------------------------------


@post("/files", status_code=200)
async def take_file(request: AnyRequest) -> Response[bytes]:
    """Take a group file: as the body, or from the page's form (`file`, `channel`). `?channel=satna`: for Satna."""
    bank = running(request)
    body, name, channel, by_form = await _upload(request)
    answer = await _faulty(bank, bank.next_fault("files"), lambda: _take_file(bank, body, name, channel))
    if not by_form:
        return answer
    said = msgspec.json.decode(answer.content, type=dict[str, Any]) if (answer.status_code or 200) < 500 else {}
    word = said.get("refused_because") or said.get("id", "")
    return Response(b"", status_code=303, headers={"Location": f"/?said={quote(str(word))}"})


async def _upload(request: AnyRequest) -> tuple[bytes, str, str, bool]:
    if not request.headers.get("content-type", "").startswith("multipart/form-data"):
        name = str(request.query_params.get("name", ""))
        return await request.body(), name, str(request.query_params.get("channel", Channel.PAYA)), False
    form = await request.form()
    file = form.get("file")
    channel = str(form.get("channel", Channel.PAYA))
    if not isinstance(file, UploadFile):
        return b"", "", channel, True
    return await file.read(), file.filename, channel, True


def _take_file(bank: Running, body: bytes, name: str, channel: str) -> Response[bytes]:
    if channel not in list(Channel):
        return _json({"refused_because": "no such channel"}, 404)
    try:
        handed = read_ccti(body, Channel(channel), name)
    except Wrong as wrong:
        return _json({"refused_because": str(wrong)}, 422)
    if not is_iban(handed.payer) or (bank.book.files and handed.payer != bank.book.account):
        return _json({"refused_because": "not the operator's account"}, 422)
    if handed.id in bank.book.files:
        return _json({"refused_because": "this MsgId was taken before"}, 409)
    file = File(handed.id, channel, bank.now, handed.payer, len(handed.wishes), handed.rial)
    orders = bank.book.take_file(file, handed.wishes)
    refused = [{"row": order.row, "code": order.refused} for order in orders if order.refused]
    return _json({"id": file.id, "orders": len(orders), "accepted": len(orders) - len(refused), "refused": refused})


@get("/files")
async def list_files(request: AnyRequest) -> Response[bytes]:
    """All files that were taken, the newest first."""
    return _json(list(reversed(running(request).book.files.values())))


@get("/files/{number:str}/results")
async def give_results(request: AnyRequest, number: FromPath[str]) -> Response[bytes]:
    """What became of a file's orders so far. `?format=xml`: a status report; `?lang=en`: English headings and ISO
    dates."""
    bank = running(request)

    def act() -> Response[bytes]:
        if number not in bank.book.files:
            return _json({"refused_because": "no such file"}, 404)
        orders = bank.book.orders_of(number)
        if request.query_params.get("format") == "xml":
            return _paper(results_xml(number, orders, bank.now), f"{number}-results.xml")
        persian = request.query_params.get("lang") != "en"
        return _paper(results_csv(orders, bank.now, persian=persian), f"{number}-results.csv")

    return await _faulty(bank, bank.next_fault("results"), act)


# --- the operator's account -------------------------------------------------------------------------------------------


class _Deposited(msgspec.Struct):
    amount: int
    date: date | None = None
    terminal: str = ""
    reference: str = ""
    text: str = ""


@post("/deposits", status_code=200)
async def deposit(request: AnyRequest) -> Response[bytes]:
    """A PSP pays into the account: `amount` in Rial (below nought: something is taken from it), `date` (ISO; today),
    `terminal`, `reference`, `text`. One object, or a list. The same reference twice is one deposit."""
    bank = running(request)
    asked = await _read(request, list[_Deposited])
    if asked is None:
        one = await _read(request, _Deposited)
        asked = [one] if one is not None else []
    if not asked or any(one.amount == 0 for one in asked):
        return _json({"refused_because": "no amount"}, 400)
    today = bank.now.astimezone(TEHRAN).date()
    deposits = [Deposit(one.date or today, one.amount, one.terminal, one.reference, one.text) for one in asked]
    return _json({"taken": sum(bank.book.deposit(one) for one in deposits)})


@get("/statement")
async def give_statement(request: AnyRequest) -> Response[bytes]:
    """The account's statement: `?from=&to=` (ISO days of Tehran; all of it), `&format=camt053` or `csv`."""
    bank = running(request)
    query = request.query_params

    def act() -> Response[bytes]:
        movements = bank.book.movements()
        today = bank.now.astimezone(TEHRAN).date()
        try:
            first = date.fromisoformat(str(query.get("from") or (movements[0].on if movements else today)))
            last = date.fromisoformat(str(query.get("to") or today))
        except ValueError:
            return _json({"refused_because": "from and to are days such as 2026-11-25"}, 400)
        found = statement(bank.book.account, movements, first, last)
        if query.get("format") == "csv":
            return _paper(statement_csv(found), f"{first}-{last}.csv")
        return _paper(statement_camt(found, bank.now), f"{first}-{last}.camt053.xml")

    return await _faulty(bank, bank.next_fault("statement"), act)


def _paper(body: bytes, name: str) -> Response[bytes]:
    kind = "text/csv" if name.endswith(".csv") else "application/xml"
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "X-Content-Type-Options": "nosniff"}
    return Response(body, headers=headers, media_type=kind)


# --- for people and tests ---------------------------------------------------------------------------------------------


@get("/")
async def show(request: AnyRequest) -> Response[bytes]:
    """What the bank did, for people."""
    bank = running(request)
    return page(bank.book, said=str(request.query_params.get("said", ""))[:200])


@get("/orders")
async def list_orders(request: AnyRequest) -> Response[bytes]:
    """All orders with their states, for programs."""
    bank = running(request)
    told = [{**msgspec.to_builtins(order), "state": order.state(bank.now)} for order in bank.book.orders.values()]
    return _json(told)


@post("/faults", status_code=200)
async def set_faults(request: AnyRequest) -> Response[bytes]:
    """What is to go wrong next: a list of `{call, what, when, times}`. An empty list: nothing."""
    faults = await _read(request, list[Fault])
    if faults is None:
        return _json({"refused_because": "no list of faults"}, 400)
    running(request).faults = faults
    return _json({"faults": len(faults)})


@get("/healthz")
async def healthz() -> Response[bytes]:
    """The process answers."""
    return _json({"ok": True})


# --- the service ------------------------------------------------------------------------------------------------------


def build(
    clock: Clock = system_clock,
    calendar: Days | None = None,
    seed: int = 0,
    *,
    book_path: Path | str | None = None,
    return_ppm: int = 0,
    key: Secret | None = None,
    secret: Secret | None = None,
    deadline_s: float = 10.0,
) -> Litestar:
    """The bank as an ASGI application. `deadline_s`: the gateway's, against which slow and silent answers are timed.
    `return_ppm`: how many of a million ordinary orders come back days later."""
    path = Path(book_path) if book_path is not None else None
    book = Book(clock=clock, calendar=calendar or Calendar(), seed=seed, return_ppm=return_ppm, path=path)

    @contextlib.asynccontextmanager
    async def lifespan(app: Litestar) -> AsyncIterator[None]:
        app.state.bank = Running(
            book,
            key or Secret(DEFAULT_KEY),
            secret or Secret(DEFAULT_SECRET),
            slow_s=deadline_s / 2,
            late_s=deadline_s * 1.5,
        )
        try:
            yield
        finally:
            book.close()

    return Litestar(
        route_handlers=[
            *(generate, refresh, submit, ask, ask_many, balances),
            *(take_file, list_files, give_results, deposit, give_statement),
            *(show, list_orders, set_faults, healthz),
        ],
        lifespan=[lifespan],
        openapi_config=None,
        logging_config=None,
        request_max_body_size=BODY_BYTES_MAX,
    )


class _Server(uvicorn.Server):
    """A server within another program, whose signals are its own."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@contextlib.asynccontextmanager
async def serving(app: Litestar, host: str = "127.0.0.1", port: int = 0) -> AsyncIterator[str]:
    """Serve it within this process; the address."""
    with socket.create_server((host, port), backlog=1024) as listening:
        server = _Server(_config(app))
        work = asyncio.create_task(server.serve(sockets=[listening]))
        try:
            # Whoever calls before it accepts waits in the queue of the socket.
            yield f"http://{host}:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            await work


def _config(app: Litestar) -> uvicorn.Config:
    return uvicorn.Config(
        app, log_level="warning", access_log=False, server_header=False, timeout_graceful_shutdown=STOP_S
    )


def run(host: str, port: int, **options: Any) -> None:
    """Serve until told to stop. `options` are those of `build`."""
    with socket.create_server((host, port), backlog=1024) as listening, contextlib.suppress(KeyboardInterrupt):
        uvicorn.Server(_config(build(**options))).run(sockets=[listening])
