"""The other side of Newbank: its API for the gateway, and the door of its page.

It is spoken to over HTTP only, and knows nothing of the gateway but terminal, key and registered domain. What it shares
with other simulated banks is in `sim/`. It never imports our connector: both are written from the bank's guide.
"""

# Change: be as strict as the guide. What the real bank refuses must be refused here, or no test will find it.

from __future__ import annotations

import hmac
import re
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import msgspec
from litestar import Response, get, post

from mopos.banks.sim import page
from mopos.banks.sim.book import Code, Order
from mopos.banks.sim.cards import Fault
from mopos.banks.sim.service import instead, spoil
from mopos.banks.sim.state import AnyRequest, Face, Running, Simulator, Terminal, running
from mopos.base.text import harmless

# http or https, a plain host, no name and password before it: its origin goes into a header of the page as it is.
_CALLBACK = re.compile(r"https?://([A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?([/?#][!-~]{0,2000})?")

# Change: how this bank says what the book says. What is not here is the switch's code, as it is.
_SAYS: dict[int, int] = {
    Code.DONE: 0,
    Code.ALREADY_VERIFIED: 1001,
    Code.NOT_PAID_YET: 1002,
    Code.WAITS_FOR_VERIFY: 1003,
    Code.NOT_SIGNED: -1,
    Code.NO_SUCH_ORDER: -2,
    Code.SESSION_EXPIRED: -3,
    Code.REVERSED: -4,
    Code.GIVEN_BACK: -5,
    Code.TOO_LATE_TO_REVERSE: -6,
    Code.AMOUNT_INVALID: -7,
    Code.ORDER_USED: -8,
    Code.FORMAT_ERROR: -9,
}
WRONG_DOMAIN = -10

# --- the gateway's door -----------------------------------------------------------------------------------------------


class _TokenRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    terminal: str
    order: str
    amount: int
    callback: str
    description: str = ""


class _OrderRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    terminal: str
    token: str


Asked = TypeVar("Asked", _TokenRequest, _OrderRequest)


@post("/api/token", status_code=200)
async def open_order(request: AnyRequest) -> Response[bytes]:
    """Take an order from the gateway and give it a token."""
    bank = running(request)
    asked = await _known(request, bank, _TokenRequest)
    if isinstance(asked, Response):
        return asked
    fault = bank.next_fault(None, "open")
    if spoiled := await instead(bank, fault):
        return spoiled
    terminal = bank.terminals[asked.terminal]
    wrong = Code.FORMAT_ERROR if fault is Fault.REFUSED else _what_is_wrong(asked, terminal)
    if wrong:
        return _say(wrong)
    opened = bank.book.open(
        asked.terminal,
        asked.order,
        asked.amount,
        asked.callback,
        # Change: True where the browser comes back by GET.
        return_by_get=False,
        description=harmless(asked.description),
    )
    if isinstance(opened, Code):
        return _say(opened)
    return await spoil(bank, fault, _say(Code.DONE, token=opened.token))


def _what_is_wrong(asked: _TokenRequest, terminal: Terminal) -> int:
    """The code that a new order is refused with; 0: nothing."""
    if not re.fullmatch(r"[0-9]{1,20}", asked.order) or not _CALLBACK.fullmatch(asked.callback):
        return Code.FORMAT_ERROR
    # Change: the code for a return address that lies outside of the domain which the merchant has registered.
    return Code.DONE if terminal.returns_to(asked.callback) else WRONG_DOMAIN


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


# Change: what the bank says no with for reasons of its own, when it has done nothing. To other calls: FORMAT_ERROR.
_NOES: dict[str, Code] = {"reverse": Code.TOO_LATE_TO_REVERSE}


async def _about_an_order(request: AnyRequest, call: str, act: Callable[[Running, Order], int]) -> Response[bytes]:
    bank = running(request)
    asked = await _known(request, bank, _OrderRequest)
    if isinstance(asked, Response):
        return asked
    order = bank.book.find_by_token(asked.token)
    if order is None or order.terminal != asked.terminal:
        return _say(Code.NO_SUCH_ORDER)
    fault = bank.next_fault(order, call)
    if spoiled := await instead(bank, fault):
        return spoiled
    code = _NOES.get(call, Code.FORMAT_ERROR) if fault is Fault.REFUSED else act(bank, order)
    if code not in (Code.DONE, Code.ALREADY_VERIFIED):
        return await spoil(bank, fault, _say(code))
    yes = _say(code, order=order.number, amount=int(order.taken or 0), ref=order.ref, trace=order.trace, card=order.pan)
    return await spoil(bank, fault, yes)


async def _known(request: AnyRequest, bank: Running, kind: type[Asked]) -> Asked | Response[bytes]:
    """The request, once it is known to come from the terminal that it names. Who is not known learns nothing else."""
    try:
        asked = msgspec.json.decode(await request.body(), type=kind)
    except (ValueError, RecursionError):
        return _say(Code.FORMAT_ERROR)
    terminal = bank.terminals.get(asked.terminal)
    given = request.headers.get("x-api-key", "")
    if terminal is None or not hmac.compare_digest(terminal.key.encode(), given.encode()):
        return _say(Code.NOT_SIGNED, status=401)
    return asked


def _say(code: int, status: int = 200, **more: Any) -> Response[bytes]:
    body = msgspec.json.encode({"code": _SAYS.get(code, int(code)), **more})
    return Response(body, status_code=status, media_type="application/json")


# --- the buyer's door -------------------------------------------------------------------------------------------------


@get("/start")
async def come_in(request: AnyRequest) -> Response[bytes]:
    """The buyer comes from the gateway with a token. Coming again (refresh, back) shows the same."""
    return page.enter(request, str(request.query_params.get("token", "")))


# --- the bank ---------------------------------------------------------------------------------------------------------


# Change: what the browser brings back to the merchant, field by field.
def _return_fields(order: Order) -> dict[str, str]:
    code = Code.DONE if order.is_paid else order.end_code
    return {
        "token": order.token,
        "order": order.number,
        "status": "OK" if order.is_paid else "NOK",
        "code": str(_SAYS.get(code, int(code))),
        "ref": order.ref if order.is_paid else "",
        "card": order.pan,
    }


def _forged_returns(order: Order, ref: str) -> Sequence[dict[str, str]]:
    forged = _return_fields(order)
    return (
        forged | {"status": "OK", "code": "0", "ref": ref},
        forged | {"status": "NOK", "code": "51"},
    )


_TERMINAL = Terminal(number="30000001", key="newbank-key")

SIM = Simulator(
    face=Face(
        "بانک تازه (شبیه‌ساز)",
        "Newbank (simulator)",
        _return_fields,
        _forged_returns,
        # Change: False where the guide does not say that buyers are let in by their browser's `Referer` (then say so in
        # `PROTOCOLS` of the contract too).
        asks_referer=True,
        # Change: False where the bank's yes tells no amount.
        tells_amount=True,
    ),
    doors=(open_order, verify, inquire, reverse, come_in),
    terminal=_TERMINAL,
    credentials={"terminal": _TERMINAL.number, "key": _TERMINAL.key},
    draw_token=lambda chance: f"{chance.getrandbits(128):032x}",
    draw_ref=lambda chance: str(chance.randrange(10**11, 10**12)),
    # Change: the same times as the connector's facts.
    session_s=900,
    give_back_s=1_800,
    reverse_s=10_800,
)
