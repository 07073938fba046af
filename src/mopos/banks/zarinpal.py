"""Zarinpal, a payment facilitator: our side of its REST API, version 4. Its other side is `zarinpal_sim.py`, and they
share nothing but the wire.

JSON calls without a signature: the merchant's id is the only credential. A payment has one name, the 36 characters of
its `authority`; our order number is a note on it (`metadata.order_id`). An answer is an object with `data` and
`errors`, and both change their JSON type: the one that has nothing to say is an empty list (or object), the other an
object with a `code`. The documents do not say which HTTP status goes with an error, so the body is read under every
likely one.

Facts are from its documents: "connect to the gateway", "inquiry", "reverse", "automatic verification", "list of
errors".
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Annotated, Any

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
from mopos.banks.reading import GARBAGE, matching, redacted
from mopos.banks.wire import AnswerReader, Wire
from mopos.base.money import RIAL_MAX, Rial

# --- settings ---------------------------------------------------------------------------------------------------------

FACTS = Facts(
    name="zarinpal",
    title_fa="زرین‌پال",
    title_en="Zarinpal",
    session=timedelta(minutes=15),
    verify_deadline=timedelta(minutes=30),
    reverse_within=timedelta(minutes=30),
)

# A longer one is refused (-9).
DESCRIPTION_LENGTH_MAX = 500

# Errors come with an HTTP status that is printed nowhere: what counts is the body.
STATUSES = (200, 400, 401, 403, 404, 422)

_UNIT_RIAL = {"IRR": 1, "IRT": 10}
_NOT_WHOLE = Silent("not_whole_toman")


def to_wire(amount: Rial, currency: str) -> int | None:
    """An amount as this terminal says it to the bank; None: it cannot, as it is no whole number of Toman."""
    whole, rest = divmod(int(amount), _UNIT_RIAL[currency])
    return None if rest else whole


def from_wire(amount: int, currency: str) -> Rial:
    """An amount as the bank says it to this terminal."""
    return Rial(amount * _UNIT_RIAL[currency])


# --- the bank's answer codes ------------------------------------------------------------------------------------------

DONE = 100
VERIFIED_BEFORE = 101
NOT_PAID = -51
NOT_IN_SUCCESS = -61
TOO_LATE_TO_REVERSE = -63

_R, _M, _D = AnswerCode, Means, Decline

_YES: tuple[AnswerCode, ...] = (
    _R("100", _M.DONE, "انجام شد", "done"),
    _R("101", _M.ALREADY, "پیش‌تر تأیید شده است", "verified before"),
)

# What it says to a new payment: it was not opened. Of a payment that is known already they say nothing.
_NOT_OPENED: tuple[AnswerCode, ...] = (
    _R("-1", _M.NO, "داده‌ای کم یا نادرست است", "something is missing or wrong", _D.OTHER),
    _R("-2", _M.NO, "نشانی بازگشت نادرست است", "the return address is missing or wrong", _D.OTHER),
    _R("-3", _M.NO, "شرح پرداخت نادرست است", "the description is missing or wrong", _D.OTHER),
    _R("-4", _M.NO, "مبلغ نادرست است", "the amount is missing or wrong", _D.OTHER),
    _R("-5", _M.NO, "معرف نادرست است", "the referrer is missing or wrong", _D.OTHER),
    _R("-9", _M.NO, "درخواست پذیرفته نشد", "the request is not valid", _D.OTHER),
    _R("-10", _M.NO, "کد پذیرنده یا نشانی سرور نادرست است", "wrong merchant id or server address", _D.NOT_ACCEPTED),
    _R("-11", _M.NO, "درگاه فعال نیست", "the terminal is not active", _D.NOT_ACCEPTED),
    _R("-12", _M.NO, "تلاش‌ها بیش از اندازه است", "too many tries", _D.LIMIT_EXCEEDED),
    _R("-13", _M.NO, "درگاه به سقف خود رسیده است", "the terminal has reached its limit", _D.LIMIT_EXCEEDED),
    _R("-14", _M.NO, "دامنهٔ بازگشت ثبت نشده است", "the return address is of another domain", _D.NOT_ACCEPTED),
    _R("-15", _M.NO, "درگاه معلق است", "the terminal is suspended", _D.NOT_ACCEPTED),
    _R("-16", _M.NO, "سطح پذیرنده کافی نیست", "the merchant's level is too low", _D.NOT_ACCEPTED),
    _R("-17", _M.NO, "پذیرنده محدود شده است", "the merchant is restricted", _D.NOT_ACCEPTED),
    _R("-18", _M.NO, "سایت ارجاع‌دهنده ثبت نشده است", "the buyer came from another domain", _D.NOT_ACCEPTED),
    _R("-19", _M.NO, "تراکنش‌های پذیرنده بسته است", "the merchant's transactions are banned", _D.NOT_ACCEPTED),
    _R("-30", _M.NO, "تسهیم شناور مجاز نیست", "no floating wages for this terminal", _D.OTHER),
    _R("-31", _M.NO, "تسهیم مجاز نیست؛ حساب پیش‌فرض ندارد", "no wages, or no default account", _D.OTHER),
    _R("-32", _M.NO, "جمع تسهیم از مبلغ بیشتر است", "wages above the total", _D.OTHER),
    _R("-33", _M.NO, "تسهیم نادرست است", "wages are not valid", _D.OTHER),
    _R("-34", _M.NO, "تسهیم ثابت از مبلغ بیشتر است", "fixed wages above the total", _D.OTHER),
    _R("-35", _M.NO, "سهم‌ها بیش از اندازه است", "too many wages", _D.OTHER),
    _R("-36", _M.NO, "سهم شناور کمتر از ۱۰٬۰۰۰ ریال است", "a floating wage below 10,000 Rial", _D.OTHER),
    _R("-37", _M.NO, "شبا فعال نیست", "an IBAN is not active", _D.OTHER),
    _R("-38", _M.NO, "شبا در شاپرک ثبت نشده است", "an IBAN is not set at Shaparak", _D.OTHER),
    _R("-39", _M.NO, "خطای تسهیم", "an error of wages", _D.OTHER),
    _R("-40", _M.NO, "مهلت خواسته‌شده نادرست است", "expire_in is not valid", _D.OTHER),
    _R("-41", _M.NO, "مبلغ بیش از ۱۰۰ میلیون تومان است", "above 100,000,000 Toman", _D.LIMIT_EXCEEDED),
    _R("429", _M.NO, "کد معرف نادرست است", "the referrer's code is malformed", _D.OTHER),
)

_OF_A_PAYMENT: tuple[AnswerCode, ...] = (
    _R("-50", _M.UNSURE, "مبلغ با پرداخت یکی نیست", "another amount than the payment's"),
    _R("-51", _M.NOT_YET, "پرداخت نشده است", "not paid"),
    _R("-52", _M.UNSURE, "خطای پیش‌بینی‌نشده", "unexpected error"),
    _R("-53", _M.UNSURE, "پرداخت از آن پذیرندهٔ دیگری است", "another merchant's payment"),
    _R("-54", _M.UNSURE, "شناسهٔ پرداخت نامعتبر است", "the authority is not valid"),
    _R("-55", _M.UNSURE, "پرداخت دستی پیدا نشد", "the manual payment is not found"),
)

# What it says to a reversal: the payment stands as it was.
_NOT_REVERSED: tuple[AnswerCode, ...] = (
    _R("-60", _M.NO, "بانک برگشت را نمی‌پذیرد", "the bank cannot reverse it", _D.OTHER),
    _R("-61", _M.NO, "پرداخت در وضعیت موفق نیست", "not in the state of success", _D.OTHER),
    _R("-62", _M.NO, "نشانی سرور برای درگاه ثبت نشده است", "no server address is set for the terminal", _D.OTHER),
    _R("-63", _M.NO, "مهلت برگشت گذشته است", "the time to reverse is over", _D.OTHER),
)

_STATUSES: tuple[AnswerCode, ...] = (
    _R("status PAID", _M.NOT_YET, "پرداخت شده و در انتظار تأیید است", "paid, and waits for verify"),
    _R("status VERIFIED", _M.ALREADY, "تأیید شده است", "verified"),
    _R("status IN_BANK", _M.NOT_YET, "خریدار در صفحهٔ پرداخت است", "the buyer is at the bank"),
    _R("status FAILED", _M.NO, "ناموفق", "failed", _D.OTHER),
    _R("status REVERSED", _M.NO, "برگشت خورده است", "given back", _D.GIVEN_BACK),
)

CODES: tuple[AnswerCode, ...] = (*_YES, *_NOT_OPENED, *_OF_A_PAYMENT, *_NOT_REVERSED, *_STATUSES)

# The explicit noes to `open`.
NOT_OPENED: dict[int, Decline] = {int(row.code): row.decline for row in _NOT_OPENED if row.decline is not None}

# The explicit noes to `reverse`.
NOT_REVERSED = frozenset(int(row.code) for row in _NOT_REVERSED)

# What a question that holds nothing but our merchant id can be refused for. (-9: the id is malformed.)
NOT_US = frozenset({-9} | {code for code, reason in NOT_OPENED.items() if reason is Decline.NOT_ACCEPTED} - {-14, -18})

# What `inquire` says by the bank's status. Only `verify` tells the reference, and it says 101 when it was asked before.
BY_STATUS: Mapping[str, Unverified | Pending | Declined] = {
    "PAID": Unverified(),
    "VERIFIED": Unverified(),
    "IN_BANK": Pending(),
    "FAILED": Declined(Decline.OTHER, "FAILED"),
    "REVERSED": Declined(Decline.GIVEN_BACK, "REVERSED"),
}

# --- what it says -----------------------------------------------------------------------------------------------------

# `[0-9]`, not `\d`: Persian and Arabic digits never come from a bank.
_CODE = re.compile(r"-?[0-9]{1,3}")
_AUTHORITY = re.compile(r"[AS][0-9A-Za-z]{35}")
_REF = re.compile(r"[1-9][0-9]{0,19}")
_MASKED_PAN = re.compile(r"[0-9]{6}\*{4,6}[0-9]{4}")

# The bank lists a hundred; many more are no answer.
UNVERIFIED_MAX = 200


_Nothing = Annotated[list[Any], msgspec.Meta(max_length=0)]


class _Waiting(msgspec.Struct, frozen=True):
    authority: str
    amount: Annotated[int, msgspec.Meta(gt=0, le=RIAL_MAX // _UNIT_RIAL["IRT"])]


class _Data(msgspec.Struct, frozen=True):
    code: int | str | None = None
    authority: str | None = None
    status: str | None = None
    ref_id: int | str | None = None
    card_pan: str | None = None
    order_id: int | str | None = None
    authorities: Annotated[list[_Waiting], msgspec.Meta(max_length=UNVERIFIED_MAX)] = []


class _Said(msgspec.Struct, frozen=True):
    data: _Data | _Nothing | None = None
    errors: dict[str, Any] | _Nothing | None = None


@dataclass(frozen=True, slots=True)
class _Answer:
    """What the bank says, whichever of the two members it said it in."""

    code: int
    data: _Data


class _Reader:
    """Reads `data` and `errors` by their shapes. Two codes, or none, are no answer; a yes among errors, or beside them,
    is none either."""

    def __init__(self) -> None:
        self._json = AnswerReader(_Said)

    def read(self, body: bytes) -> _Answer | Silent:
        said = self._json.read(body)
        if isinstance(said, Silent):
            return said
        data = said.data if isinstance(said.data, _Data) else _Data()
        errors = said.errors if isinstance(said.errors, dict) else {}
        if errors and data.code is not None:
            return GARBAGE
        told = matching(_CODE, errors.get("code") if errors else data.code)
        if not told or (errors and int(told) in (DONE, VERIFIED_BEFORE)):
            return GARBAGE
        return _Answer(int(told), data)


_READER = _Reader()


@dataclass(frozen=True, slots=True)
class Waiting:
    """A payment that the bank has taken, and that nobody has verified so far."""

    token: str
    amount: Rial
    """A hint only: the documents do not say in which unit a list tells it. We take our terminal's."""


