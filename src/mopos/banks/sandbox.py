"""The sandbox bank: our side of it. Its other side is `sandbox_sim.py`, and the two share nothing but the wire.

It is a token bank in the manner of Iranian PSPs: six verbs, five JSON calls, one form. Every request names our
terminal and is signed: HMAC-SHA256 under the terminal's key over the path, a line feed, and the canonical body (keys
sorted, no white space, UTF-8), in hex in `X-Signature`. Amounts are Rial. Answers come as HTTP 200 with a `code`.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Annotated, Any, Literal
from urllib.parse import urlencode

import msgspec

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
    ReportLine,
    ReportPage,
    Returned,
    Silent,
    Unverified,
)
from mopos.banks.reading import GARBAGE, redacted
from mopos.banks.wire import AnswerReader, Wire
from mopos.base.money import RIAL_MAX, Rial

# --- settings ---------------------------------------------------------------------------------------------------------

FACTS = Facts(
    name="sandbox",
    title_fa="بانک آزمایشی",
    title_en="Sandbox bank",
    session=timedelta(minutes=15),
    verify_deadline=timedelta(minutes=30),
    reverse_within=timedelta(hours=3),
    can_refund=True,
    reports=True,
)

# The page shows this much of a description; a longer one would be refused.
DESCRIPTION_LENGTH_MAX = 100

# --- the bank's answer codes ------------------------------------------------------------------------------------------

DONE = 0
ALREADY_VERIFIED = 2
NOT_PAID_YET = 1
WAITS_FOR_VERIFY = 3
NO_SUCH_ORDER = -2

_R, _M = AnswerCode, Means
CODES: tuple[AnswerCode, ...] = (
    _R("0", _M.DONE, "انجام شد", "done"),
    _R("2", _M.ALREADY, "پیش‌تر تأیید شده است", "verified before"),
    _R("1", _M.NOT_YET, "خریدار هنوز نپرداخته است", "the buyer has not paid yet"),
    _R("3", _M.NOT_YET, "پرداخت شده و در انتظار تأیید است", "paid, and waits for verify"),
    _R("-2", _M.NO, "چنین سفارشی نیست", "no such order", Decline.OTHER),
    _R("-3", _M.UNSURE, "نشانهٔ پرداخت از آن این سفارش نیست", "the token is another order's"),
    _R("-4", _M.NO, "مهلت پرداخت گذشت", "the time to pay is over", Decline.SESSION_EXPIRED),
    _R("-5", _M.NO, "به درخواست ما برگشت خورد", "reversed at our wish", Decline.GIVEN_BACK),
    _R("-6", _M.NO, "به‌هنگام تأیید نشد و برگشت خورد", "not verified in time, given back", Decline.GIVEN_BACK),
    _R("-7", _M.NO, "مهلت برگشت گذشته است", "too late to reverse"),
    _R("-8", _M.NO, "بیش از باقی‌مانده است", "more than is left to give back"),
    _R("-9", _M.UNSURE, "این شمارهٔ بازپرداخت مبلغ دیگری دارد", "this refund number has another amount"),
    _R("-10", _M.NO, "بازپرداخت پذیرفته نشد", "the refund is refused"),
    _R("-105", _M.NO, "امضا یا پایانه نادرست است", "wrong signature or terminal", Decline.NOT_ACCEPTED),
    _R("13", _M.NO, "مبلغ پذیرفتنی نیست", "amount outside of what the bank takes", Decline.LIMIT_EXCEEDED),
    _R("17", _M.NO, "خریدار انصراف داد", "cancelled by the buyer", Decline.CANCELLED),
    _R("30", _M.UNSURE, "ساختار درخواست نادرست است", "malformed request"),
    _R("51", _M.NO, "موجودی کافی نیست", "not enough balance", Decline.INSUFFICIENT_FUNDS),
    _R("54", _M.NO, "تاریخ کارت گذشته است", "expired card", Decline.EXPIRED_CARD),
    _R("55", _M.NO, "رمز دوم نادرست است", "wrong second password", Decline.WRONG_PIN),
    _R("56", _M.NO, "کارت نامعتبر است", "invalid card", Decline.WRONG_CARD),
    _R("57", _M.NO, "کارت اجازهٔ این خرید را ندارد", "not permitted", Decline.NOT_PERMITTED),
    _R("61", _M.NO, "مبلغ از سقف کارت بیشتر است", "above the card's limit", Decline.LIMIT_EXCEEDED),
    _R("64", _M.UNSURE, "مبلغ با سفارش یکی نیست", "another amount than the order's"),
    _R("75", _M.NO, "رمز دوم سه بار نادرست بود", "three wrong second passwords", Decline.PIN_BLOCKED),
    _R("91", _M.NO, "بانک صادرکننده پاسخ نمی‌دهد", "the issuer is down", Decline.ISSUER_DOWN),
    _R("94", _M.UNSURE, "شمارهٔ سفارش تکراری است", "the order number was used before"),
)

# The explicit noes: nothing of this order is with the bank, and nothing will be. Every other code is no answer; also
# that it does not know us says nothing of the order.
NO: dict[int, Decline] = {
    int(row.code): row.decline for row in CODES if row.decline not in (None, Decline.NOT_ACCEPTED)
}

# The explicit noes to `reverse` and `refund`: this was not done, and the payment stands as it was.
NOT_GIVEN_BACK: dict[int, str] = {
    -7: "too_late",  # the window of reversals is over
    -8: "exceeds",  # of a refund: more than is left; of a reversal: there are refunds
    -10: "refused",
}

# --- what it says -----------------------------------------------------------------------------------------------------

# The bank's codes are of three digits at most; a longer number is no code, and must not fill a journal.
CODE_MAX = 999
# More movements than fit into an answer that is read at all.
REPORT_PAGE_MAX = 1_000


class _Answer(msgspec.Struct, frozen=True):
    """The answer of all calls but the report: which order it is about, and what became of it."""

    code: Annotated[int, msgspec.Meta(ge=-CODE_MAX, le=CODE_MAX)]
    terminal: str
    order: str
    token: str | None = None
    amount: Annotated[int, msgspec.Meta(gt=0, le=RIAL_MAX)] | None = None
    ref: str | None = None
    trace: str | None = None
    pan: str | None = None
    refund: str | None = None


class _ReportLine(msgspec.Struct, frozen=True):
    kind: Literal["purchase", "refund", "reversal"]
    order: Annotated[str, msgspec.Meta(pattern="^[0-9]{1,20}$")]
    ref: Annotated[str, msgspec.Meta(pattern="^[0-9]{12}$")]
    amount: Annotated[int, msgspec.Meta(gt=0, le=RIAL_MAX)]
    at: Annotated[datetime, msgspec.Meta(tz=True)]


class _Report(msgspec.Struct, frozen=True):
    """The answer of `report`: a page of a day's movements."""

    code: Annotated[int, msgspec.Meta(ge=-CODE_MAX, le=CODE_MAX)]
    terminal: str
    day: str
    lines: Annotated[list[_ReportLine], msgspec.Meta(max_length=REPORT_PAGE_MAX)] = []
    next: Annotated[str, msgspec.Meta(max_length=20)] = ""
    commission: Annotated[int, msgspec.Meta(ge=0, le=RIAL_MAX)] = 0


