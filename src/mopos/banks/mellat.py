"""Behpardakht Mellat: our side of it. The other side, for tests, is `mellat_sim.py`; they share nothing but the wire.

SOAP 1.1, document/literal: the operation's element is in the bank's namespace, its members are in none and come in the
order of the WSDL. Every answer is one string: a code, and after `0` to a new order a comma and its `RefId`. The buyer
goes to the bank by a form with that `RefId`, and comes back by POST. What he paid is ours after two calls, verify and
settle. Amounts are Rial. By the guide 1.29 (Tir 1402), and what is known of 1.39 (Azar 1404).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from xml.sax.saxutils import escape

from lxml import etree

from mopos.banks.kind import Access, AnswerCode, CredentialField, Kind, Means
from mopos.banks.port import (
    Accepted,
    Attempt,
    Confirmed,
    Decline,
    Declined,
    Facts,
    GivenBack,
    Opened,
    Order,
    Pending,
    Redirect,
    ReportPage,
    Returned,
    Silent,
    Unverified,
)
from mopos.banks.reading import GARBAGE, matching, no_answer, shown
from mopos.banks.wire import Wire
from mopos.base.clock import TEHRAN, Clock, system_clock
from mopos.base.money import Rial
from mopos.base.text import harmless
from mopos.base.xml import UnreadableXml, parse

# --- settings ---------------------------------------------------------------------------------------------------------

FACTS = Facts(
    name="mellat",
    title_fa="به‌پرداخت ملت",
    title_en="Behpardakht Mellat",
    session=timedelta(minutes=15),
    verify_deadline=timedelta(minutes=20),
    asks_by_ref=True,
)

SERVICE_PATH = "/pgwchannel/services/pgw"
PAGE_PATH = "/pgwchannel/startpay.mellat"

# `additionalData` is cut by us, since the bank refuses a longer one.
DESCRIPTION_LENGTH_MAX = 1_000

# --- the bank's answer codes ------------------------------------------------------------------------------------------

DONE = "0"
NO_SALE = "42"
VERIFIED_BEFORE = "43"
SETTLED_BEFORE = "45"
REVERSED_BEFORE = "48"

# One table for all calls, in the order of the guide; what it does not have is from later notes (`KIND.notes`). Which of
# them a question about a sale is answered with, the guide says by itself: those of cards and of the payment page are
# for a new order and a return, and would tell nothing of that sale's money.
_R, _M = AnswerCode, Means
CODES: tuple[AnswerCode, ...] = (
    _R("0", _M.DONE, "انجام شد", "done"),
    _R("11", _M.NO, "شمارهٔ کارت نامعتبر است", "invalid card number", Decline.WRONG_CARD),
    _R("12", _M.NO, "موجودی کافی نیست", "not enough balance", Decline.INSUFFICIENT_FUNDS),
    _R("13", _M.NO, "رمز نادرست است", "wrong password", Decline.WRONG_PIN),
    _R("14", _M.NO, "رمز بیش از حد مجاز نادرست بود", "too many wrong passwords", Decline.PIN_BLOCKED),
    _R("15", _M.NO, "کارت نامعتبر است", "invalid card", Decline.WRONG_CARD),
    _R("16", _M.NO, "شمار برداشت‌ها بیش از حد مجاز است", "too many withdrawals", Decline.LIMIT_EXCEEDED),
    _R("17", _M.NO, "خریدار انصراف داد", "cancelled by the buyer", Decline.CANCELLED),
    _R("18", _M.NO, "تاریخ کارت گذشته است", "expired card", Decline.EXPIRED_CARD),
    _R("19", _M.NO, "مبلغ برداشت بیش از حد مجاز است", "above the limit of withdrawals", Decline.LIMIT_EXCEEDED),
    _R("111", _M.NO, "صادرکنندهٔ کارت نامعتبر است", "invalid issuer", Decline.ISSUER_DOWN),
    _R("112", _M.NO, "خطای سوییچ صادرکنندهٔ کارت", "error of the issuer's switch", Decline.ISSUER_DOWN),
    _R("113", _M.NO, "صادرکنندهٔ کارت پاسخ نداد", "the issuer did not answer", Decline.ISSUER_DOWN),
    _R("114", _M.NO, "دارندهٔ کارت مجاز به این کار نیست", "the holder is not allowed to", Decline.NOT_PERMITTED),
    _R("115", _M.UNSURE, "مجاز نیست یا صادرکننده پاسخ نمی‌دهد", "not allowed, or no answer of the issuer"),
    _R("116", _M.UNSURE, "مجاز نیست یا صادرکننده پاسخ نمی‌دهد", "not allowed, or no answer of the issuer"),
    _R("117", _M.UNSURE, "مجاز نیست یا صادرکننده پاسخ نمی‌دهد", "not allowed, or no answer of the issuer"),
    _R("20", _M.UNSURE, "شناسه و گذرواژه فرستاده نشده است", "credentials are missing"),
    _R("21", _M.NO, "پذیرنده نامعتبر یا سرویس غیرفعال است", "merchant invalid or not enabled", Decline.NOT_ACCEPTED),
    _R("23", _M.NO, "خطای امنیتی", "security error", Decline.NOT_ACCEPTED),
    _R("24", _M.NO, "شناسه یا گذرواژهٔ پذیرنده نادرست است", "wrong credentials", Decline.NOT_ACCEPTED),
    _R("25", _M.NO, "مبلغ نامعتبر است", "invalid amount", Decline.LIMIT_EXCEEDED),
    _R("26", _M.UNSURE, "مؤسسه نمی‌تواند این تراکنش را بفرستد", "the institution cannot send this"),
    _R("27", _M.UNSURE, "پایانه نمی‌تواند این تراکنش را انجام دهد", "the device cannot do this"),
    _R("28", _M.UNSURE, "اکنون انجام‌شدنی نیست", "not possible now"),
    _R("29", _M.UNSURE, "فروشگاه نمی‌تواند این تراکنش را انجام دهد", "the shop cannot do this"),
    _R("30", _M.UNSURE, "درخواست پیشین هنوز در حال انجام است", "the request before is still running"),
    _R("31", _M.UNSURE, "پاسخ نامعتبر است", "invalid response"),
    _R("32", _M.UNSURE, "ساختار درخواست نادرست است", "malformed request"),
    _R("33", _M.UNSURE, "حساب نامعتبر است", "invalid account"),
    _R("34", _M.UNSURE, "خطای سامانه", "system error"),
    _R("35", _M.UNSURE, "تاریخ نامعتبر است", "invalid date"),
    _R("36", _M.UNSURE, "ارتباط با شبکه بسته است", "signed off from the network"),
    _R("37", _M.UNSURE, "ارتباط با شبکه بسته است", "signed off from the network"),
    _R("38", _M.UNSURE, "کلیدها در حال تعویض‌اند", "keys are being changed"),
    _R("39", _M.UNSURE, "شاپرک پاسخ نمی‌دهد", "Shaparak cannot answer"),
    _R("41", _M.UNSURE, "شمارهٔ درخواست تکراری است", "the order number was used before"),
    _R("42", _M.NOT_YET, "تراکنش خرید پیدا نشد", "no such sale"),
    _R("43", _M.ALREADY, "پیش‌تر تأیید شده است", "verified before"),
    _R("44", _M.UNSURE, "درخواست تأیید پیدا نشد", "no such verify"),
    _R("45", _M.ALREADY, "پیش‌تر تسویه شده است", "settled before"),
    _R("46", _M.UNSURE, "تسویه نشده است", "not settled"),
    _R("47", _M.UNSURE, "درخواست تسویه پیدا نشد", "no such settle"),
    _R("48", _M.NO, "برگشت خورده است", "reversed, at our wish or for want of verify", Decline.GIVEN_BACK),
    _R("49", _M.UNSURE, "تراکنش بازپرداخت پیدا نشد", "no such refund"),
    _R("51", _M.UNSURE, "تراکنش تکراری است", "duplicate transaction"),
    _R("54", _M.UNSURE, "تراکنش مرجع نیست", "the transaction referred to is missing"),
    _R("55", _M.UNSURE, "تراکنش نامعتبر است", "invalid transaction"),
    _R("56", _M.UNSURE, "خطای سامانهٔ مانا", "error of the Mana system"),
    _R("57", _M.UNSURE, "خطای احراز هویت قوی", "error of strong authentication"),
    _R("61", _M.UNSURE, "خطا در واریز", "error of the deposit"),
    _R("62", _M.NO, "نشانی بازگشت در دامنهٔ ثبت‌شده نیست", "return address not registered", Decline.NOT_ACCEPTED),
    _R("98", _M.NO, "سقف خرید با رمز ایستا پر شده است", "static password's allowance used up", Decline.LIMIT_EXCEEDED),
    _R("211", _M.UNSURE, "نامعتبر است (قبض)", "invalid (bills)"),
    _R("412", _M.UNSURE, "شناسهٔ قبض نادرست است", "wrong bill number"),
    _R("413", _M.UNSURE, "شناسهٔ پرداخت نادرست است", "wrong payment number of a bill"),
    _R("414", _M.UNSURE, "سازمان صادرکنندهٔ قبض نامعتبر است", "invalid organisation of a bill"),
    _R("415", _M.NO, "زمان پرداخت به پایان رسید", "the time to pay is over", Decline.SESSION_EXPIRED),
    _R("416", _M.UNSURE, "داده‌ها ثبت نشد", "could not store the data"),
    _R("417", _M.UNSURE, "شناسهٔ پرداخت‌کننده نامعتبر است", "invalid payer number"),
    _R("418", _M.UNSURE, "اشکال در تعریف اطلاعات مشتری", "the customer is not well defined"),
    _R("419", _M.UNSURE, "شمار دفعات ورود داده بیش از حد است", "too many entries"),
    _R("421", _M.NO, "نشانی سرور ثبت نشده است", "our server's address is not registered", Decline.NOT_ACCEPTED),
    _R("995", _M.NO, "کارت از آن شخص یادشده نیست", "the card is not the named person's", Decline.NOT_PERMITTED),
    _R("997", _M.UNSURE, "مقصد غیرفعال است", "the destination is inactive"),
)

# Why there is no new order, where the bank says it.
NOT_OPENED: dict[str, Decline] = {row.code: row.decline for row in CODES if row.decline is not None}

# The bank does not know us. Of a sale that says nothing.
NOT_ACCEPTED = frozenset(code for code, reason in NOT_OPENED.items() if reason is Decline.NOT_ACCEPTED)

# Why a buyer was not served, by a browser's word. That money was given back, or that we are not known, says nobody but
# the bank.
RETURNED: dict[str, Decline] = {
    code: reason for code, reason in NOT_OPENED.items() if reason not in (Decline.GIVEN_BACK, Decline.NOT_ACCEPTED)
}

# A probe asks about a sale that is none. Who is told how that stands is known to the bank.
KNOWN_US = frozenset({DONE, NO_SALE, VERIFIED_BEFORE, "44", SETTLED_BEFORE, "46", "47", REVERSED_BEFORE})

# --- what it says -----------------------------------------------------------------------------------------------------

NAMESPACE = "http://interfaces.core.sw.bps.com/"
SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
PAY, VERIFY, SETTLE = "bpPayRequest", "bpVerifyRequest", "bpSettleRequest"
INQUIRE, REVERSE = "bpInquiryRequest", "bpReversalRequest"
OPERATIONS = (PAY, VERIFY, SETTLE, INQUIRE, REVERSE)

_HEADERS = {"Content-Type": "text/xml; charset=utf-8", "SOAPAction": '""'}

# `[0-9]`, not `\d`: Persian and Arabic digits never come from a bank.
# The guide's sample of a RefId has 20 characters, and promises no length.
_RETURN = re.compile(r"([0-9]{1,4})(?:[ \t\r\n]*,[ \t\r\n]*([0-9A-Za-z-]{8,64}))?")
# Of a return that says no. "00" is neither that nor the "0" of a yes.
_RES_CODE = re.compile(r"[1-9][0-9]{0,3}")
# An `xsd:long` whatever its digits; a longer or an empty one makes a fault, not an answer.
_REF = re.compile(r"[1-9][0-9]{0,17}")
# The guide's sample has five stars, whatever was hidden.
_MASKED_PAN = re.compile(r"[0-9]{6}\*{4,8}[0-9]{4}")


@dataclass(frozen=True, slots=True)
class _Said:
    """An answer's one string."""

    code: str
    ref_id: str = ""


