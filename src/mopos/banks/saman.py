"""Saman Kish (SEP): our side of it, after the bank's guide 3.3 for token payments over JSON.

A token is bought with the order, the buyer carries it to the bank in a form, and brings back `RefNum`, the digital
receipt. All that follows is asked about that receipt, and about nothing else: neither our order number nor the token
means anything to `VerifyTransaction`. There is no key and no signature; the bank knows us by our server's address.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import date, timedelta
from typing import Annotated

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
    ReportPage,
    Returned,
    Silent,
    Unverified,
)
from mopos.banks.reading import GARBAGE, matching, redacted, without_case
from mopos.banks.wire import AnswerReader, Wire
from mopos.base.money import RIAL_MAX, Rial

# --- settings ---------------------------------------------------------------------------------------------------------


FACTS = Facts(
    name="saman",
    title_fa="پرداخت الکترونیک سامان",
    title_en="Saman (SEP)",
    session=timedelta(minutes=20),
    verify_deadline=timedelta(minutes=30),
    reverse_within=timedelta(minutes=50),
    can_inquire=False,
    asks_by_ref=True,
)

# The bank takes whatever lies outside of these for the nearer one of them.
EXPIRY_MINUTES_MIN, EXPIRY_MINUTES_MAX = 20, 3600

TOKEN_PATH = "/onlinepg/onlinepg"  # noqa: S105 - an address
PAGE_PATH = "/OnlinePG/OnlinePG"
VERIFY_PATH = "/verifyTxnRandomSessionkey/ipg/VerifyTransaction"
REVERSE_PATH = "/verifyTxnRandomSessionkey/ipg/ReverseTransaction"

# The guide does not say with which HTTP status an error comes, so an answer counts by its shape.
STATUSES = (200, 400)

# No payment has this receipt: the bank draws thirty characters by chance.
MADE_UP_REF = "MoPosProbeMoPosProbeMoPosProbe"

# --- the bank's answer codes ------------------------------------------------------------------------------------------

DONE = 0
NOT_FOUND = -2

# Two tables that count from the same numbers: how a payment stands (of the return, and `errorCode` of a token that is
# refused), and `ResultCode` of verify and reverse. Of the reason why a card was refused the bank tells nothing.
_R, _M = AnswerCode, Means
CODES: tuple[AnswerCode, ...] = (
    _R("state 1", _M.NO, "خریدار انصراف داد", "cancelled by the buyer", Decline.CANCELLED),
    _R("state 2", _M.DONE, "پرداخت شد و در انتظار تأیید است", "paid, and waits for verify"),
    _R("state 3", _M.NO, "پرداخت انجام نشد", "not paid", Decline.OTHER),
    _R("state 4", _M.NO, "خریدار در مهلت مقرر نپرداخت", "the buyer did not pay in time", Decline.SESSION_EXPIRED),
    _R("state 5", _M.NO, "داده‌های درخواست نادرست است", "invalid parameters", Decline.OTHER),
    _R("state 8", _M.NO, "نشانی سرور پذیرنده ثبت نشده است", "our address is not registered", Decline.NOT_ACCEPTED),
    # Not in the guide; known from other libraries.
    _R("state 9", _M.NO, "رمز دوم سه بار نادرست بود", "three wrong second passwords", Decline.PIN_BLOCKED),
    _R("state 10", _M.NO, "نشانهٔ پرداخت پیدا نشد", "no such token", Decline.OTHER),
    _R("state 11", _M.NO, "این پایانه تنها با نشانه می‌پذیرد", "the terminal wants a token", Decline.NOT_ACCEPTED),
    _R("state 12", _M.NO, "پایانه پیدا نشد", "no such terminal", Decline.NOT_ACCEPTED),
    _R("state 21", _M.NO, "قواعد تسهیم رعایت نشده است", "the rules of splitting are broken", Decline.OTHER),
    _R("0", _M.DONE, "انجام شد", "done"),
    _R("2", _M.ALREADY, "درخواست تکراری است", "repeated request"),
    _R("5", _M.NO, "تراکنش برگشت خورده است", "the transaction was reversed", Decline.GIVEN_BACK),
    _R("-2", _M.NOT_YET, "تراکنش پیدا نشد", "no such transaction"),
    _R("-6", _M.UNSURE, "مهلت این درخواست گذشته است", "too late for this request"),
    _R("-104", _M.NO, "پایانه غیرفعال است", "the terminal is off", Decline.NOT_ACCEPTED),
    _R("-105", _M.NO, "پایانه شناخته نیست", "unknown terminal", Decline.NOT_ACCEPTED),
    _R("-106", _M.NO, "نشانی سرور مجاز نیست", "our address is not allowed", Decline.NOT_ACCEPTED),
)

# How a payment stands, by number: why it was not paid, or None where it was.
STATES: dict[str, Decline | None] = {row.code[6:]: row.decline for row in CODES if row.code.startswith("state ")}

# The same by the bank's words, in small letters.
STATE_NAMES: dict[str, str] = {
    "canceledbyuser": "1",
    "ok": "2",
    "failed": "3",
    "sessionisnull": "4",
    "invalidparameters": "5",
    "merchantipaddressisinvalid": "8",
    "tokennotfound": "10",
    "tokenrequired": "11",
    "terminalnotfound": "12",
    "multisettlepolicyerrors": "21",
}
PAID = "2"

# Of `ResultCode`: it does not know us. That says nothing of a payment.
NOT_ACCEPTED = frozenset(
    int(row.code) for row in CODES if row.decline is Decline.NOT_ACCEPTED and not row.code.startswith("state ")
)

# --- what it says -----------------------------------------------------------------------------------------------------

# The bank's codes are of three digits; a longer number is no code, and must not fill a journal.
CODE_MAX = 9_999


class _TokenAnswer(msgspec.Struct, frozen=True, rename="camel"):
    status: int
    token: str | None = None
    error_code: str | int | None = None


class _Detail(msgspec.Struct, frozen=True, rename="pascal"):
    """What the bank tells of a payment. Beside an error its fields may be empty. `RRN`, which is spelled in two ways,
    decides nothing here."""

    ref_num: str | None = None
    masked_pan: str | None = None
    terminal_number: int | None = None
    orginal_amount: Annotated[int, msgspec.Meta(ge=0, le=RIAL_MAX)] | None = None
    strace_no: str | None = None


class _Answer(msgspec.Struct, frozen=True, rename="pascal"):
    """The answer of verify and reverse."""

    result_code: Annotated[int, msgspec.Meta(ge=-CODE_MAX, le=CODE_MAX)]
    success: bool | None = None
    transaction_detail: _Detail | None = None


_TOKEN_READER = AnswerReader(_TokenAnswer)
_READER = AnswerReader(_Answer)

# `[0-9]`, not `\d`: Persian and Arabic digits never come from a bank.
# The guide's sample has 32 characters, and promises no length.
_TOKEN = re.compile(r"[0-9A-Za-z]{16,64}")
_REF = re.compile(r"[0-9A-Za-z+/=_-]{1,50}")
_ORDER_NUMBER = re.compile(r"[0-9]{1,20}")
_TRACE = re.compile(r"[0-9]{1,12}")
_MASKED_PAN = re.compile(r"[0-9]{6}\*{4,6}[0-9]{4}")
_STATE = re.compile(r"-?[0-9]{1,4}")


def read_return(fields: Mapping[str, str], terminal: str = "") -> Returned:
    """What a browser brought back; without `terminal` from whichever. A "paid" without a receipt's number is neither a
    yes nor a no. A return of another terminal, or one that does not say whose it is, is nobody's."""
    said = without_case(fields)
    state = _state(said)
    # MID is the terminal's number too.
    is_ours = not terminal or all(said.get(name) in (None, "", terminal) for name in ("mid", "terminalid"))
    return Returned(
        claims_paid=state == PAID and is_ours,
        bank_ref=matching(_REF, said.get("refnum")) or None,
        masked_pan=matching(_MASKED_PAN, said.get("securepan")),
        # Every return names its order, also that of a cancel; "" is no order's number.
        order_number=said.get("resnum", "") if is_ours else "",
        token=said.get("token") or None,
        reason=STATES.get(state) or Decline.OTHER,
        code=f"state {state}" if STATES.get(state) else "",
    )


