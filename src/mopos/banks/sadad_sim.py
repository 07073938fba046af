"""Sadad's other side, simulated: its two calls for the gateway, its door for the buyer, and what the browser carries
back.

It is spoken to over HTTP only, and is as strict as the bank's guide says: the signature is computed again, an order
number is good once for ever, the buyer must come from the registered domain. Terminals do not split, and every card may
pay: who asks for more is refused. What it shares with the simulators of other banks is in `sim/`.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from base64 import b64decode, b64encode
from datetime import datetime, timedelta
from typing import Any

import msgspec
from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.modes import ECB
from cryptography.hazmat.primitives.padding import PKCS7
from litestar import Response, get, post

from mopos.banks.sim import page
from mopos.banks.sim.book import Code, Order
from mopos.banks.sim.cards import Fault
from mopos.banks.sim.service import instead, spoil
from mopos.banks.sim.state import AnyRequest, Face, Running, Simulator, Terminal, running
from mopos.base.clock import TEHRAN

# The bank's clock and the merchant's may differ by this much.
CLOCK_SKEW_MAX = timedelta(minutes=15)

# A return address that a browser surely carries.
RETURN_URL_LENGTH_MAX = 2_048

# `OrderId` is a long.
ORDER_ID_MAX = 2**63 - 1

_RETURN_URL = re.compile(r"https?://([A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?([/?#][!-~]*)?")
_ADDITIONAL_DATA = re.compile(r"[0-9a-zA-Z]*")

# As the guide's sample writes it, and two ways in which merchants do.
_TIMES = ("%m/%d/%Y %I:%M:%S %p", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S")

# A name with a half-space and two words, as they are embossed.
_HOLDER = "نازنین کریمی‌نژاد"

# --- what it answers --------------------------------------------------------------------------------------------------

DONE, ALREADY, NOT_FOUND, TOO_LATE = 0, 100, -1, 101
WRONG_PARAMETERS, SYSTEM_ERROR, ORDER_USED, CLOCKS_DIFFER = 1001, 1002, 1011, 1018
WRONG_RETURN, WRONG_SIGNATURE = 1023, 1025
WRONG_ORDER, WRONG_MERCHANT, WRONG_TERMINAL, WRONG_DATA, ILLEGAL, WRONG_AMOUNT = 1026, 1027, 1028, 1036, 1055, 1101
NOT_PROCESSED, WRONG_SPLIT = 1072, 1104

_DESCRIPTIONS: dict[int, str] = {
    DONE: "عملیات با موفقیت انجام شد",
    ALREADY: "پیش‌تر با موفقیت ثبت شده است",
    NOT_FOUND: "پارامترهای ارسالی صحیح نیست یا تراکنش وجود ندارد",
    TOO_LATE: "مهلت ارسال تراکنش به پایان رسیده است",
    WRONG_SIGNATURE: "امضا نامعتبر است",
}

# --- the gateway's door -----------------------------------------------------------------------------------------------


class _PaymentRequest(msgspec.Struct, frozen=True, rename="pascal", forbid_unknown_fields=True):
    merchant_id: str
    terminal_id: str
    amount: int
    order_id: int
    local_date_time: str
    return_url: str
    sign_data: str
    additional_data: str = ""
    multiplexing_data: dict[str, Any] | None = None
    user_id: int | None = None
    application_name: str = ""
    pan_authentication_type: int = 0
    national_code: str = ""
    card_holder_identity: str = ""
    national_code_enc: str = ""
    source_pan_list: list[Any] | None = None


class _VerifyRequest(msgspec.Struct, frozen=True, rename="pascal", forbid_unknown_fields=True):
    token: str
    sign_data: str


_read_payment_request = msgspec.json.Decoder(_PaymentRequest).decode
_read_verify_request = msgspec.json.Decoder(_VerifyRequest).decode


@post("/vpg/api/v0/Request/PaymentRequest", status_code=200)
async def open_order(request: AnyRequest) -> Response[bytes]:
    """Take an order from the gateway and give it a token."""
    bank, body = running(request), await request.body()
    try:
        asked = _read_payment_request(body)
    except (ValueError, RecursionError) as error:
        return _say_token(ILLEGAL if "unknown field" in str(error) else WRONG_PARAMETERS)
    if refused := _objection(bank, asked):
        return _say_token(refused)
    fault = bank.next_fault(None, "open")
    if spoiled := await instead(bank, fault):
        return spoiled
    if fault is Fault.REFUSED:
        return _say_token(SYSTEM_ERROR)
    opened = bank.book.open(
        asked.terminal_id,
        str(asked.order_id),
        asked.amount,
        asked.return_url,
        return_by_get=False,
        description=asked.additional_data,
    )
    if isinstance(opened, Code):
        return _say_token(ORDER_USED if opened is Code.ORDER_USED else WRONG_AMOUNT)
    return await spoil(bank, fault, _say_token(DONE, opened.token))


def _objection(bank: Running, asked: _PaymentRequest) -> int:
    """What the bank has against a request, who asks before what is asked; 0: nothing."""
    terminal = bank.terminals.get(asked.terminal_id)
    if terminal is None:
        return WRONG_TERMINAL
    signed_text = f"{asked.terminal_id};{asked.order_id};{asked.amount}"
    rules = (
        (asked.merchant_id == terminal.merchant_id, WRONG_MERCHANT),
        (_is_signed(terminal, signed_text, asked.sign_data), WRONG_SIGNATURE),
        (_is_now(asked.local_date_time, bank.clock()), CLOCKS_DIFFER),
        (_leads_to(terminal, asked.return_url), WRONG_RETURN),
        (0 < asked.order_id <= ORDER_ID_MAX, WRONG_ORDER),
        (bool(_ADDITIONAL_DATA.fullmatch(asked.additional_data)), WRONG_DATA),
        # These change who may pay, or who is paid. Nothing here does that, so nobody may believe it.
        (asked.multiplexing_data is None, WRONG_SPLIT),
        (not _names_the_payer(asked), NOT_PROCESSED),
    )
    return next((code for is_kept, code in rules if not is_kept), DONE)


def _names_the_payer(asked: _PaymentRequest) -> bool:
    """Whether it wants certain cards, or a certain person's, only."""
    person = asked.national_code or asked.card_holder_identity or asked.national_code_enc
    return asked.source_pan_list is not None or asked.pan_authentication_type != 0 or person != ""


