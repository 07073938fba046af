"""The sandbox bank's other side: its API for the gateway.

It is spoken to over HTTP only, and knows nothing of the gateway but terminal, key and return address. What it shares
with the simulators of real banks is in `sim/`: the book, the buyer's page, the test cards.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Callable, Sequence
from typing import TypeVar

import msgspec
from litestar import Response, get, post

from mopos.banks.sandbox_report import misreport, report
from mopos.banks.sim import page
from mopos.banks.sim.book import Code, Entry, Order
from mopos.banks.sim.cards import Fault
from mopos.banks.sim.service import instead, spoil
from mopos.banks.sim.state import AnyRequest, Face, Running, Simulator, Terminal, running
from mopos.base.text import harmless

# The longest return address that a browser surely carries, and what fits on the page.
RETURN_URL_LENGTH_MAX = 2_048
DESCRIPTION_LENGTH_MAX = 100

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
    fault = bank.next_fault(None, "open")
    if spoiled := await instead(bank, fault):
        return spoiled
    if fault is Fault.REFUSED or not _acceptable(asked, bank.terminals[asked.terminal]):
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
    return await spoil(bank, fault, _say(_Answer(Code.DONE, asked.terminal, asked.order, token=opened.token)))


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
    fault = bank.next_fault(order, "refund")
    if spoiled := await instead(bank, fault):
        return spoiled
    answer = _Answer(Code.REFUND_REFUSED, order.terminal, order.number, token=order.token, refund=asked.refund)
    if fault is not Fault.REFUSED:
        answer = _refunded(bank.book.refund(order, asked.refund, asked.amount), order, asked.refund)
    return await spoil(bank, fault, _say(answer))


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


# What the bank says no with, for reasons of its own.
_NOES: dict[str, Code] = {"reverse": Code.TOO_LATE_TO_REVERSE}


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
    fault = bank.next_fault(order, call)
    if spoiled := await instead(bank, fault):
        return spoiled
    code = _NOES.get(call, Code.FORMAT_ERROR) if fault is Fault.REFUSED else act(bank, order)
    return await spoil(bank, fault, _say(_answer(code, order)))


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


def _acceptable(asked: _TokenRequest, terminal: Terminal) -> bool:
    """Whether order number, return address and description are such as the bank can keep and show."""
    return (
        bool(_ORDER_NUMBER.fullmatch(asked.order))
        and bool(_RETURN_URL.fullmatch(asked.return_url))
        and len(asked.return_url) <= RETURN_URL_LENGTH_MAX
        and terminal.returns_to(asked.return_url)
        and len(asked.description) <= DESCRIPTION_LENGTH_MAX
    )


def _say(answer: _Answer, status: int = 200) -> Response[bytes]:
    return Response(msgspec.json.encode(answer), status_code=status, media_type="application/json")


# --- the bank ---------------------------------------------------------------------------------------------------------

# What `State` says of an order that ended unpaid, by its code; every other one is `Failed`.
_STATES: dict[int, str] = {Code.CANCELLED: "Cancelled", Code.SESSION_EXPIRED: "Expired"}


@post("/pay", status_code=200)
async def come_in(request: AnyRequest) -> Response[bytes]:
    """The buyer comes from the gateway with a token. Coming again (refresh, back) shows the same."""
    return await page.come_in(request)


@get("/pay")
async def typed_in(request: AnyRequest) -> Response[bytes]:
    """Somebody typed the address."""
    return page.no_payment(request)


def _return_fields(order: Order) -> dict[str, str]:
    code = Code.DONE if order.is_paid else order.end_code
    return {
        "State": "OK" if order.is_paid else _STATES.get(code, "Failed"),
        "ResCode": str(int(code)),
        "RefNum": order.ref if order.is_paid else "",
        "TraceNo": order.trace if order.is_paid else "",
        "OrderId": order.number,
        "Token": order.token,
        "SecurePan": order.pan,
    }


def _forged_returns(order: Order, ref: str) -> Sequence[dict[str, str]]:
    forged = _return_fields(order)
    return (
        forged | {"State": "OK", "ResCode": "0", "RefNum": ref},
        forged | {"State": "Failed", "ResCode": "51"},
    )


SIM = Simulator(
    face=Face("بانک آزمایشی موپوز", "MoPos sandbox bank", _return_fields, _forged_returns),
    doors=(open_order, verify, inquire, reverse, refund, come_in, typed_in, report, misreport),
    terminal=Terminal(),
    credentials={"terminal": Terminal().number, "key": Terminal().key},
    draw_token=lambda chance: f"{chance.getrandbits(128):032x}",
    draw_ref=lambda chance: str(chance.randrange(10**11, 10**12)),
)