class Saman:
    """The verbs of `banks/port.py` at Saman Kish."""

    def __init__(self, access: Access) -> None:
        self._facts = access.facts
        self._terminal = access.credentials["terminal"].reveal()
        self._page_url = access.base_url.rstrip("/") + PAGE_PATH
        minutes = math.ceil(access.facts.session / timedelta(minutes=1))
        self._expiry_minutes = min(max(minutes, EXPIRY_MINUTES_MIN), EXPIRY_MINUTES_MAX)
        self._wire = Wire(access.base_url, deadline_s=access.deadline_s, redact=redact, on_call=access.on_call)

    @property
    def facts(self) -> Facts:
        return self._facts

    async def aclose(self) -> None:
        """Close the connections to the bank."""
        await self._wire.aclose()

    async def open(self, order: Order) -> Opened | Declined | Silent:
        asked = {
            "action": "token",
            "TerminalId": self._terminal,
            "Amount": int(order.amount),
            "ResNum": order.number,
            "RedirectUrl": order.return_url,
            "TokenExpiryInMin": self._expiry_minutes,
        }
        body = msgspec.json.encode(asked)
        answer = await self._wire.post(TOKEN_PATH, body, _TOKEN_READER, {}, STATUSES, order.number)
        if isinstance(answer, Silent):
            return answer
        match answer.status:
            case 1 if answer.token and _TOKEN.fullmatch(answer.token):
                # An empty GetMethod: the return comes by POST. Other inputs are not allowed in this form.
                form = {"Token": answer.token, "GetMethod": ""}
                return Opened(answer.token, Redirect("POST", self._page_url, form))
            case -1:
                return _refused(str(answer.error_code))
            case _:
                return GARBAGE

    def read_return(self, fields: Mapping[str, str]) -> Returned:
        return read_return(fields, self._terminal)

    async def verify(self, attempt: Attempt) -> Confirmed | Declined | Pending | Silent:
        """From a yes on the money is ours; there is no settle. A receipt may be asked about any number of times."""
        if attempt.bank_ref is None:
            return Pending()
        answer = await self._ask(VERIFY_PATH, attempt.bank_ref, attempt.number)
        if isinstance(answer, Silent):
            return answer
        match answer.result_code:
            case 0 | 2:
                return self._confirmed(answer, attempt)
            case 5:
                return Declined(Decline.GIVEN_BACK, code="5")
            case -2:
                # What the browser brought is no payment here. Who brought it may still pay.
                return Pending()
            case code:
                # Also -6, too late: either it was given back, which 5 will tell, or it was confirmed in time and that
                # answer was lost.
                return Silent(f"code_{code}")

    async def inquire(self, attempt: Attempt) -> Confirmed | Unverified | Declined | Pending | Silent:
        return Silent("no_inquiry")

    async def reverse(self, attempt: Attempt) -> Declined | Silent:
        if attempt.bank_ref is None:
            return Silent("no_bank_ref")
        answer = await self._ask(REVERSE_PATH, attempt.bank_ref, attempt.number)
        if isinstance(answer, Silent):
            return answer
        match answer.result_code:
            case 0 if not self._names(answer.transaction_detail, attempt.bank_ref):
                return GARBAGE  # a yes that does not say to what
            case 0 | 5:
                return Declined(Decline.GIVEN_BACK, code=str(answer.result_code))
            case -6 | 2 as code:
                return await self._unless_given_back(Declined(Decline.OTHER, code=str(code)), attempt)
            case code:
                # Also -2, "not found", which the guide lists for verify only: we reverse what the bank has confirmed,
                # so it is no word on that payment, and none that it stays as it is.
                return Silent(f"code_{code}")

    async def _unless_given_back(self, refused: Declined, attempt: Attempt) -> Declined | Silent:
        """Too late, or a repeated request: so it answers also when an earlier call of ours has done it, whose answer
        was lost. Verify tells, and changes nothing: we reverse only what was verified before."""
        match await self.verify(attempt):
            case Confirmed():
                return refused
            case Pending():
                return Silent(f"code_{NOT_FOUND}")
            case given_back_or_silent:
                return given_back_or_silent

    async def refund(self, attempt: Attempt, refund_number: str, amount: Rial) -> GivenBack | Declined | Silent:
        return Declined(Decline.OTHER, code="no_refund")

    async def report(self, day: date, after: str = "") -> ReportPage | Silent:
        return Silent("no_report")

    async def probe(self) -> Accepted | Declined | Silent:
        answer = await self._ask(VERIFY_PATH, MADE_UP_REF)
        if isinstance(answer, Silent):
            return answer
        if answer.result_code == NOT_FOUND:
            return Accepted()
        if answer.result_code in NOT_ACCEPTED:
            return Declined(Decline.NOT_ACCEPTED, code=str(answer.result_code))
        return Silent(f"code_{answer.result_code}")

    async def _ask(self, path: str, ref: str, about: str = "") -> _Answer | Silent:
        body = msgspec.json.encode({"RefNum": ref, "TerminalNumber": int(self._terminal)})
        answer = await self._wire.post(path, body, _READER, {}, STATUSES, about)
        if isinstance(answer, Silent):
            return answer
        detail = answer.transaction_detail
        is_other = detail is not None and detail.ref_num not in (None, "", ref)
        return GARBAGE if is_other or (answer.result_code == DONE and answer.success is not True) else answer

    def _names(self, detail: _Detail | None, ref: str) -> bool:
        """Whether an answer tells that it is about this receipt at our terminal."""
        return detail is not None and detail.ref_num == ref and detail.terminal_number == int(self._terminal)

    def _confirmed(self, answer: _Answer, attempt: Attempt) -> Confirmed | Silent:
        """A yes, now or before, that names our terminal, this receipt and an amount."""
        detail = answer.transaction_detail
        ref = attempt.bank_ref
        if detail is None or ref is None or not self._names(detail, ref) or not detail.orginal_amount:
            return GARBAGE
        # The bank does not say whose order a receipt pays, and confirms one as often as it is asked, for whatever
        # order we mean. So the number is that of who asks, and the guard is that a receipt pays one attempt only, which
        # the database knows. OrginalAmount is what was ordered; a discount lowers AffectiveAmount only.
        return Confirmed(
            amount=Rial(detail.orginal_amount),
            order_number=attempt.number,
            bank_ref=ref,
            # A payment whose trace number or mask looks strange is a payment all the same.
            trace=matching(_TRACE, detail.strace_no),
            masked_pan=matching(_MASKED_PAN, detail.masked_pan),
        )