class _AnswerTo:
    """Reads the answer to one operation; that to another one is none."""

    def __init__(self, operation: str) -> None:
        self._tag = f"{{{NAMESPACE}}}{operation}Response"

    def read(self, body: bytes) -> _Said | Silent:
        answer = _in_body(body)
        members = [] if answer is None or answer.tag != self._tag else list(answer)
        if len(members) != 1 or members[0].tag != "return" or len(members[0]):
            return GARBAGE
        parts = _RETURN.fullmatch((members[0].text or "").strip())
        return GARBAGE if parts is None else _Said(parts[1], parts[2] or "")


_READERS = {operation: _AnswerTo(operation) for operation in OPERATIONS}


def _in_body(body: bytes) -> etree._Element | None:
    """What a SOAP 1.1 envelope holds, when that is one element."""
    try:
        root = parse(body)
    except UnreadableXml:
        return None
    bodies = root.findall(f"{{{SOAP}}}Body") if root.tag == f"{{{SOAP}}}Envelope" else []
    return bodies[0][0] if len(bodies) == 1 and len(bodies[0]) == 1 else None


def _envelope(operation: str, members: Mapping[str, str]) -> bytes:
    said = "".join(f"<{name}>{escape(text)}</{name}>" for name, text in members.items())
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<soap:Envelope xmlns:soap="{SOAP}"><soap:Body>'
        f'<pgw:{operation} xmlns:pgw="{NAMESPACE}">{said}</pgw:{operation}>'
        "</soap:Body></soap:Envelope>"
    ).encode()


