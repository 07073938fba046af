"""Sadad, the payment service of Bank Melli: our side of it. Its other side is `sadad_sim.py`; only the wire is shared.

Two JSON calls (a token for a payment, and its confirmation), each signed: Base64 of the signed text under 3DES (ECB,
PKCS7) with the terminal's key. `Advice/Verify` is final: there is no settlement call, no inquiry, no reversal. What is
not verified within fifteen minutes goes back to the card by itself. Amounts are Rial.
"""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import msgspec
from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.modes import ECB
from cryptography.hazmat.primitives.padding import PKCS7

from mopos.banks.kind import Access, AnswerCode, CredentialField, Kind, Means, by_code
from mopos.banks.port import (
    Accepted,
    Attempt,
    Confirmed,
    Decline,
    Declined,
    Facts,
    Opened,
    Order,
    Pending,
    Redirect,
    Returned,
    Silent,
)
from mopos.banks.reading import GARBAGE, matching, redacted, without_case
from mopos.banks.switch import SWITCH_CODES
from mopos.banks.wire import AnswerReader, Wire
from mopos.base.clock import TEHRAN, Clock, system_clock
from mopos.base.money import RIAL_MAX, Rial

# --- settings ---------------------------------------------------------------------------------------------------------

FACTS = Facts(
    name="sadad",
    title_fa="سداد (بانک ملی)",
    title_en="Sadad (Bank Melli)",
    session=timedelta(minutes=15),
    verify_deadline=timedelta(minutes=15),
    can_inquire=False,
)

# The guide prints them without `/vpg`; merchants' sites ask here.
_REQUEST = "/vpg/api/v0/Request/PaymentRequest"
_VERIFY = "/vpg/api/v0/Advice/Verify"
_PAGE = "/VPG/Purchase"

_HEADERS = {"Content-Type": "application/json; charset=utf-8"}

# What `probe` asks for; no PSP calls so little too little, and nobody is asked to pay it.
_PROBE_RIAL = Rial(10_000)

# --- the bank's answer codes ------------------------------------------------------------------------------------------

