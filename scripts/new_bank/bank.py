"""Newbank: our side of it. Its other side is `newbank_sim.py`, and the two share nothing but the wire.

A token bank: JSON over POST, our key in a header, a page that is reached with a token, and one confirmation (`verify`).
Amounts are Rial.
"""

# Change: the lines above, from the bank's guide: how requests are made and proved, which unit, which calls.

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

import msgspec

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
    Unverified,
)
from mopos.banks.reading import GARBAGE, matching, redacted
from mopos.banks.switch import SWITCH_CODES
from mopos.banks.wire import AnswerReader, Wire
from mopos.base.money import RIAL_MAX, Rial

# --- settings ---------------------------------------------------------------------------------------------------------

# Change: what the guide promises. The sweep asks by these times; the simulator's own must be the same.
FACTS = Facts(
    name="newbank",
    title_fa="بانک تازه",
    title_en="Newbank",
    session=timedelta(minutes=15),
    verify_deadline=timedelta(minutes=30),
    reverse_within=timedelta(hours=3),
)

_TOKEN_PATH, _VERIFY, _INQUIRE, _REVERSE = "/api/token", "/api/verify", "/api/inquire", "/api/reverse"
_PAGE = "/start"

DESCRIPTION_LENGTH_MAX = 100

# --- the bank's answer codes ------------------------------------------------------------------------------------------

# Change: the bank's own table, whole, in the order of its guide. A code that is not here is silence; only `NO` with a
# reason ends an order. `SWITCH_CODES` is for banks that pass on what the card network says.
_R, _M, _D = AnswerCode, Means, Decline
CODES: tuple[AnswerCode, ...] = (
    _R("0", _M.DONE, "انجام شد", "done"),
    _R("1001", _M.ALREADY, "پیش‌تر تأیید شده است", "verified before"),
    _R("1002", _M.NOT_YET, "خریدار هنوز نپرداخته است", "the buyer has not paid yet"),
    _R("1003", _M.NOT_YET, "پرداخت شده و در انتظار تأیید است", "paid, and waits for verify"),
    _R("-1", _M.NO, "کلید یا پایانه نادرست است", "wrong key or terminal", _D.NOT_ACCEPTED),
    _R("-2", _M.UNSURE, "چنین توکنی نیست", "no such token"),
    _R("-3", _M.NO, "مهلت پرداخت گذشت", "the time to pay is over", _D.SESSION_EXPIRED),
    _R("-4", _M.NO, "به درخواست ما برگشت خورد", "reversed at our wish", _D.GIVEN_BACK),
    _R("-5", _M.NO, "به‌هنگام تأیید نشد و برگشت خورد", "not verified in time, given back", _D.GIVEN_BACK),
    _R("-6", _M.NO, "مهلت برگشت گذشته است", "too late to reverse"),
    _R("-7", _M.NO, "مبلغ پذیرفتنی نیست", "amount outside of what the bank takes", _D.LIMIT_EXCEEDED),
    _R("-8", _M.UNSURE, "شمارهٔ سفارش تکراری است", "the order number was used before"),
    _R("-9", _M.UNSURE, "ساختار درخواست نادرست است", "malformed request"),
    _R("-10", _M.NO, "نشانی بازگشت در دامنهٔ ثبت‌شده نیست", "return address not registered", _D.NOT_ACCEPTED),
    *SWITCH_CODES,
)
_BY_CODE = by_code(CODES)

# --- what it says -----------------------------------------------------------------------------------------------------


# Change: the members of the bank's answers, spelled as it spells them. What may be missing has a default.
class _Answer(msgspec.Struct, frozen=True):
    code: int
    token: str | None = None
    order: str = ""
    amount: int = 0
    ref: str = ""
    trace: str = ""
    card: str = ""


_READER = AnswerReader(_Answer)

