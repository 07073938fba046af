"""The other side of Saman Kish (SEP): its API for the gateway, as strict as its guide 3.3, and the door of its page.

It is spoken to over HTTP only, and knows nothing of the gateway but terminal and registered domain. What it shares with
other simulated banks is in `sim/`.
"""

from __future__ import annotations

import hashlib
import random
import re
import string
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import msgspec
from litestar import Response, get, post

from mopos.banks.sim import page
from mopos.banks.sim.book import Code, Order, Stage
from mopos.banks.sim.cards import Fault
from mopos.banks.sim.service import instead, spoil
from mopos.banks.sim.state import AnyRequest, Face, Running, Simulator, Terminal, running
from mopos.base.clock import TEHRAN

# The longest addresses that the bank sends a buyer back to, by form and by query.
REDIRECT_LENGTH_MAX = 2_083
REDIRECT_LENGTH_MAX_GET = 1_538

RES_NUM_LENGTH_MAX = 50
REF_LENGTH = 30
_REF_LETTERS = string.ascii_letters + string.digits + "+/"

# http or https, a plain host, no name and password before it: its origin goes into a header of the page as it is.
_REDIRECT = re.compile(r"https?://([A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?([/?#][!-~]*)?")

# --- the token --------------------------------------------------------------------------------------------------------

# How a payment stands, by number and word.
STATES: dict[int, str] = {
    1: "CanceledByUser",
    2: "OK",
    3: "Failed",
    4: "SessionIsNull",
    5: "InvalidParameters",
    8: "MerchantIpAddressIsInvalid",
    10: "TokenNotFound",
    11: "TokenRequired",
    12: "TerminalNotFound",
    21: "MultisettlePolicyErrors",
}
CANCELLED, OK, FAILED, SESSION_IS_NULL, INVALID_PARAMETERS, TERMINAL_NOT_FOUND, SPLIT_BROKEN = 1, 2, 3, 4, 5, 12, 21


class _TokenRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    action: str
    TerminalId: str
    Amount: int
    ResNum: str
    # The guide spells it in two ways: one in its sample, one in its table.
    RedirectUrl: str = ""
    RedirectURL: str = ""
    TokenExpiryInMin: int = 20
    Wage: int = 0
    CellNumber: str = ""
    HashedCardNumber: str = ""
    ResNum1: str = ""
    ResNum2: str = ""
    ResNum3: str = ""
    ResNum4: str = ""


_read_token_request = msgspec.json.Decoder(_TokenRequest).decode


@post("/onlinepg/onlinepg", status_code=200)
async def open_order(request: AnyRequest) -> Response[bytes]:
    """Take an order from the gateway and give it a token."""
    bank = running(request)
    try:
        asked = _read_token_request(await request.body())
    except (ValueError, RecursionError):
        return _no_token(INVALID_PARAMETERS)
    fault = bank.next_fault(None, "open")
    if spoiled := await instead(bank, fault):
        return spoiled
    terminal = bank.terminals.get(asked.TerminalId)
    wrong = FAILED if fault is Fault.REFUSED else _what_is_wrong(asked, terminal)
    if wrong or terminal is None:
        return _no_token(wrong)
    # TokenExpiryInMin is clamped to what the bank can, and here that is its one session.
    opened = bank.book.open(
        terminal.number,
        asked.ResNum,
        asked.Amount,
        asked.RedirectUrl or asked.RedirectURL,
        return_by_get=False,
        description="",
    )
    if isinstance(opened, Code):
        # An amount out of bounds, or a ResNum that was used: the guide has no other code for either.
        return _no_token(INVALID_PARAMETERS)
    return await spoil(bank, fault, _json({"status": 1, "token": opened.token}))


def _what_is_wrong(asked: _TokenRequest, terminal: Terminal | None) -> int:
    """The state that a token is refused with; 0: nothing."""
    if asked.action.lower() != "token":
        return INVALID_PARAMETERS
    if terminal is None:
        return TERMINAL_NOT_FOUND
    if asked.Wage:
        return SPLIT_BROKEN  # our terminals do not split
    numbers = (asked.ResNum, asked.ResNum1, asked.ResNum2, asked.ResNum3, asked.ResNum4)
    # To name the cards that may pay needs a permission, which our terminals have not.
    if not asked.ResNum or max(map(len, numbers)) > RES_NUM_LENGTH_MAX or asked.HashedCardNumber:
        return INVALID_PARAMETERS
    if bool(asked.RedirectUrl) is bool(asked.RedirectURL):
        return INVALID_PARAMETERS
    return 0 if _leads_to(terminal, asked.RedirectUrl or asked.RedirectURL) else INVALID_PARAMETERS