class Zarinpal:
    """The verbs of `banks/port.py` at Zarinpal."""

    def __init__(self, access: Access) -> None:
        self._merchant = access.credentials["merchant"]
        self._currency = access.credentials["currency"].reveal()
        self._facts = replace(access.facts, unit_rial=_UNIT_RIAL[self._currency])
        self._page = access.base_url.rstrip("/") + "/pg/StartPay/"
        self._wire = Wire(access.base_url, deadline_s=access.deadline_s, redact=redact, on_call=access.on_call)

    @property
    def facts(self) -> Facts:
        return self._facts

    async def aclose(self) -> None:
        """Close the connections to the bank."""
        await self._wire.aclose()

    async def open(self, order: Order) -> Opened | Declined | Silent:
        amount = to_wire(order.amount, self._currency)
        if amount is None:
            return _NOT_WHOLE
        answer = await self._ask(
            "request",
            order.number,
            amount=amount,
            currency=self._currency,
            description=order.description.strip()[:DESCRIPTION_LENGTH_MAX] or f"سفارش {order.number}",
            callback_url=order.return_url,
            # A terminal may be set to verify by itself. Then what we never ask for would stay with the bank.
            metadata={"order_id": order.number, "auto_verify": False},
        )
        if isinstance(answer, Silent):
            return answer
        if answer.code != DONE:
            reason = NOT_OPENED.get(answer.code)
            return _unsure(answer.code) if reason is None else Declined(reason, str(answer.code))
        authority = answer.data.authority or ""
        if not _AUTHORITY.fullmatch(authority):
            return GARBAGE
        return Opened(authority, Redirect("GET", self._page + authority))

    def read_return(self, fields: Mapping[str, str]) -> Returned:
        authority = fields.get("Authority", "")
        if not _AUTHORITY.fullmatch(authority):
            return Returned(claims_paid=False)
        return Returned(claims_paid=fields.get("Status") == "OK", token=authority)

    async def verify(self, attempt: Attempt) -> Confirmed | Declined | Pending | Silent:
        amount = to_wire(attempt.amount, self._currency)
        if amount is None:
            return _NOT_WHOLE
        answer = await self._ask_about("verify", attempt, amount=amount)
        if isinstance(answer, Silent):
            return answer
        if answer.code in (DONE, VERIFIED_BEFORE):
            return _confirmed(answer.data, attempt)
        # Not paid may be "not yet", as long as the buyer is at the bank: `inquire` tells them apart.
        return Pending() if answer.code == NOT_PAID else _unsure(answer.code)

    async def inquire(self, attempt: Attempt) -> Confirmed | Unverified | Declined | Pending | Silent:
        answer = await self._ask_about("inquiry", attempt)
        if isinstance(answer, Silent):
            return answer
        if answer.code != DONE:
            return _unsure(answer.code)
        return BY_STATUS.get(answer.data.status or "", GARBAGE)

    async def reverse(self, attempt: Attempt) -> Declined | Silent:
        answer = await self._ask_about("reverse", attempt)
        if isinstance(answer, Silent):
            return answer
        if answer.code == DONE:
            return Declined(Decline.GIVEN_BACK, str(DONE))
        if answer.code not in NOT_REVERSED:
            return _unsure(answer.code)
        refused = Declined(Decline.OTHER, str(answer.code))
        # So it answers also when an earlier call of ours has done it, whose answer was lost.
        if answer.code in (NOT_IN_SUCCESS, TOO_LATE_TO_REVERSE):
            return await self._unless_given_back(refused, attempt)
        return refused

    async def _unless_given_back(self, refused: Declined, attempt: Attempt) -> Declined | Silent:
        match await self.inquire(attempt):
            case Declined(Decline.GIVEN_BACK) as given_back:
                return given_back
            case Silent() as silent:
                return silent
            case _:
                return refused

    async def refund(self, attempt: Attempt, refund_number: str, amount: Rial) -> GivenBack | Declined | Silent:
        return Declined(Decline.OTHER, "no_refund")

    async def report(self, day: date, after: str = "") -> ReportPage | Silent:
        return Silent("no_report")

    async def probe(self) -> Accepted | Declined | Silent:
        answer = await self._ask("unVerified", "")
        if isinstance(answer, Silent):
            return answer
        if answer.code == DONE:
            return Accepted()
        return Declined(Decline.NOT_ACCEPTED, str(answer.code)) if answer.code in NOT_US else _unsure(answer.code)

    async def unverified(self) -> list[Waiting] | Silent:
        """The payments that wait for our `verify`, the last hundred: what a sweep can find whose returns were lost."""
        answer = await self._ask("unVerified", "")
        if isinstance(answer, Silent):
            return answer
        if answer.code != DONE:
            return _unsure(answer.code)
        return [Waiting(one.authority, from_wire(one.amount, self._currency)) for one in answer.data.authorities]

    async def _ask_about(self, call: str, attempt: Attempt, **fields: Any) -> _Answer | Silent:
        if attempt.token is None:
            return Silent("no_token")
        answer = await self._ask(call, attempt.number, **fields, authority=attempt.token)
        if isinstance(answer, _Answer) and answer.data.authority not in (None, attempt.token):
            return GARBAGE
        return answer

    async def _ask(self, call: str, order_number: str, **fields: Any) -> _Answer | Silent:
        body = msgspec.json.encode({"merchant_id": self._merchant.reveal(), **fields})
        path = f"/pg/v4/payment/{call}.json"
        return await self._wire.post(path, body, _READER, {"Accept": "application/json"}, STATUSES, order_number)


