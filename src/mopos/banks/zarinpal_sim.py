"""Zarinpal's other side: its API, version 4, as its documents tell it, and the entry to the buyer's page.

Strict where the documents are: the merchant id is a UUID (-9) that is known (-10), amounts are whole numbers, every
member of `metadata` is a text but `auto_verify`, the return address lies inside of the registered domain (-14), a
payment is of one merchant (-53). What would change a payment and is not simulated is refused (-9). Where the documents
are silent we have chosen: a good answer comes with HTTP 200, one that says -9 with 422, every other bad one with 401;
what was given back for want of a verification is told as REVERSED.

The book is in Rial. What was asked for in Toman is told in Toman, at this wire only: the order keeps its unit. The book
knows a payment by our `order_id`, so here it is mandatory, and taken once.
"""

from __future__ import annotations

import hashlib
import random
import re
import string
from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated, Any, Generic, Literal, TypeVar

import msgspec
from litestar import Response, get, post

from mopos.banks.sim import page
from mopos.banks.sim.book import Code, Order, Stage
from mopos.banks.sim.cards import Fault
from mopos.banks.sim.service import instead, spoil
from mopos.banks.sim.state import AnyRequest, Face, Running, Simulator, Terminal, running
from mopos.base.clock import TEHRAN
from mopos.base.money import RIAL_MAX
from mopos.base.text import harmless

# Above it: -41. 100,000,000 Toman.
AMOUNT_RIAL_MAX = 1_000_000_000

DESCRIPTION_LENGTH_MAX = 500
RETURN_URL_LENGTH_MAX = 2_048

# The list of unverified payments is this long at most.
UNVERIFIED_MAX = 100