def _leads_to(terminal: Terminal, url: str) -> bool:
    """Whether an address lies in the domain that the merchant has registered."""
    if not _REDIRECT.fullmatch(url) or len(url) > REDIRECT_LENGTH_MAX:
        return False
    return terminal.returns_to(url)


def _no_token(state: int) -> Response[bytes]:
    return _json({"status": -1, "errorCode": str(state), "errorDesc": STATES[state]})


# --- the buyer's door -------------------------------------------------------------------------------------------------

_BY_GET: dict[str, bool] = {"true": True, "false": False, "": False}


@post("/OnlinePG/OnlinePG", status_code=200)
async def come_in(request: AnyRequest) -> Response[bytes]:
    """The buyer comes with a token. A form with other inputs is none of the bank's."""
    form = await page.read_fields(request)
    by_get = _BY_GET.get(form.get("GetMethod", ""))
    order = running(request).book.find_by_token(form.get("Token", ""))
    if order is None or by_get is None or form.keys() - {"Token", "GetMethod"}:
        return page.no_payment(request)
    if by_get and len(order.return_url) > REDIRECT_LENGTH_MAX_GET:
        return page.no_payment(request)
    return page.enter(request, order.token, return_by_get=by_get)


@get("/OnlinePG/SendToken")
async def come_in_by_link(request: AnyRequest) -> Response[bytes]:
    """The same by a link, which can say nothing but the token."""
    query = request.query_params
    return page.enter(request, str(query.get("token", ""))) if set(query) == {"token"} else page.no_payment(request)


@get("/OnlinePG/OnlinePG")
async def typed_in(request: AnyRequest) -> Response[bytes]:
    """Somebody typed the address."""
    return page.no_payment(request)


def _return_fields(order: Order) -> dict[str, str]:
    if order.is_paid:
        return _told(order, OK)
    if order.stage is Stage.REFUSED and order.code in (Code.CANCELLED, Code.SESSION_EXPIRED):
        state = CANCELLED if order.code == Code.CANCELLED else SESSION_IS_NULL
        return {
            "MID": order.terminal,
            "State": STATES[state],
            "Status": str(state),
            "ResNum": order.number,
            "RefNum": "",
        }
    return _told(order, FAILED) | {"RRN": "", "RefNum": "", "TraceNo": ""}


def _told(order: Order, state: int) -> dict[str, str]:
    return {
        "MID": order.terminal,
        "TerminalId": order.terminal,
        "State": STATES[state],
        "Status": str(state),
        "RRN": _rrn(order.ref),
        "RefNum": order.ref,
        "ResNum": order.number,
        "TraceNo": order.trace,
        "Amount": str(int(order.amount)),
        "Wage": "",
        "AffectiveAmount": str(int(order.taken or 0)),
        "SecurePan": order.pan,
        "HashedCardNumber": _hash(order),
        "Token": order.token,
    }


def _forged_returns(order: Order, ref: str) -> Sequence[dict[str, str]]:
    # As somebody would who has seen a return; the amount is that of the order.
    made_up = replace(order, ref=ref, trace="100001")
    return _told(made_up, OK), _told(order, FAILED)


def _rrn(ref: str) -> str:
    """Twelve digits that belong to a reference."""
    return str(10**11 + int.from_bytes(hashlib.sha256(ref.encode()).digest()) % (9 * 10**11))


def _hash(order: Order) -> str:
    return hashlib.sha256(order.card.number.encode()).hexdigest() if order.card else ""


# --- verify and reverse -----------------------------------------------------------------------------------------------

DONE, REPEATED, WAS_REVERSED, NOT_FOUND, TOO_LATE, INACTIVE, NO_TERMINAL = 0, 2, 5, -2, -6, -104, -105
RESULTS: dict[int, str] = {
    DONE: "عملیات با موفقیت انجام شد",
    REPEATED: "درخواست تکراری است",
    WAS_REVERSED: "تراکنش برگشت خورده است",
    NOT_FOUND: "تراکنش یافت نشد",
    TOO_LATE: "مهلت درخواست گذشته است",
    INACTIVE: "ترمینال ارسالی غیرفعال است",
    NO_TERMINAL: "ترمینال ارسالی در سامانه نیست",
}