# Change: what each value looks like, whole. `[0-9]`, not `\d`: Persian digits never come from a bank.
_CODE = re.compile(r"-?[0-9]{1,4}")
_ORDER = re.compile(r"[0-9]{1,20}")
_TOKEN = re.compile(r"[0-9a-f]{32}")
_REF = re.compile(r"[0-9]{12}")
_TRACE = re.compile(r"[0-9]{6}")
_MASKED_PAN = re.compile(r"[0-9]{6}\*{2,9}[0-9]{4}")


class Newbank:
    """The verbs of `banks/port.py` at Newbank."""

    def __init__(self, access: Access) -> None:
        self._facts = access.facts
        self._terminal = access.credentials["terminal"].reveal()
        self._headers = {"X-Api-Key": access.credentials["key"].reveal()}
        self._page_url = access.base_url.rstrip("/") + _PAGE
        self._wire = Wire(access.base_url, deadline_s=access.deadline_s, redact=redact, on_call=access.on_call)

    @property
    def facts(self) -> Facts:
        return self._facts

    async def aclose(self) -> None:
        """Close the connections to the bank."""
        await self._wire.aclose()

    async def open(self, order: Order) -> Opened | Declined | Silent:
        asked = {
            "order": order.number,
            "amount": int(order.amount),
            "callback": order.return_url,
            "description": order.description[:DESCRIPTION_LENGTH_MAX],
        }
        answer = await self._ask(_TOKEN_PATH, asked, order.number)
        if isinstance(answer, Silent):
            return _not_accepted(answer)
        if answer.code != 0:
            return _not_opened(answer.code)
        if answer.token is None or not _TOKEN.fullmatch(answer.token):
            return GARBAGE
        return Opened(answer.token, Redirect("GET", self._page_url, {"token": answer.token}))

    # Change: the fields that the browser brings back. Where they name the order or the token, say so: then the return
    # of another order is known at once.
    def read_return(self, fields: Mapping[str, str]) -> Returned:
        code = matching(_CODE, fields.get("code"))
        ref = matching(_REF, fields.get("ref"))
        row = _BY_CODE.get(code)
        return Returned(
            claims_paid=fields.get("status") == "OK" and ref != "",
            bank_ref=ref or None,
            masked_pan=matching(_MASKED_PAN, fields.get("card")),
            order_number=matching(_ORDER, fields.get("order")),
            token=matching(_TOKEN, fields.get("token")),
            reason=(row and row.decline) or Decline.OTHER,
            code=code,
        )

    async def verify(self, attempt: Attempt) -> Confirmed | Declined | Pending | Silent:
        answer = await self._ask_about(_VERIFY, attempt)
        if isinstance(answer, Silent | Pending):
            return answer
        match _means(answer.code):
            case Means.DONE | Means.ALREADY:
                return _confirmed(answer, attempt)
            case Means.NOT_YET:
                return Pending()
            case _:
                return _no(answer.code)

    async def inquire(self, attempt: Attempt) -> Confirmed | Unverified | Declined | Pending | Silent:
        answer = await self._ask_about(_INQUIRE, attempt)
        if isinstance(answer, Silent | Pending):
            return answer
        match answer.code:
            case 0:
                return _confirmed(answer, attempt)
            case 1002:
                return Pending()
            case 1003:
                return Unverified()
            case code:
                return _no(code)

    async def reverse(self, attempt: Attempt) -> Declined | Silent:
        answer = await self._ask_about(_REVERSE, attempt)
        if isinstance(answer, Pending):
            return Silent("no_token")
        if isinstance(answer, Silent):
            return answer
        match answer.code:
            case 0:
                # A yes names what it is about.
                return Declined(Decline.GIVEN_BACK, "0") if answer.order == attempt.number else GARBAGE
            case -6:
                return Declined(Decline.OTHER, "-6")
            case code:
                return _no(code)

    # Change: where the bank has no such call, this is how to say it; `FACTS` says it too.
    async def refund(self, attempt: Attempt, refund_number: str, amount: Rial) -> Declined:
        return Declined(Decline.OTHER, "no_refund")

    async def report(self, day: date, after: str = "") -> Silent:
        return Silent("no_report")

    async def probe(self) -> Accepted | Declined | Silent:
        # No order has this token: that it is unknown says that we are known.
        answer = await self._ask(_INQUIRE, {"token": "0" * 32})
        if isinstance(answer, Silent):
            return _not_accepted(answer)
        return Accepted() if answer.code == -2 else Silent(f"code_{answer.code}")

    async def _ask_about(self, path: str, attempt: Attempt) -> _Answer | Pending | Silent:
        if attempt.token is None:
            return Pending()  # `open` was never answered, so no buyer was ever sent to the bank
        return await self._ask(path, {"token": attempt.token}, attempt.number)

    # Change: how a request is proved to be ours: a header as here, a signature, credentials in its body.
    async def _ask(self, path: str, asked: dict[str, Any], about: str = "") -> _Answer | Silent:
        body = msgspec.json.encode({"terminal": self._terminal, **asked})
        return await self._wire.post(path, body, _READER, self._headers, about=about)