class Mellat:
    """The verbs of `banks/port.py` at Behpardakht Mellat."""

    def __init__(self, access: Access, clock: Clock = system_clock) -> None:
        self._access = access
        self._clock = clock
        self._page_url = access.base_url.rstrip("/") + PAGE_PATH
        self._wire = Wire(access.base_url, deadline_s=access.deadline_s, redact=redact, on_call=access.on_call)

    @property
    def facts(self) -> Facts:
        return self._access.facts

    async def aclose(self) -> None:
        """Close the connections to the bank."""
        await self._wire.aclose()

    async def open(self, order: Order) -> Opened | Declined | Silent:
        now = self._clock().astimezone(TEHRAN)
        members = {
            "orderId": order.number,
            "amount": str(order.amount),
            "localDate": now.strftime("%Y%m%d"),
            "localTime": now.strftime("%H%M%S"),
            "additionalData": harmless(order.description)[:DESCRIPTION_LENGTH_MAX],
            "callBackUrl": order.return_url,
            "payerId": "0",
        }
        said = await self._ask(PAY, members, order.number)
        if isinstance(said, Silent):
            return said
        if said.code == DONE and said.ref_id:
            return Opened(said.ref_id, Redirect("POST", self._page_url, {"RefId": said.ref_id}))
        if said.code == DONE or said.ref_id:
            return GARBAGE
        reason = NOT_OPENED.get(said.code)
        return Silent(f"code_{said.code}") if reason is None else Declined(reason, said.code)

    def read_return(self, fields: Mapping[str, str]) -> Returned:
        return read_return(fields)

    async def verify(self, attempt: Attempt) -> Confirmed | Declined | Pending | Silent:
        """Verify and settle. Silence between the two is healed by asking again: both may be said any number of
        times."""
        if attempt.bank_ref is None:
            return Pending()
        code = await self._ask_about(VERIFY, attempt.number, attempt.bank_ref)
        match code:
            case "0" | "43":
                return await self._settle(attempt, attempt.bank_ref)
            case "45":
                return _confirmed(attempt, attempt.bank_ref)
            case _:
                return _not_paid(code)

    async def _settle(self, attempt: Attempt, ref: str) -> Confirmed | Declined | Silent:
        code = await self._ask_about(SETTLE, attempt.number, ref)
        match code:
            case Silent():
                return code
            case "0" | "45":
                return _confirmed(attempt, ref)
            case "48":
                return Declined(Decline.GIVEN_BACK, code)
            case _:
                # It was verified a moment ago, so no other word ends it.
                return Silent(f"code_{code}")

    async def inquire(self, attempt: Attempt) -> Confirmed | Unverified | Declined | Pending | Silent:
        if attempt.bank_ref is None:
            return Pending()
        code = await self._ask_about(INQUIRE, attempt.number, attempt.bank_ref)
        match code:
            case "0" | "43":
                # Also what is verified waits for us: without settle, it is not paid to the merchant.
                return Unverified()
            case "45":
                return _confirmed(attempt, attempt.bank_ref)
            case _:
                return _not_paid(code)

    async def reverse(self, attempt: Attempt) -> Declined | Silent:
        if attempt.bank_ref is None:
            return Silent("no_bank_ref")
        code = await self._ask_about(REVERSE, attempt.number, attempt.bank_ref)
        match code:
            case Silent():
                return code
            case "0" | "48":
                return Declined(Decline.GIVEN_BACK, code)
            case "45":
                return Declined(Decline.OTHER, code)  # settled: too late
            case _:
                # Also 42 and 44, no sale and no verify: neither says that the money stays where it is.
                return Silent(f"code_{code}")

    async def refund(self, attempt: Attempt, refund_number: str, amount: Rial) -> GivenBack | Declined | Silent:
        return Declined(Decline.OTHER, code="no_refund")

    async def report(self, day: date, after: str = "") -> ReportPage | Silent:
        return Silent("no_report")

    async def probe(self) -> Accepted | Declined | Silent:
        # No order has this number: ours begin far above it.
        code = await self._ask_about(INQUIRE, "1", "1")
        if isinstance(code, Silent):
            return code
        if code in NOT_ACCEPTED:
            return Declined(Decline.NOT_ACCEPTED, code)
        return Accepted() if code in KNOWN_US else Silent(f"code_{code}")

    async def _ask_about(self, operation: str, number: str, ref: str) -> str | Silent:
        """The code that the bank says of a sale. The first number is that of the question, and may be the sale's."""
        said = await self._ask(operation, {"orderId": number, "saleOrderId": number, "saleReferenceId": ref}, number)
        if isinstance(said, Silent):
            return said
        return GARBAGE if said.ref_id else said.code

    async def _ask(self, operation: str, members: Mapping[str, str], about: str) -> _Said | Silent:
        known = {
            "terminalId": self._access.credentials["terminal"].reveal(),
            "userName": self._access.credentials["user"].reveal(),
            "userPassword": self._access.credentials["password"].reveal(),
        }
        body = _envelope(operation, {**known, **members})
        return await self._wire.post(SERVICE_PATH, body, _READERS[operation], _HEADERS, about=about, verb=operation)