_R, _M, _D = AnswerCode, Means, Decline
CODES: tuple[AnswerCode, ...] = (
    # To both calls.
    _R("0", _M.DONE, "انجام شد", "done"),
    # To verify. -1 is also said of what nobody has paid so far.
    _R("100", _M.ALREADY, "پیش‌تر تأیید شده است", "verified before"),
    _R("-1", _M.NOT_YET, "پارامترها نادرست است یا چنین پرداختی نیست", "bad parameters, or no such payment"),
    _R("101", _M.NO, "مهلت تأیید گذشته و پول برگشته است", "too late to verify, given back", _D.GIVEN_BACK),
    _R("1105", _M.NO, "مهلت گذشت و تراکنش برگشت خورد", "time was over, given back", _D.GIVEN_BACK),
    # To the request of a token.
    _R("3", _M.NO, "پذیرنده فعال نیست", "merchant inactive", _D.NOT_ACCEPTED),
    _R("23", _M.NO, "پذیرنده نامعتبر است", "merchant invalid", _D.NOT_ACCEPTED),
    _R("58", _M.NO, "این تراکنش برای پایانه مجاز نیست", "not permitted to this terminal", _D.NOT_ACCEPTED),
    _R("61", _M.NO, "مبلغ از سقف مجاز بیشتر است", "above the limit", _D.LIMIT_EXCEEDED),
    _R("1000", _M.UNSURE, "ترتیب پارامترها نادرست است", "wrong order of parameters"),
    _R("1001", _M.UNSURE, "پارامترهای پرداخت نادرست است", "wrong payment parameters"),
    _R("1002", _M.UNSURE, "خطای سامانه", "system error"),
    _R("1003", _M.NO, "نشانی آی‌پی پذیرنده نادرست است", "wrong IP address of the merchant", _D.NOT_ACCEPTED),
    _R("1004", _M.NO, "شمارهٔ پذیرنده نادرست است", "wrong merchant number", _D.NOT_ACCEPTED),
    _R("1005", _M.UNSURE, "خطای دسترسی؛ کمی بعد دوباره", "access error, try later"),
    _R("1006", _M.UNSURE, "خطای سامانه", "system error"),
    _R("1011", _M.UNSURE, "شمارهٔ سفارش تکراری است", "the order number was used before"),
    _R("1012", _M.NO, "تاریخ، زمان یا کلید پذیرنده نادرست است", "wrong date, time or key", _D.NOT_ACCEPTED),
    _R("1015", _M.UNSURE, "پاسخ ناشناخته از مرکز", "unknown answer from the centre"),
    _R("1017", _M.NO, "مبلغ از سقف پذیرنده بیشتر است", "above what this merchant may take", _D.LIMIT_EXCEEDED),
    _R("1018", _M.UNSURE, "تاریخ و زمان هماهنگ نیست", "the clocks differ"),
    _R("1019", _M.NO, "پرداخت شتابی برای این پذیرنده ممکن نیست", "no Shetab payment for it", _D.NOT_ACCEPTED),
    _R("1020", _M.NO, "پذیرنده غیرفعال شده است", "merchant deactivated", _D.NOT_ACCEPTED),
    _R("1023", _M.NO, "نشانی بازگشت نامعتبر است", "return address invalid", _D.NOT_ACCEPTED),
    _R("1024", _M.UNSURE, "مهر زمانی نامعتبر است", "time stamp invalid"),
    _R("1025", _M.NO, "امضا نادرست است", "wrong signature", _D.NOT_ACCEPTED),
    _R("1026", _M.UNSURE, "شمارهٔ سفارش نامعتبر است", "order number invalid"),
    _R("1027", _M.NO, "شمارهٔ پذیرنده نامعتبر است", "merchant number invalid", _D.NOT_ACCEPTED),
    _R("1028", _M.NO, "شمارهٔ پایانه نامعتبر است", "terminal number invalid", _D.NOT_ACCEPTED),
    _R("1029", _M.NO, "آی‌پی پرداخت ثبت نشده است", "the IP address is not registered", _D.NOT_ACCEPTED),
    _R("1030", _M.NO, "دامنهٔ پرداخت ثبت نشده است", "the domain is not registered", _D.NOT_ACCEPTED),
    _R("1031", _M.UNSURE, "مهلت پرداخت گذشته است", "the time to pay is over"),
    _R("1032", _M.UNSURE, "این کارت برای این پذیرنده مجاز نیست", "this card is not allowed here"),
    _R("1033", _M.NO, "به‌سبب مشکل سایت پذیرنده غیرفعال است", "off for its site's trouble", _D.NOT_ACCEPTED),
    _R("1036", _M.UNSURE, "اطلاعات اضافی نیست یا نادرست است", "additional data missing or wrong"),
    _R("1037", _M.NO, "شمارهٔ پذیرنده یا پایانه نادرست است", "wrong merchant or terminal", _D.NOT_ACCEPTED),
    _R("1040", _M.UNSURE, "شناسه نامعتبر است", "identifier invalid"),
    _R("1053", _M.NO, "درخواست از سوی پذیرنده نیست", "the request is not the merchant's", _D.NOT_ACCEPTED),
    _R("1055", _M.UNSURE, "مقدار غیرمجاز", "illegal input"),
    _R("1056", _M.UNSURE, "سامانه موقتاً در دسترس نیست", "temporarily out of service"),
    _R("1058", _M.UNSURE, "سامانه موقتاً در دسترس نیست", "temporarily out of service"),
    _R("1061", _M.UNSURE, "کد یکتا ساخته نشد", "no unique code could be made"),
    _R("1064", _M.UNSURE, "دوباره تلاش کنید", "try again"),
    _R("1065", _M.UNSURE, "ارتباط برقرار نشد", "connection failed"),
    _R("1066", _M.UNSURE, "سامانه موقتاً در دسترس نیست", "temporarily out of service"),
    _R("1068", _M.UNSURE, "سامانه موقتاً در دسترس نیست", "temporarily out of service"),
    _R("1072", _M.UNSURE, "پارامترهای اختیاری پردازش نشد", "optional parameters not processed"),
    _R("1101", _M.NO, "مبلغ نامعتبر است", "amount invalid", _D.LIMIT_EXCEEDED),
    _R("1103", _M.UNSURE, "توکن نامعتبر است", "token invalid"),
    _R("1104", _M.NO, "اطلاعات تسهیم نادرست است", "split data wrong", _D.NOT_ACCEPTED),
    # What the browser brings back as `SwitchResCode`: the switch's word, or the page's own that its time is over.
    _R("switch 1031", _M.NO, "مهلت پرداخت گذشته است", "the time to pay is over", _D.SESSION_EXPIRED),
    *(row._replace(code=f"switch {row.code}") for row in SWITCH_CODES),
)