def _is_signed(terminal: Terminal, text: str, signature: str) -> bool:
    key = b64decode(terminal.key)
    padder = PKCS7(TripleDES.block_size).padder()
    padded = padder.update(text.encode("utf-8", "replace")) + padder.finalize()
    encryptor = Cipher(TripleDES(key + key[: 24 - len(key)]), ECB()).encryptor()  # noqa: S305 - the bank's way
    right = b64encode(encryptor.update(padded) + encryptor.finalize())
    return hmac.compare_digest(right, signature.encode("utf-8", "replace"))


def _is_now(text: str, now: datetime) -> bool:
    for form in _TIMES:
        try:
            said = datetime.strptime(text, form).replace(tzinfo=TEHRAN)
        except ValueError:
            continue
        return abs(said - now) <= CLOCK_SKEW_MAX
    return False


def _leads_to(terminal: Terminal, url: str) -> bool:
    if len(url) > RETURN_URL_LENGTH_MAX or not _RETURN_URL.fullmatch(url):
        return False
    return terminal.returns_to(url)


@post("/vpg/api/v0/Advice/Verify", status_code=200)
async def verify(request: AnyRequest) -> Response[bytes]:
    """The gateway confirms a payment, and takes the money for good. What the bank cannot find and what nobody has paid
    have one answer; for a wrong signature the guide names none here, so it is the one of the other call."""
    bank, body = running(request), await request.body()
    try:
        asked = _read_verify_request(body)
    except (ValueError, RecursionError):
        return _say_verified(NOT_FOUND)
    order = bank.book.find_by_token(asked.token)
    if order is None:
        return _say_verified(NOT_FOUND)
    if not _is_signed(bank.terminals[order.terminal], asked.token, asked.sign_data):
        return _say_verified(WRONG_SIGNATURE)
    fault = bank.next_fault(order, "verify")
    if spoiled := await instead(bank, fault):
        return spoiled
    if fault is Fault.REFUSED:
        # All that the guide has for a no to a payment that stands.
        return _say_verified(NOT_FOUND)
    match bank.book.verify(order):
        case Code.DONE:
            answer = _say_verified(DONE, order)
        case Code.ALREADY_VERIFIED:
            answer = _say_verified(ALREADY, order)
        case Code.GIVEN_BACK:
            answer = _say_verified(TOO_LATE)
        case _:
            answer = _say_verified(NOT_FOUND)
    return await spoil(bank, fault, answer)