def read_return(fields: Mapping[str, str]) -> Returned:
    """What the browser brought back from whatever terminal: its reference will be wanted also when the terminal's
    credentials cannot be read just now.

    `FinalAmount` is left out: it is the amount by the browser's word, and the bank itself never tells one. A return
    that does not say whose it is names an order and a token that nobody has."""
    code = fields.get("ResCode", "")
    return Returned(
        claims_paid=code == DONE,
        bank_ref=matching(_REF, fields.get("SaleReferenceId")) or None,
        masked_pan=matching(_MASKED_PAN, fields.get("CardHolderPan")),
        order_number=fields.get("SaleOrderId", ""),
        token=fields.get("RefId", ""),
        reason=RETURNED.get(code, Decline.OTHER),
        code=matching(_RES_CODE, code),
    )


def _confirmed(attempt: Attempt, ref: str) -> Confirmed:
    """The bank tells no amount and no order: it has answered about the sale of this reference and this order number,
    and what it took for that one is what we asked for when we opened it."""
    return Confirmed(
        amount=attempt.amount,
        order_number=attempt.number,
        bank_ref=ref,
        masked_pan=matching(_MASKED_PAN, attempt.masked_pan),
    )


def _not_paid(code: str | Silent) -> Declined | Pending | Silent:
    """What is no yes to a question about a sale."""
    if isinstance(code, Silent):
        return code
    if code == NO_SALE:
        # What the browser brought is no sale of this order. Who brought it may still pay.
        return Pending()
    # Of the codes that the guide has for these calls, this is the only no.
    return Declined(Decline.GIVEN_BACK, code) if code == REVERSED_BEFORE else Silent(f"code_{code}")