_BY_CODE = by_code(CODES)

# What ends the opening of an order. Of another call such a code says nothing: that we are not accepted is no word about
# the order, and "given back" is none about a token.
_NOT_OPENED = frozenset({Decline.NOT_ACCEPTED, Decline.LIMIT_EXCEEDED})

# That a return address is not registered is said of the stand-in, when `probe` had to ask with one.
_ADDRESS_CODES = frozenset({"1023", "1030"})
_STAND_IN = "https://localhost/"

# --- what it says -----------------------------------------------------------------------------------------------------

# Numbers come bare or in quotes, by the age of the bank's service.
_Number = int | str


class _TokenAnswer(msgspec.Struct, frozen=True):
    code: _Number = msgspec.field(name="ResCode")
    token: str | None = msgspec.field(name="Token", default=None)


class _VerifyAnswer(msgspec.Struct, frozen=True):
    code: _Number = msgspec.field(name="ResCode")
    amount: _Number | None = msgspec.field(name="Amount", default=None)
    order: _Number | None = msgspec.field(name="OrderId", default=None)
    # Spelled so.
    ref: _Number | None = msgspec.field(name="RetrivalRefNo", default=None)
    trace: _Number | None = msgspec.field(name="SystemTraceNo", default=None)
    # Not in the guide; some terminals get it. What is not promised must not spoil the rest.
    masked_pan: Any = msgspec.field(name="CardNumberMasked", default=None)


_READ_TOKEN = AnswerReader(_TokenAnswer)
_READ_VERIFY = AnswerReader(_VerifyAnswer)

# `[0-9]`, not `\d`: Persian and Arabic digits never come from a bank.
_CODE = re.compile(r"-?[0-9]{1,5}")
_SWITCH_CODE = re.compile(r"[0-9]{1,4}")
_ORDER = re.compile(r"[0-9]{1,19}")
_AMOUNT = re.compile(r"[0-9]{1,19}")
_REF = re.compile(r"[0-9]{1,20}")
_TRACE = re.compile(r"[0-9]{1,12}")
_TOKEN = re.compile(r"[0-9A-Za-z+/=_.:-]{8,512}")
_MASKED_PAN = re.compile(r"[0-9]{6}[*xX]{2,9}[0-9]{4}")