def _not_accepted(answer: Silent) -> Declined | Silent:
    return Declined(Decline.NOT_ACCEPTED, "-1") if answer.why == "http_401" else answer


def _not_opened(code: int) -> Declined | Silent:
    """Before anybody has paid, no other no is one."""
    row = _BY_CODE.get(str(code))
    if row is None or row.decline is None or row.decline not in (Decline.LIMIT_EXCEEDED, Decline.NOT_ACCEPTED):
        return Silent(f"code_{code}")
    return Declined(row.decline, row.code)


def _means(code: int) -> Means:
    row = _BY_CODE.get(str(code))
    return Means.UNSURE if row is None else row.means


def _no(code: int) -> Declined | Silent:
    """An explicit no. That we are not accepted says nothing of an order, and what is not in the table says nothing."""
    row = _BY_CODE.get(str(code))
    if row is None or row.means is not Means.NO or row.decline in (None, Decline.NOT_ACCEPTED):
        return Silent(f"code_{code}")
    return Declined(row.decline, row.code)


def _confirmed(answer: _Answer, attempt: Attempt) -> Confirmed | Silent:
    """A yes counts only when it is whole and about this order. Its amount may differ from ours: that is for the gateway
    to compare."""
    if answer.order != attempt.number or not _REF.fullmatch(answer.ref) or not 0 < answer.amount <= RIAL_MAX:
        return GARBAGE
    return Confirmed(
        amount=Rial(answer.amount),
        order_number=answer.order,
        bank_ref=answer.ref,
        trace=matching(_TRACE, answer.trace),
        masked_pan=matching(_MASKED_PAN, answer.card) or attempt.masked_pan,
    )


# --- what may be kept of a call -------------------------------------------------------------------------------------

# Change: what operators may see. Everything else, also what we do not know, is hidden.
_SHOWN: dict[str, re.Pattern[str]] = {
    "code": _CODE,
    "terminal": re.compile(r"[0-9]{1,12}"),
    "order": _ORDER,
    "amount": re.compile(r"[0-9]{1,19}"),
    "ref": _REF,
    "trace": _TRACE,
    "card": _MASKED_PAN,
}


def redact(body: bytes) -> str:
    """A request or an answer without token, return address, free text and card number."""
    return redacted(body, _SHOWN)


# --- the kind ---------------------------------------------------------------------------------------------------------

KIND = Kind(
    facts=FACTS,
    # Change: where the real one is.
    base_url="https://newbank.example.com",
    fields=(
        CredentialField("terminal", r"[0-9]{1,12}", "شمارهٔ پایانه", "terminal number"),
        CredentialField("key", r"[!-~]{8,200}", "کلید پایانه", "terminal key", secret=True),
    ),
    codes=CODES,
    make=Newbank,
    notes=("Change: what is peculiar, and what is not certain.",),
)