# --- what may be kept of a call ---------------------------------------------------------------------------------------

# Shown as they are, once they look as they should. Everything else, also what we do not know, is hidden.
_SHOWN: dict[str, re.Pattern[str]] = {
    "terminalId": re.compile(r"[0-9]{1,12}"),
    "orderId": re.compile(r"[0-9]{1,20}"),
    "amount": re.compile(r"[0-9]{1,19}"),
    "saleOrderId": re.compile(r"[0-9]{1,20}"),
    "saleReferenceId": _REF,
}


def redact(body: bytes) -> str:
    """A request or an answer without name, password, RefId, return address, free text and card number; the operation's
    name goes in front, as every call has the same path. What is no call is told by its length only."""
    call = _in_body(body)
    name = "" if call is None else etree.QName(call).localname
    if call is None or name.removesuffix("Response") not in OPERATIONS:
        return no_answer(body)
    told = [name, *(f"{one.tag}={shown(_SHOWN[one.tag], one.text or '')}" for one in call if one.tag in _SHOWN)]
    told += [_shown_answer(one.text or "") for one in call if one.tag == "return"]
    return " ".join(told)


def _shown_answer(text: str) -> str:
    parts = _RETURN.fullmatch(text.strip())
    return "***" if parts is None else f"{parts[1]},***" if parts[2] else parts[1]