_READER = AnswerReader(_Answer)
_REPORT_READER = AnswerReader(_Report)

# `[0-9]`, not `\d`: Persian and Arabic digits never come from a bank.
_TOKEN = re.compile(r"[0-9a-f]{32}")
_REF = re.compile(r"[0-9]{12}")
_TRACE = re.compile(r"[0-9]{6}")
_MASKED_PAN = re.compile(r"[0-9]{6}\*{6}[0-9]{4}")


class Sandbox:
    """The verbs of `banks/port.py` at the sandbox bank."""

    def __init__(self, access: Access) -> None:
        self._facts = access.facts
        self._terminal = access.credentials["terminal"].reveal()
        self._key = access.credentials["key"].reveal().encode()
        self._pay_url = access.base_url.rstrip("/") + "/pay"
        self._wire = Wire(access.base_url, deadline_s=access.deadline_s, redact=redact, on_call=access.on_call)

    @property
    def facts(self) -> Facts:
        return self._facts

    async def aclose(self) -> None:
        """Close the connections to the bank."""
        await self._wire.aclose()

    async def open(self, order: Order) -> Opened | Declined | Silent:
        answer = await self._ask(
            "/api/token",
            order.number,
            {
                "amount": int(order.amount),
                "description": order.description[:DESCRIPTION_LENGTH_MAX],
                "order": order.number,
                "return_url": order.return_url,
                "terminal": self._terminal,
            },
        )
        if isinstance(answer, Silent):
            return Declined(Decline.NOT_ACCEPTED, "-105") if answer.why == "http_401" else answer
        if answer.code != DONE:
            return _refused(answer.code)
        if answer.token is None or not _TOKEN.fullmatch(answer.token):
            return GARBAGE
        return Opened(answer.token, Redirect("POST", self._pay_url, {"Token": answer.token}))

    def read_return(self, fields: Mapping[str, str]) -> Returned:
        ref = fields.get("RefNum", "")
        bank_ref = ref if _REF.fullmatch(ref) else None
        says_paid = fields.get("State") == "OK" and fields.get("ResCode") == "0"
        return Returned(claims_paid=says_paid and bank_ref is not None, bank_ref=bank_ref)

    async def verify(self, attempt: Attempt) -> Confirmed | Declined | Pending | Silent:
        answer = await self._ask_about("/api/verify", attempt)
        if isinstance(answer, Silent):
            return answer
        if answer.code in (DONE, ALREADY_VERIFIED):
            return _confirmed(answer, attempt)
        return Pending() if answer.code == NOT_PAID_YET else _refused(answer.code, attempt)

    async def inquire(self, attempt: Attempt) -> Confirmed | Unverified | Declined | Pending | Silent:
        answer = await self._ask_about("/api/inquire", attempt)
        if isinstance(answer, Silent):
            return answer
        match answer.code:
            case 0:
                return _confirmed(answer, attempt)
            case 1:
                return Pending()
            case 3:
                return Unverified()
            case code:
                return _refused(code, attempt)

    async def reverse(self, attempt: Attempt) -> Declined | Silent:
        answer = await self._ask_about("/api/reverse", attempt)
        if isinstance(answer, Silent):
            return answer
        if answer.code == DONE:
            return Declined(Decline.GIVEN_BACK, code="0")
        if answer.code in NOT_GIVEN_BACK:
            return Declined(Decline.OTHER, code=str(answer.code))
        return _refused(answer.code, attempt)

    async def refund(self, attempt: Attempt, refund_number: str, amount: Rial) -> GivenBack | Declined | Silent:
        answer = await self._ask(
            "/api/refund",
            attempt.number,
            {
                "amount": int(amount),
                "order": attempt.number,
                "refund": refund_number,
                "terminal": self._terminal,
                "token": attempt.token,
            },
        )
        if isinstance(answer, Silent):
            return answer
        if answer.refund != refund_number or (attempt.token is not None and answer.token not in (None, attempt.token)):
            return GARBAGE
        if answer.code == DONE:
            whole = answer.amount == int(amount) and answer.ref is not None and _REF.fullmatch(answer.ref)
            return GivenBack(answer.ref) if whole and answer.ref else GARBAGE
        if answer.code in NOT_GIVEN_BACK or NO.get(answer.code) is Decline.GIVEN_BACK:
            return Declined(Decline.OTHER, code=str(answer.code))
        return Silent(f"code_{answer.code}")

    async def probe(self) -> Accepted | Declined | Silent:
        # No order has this number: ours begin far above it.
        answer = await self._ask("/api/inquire", "1", self._about(Attempt("1", Rial(1_000), None)))
        if isinstance(answer, Silent):
            return Declined(Decline.NOT_ACCEPTED, "-105") if answer.why == "http_401" else answer
        return Accepted()

    async def report(self, day: date, after: str = "") -> ReportPage | Silent:
        path, query = "/api/report", {"after": after, "day": day.isoformat(), "terminal": self._terminal}
        signature = hmac.digest(self._key, f"{path}\n{urlencode(query)}".encode(), "sha256").hex()
        answer = await self._wire.get(path, query, _REPORT_READER, {"X-Signature": signature})
        if isinstance(answer, Silent):
            return answer
        if answer.code != DONE:
            return Silent(f"code_{answer.code}")
        if answer.terminal != self._terminal or answer.day != query["day"] or answer.next == after != "":
            return GARBAGE
        lines = [ReportLine(line.kind, line.order, line.ref, Rial(line.amount), line.at) for line in answer.lines]
        return ReportPage(lines, answer.next, Rial(answer.commission))

    async def _ask_about(self, path: str, attempt: Attempt) -> _Answer | Silent:
        # Asked by order number and token. What the browser brought back as reference is never sent to the bank: a
        # forged one could only make it answer about another payment.
        answer = await self._ask(path, attempt.number, self._about(attempt))
        if isinstance(answer, Silent):
            return answer
        if attempt.token is not None and answer.token not in (None, attempt.token):
            return GARBAGE
        return answer

    def _about(self, attempt: Attempt) -> dict[str, Any]:
        return {
            "amount": int(attempt.amount),
            "order": attempt.number,
            "terminal": self._terminal,
            "token": attempt.token,
        }

    async def _ask(self, path: str, order_number: str, payload: dict[str, Any]) -> _Answer | Silent:
        body = msgspec.json.encode(payload, order="sorted")
        signature = hmac.digest(self._key, f"{path}\n".encode() + body, "sha256").hex()
        answer = await self._wire.post(path, body, _READER, {"X-Signature": signature}, about=order_number)
        if isinstance(answer, Silent):
            return answer
        if answer.terminal != self._terminal or answer.order != order_number:
            return GARBAGE
        return answer