_MERCHANT = re.compile(r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")
_ORDER_ID = re.compile(r"[0-9]{1,20}")
# A plain host, no name and password before it: its origin goes into a header of the page as it is.
_RETURN_URL = re.compile(r"https?://([A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?([/?#][!-~]*)?")

# --- what is asked ----------------------------------------------------------------------------------------------------

_Amount = Annotated[int, msgspec.Meta(gt=0, le=RIAL_MAX // 10)]


class _Metadata(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    order_id: str
    mobile: str = ""
    email: str = ""
    card_pan: str = ""
    auto_verify: bool | None = None
    """Whether the bank verifies this payment by itself; None: as the merchant's panel is set."""


class _Payment(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    merchant_id: str
    amount: _Amount
    description: str
    callback_url: str
    metadata: _Metadata
    currency: Literal["IRR", "IRT"] = "IRR"


_UNIT_RIAL = {"IRR": 1, "IRT": 10}


class _Verification(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    merchant_id: str
    amount: _Amount
    authority: str


class _Question(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    merchant_id: str
    authority: str


class _Merchant(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    merchant_id: str


Asked = TypeVar("Asked", _Payment, _Verification, _Question, _Merchant)


class _Reads(Generic[Asked]):
    """Reads one kind of request, of a merchant that is known."""

    def __init__(self, asked: type[Asked]) -> None:
        self._decode: Callable[[bytes], Asked] = msgspec.json.Decoder(asked).decode

    async def of(self, request: AnyRequest) -> tuple[Asked, Terminal] | Response[bytes]:
        try:
            asked = self._decode(await request.body())
        except (ValueError, RecursionError) as wrong:
            return _invalid(_field_in(str(wrong)), "The field is missing or not valid.")
        if not _MERCHANT.fullmatch(asked.merchant_id):
            return _invalid("merchant_id", "The merchant id must be 36 characters.")
        terminal = running(request).terminals.get(asked.merchant_id)
        return _bad(-10) if terminal is None else (asked, terminal)


_PAYMENT, _VERIFICATION = _Reads(_Payment), _Reads(_Verification)
_QUESTION, _MERCHANT_ONLY = _Reads(_Question), _Reads(_Merchant)


def _field_in(wrong: str) -> str:
    """Which field a reader's complaint is about."""
    named = re.search(r"field `(\w+)`|at `\$\.([\w.]+)`", wrong)
    return next((name for name in named.groups() if name), "body") if named else "body"


# --- the gateway's door -----------------------------------------------------------------------------------------------


@post("/pg/v4/payment/request.json", status_code=200)
async def open_payment(request: AnyRequest) -> Response[bytes]:
    """Take a payment from the gateway and give it an authority."""
    bank = running(request)
    read = await _PAYMENT.of(request)
    if isinstance(read, Response):
        return read
    asked, terminal = read
    fault = bank.next_fault(None, "open")
    if spoiled := await instead(bank, fault):
        return spoiled
    if fault is Fault.REFUSED:
        return _bad(-52)
    unit_rial = _UNIT_RIAL[asked.currency]
    rial = asked.amount * unit_rial
    if refused := _not_acceptable(asked, terminal, rial):
        return refused
    opened = bank.book.open(
        terminal.number,
        asked.metadata.order_id,
        rial,
        asked.callback_url,
        return_by_get=True,
        description=harmless(asked.description),
        unit_rial=unit_rial,
        verifies_itself=terminal.verifies_itself if (said := asked.metadata.auto_verify) is None else said,
    )
    if isinstance(opened, Code):
        used = opened is Code.ORDER_USED
        return _invalid("order_id", "It was used before.") if used else _invalid("amount", "At least 1,000 Rial.")
    fee = {"fee_type": "Merchant", "fee": asked.amount * terminal.commission_ppm // 1_000_000}
    return await spoil(bank, fault, _good(100, "Success", authority=opened.token, **fee))


def _not_acceptable(asked: _Payment, terminal: Terminal, rial: int) -> Response[bytes] | None:
    if not asked.description.strip() or len(asked.description) > DESCRIPTION_LENGTH_MAX:
        return _invalid("description", "It is mandatory, and has 500 characters at most.")
    if not _RETURN_URL.fullmatch(asked.callback_url) or len(asked.callback_url) > RETURN_URL_LENGTH_MAX:
        return _invalid("callback_url", "It is no address.")
    if not _ORDER_ID.fullmatch(asked.metadata.order_id):
        return _invalid("order_id", "Here it has digits only.")
    if asked.metadata.card_pan:
        return _invalid("card_pan", "Here every card may pay.")
    if not terminal.returns_to(asked.callback_url):
        return _bad(-14)
    return _bad(-41) if rial > AMOUNT_RIAL_MAX else None


@post("/pg/v4/payment/verify.json", status_code=200)
async def verify(request: AnyRequest) -> Response[bytes]:
    """The gateway asks whether a payment was paid, and takes the money for good."""
    read = await _VERIFICATION.of(request)
    if isinstance(read, Response):
        return read
    asked, terminal = read

    async def answer(bank: Running, order: Order) -> Response[bytes]:
        if asked.amount != _told(order):
            return _bad(-50)
        if order.taken is None or not order.is_paid:
            return _bad(-51)
        if order.taken != order.amount:
            return _bad(-50)
        done = bank.book.verify(order)
        return _verified(order, terminal) if done == Code.DONE else _verified(order, terminal, 101)

    return await _about(request, "verify", asked.authority, terminal, answer)


@post("/pg/v4/payment/inquiry.json", status_code=200)
async def inquire(request: AnyRequest) -> Response[bytes]:
    """The gateway asks how a payment stands."""
    read = await _QUESTION.of(request)
    if isinstance(read, Response):
        return read
    asked, terminal = read

    async def answer(bank: Running, order: Order) -> Response[bytes]:
        amount = _told(order)
        return _good(100, "Success", status=_STATUS[order.stage], amount=amount)

    return await _about(request, "inquire", asked.authority, terminal, answer)


@post("/pg/v4/payment/reverse.json", status_code=200)
async def reverse(request: AnyRequest) -> Response[bytes]:
    """The gateway gives the money back: of what is verified, for a while from the payment."""
    read = await _QUESTION.of(request)
    if isinstance(read, Response):
        return read
    asked, terminal = read

    async def answer(bank: Running, order: Order) -> Response[bytes]:
        if order.stage is not Stage.VERIFIED:
            return _bad(-61)
        return _good(100, "Reversed") if bank.book.reverse(order) == Code.DONE else _bad(-63)

    return await _about(request, "reverse", asked.authority, terminal, answer)


@post("/pg/v4/payment/unVerified.json", status_code=200)
async def list_unverified(request: AnyRequest) -> Response[bytes]:
    """The merchant's last payments that were paid and wait to be verified."""
    read = await _MERCHANT_ONLY.of(request)
    if isinstance(read, Response):
        return read
    _, terminal = read
    waiting = [_listed(order) for order in _unverified(running(request), terminal)]
    # The code is a text in the documents' example of this one answer.
    return _good("100", "Success", authorities=waiting)


def _unverified(bank: Running, terminal: Terminal) -> list[Order]:
    """The newest first. What was taken longer ago than the bank waits has gone back."""
    since = bank.clock() - bank.book.give_back
    found: list[Order] = []
    for entry in reversed(bank.book.entries):
        if entry.at < since or len(found) == UNVERIFIED_MAX:
            break
        order = bank.book.find(entry.terminal, entry.order) if entry.what == "taken" else None
        if order is not None and order.stage is Stage.TAKEN and order.terminal == terminal.number:
            found.append(order)
    return found


def _listed(order: Order) -> dict[str, Any]:
    taken_at = (order.taken_at or order.opened_at).astimezone(TEHRAN)
    return {
        "authority": order.token,
        "amount": _told(order),
        "callback_url": order.return_url,
        "referer": "",
        "date": taken_at.strftime("%Y-%m-%d %H:%M:%S"),
    }


async def _about(
    request: AnyRequest,
    call: str,
    authority: str,
    terminal: Terminal,
    answer: Callable[[Running, Order], Awaitable[Response[bytes]]],
) -> Response[bytes]:
    """The answer about one payment of this merchant, with what is to go wrong with it."""
    bank = running(request)
    order = bank.book.find_by_token(authority)
    if order is None:
        return _bad(-54)
    if order.terminal != terminal.number:
        return _bad(-53)
    fault = bank.next_fault(order, call)
    if spoiled := await instead(bank, fault):
        return spoiled
    if fault is Fault.REFUSED:
        return _bad(-60 if call == "reverse" else -52)
    return await spoil(bank, fault, await answer(bank, order))


# --- what is answered -------------------------------------------------------------------------------------------------

_STATUS: dict[Stage, str] = {
    Stage.OPEN: "IN_BANK",
    Stage.TAKEN: "PAID",
    Stage.VERIFIED: "VERIFIED",
    Stage.SETTLED: "VERIFIED",
    Stage.REFUSED: "FAILED",
    Stage.GIVEN_BACK: "REVERSED",
    Stage.REVERSED: "REVERSED",
}

_MESSAGES: dict[int, str] = {
    -9: "The input params invalid, validation error.",
    -10: "Terminal is not valid, please check merchant_id or ip address.",
    -14: "The callback URL is not of the registered domain.",
    -41: "The amount is above the maximum.",
    -50: "Session is not valid, amounts are not the same.",
    -51: "Session is not valid, it is not paid.",
    -52: "Unexpected error.",
    -53: "Session is not this merchant's.",
    -54: "Invalid authority.",
    -60: "Session can not be reversed with bank.",
    -61: "Session is not in success status.",
    -63: "The time to reverse is over.",
}


def _verified(order: Order, terminal: Terminal, code: int = 100) -> Response[bytes]:
    amount = _told(order)
    number = order.card.number if order.card else ""
    return _good(
        code,
        "Paid" if code == 100 else "Verified",
        card_hash=hashlib.sha256(number.encode()).hexdigest().upper(),
        card_pan=order.pan,
        ref_id=int(order.ref),
        fee_type="Merchant",
        fee=amount * terminal.commission_ppm // 1_000_000,
        order_id=order.number,
    )


def _good(code: int | str, message: str, **more: Any) -> Response[bytes]:
    return _say({"data": {"code": code, "message": message, **more}, "errors": []}, 200)


def _invalid(field: str, why: str) -> Response[bytes]:
    return _bad(-9, [{field: why}])


def _bad(code: int, validations: Sequence[dict[str, str]] = ()) -> Response[bytes]:
    errors = {"code": code, "message": _MESSAGES[code], "validations": list(validations)}
    return _say({"data": [], "errors": errors}, 422 if code == -9 else 401)


def _say(answer: dict[str, Any], status: int) -> Response[bytes]:
    return Response(msgspec.json.encode(answer), status_code=status, media_type="application/json")


def _told(order: Order) -> int:
    """The amount of a payment in the unit that it was asked for in."""
    return int(order.amount) // order.unit_rial


# --- the bank ---------------------------------------------------------------------------------------------------------


@get("/pg/StartPay/{authority:str}")
async def start_pay(request: AnyRequest) -> Response[bytes]:
    """The buyer comes from the gateway. Coming again (refresh, back) shows the same."""
    return page.enter(request, str(request.path_params["authority"]))


def _return_fields(order: Order) -> dict[str, str]:
    return {"Authority": order.token, "Status": "OK" if order.is_paid else "NOK"}


def _forged_returns(order: Order, ref: str) -> Sequence[dict[str, str]]:
    return ({"Authority": order.token, "Status": "OK"}, {"Authority": order.token, "Status": "NOK"})


def _draw_authority(chance: random.Random) -> str:
    return "S" + "".join(chance.choices(string.ascii_letters + string.digits, k=35))


_MERCHANT_ID = "1344b5d4-0048-41e8-94db-005056a205be"

SIM = Simulator(
    face=Face("زرین‌پال (شبیه‌ساز)", "Zarinpal (simulator)", _return_fields, _forged_returns, asks_referer=True),
    doors=(open_payment, verify, inquire, reverse, list_unverified, start_pay),
    # As a panel may be set: who wants to verify by himself must say so with each payment.
    terminal=Terminal(number=_MERCHANT_ID, merchant_id=_MERCHANT_ID, verifies_itself=True),
    credentials={"merchant": _MERCHANT_ID, "currency": "IRR"},
    draw_token=_draw_authority,
    draw_ref=lambda chance: str(chance.randrange(10**8, 10**12)),
    session_s=900.0,
    give_back_s=1_800.0,
    reverse_s=1_800.0,
)
