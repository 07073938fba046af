"""The sandbox bank: our side of it. Its other side is `sandbox_sim.py`, and the two share nothing but the wire.

It is a token bank in the manner of Iranian PSPs: six verbs, five JSON calls, one form. Every request names our
terminal and is signed: HMAC-SHA256 under the terminal's key over the path, a line feed, and the canonical body (keys
sorted, no white space, UTF-8), in hex in `X-Signature`. Amounts are Rial. Answers come as HTTP 200 with a `code`.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Annotated, Any, Literal
from urllib.parse import urlencode

import msgspec

from mopos.banks.port import (
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
from mopos.banks.wire import AnswerReader, Transcript, Wire
from mopos.base.ids import has_check_digit
from mopos.base.money import RIAL_MAX, Rial
from mopos.base.secret import Secret

# --- settings ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SandboxSettings:
    """Where the bank is, who we are there, and what it promises."""

    base_url: str
    terminal: str
    key: Secret
    deadline_s: float = 10.0
    """The longest that one call may take, all of it; then it is silence."""
    session: timedelta = timedelta(minutes=15)
    verify_deadline: timedelta = timedelta(minutes=30)
    reverse_within: timedelta = timedelta(hours=3)


# The page shows this much of a description; a longer one would be refused.
DESCRIPTION_LENGTH_MAX = 100

# --- the bank's answer codes ------------------------------------------------------------------------------------------

DONE = 0
ALREADY_VERIFIED = 2
NOT_PAID_YET = 1
WAITS_FOR_VERIFY = 3

NO_SUCH_ORDER = -2

# The explicit noes: nothing of this order is with the bank, and nothing will be. Every other code is no answer.
NO: dict[int, Decline] = {
    NO_SUCH_ORDER: Decline.OTHER,  # of an attempt that it never opened
    -4: Decline.SESSION_EXPIRED,
    -5: Decline.GIVEN_BACK,  # reversed by us
    -6: Decline.GIVEN_BACK,  # not verified in time
    13: Decline.LIMIT_EXCEEDED,  # amount outside of what the bank takes; said by `open` only
    17: Decline.CANCELLED,
    51: Decline.INSUFFICIENT_FUNDS,
    54: Decline.EXPIRED_CARD,
    55: Decline.WRONG_PIN,
    56: Decline.WRONG_CARD,
    61: Decline.LIMIT_EXCEEDED,
    75: Decline.WRONG_PIN,  # three wrong second passwords
    91: Decline.ISSUER_DOWN,
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

GARBAGE = Silent("garbage")


class Sandbox:
    """The verbs of `banks/port.py` at the sandbox bank."""

    def __init__(self, settings: SandboxSettings, on_call: Callable[[Transcript], None] | None = None) -> None:
        self._settings = settings
        self._pay_url = settings.base_url.rstrip("/") + "/pay"
        self._key = settings.key.reveal().encode()
        self._wire = Wire(settings.base_url, deadline_s=settings.deadline_s, redact=redact, on_call=on_call)
        self._facts = Facts(
            name="sandbox",
            title_fa="بانک آزمایشی",
            title_en="Sandbox bank",
            session=settings.session,
            verify_deadline=settings.verify_deadline,
            reverse_within=settings.reverse_within,
            can_refund=True,
        )

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
                "terminal": self._settings.terminal,
            },
        )
        if isinstance(answer, Silent):
            return answer
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
                "terminal": self._settings.terminal,
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

    async def report(self, day: date, after: str = "") -> ReportPage | Silent:
        path, query = "/api/report", {"after": after, "day": day.isoformat(), "terminal": self._settings.terminal}
        signature = hmac.digest(self._key, f"{path}\n{urlencode(query)}".encode(), "sha256").hex()
        answer = await self._wire.get_json(path, query, _REPORT_READER, {"X-Signature": signature})
        if isinstance(answer, Silent):
            return answer
        if answer.code != DONE:
            return Silent(f"code_{answer.code}")
        if answer.terminal != self._settings.terminal or answer.day != query["day"] or answer.next == after != "":
            return GARBAGE
        lines = [ReportLine(line.kind, line.order, line.ref, Rial(line.amount), line.at) for line in answer.lines]
        return ReportPage(lines, answer.next, Rial(answer.commission))

    async def _ask_about(self, path: str, attempt: Attempt) -> _Answer | Silent:
        # Asked by order number and token. What the browser brought back as reference is never sent to the bank: a
        # forged one could only make it answer about another payment.
        answer = await self._ask(
            path,
            attempt.number,
            {
                "amount": int(attempt.amount),
                "order": attempt.number,
                "terminal": self._settings.terminal,
                "token": attempt.token,
            },
        )
        if isinstance(answer, Silent):
            return answer
        if attempt.token is not None and answer.token not in (None, attempt.token):
            return GARBAGE
        return answer

    async def _ask(self, path: str, order_number: str, payload: dict[str, Any]) -> _Answer | Silent:
        body = msgspec.json.encode(payload, order="sorted")
        signature = hmac.digest(self._key, f"{path}\n".encode() + body, "sha256").hex()
        answer = await self._wire.post_json(path, body, _READER, {"X-Signature": signature}, about=order_number)
        if isinstance(answer, Silent):
            return answer
        if answer.terminal != self._settings.terminal or answer.order != order_number:
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
_PAN_LENGTHS = range(13, 20)


def redact(body: bytes) -> str:
    """A request or an answer without token, key, return address, free text and card number. What is not an object of
    the bank's own fields is told by its length only."""
    try:
        said = msgspec.json.decode(body, type=dict[str, Any])
    except (ValueError, RecursionError):
        return f"({len(body)} bytes that are no answer)"
    return " ".join(f"{name}={_shown(name, said[name])}" for name in _SHOWN if said.get(name) is not None)


def _shown(name: str, value: object) -> str:
    text = str(value)
    looks_like_a_card = len(text) in _PAN_LENGTHS and has_check_digit(text)
    return text if _SHOWN[name].fullmatch(text) and not looks_like_a_card else "***"