def _confirmed(data: _Data, attempt: Attempt) -> Confirmed | Silent:
    """A yes counts only when it is whole, and about no other payment. The bank compares the amount itself: it says -50
    to another one than it has taken."""
    ref = "" if data.ref_id is None else str(data.ref_id)
    if not _REF.fullmatch(ref):
        return GARBAGE
    if data.order_id not in (None, "") and str(data.order_id) != attempt.number:
        return GARBAGE
    return Confirmed(attempt.amount, attempt.number, ref, masked_pan=matching(_MASKED_PAN, data.card_pan))


def _unsure(code: int) -> Silent:
    return Silent(f"code_{code}")


# --- what may be kept of a call ---------------------------------------------------------------------------------------

# Shown as they are, once they look as they should. Everything else, also what we do not know, is hidden.
_SHOWN: dict[str, re.Pattern[str]] = {
    "code": _CODE,
    "status": re.compile(r"[A-Z_]{1,20}"),
    "amount": re.compile(r"[0-9]{1,19}"),
    "currency": re.compile(r"IRR|IRT"),
    "order_id": re.compile(r"[0-9]{1,20}"),
    "ref_id": _REF,
    "card_pan": _MASKED_PAN,
}
_INSIDE = ("metadata", "data", "errors")


def redact(body: bytes) -> str:
    """A request or an answer without merchant id, authority, return address, free text, card number and its hash. What
    is not an object is told by its length only."""
    return redacted(body, _SHOWN, inside=_INSIDE)