# --- the kind ---------------------------------------------------------------------------------------------------------

KIND = Kind(
    facts=FACTS,
    base_url="https://bpm.shaparak.ir",
    fields=(
        CredentialField("terminal", r"[1-9][0-9]{0,11}", "شمارهٔ پایانه", "terminal number"),
        CredentialField("user", r"[!-~]{1,100}", "نام کاربری", "user name"),
        CredentialField("password", r"[!-~]{1,100}", "گذرواژه", "password", secret=True),
    ),
    codes=CODES,
    make=Mellat,
    read_return=read_return,
    notes=(
        "Verified payments are settled at once, as some contracts never pay what was not settled. What is settled "
        "cannot be reversed, so a reversal is always too late (code 45).",
        "The address of the gateway's server must be registered with the bank (code 421), and so must the domain of "
        "the return address (code 62). The buyer's browser must tell the bank from which site it comes (`Referer`).",
        "Verify, settle and inquiry want the reference that the browser brings: a buyer who pays and never returns "
        "gets the money back after 20 minutes.",
        "Asked about a sale, it says no by code 48 only; a card's code or the page's is no answer there.",
        "The bank never says which amount it took. A payment is bound to the order number, and its amount is the one "
        "that was asked for when it was opened. So terminals must have the discount scheme off: with it the bank takes "
        "less than was ordered, and tells so to the browser only (`FinalAmount`).",
        "Not in the guide: codes 20, 26 to 30, 36 to 39, 49, 56, 57, 115 to 117, 211 and 997; whether verify of a "
        "settled sale says 43 or 45 (both are a yes); whether a wrong password is 24 or 23.",
    ),
)