class _Asked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    RefNum: str
    TerminalNumber: int


_read_asked = msgspec.json.Decoder(_Asked).decode


@post("/verifyTxnRandomSessionkey/ipg/VerifyTransaction", status_code=200)
async def verify(request: AnyRequest) -> Response[bytes]:
    """The gateway asks whether a receipt is of a payment, and takes the money for good. It may ask again and again: the
    bank does not know what the receipt was used for."""
    return await _about_a_payment(request, "verify")


@post("/verifyTxnRandomSessionkey/ipg/ReverseTransaction", status_code=200)
async def reverse(request: AnyRequest) -> Response[bytes]:
    """The gateway gives back what it has verified."""
    return await _about_a_payment(request, "reverse")


async def _about_a_payment(request: AnyRequest, call: str) -> Response[bytes]:
    bank = running(request)
    try:
        asked = _read_asked(await request.body())
    except (ValueError, RecursionError):
        # The guide has no code for it.
        return Response(b"Bad Request", status_code=400, media_type="text/plain")
    terminal = str(asked.TerminalNumber)
    if terminal not in bank.terminals:
        return _result(NO_TERMINAL)
    order = bank.book.find_by_ref(terminal, asked.RefNum)
    fault = bank.next_fault(order, call)
    if spoiled := await instead(bank, fault):
        return spoiled
    if order is None:
        return await spoil(bank, fault, _result(NOT_FOUND))
    if fault is Fault.REFUSED:
        # Too late to verify would say that the money has gone back.
        return _result(TOO_LATE if call == "reverse" else INACTIVE)
    code = _verify(bank, order) if call == "verify" else _reverse(bank, order)
    return await spoil(bank, fault, _result(code, order))


def _verify(bank: Running, order: Order) -> int:
    match bank.book.verify(order):
        case Code.DONE:
            return DONE
        case Code.ALREADY_VERIFIED:
            return REPEATED
        case _:
            return WAS_REVERSED  # an order with a receipt is paid, or was given back


def _reverse(bank: Running, order: Order) -> int:
    # The guide tells of verified payments only, and of a while from the payment. What it answers to other wishes, and
    # to those that come too late, is assumed.
    match order.stage:
        case Stage.REVERSED:
            return REPEATED
        case Stage.GIVEN_BACK:
            return WAS_REVERSED
        case Stage.VERIFIED:
            return DONE if bank.book.reverse(order) == Code.DONE else TOO_LATE
        case _:
            return NOT_FOUND


def _result(code: int, order: Order | None = None) -> Response[bytes]:
    is_done = code in (DONE, REPEATED)
    return _json(
        {
            "TransactionDetail": _detail(order) if is_done and order is not None else None,
            "ResultCode": code,
            "ResultDescription": RESULTS[code],
            "Success": is_done,
        }
    )


def _detail(order: Order) -> dict[str, Any]:
    taken = int(order.taken or 0)
    return {
        "RRN": _rrn(order.ref),
        "RefNum": order.ref,
        "MaskedPan": order.pan,
        "HashedPan": _hash(order),
        "TerminalNumber": int(order.terminal),
        "OrginalAmount": taken,
        "AffectiveAmount": taken,
        "StraceDate": f"{order.taken_at.astimezone(TEHRAN):%Y-%m-%d %H:%M:%S}" if order.taken_at else "",
        "StraceNo": order.trace,
    }


def _json(said: dict[str, Any]) -> Response[bytes]:
    return Response(msgspec.json.encode(said), media_type="application/json")


# --- the bank ---------------------------------------------------------------------------------------------------------


def _draw_ref(chance: random.Random) -> str:
    return "".join(chance.choices(_REF_LETTERS, k=REF_LENGTH))


SIM = Simulator(
    face=Face(
        "پرداخت الکترونیک سامان (شبیه‌ساز)",
        "Saman SEP (simulator)",
        _return_fields,
        _forged_returns,
        asks_referer=True,
        stars=4,
    ),
    doors=(open_order, come_in, come_in_by_link, typed_in, verify, reverse),
    terminal=Terminal(),
    credentials={"terminal": Terminal().number},
    draw_token=lambda chance: f"{chance.getrandbits(128):032x}",
    draw_ref=_draw_ref,
    session_s=1_200.0,
    give_back_s=1_800.0,
    reverse_s=3_000.0,
)