# --- the kind ---------------------------------------------------------------------------------------------------------

_UUID = r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}"

KIND = Kind(
    facts=FACTS,
    base_url="https://payment.zarinpal.com",
    fields=(
        CredentialField("merchant", _UUID, "کد ۳۶ نویسه‌ای پذیرنده", "merchant id, 36 characters", secret=True),
        CredentialField("currency", "IRR|IRT", "واحد پول: IRR (ریال) یا IRT (تومان)", "IRR (Rial) or IRT (Toman)"),
    ),
    codes=CODES,
    make=Zarinpal,
    notes=(
        "Its documents print neither how long a buyer may stay on the page nor until when a payment must be verified. "
        "15 and 30 minutes are ours, and careful; a contract may say otherwise.",
        "A payment is asked about by its authority only. Codes -1 to -41 and 429 are answers to opening a payment; "
        "said to any other question they tell nothing of the payment.",
        "Each payment is asked for with auto_verify off: what the gateway does not confirm goes back to the buyer.",
        "Reversal works for 30 minutes from the payment, and only once the server's address is set for the terminal "
        "(-62). Refunds need another API and a personal token of the panel: not spoken here.",
        "A terminal that speaks Toman (IRT) gets no purchase whose amount is no whole Toman.",
        "The bank looks at the buyer's Referer (-18) and at the return address (-14): both of the registered domain.",
    ),
)