def _say_token(code: int, token: str | None = None) -> Response[bytes]:
    return _say({"ResCode": code, "Token": token, "Description": _DESCRIPTIONS.get(code, "خطا")})


def _say_verified(code: int, order: Order | None = None) -> Response[bytes]:
    taken_at = order.taken_at if order is not None else None
    return _say(
        {
            "ResCode": code,
            "Amount": int(order.taken or 0) if order is not None else 0,
            "Description": _DESCRIPTIONS[code],
            "RetrivalRefNo": order.ref if order is not None else None,
            "SystemTraceNo": order.trace if order is not None else None,
            "OrderId": int(order.number) if order is not None else 0,
            "TransactionDate": f"{taken_at.astimezone(TEHRAN):%m/%d/%Y %H:%M:%S}" if taken_at is not None else None,
            "CardHolderFullName": _HOLDER if order is not None else None,
        }
    )


def _say(answer: dict[str, Any]) -> Response[bytes]:
    return Response(msgspec.json.encode(answer), media_type="application/json; charset=utf-8")


# --- the buyer's door -------------------------------------------------------------------------------------------------


@get("/VPG/Purchase")
async def come_in(request: AnyRequest) -> Response[bytes]:
    """The buyer comes from the merchant's site with a token. After a success there is only the receipt to see."""
    return page.enter(request, str(request.query_params.get("Token", "")))


# The page's own word that its time is over.
TIME_IS_OVER = 1031


def _return_fields(order: Order) -> dict[str, str]:
    hashed = hashlib.sha256(order.card.number.encode()).hexdigest().upper() if order.card is not None else ""
    return {
        "OrderId": order.number,
        # The guide writes `Token`; this is what its sample reads.
        "token": order.token,
        "ResCode": "0" if order.is_paid else "-1",
        "SwitchResCode": "00" if order.is_paid else _switch_code(order.end_code),
        "PrimaryAccNo": order.pan,
        "HashedCardNo": hashed,
        "CardHolderFullName": _HOLDER if order.card is not None else "",
    }


def _switch_code(end: int) -> str:
    if end == Code.SESSION_EXPIRED:
        return str(TIME_IS_OVER)
    return str(int(end)) if end > 0 else ""


def _forged_returns(order: Order, _ref: str) -> tuple[dict[str, str], ...]:
    forged = _return_fields(order)
    return (
        forged | {"ResCode": "0", "SwitchResCode": "00"},
        forged | {"ResCode": "-1", "SwitchResCode": "51"},
    )


# --- the bank ---------------------------------------------------------------------------------------------------------

_TERMINAL = Terminal(number="24000001", key="AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcY", merchant_id="000000140330001")

SIM = Simulator(
    face=Face(
        "سداد، بانک ملی (شبیه‌ساز)", "Sadad, Bank Melli (simulator)", _return_fields, _forged_returns, asks_referer=True
    ),
    doors=(open_order, verify, come_in),
    terminal=_TERMINAL,
    credentials={"merchant": _TERMINAL.merchant_id, "terminal": _TERMINAL.number, "key": _TERMINAL.key},
    draw_token=lambda chance: f"{chance.getrandbits(192):048X}",
    draw_ref=lambda chance: str(chance.randrange(10**11, 10**12)),
    session_s=900.0,
    give_back_s=900.0,
)