def _confirmed(answer: _Answer, attempt: Attempt) -> Confirmed | Silent:
    """A yes counts only when it is whole. Its amount may differ from ours: that is for the gateway to compare."""
    amount, ref, trace, pan = answer.amount, answer.ref, answer.trace, answer.pan
    if attempt.token is not None and answer.token != attempt.token:
        return GARBAGE
    if amount is None:
        return GARBAGE
    if not (ref and _REF.fullmatch(ref) and trace and _TRACE.fullmatch(trace) and pan and _MASKED_PAN.fullmatch(pan)):
        return GARBAGE
    return Confirmed(amount=Rial(amount), order_number=answer.order, bank_ref=ref, trace=trace, masked_pan=pan)


def _refused(code: int, attempt: Attempt | None = None) -> Declined | Silent:
    if code == NO_SUCH_ORDER and attempt is not None and attempt.token is not None:
        # It gave us a token for this order: that is another bank, or one that has lost its book.
        return Silent("order_forgotten")
    reason = NO.get(code)
    return Silent(f"code_{code}") if reason is None else Declined(reason, code=str(code))


# --- what may be kept of a call -------------------------------------------------------------------------------------

# Shown as they are, once they look as they should. Everything else, also what we do not know, is hidden.
_SHOWN: dict[str, re.Pattern[str]] = {
    "code": re.compile(r"-?[0-9]{1,5}"),
    "amount": re.compile(r"[0-9]{1,19}"),
    "terminal": re.compile(r"[0-9]{1,12}"),
    "order": re.compile(r"[0-9]{1,20}"),
    "ref": _REF,
    "trace": _TRACE,
    "pan": _MASKED_PAN,
    "refund": re.compile(r"[0-9]{1,20}"),
}


def redact(body: bytes) -> str:
    """A request or an answer without token, key, return address, free text and card number. What is not an object of
    the bank's own fields is told by its length only."""
    return redacted(body, _SHOWN)


# --- the kind ---------------------------------------------------------------------------------------------------------


KIND = Kind(
    facts=FACTS,
    base_url="http://127.0.0.1:8001",
    fields=(
        CredentialField("terminal", r"[0-9]{1,12}", "شمارهٔ پایانه", "terminal number"),
        CredentialField("key", r"[!-~]{1,200}", "کلید پایانه", "terminal key", secret=True),
    ),
    codes=CODES,
    make=Sandbox,
)