class Sadad:
    """The verbs of `banks/port.py` at Sadad."""

    def __init__(self, access: Access, clock: Clock = system_clock) -> None:
        self._facts = access.facts
        self._clock = clock
        self._merchant = access.credentials["merchant"].reveal()
        self._terminal = access.credentials["terminal"].reveal()
        self._key = _three_parts(b64decode(access.credentials["key"].reveal()))
        self._page_url = access.base_url.rstrip("/") + _PAGE
        self._wire = Wire(access.base_url, deadline_s=access.deadline_s, redact=redact, on_call=access.on_call)
        self._site = _STAND_IN

    @property
    def facts(self) -> Facts:
        return self._facts

    async def aclose(self) -> None:
        """Close the connections to the bank."""
        await self._wire.aclose()

    async def open(self, order: Order) -> Opened | Declined | Silent:
        parts = urlsplit(order.return_url)
        self._site = f"{parts.scheme}://{parts.netloc}/"
        answer = await self._ask_for_token(order, about=order.number)
        if isinstance(answer, Silent):
            return answer
        code = matching(_CODE, answer.code)
        if code != "0":
            return _not_opened(code)
        token = matching(_TOKEN, answer.token)
        return Opened(token, Redirect("GET", self._page_url, {"Token": token})) if token else GARBAGE

    def read_return(self, fields: Mapping[str, str]) -> Returned:
        said = without_case(fields)
        # A true return always says whose it is; one that does not is nobody's, and "" is no order's number or token.
        order_number, token = matching(_ORDER, said.get("orderid")), matching(_TOKEN, said.get("token"))
        code = matching(_CODE, said.get("rescode"))
        switch = matching(_SWITCH_CODE, said.get("switchrescode")).lstrip("0")
        masked_pan = matching(_MASKED_PAN, said.get("primaryaccno"))
        if code == "0":
            return Returned(token != "", None, masked_pan, order_number, token)
        if code != "-1":
            # A return says 0 or -1; what else came is no word of the bank's.
            return Returned(False, None, masked_pan, order_number, token)
        if not switch:
            return Returned(False, None, masked_pan, order_number, token, code=code)
        row = _BY_CODE.get(f"switch {switch}")
        reason = row.decline if row is not None and row.decline is not None else Decline.OTHER
        return Returned(False, None, masked_pan, order_number, token, reason, f"switch {switch}")

    async def verify(self, attempt: Attempt) -> Confirmed | Declined | Pending | Silent:
        if attempt.token is None:
            # `open` was never answered, so the buyer was never sent to the bank.
            return Pending()
        body = msgspec.json.encode({"Token": attempt.token, "SignData": self._sign(attempt.token)})
        answer = await self._wire.post(_VERIFY, body, _READ_VERIFY, _HEADERS, about=attempt.number)
        if isinstance(answer, Silent):
            return answer
        code = matching(_CODE, answer.code)
        match _BY_CODE.get(code):
            case AnswerCode(means=Means.DONE | Means.ALREADY):
                return _confirmed(answer, attempt)
            case AnswerCode(means=Means.NOT_YET):
                return Pending()
            case AnswerCode(decline=Decline.GIVEN_BACK):
                return Declined(Decline.GIVEN_BACK, code)
            case _:
                return _unclear(code)

    async def inquire(self, attempt: Attempt) -> Silent:
        return Silent("no_inquiry")

    async def reverse(self, attempt: Attempt) -> Declined:
        return Declined(Decline.OTHER, "no_reversal")

    async def refund(self, attempt: Attempt, refund_number: str, amount: Rial) -> Declined:
        return Declined(Decline.OTHER, "no_refund")

    async def probe(self) -> Accepted | Declined | Silent:
        """Sadad has no question without an order: this asks for a token that nobody will use. The order's number is
        the time in microseconds, which attempts, counted up from one, do not reach in ten thousand years."""
        number, site = str(int(self._clock().timestamp() * 1_000_000)), self._site
        answer = await self._ask_for_token(Order(number, _PROBE_RIAL, site))
        if isinstance(answer, Silent):
            return answer
        code = matching(_CODE, answer.code)
        if code == "0":
            return Accepted() if matching(_TOKEN, answer.token) else GARBAGE
        refusal = _not_opened(code)
        ours = isinstance(refusal, Declined) and refusal.reason is Decline.NOT_ACCEPTED
        return refusal if ours and not (site == _STAND_IN and code in _ADDRESS_CODES) else _unclear(code)

    async def report(self, day: date, after: str = "") -> Silent:
        return Silent("no_report")

    async def _ask_for_token(self, order: Order, about: str = "") -> _TokenAnswer | Silent:
        number, amount = int(order.number), int(order.amount)
        body = msgspec.json.encode(
            {
                "MerchantId": self._merchant,
                "TerminalId": self._terminal,
                "Amount": amount,
                "OrderId": number,
                "LocalDateTime": _local_time(self._clock()),
                "ReturnUrl": order.return_url,
                "SignData": self._sign(f"{self._terminal};{number};{amount}"),
            }
        )
        return await self._wire.post(_REQUEST, body, _READ_TOKEN, _HEADERS, about=about)

    def _sign(self, text: str) -> str:
        return sign(self._key, text)


def sign(key: bytes, text: str) -> str:
    """`SignData`: Base64 of the text under 3DES, ECB, PKCS7."""
    padder = PKCS7(TripleDES.block_size).padder()
    padded = padder.update(text.encode()) + padder.finalize()
    encryptor = Cipher(TripleDES(key), ECB()).encryptor()  # noqa: S305 - the bank's way
    return b64encode(encryptor.update(padded) + encryptor.finalize()).decode()