def _refused(state: str) -> Declined | Silent:
    """Why there is no token."""
    if not _STATE.fullmatch(state):
        return GARBAGE
    reason = STATES.get(state)
    return Silent(f"code_state {state}") if reason is None else Declined(reason, code=f"state {state}")


def _state(said: Mapping[str, str]) -> str:
    """How the payment stands, by number. Empty: it is not said, or number and word differ."""
    number, word = said.get("status", ""), said.get("state", "")
    by_word = STATE_NAMES.get(word.lower(), "")
    if not number or not word or by_word == number:
        return number or by_word
    # A word that we do not know may stand beside a no, never beside a yes.
    return number if not by_word and number != PAID else ""


# --- what may be kept of a call ---------------------------------------------------------------------------------------

_AMOUNT, _TERMINAL, _CODE = re.compile(r"[0-9]{1,19}"), re.compile(r"[0-9]{1,15}"), re.compile(r"-?[0-9]{1,5}")

# Shown as they are, once they look as they should. Everything else, also what we do not know, is hidden: token, return
# address, free text, and a card's hash, which is a card number to whoever has its mask.
_SHOWN: dict[str, re.Pattern[str]] = {
    "status": _CODE,
    "errorCode": _CODE,
    "ResultCode": _CODE,
    "TerminalId": _TERMINAL,
    "TerminalNumber": _TERMINAL,
    "Amount": _AMOUNT,
    "OrginalAmount": _AMOUNT,
    "AffectiveAmount": _AMOUNT,
    "ResNum": _ORDER_NUMBER,
    "RefNum": _REF,
    "RRN": _TRACE,
    "Rrn": _TRACE,
    "StraceNo": _TRACE,
    "StraceDate": re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}"),
    "MaskedPan": _MASKED_PAN,
    "TokenExpiryInMin": _CODE,
}


def redact(body: bytes) -> str:
    """A request or an answer without token, return address, free text, card number and its hash. What is not an object
    is told by its length only."""
    return redacted(body, _SHOWN, inside=("TransactionDetail",))


# --- the kind ---------------------------------------------------------------------------------------------------------


KIND = Kind(
    facts=FACTS,
    base_url="https://sep.shaparak.ir",
    fields=(CredentialField("terminal", r"[1-9][0-9]{0,14}", "شمارهٔ پایانه", "terminal number"),),
    codes=CODES,
    make=Saman,
    read_return=read_return,
    notes=(
        "The bank knows the gateway by the address of its server, which must be registered; there is no key.",
        "The bank tells no finer reason than failed, so a buyer is never told that the balance was too low.",
        "There is no inquiry, and verify wants the receipt that the browser brings: a buyer who pays and never returns "
        "gets the money back after 30 minutes.",
        "Not in the guide: state 9; the HTTP status of errors; what a late reversal answers (-6 is assumed). Whether "
        "money was given back is asked of verify when a reversal is answered by -6 or 2.",
    ),
)