def _three_parts(key: bytes) -> bytes:
    """A key of sixteen bytes is two parts, the first of which is used twice."""
    return key + key[:8] if len(key) == 16 else key


def _local_time(moment: datetime) -> str:
    """`11/25/2026 8:05:09 am`, in Tehran."""
    local = moment.astimezone(TEHRAN)
    half = "am" if local.hour < 12 else "pm"
    return f"{local:%m/%d/%Y} {local.hour % 12 or 12}:{local:%M:%S} {half}"


def _not_opened(code: str) -> Declined | Silent:
    row = _BY_CODE.get(code)
    return Declined(row.decline, code) if row is not None and row.decline in _NOT_OPENED else _unclear(code)


def _unclear(code: str) -> Silent:
    return Silent(f"code_{code}") if code else GARBAGE


def _confirmed(answer: _VerifyAnswer, attempt: Attempt) -> Confirmed | Silent:
    """A yes counts only when it is whole and about this order. Its amount may differ from ours: that is for the gateway
    to compare."""
    amount, ref = int(matching(_AMOUNT, answer.amount) or 0), matching(_REF, answer.ref)
    if not (0 < amount <= RIAL_MAX and ref and matching(_ORDER, answer.order) == attempt.number):
        return GARBAGE
    return Confirmed(
        amount=Rial(amount),
        order_number=attempt.number,
        bank_ref=ref,
        trace=matching(_TRACE, answer.trace),
        masked_pan=matching(_MASKED_PAN, answer.masked_pan) or matching(_MASKED_PAN, attempt.masked_pan),
    )


# --- what may be kept of a call -------------------------------------------------------------------------------------

# Shown as they are, once they look as they should. Everything else, also what we do not know, is hidden.
_SHOWN: dict[str, re.Pattern[str]] = {
    "ResCode": _CODE,
    "Amount": _AMOUNT,
    "MerchantId": re.compile(r"[0-9]{1,15}"),
    "TerminalId": re.compile(r"[0-9]{1,12}"),
    "OrderId": _ORDER,
    "LocalDateTime": re.compile(r"[0-9/]{10} [0-9:]{7,8} [ap]m"),
    "RetrivalRefNo": _REF,
    "SystemTraceNo": _TRACE,
    "CardNumberMasked": _MASKED_PAN,
}
# A merchant's number may have the check digit of a card's by chance; it is shorter than any card's here.
_NEVER_A_CARD = frozenset({"MerchantId"})


def redact(body: bytes) -> str:
    """A request or an answer without token, signature, return address, names and card numbers. What is not an object of
    the bank's own fields is told by its length only."""
    return redacted(body, _SHOWN, never_a_card=_NEVER_A_CARD)


# --- the kind ---------------------------------------------------------------------------------------------------------

KIND = Kind(
    facts=FACTS,
    base_url="https://sadad.shaparak.ir",
    fields=(
        CredentialField("merchant", r"[0-9]{1,15}", "شمارهٔ پذیرنده", "merchant number"),
        CredentialField("terminal", r"[0-9]{1,12}", "شمارهٔ پایانه", "terminal number"),
        CredentialField(
            "key",
            # Base64 of 24 bytes, or of 16.
            r"[0-9A-Za-z+/]{32}|[0-9A-Za-z+/]{21}[AQgw]==",
            "کلید پایانه",
            "terminal key",
            secret=True,
        ),
    ),
    codes=CODES,
    make=Sadad,
    notes=(
        "Sadad knows the gateway by the address of its server and by its domain: both must be registered.",
        "Verify is final. There is no inquiry, no reversal and no refund call: money is given back by hand.",
        "Not certain: whether a verify that comes too late is answered 101 or 1105; both are read as given back.",
        "Not certain: whether a buyer whose time was over is sent back with the page's own code 1031.",
        "Terminals that must split each payment (1104) are not served.",
        "In our books a RetrivalRefNo pays one attempt, for ever, of all terminals at this bank: a payment that comes "
        "with the reference of another one is left to a person.",
    ),
)
