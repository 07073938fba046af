"""Payouts by an API in the shape of Jibit's transferor v2 (`https://napi.jibit.ir/trf/v2`).

`POST /tokens/generate` {apiKey, secretKey} gives an access token for a day, `POST /tokens/refresh` renews it.
`POST /transfers` takes a batch of orders, each with our own `transferID`, and tells how many it took; the error
`transfer.already_exists` is a yes, once the order there is the same as ours. `GET /transfers?transferID=` tells an
order's state. Read off public clients of the service; it has no public reference. What they do not tell is said here
as our reading: which refusals are final (`_FINAL`), and the day of a transfer (`modifiedAt`, else the day we heard).

MANUALLY_FAILED means that a transferred order came back days later: who uses this asks on for a while.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Annotated, Any

import msgspec

from mopos.banks.port import Silent
from mopos.banks.wire import AnswerReader, Transcript, Wire
from mopos.base.clock import TEHRAN, Clock
from mopos.base.money import RIAL_MAX, Rial
from mopos.base.secret import Secret
from mopos.base.text import harmless
from mopos.outside.payouts import Accepted, Order, Pending, Refused, Returned, Settled, Unknown

# An access token lives for a day; a new one is fetched a while before it ends.
_TOKEN_LIFE = timedelta(hours=23)
# Orders of which one call tells: the answer to a question is short, and a hundred orders are some 30 kB.
ORDERS_MAX = 100
# Orders that are handed over by themselves at once, when a batch was not taken as a whole.
_AT_ONCE = 8
REASON_LENGTH_MAX = 200
_DESCRIPTION_LENGTH_MAX = 100
# Refusals come as HTTP 400 with codes, an unknown order as 404 as well.
_STATUSES = (200, 400, 404)

ALREADY_EXISTS = "transfer.already_exists"
NOT_FOUND = "transfer.not_found"
# What an error code is about, behind `transfers.N.`. Of these the very same order would be refused again; every other
# code (our balance, our rights, too many calls, what we do not know) may pass.
_FINAL = {"destination", "destination_bank", "source_bank", "amount", "payment_id", "transfer_mode", "national_id"}
_PLACE = re.compile(r"^transfers?\.([0-9]+\.)?")
_CODE = re.compile(r"[A-Za-z0-9_.-]{1,80}")
_TRACKING = re.compile(r"[!-~]{1,64}")

_MODES = {"paya": "ACH", "satna": "NORMAL"}

_PENDING = {"INITIALIZED", "IN_PROGRESS", "CANCELLING"}
_RETURNED = {"CANCELLED", "FAILED", "MANUALLY_FAILED"}
_TRANSFERRED = "TRANSFERRED"


class _Tokens(msgspec.Struct, frozen=True):
    access: str = msgspec.field(name="accessToken")
    refresh: str = msgspec.field(name="refreshToken", default="")


class _Error(msgspec.Struct, frozen=True):
    code: str = ""


class _Transfer(msgspec.Struct, frozen=True, rename="camel"):
    id: str = msgspec.field(name="transferID")
    destination: str
    amount: Annotated[int, msgspec.Meta(gt=0, le=RIAL_MAX)]
    currency: str
    state: str
    bank_id: str | None = msgspec.field(name="bankTransferID", default=None)
    fail_reason: str | None = None
    modified_at: str | None = None


class _Answer(msgspec.Struct, frozen=True, rename="camel"):
    submitted_count: int | None = None
    transfers: list[_Transfer] | None = None
    errors: list[_Error] | None = None

    @property
    def code(self) -> str:
        """Of the first error; empty: there is none that could be one."""
        code = self.errors[0].code if self.errors else ""
        return code if _CODE.fullmatch(code) else ""


_TOKENS = AnswerReader(_Tokens)
_ANSWER = AnswerReader(_Answer)


@dataclass(frozen=True, slots=True)
class _Holding:
    access: Secret
    refresh: Secret
    until: datetime

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.access.reveal()}"}


class Transferor:
    """The port `outside.payouts.PayoutBank` at such a service. Make it once."""

    def __init__(
        self,
        base_url: str,
        key: Secret,
        secret: Secret,
        *,
        deadline_s: float,
        clock: Clock,
        on_call: Callable[[Transcript], None] | None = None,
    ) -> None:
        """`deadline_s`: for one call, all of it. `on_call` is told each one, redacted."""
        self._wire = Wire(base_url, deadline_s=deadline_s, redact=redact, on_call=on_call)
        self._key, self._secret = key, secret
        self._clock = clock
        self._holding: _Holding | None = None
        # One fetches a token, all others wait for it.
        self._fetching = asyncio.Lock()

    async def aclose(self) -> None:
        """Close all connections."""
        await self._wire.aclose()

    async def submit(self, orders: Sequence[Order]) -> list[Accepted | Refused | Silent]:
        """Hand over at most `ORDERS_MAX` orders in one call. When they are not taken as a whole, each by itself."""
        if len(orders) > ORDERS_MAX:
            raise ValueError(f"more than {ORDERS_MAX} orders at once")
        if len(orders) <= 1:
            return [await self._submit_one(order) for order in orders]
        answer = await self._post(orders)
        if isinstance(answer, Silent):
            return [answer for _ in orders]
        if answer.submitted_count == len(orders):
            return [Accepted() for _ in orders]
        few = asyncio.Semaphore(_AT_ONCE)

        async def one(order: Order) -> Accepted | Refused | Silent:
            async with few:
                return await self._submit_one(order)

        return list(await asyncio.gather(*(one(order) for order in orders)))

    async def ask(self, order: Order) -> Settled | Returned | Pending | Unknown | Silent:
        answer = await self._call(
            lambda headers: self._wire.get(
                "/transfers", {"transferID": str(order.payout_id)}, _ANSWER, headers, _STATUSES, _about([order])
            )
        )
        if isinstance(answer, Silent):
            return answer
        if answer.code == NOT_FOUND or answer.transfers == []:
            return Unknown()
        if answer.code or answer.transfers is None or len(answer.transfers) != 1:
            return Silent(answer.code or "garbage")
        transfer = answer.transfers[0]
        return self._became(transfer) if _is_same(transfer, order) else Silent("order_differs")

    async def _submit_one(self, order: Order) -> Accepted | Refused | Silent:
        answer = await self._post([order])
        if isinstance(answer, Silent):
            return answer
        if answer.code == ALREADY_EXISTS:
            return await self._was_taken(order)
        if answer.code:
            about = _PLACE.sub("", answer.code).partition(".")[0]
            return Refused(answer.code) if about in _FINAL else Silent(answer.code)
        return Accepted() if answer.submitted_count == 1 else Silent("not_submitted")

    async def _was_taken(self, order: Order) -> Accepted | Silent:
        # "It exists already" is a yes to our order only: another installation may share the account there.
        found = await self.ask(order)
        if isinstance(found, Silent):
            return found
        return Silent("order_contradicted") if isinstance(found, Unknown) else Accepted()

    async def _post(self, orders: Sequence[Order]) -> _Answer | Silent:
        body = msgspec.json.encode(
            {
                "batchID": f"{orders[0].payout_id}-{orders[-1].payout_id}",
                "submissionMode": "TRANSFER",
                "transfers": [_transfer(order) for order in orders],
            }
        )
        return await self._call(
            lambda headers: self._wire.post("/transfers", body, _ANSWER, headers, _STATUSES, _about(orders))
        )

    def _became(self, transfer: _Transfer) -> Settled | Returned | Pending | Silent:
        if transfer.state in _PENDING:
            return Pending()
        on = _day(transfer.modified_at) or self._clock().astimezone(TEHRAN).date()
        if transfer.state in _RETURNED:
            return Returned(harmless(transfer.fail_reason or transfer.state)[:REASON_LENGTH_MAX], on)
        if transfer.state != _TRANSFERRED:
            return Silent("state_unknown")
        number = transfer.bank_id or ""
        # Without its number it is done and cannot be told yet.
        return Settled(number, on) if _TRACKING.fullmatch(number) else Pending()

    # --- tokens ---

    async def _call(self, speak: Callable[[dict[str, str]], Awaitable[_Answer | Silent]]) -> _Answer | Silent:
        """Say something with our token; with a new one, when the service no longer believes it."""
        token = await self._token()
        if isinstance(token, Silent):
            return token
        answer: _Answer | Silent = await speak(token.headers)
        if answer != Silent("http_401"):
            return answer
        renewed = await self._token(refused=token)
        return renewed if isinstance(renewed, Silent) else await speak(renewed.headers)

    async def _token(self, refused: _Holding | None = None) -> _Holding | Silent:
        """The token that is held, while it lives and is not the `refused` one; else a new one."""
        async with self._fetching:
            held = self._holding
            if held is not None and held is not refused and self._clock() < held.until:
                return held
            tokens: _Tokens | Silent = Silent("no_token")
            if held is not None and held is not refused and held.refresh.reveal():
                both = {"accessToken": held.access.reveal(), "refreshToken": held.refresh.reveal()}
                tokens = await self._fetch("/tokens/refresh", both)
            if isinstance(tokens, Silent):
                pair = {"apiKey": self._key.reveal(), "secretKey": self._secret.reveal()}
                tokens = await self._fetch("/tokens/generate", pair)
            if isinstance(tokens, Silent):
                return tokens
            until = self._clock() + _TOKEN_LIFE
            self._holding = _Holding(Secret(tokens.access), Secret(tokens.refresh), until)
            return self._holding

    async def _fetch(self, path: str, said: dict[str, str]) -> _Tokens | Silent:
        return await self._wire.post(path, msgspec.json.encode(said), _TOKENS, {})


def _transfer(order: Order) -> dict[str, object]:
    first, _, rest = harmless(order.name).partition(" ")
    return {
        "transferID": str(order.payout_id),
        "transferMode": _MODES[order.channel],
        "destination": order.iban,
        # A company has one name: it stands in both.
        "destinationFirstName": first,
        "destinationLastName": rest or first,
        "amount": int(order.amount),
        "currency": "RIALS",
        "description": harmless(order.description)[:_DESCRIPTION_LENGTH_MAX],
        # Nobody but the central bank may take a payout back once it is submitted.
        "cancellable": False,
    }


def _is_same(transfer: _Transfer, order: Order) -> bool:
    rial = Rial(transfer.amount)
    mine = (str(order.payout_id), order.iban, order.amount, "RIALS")
    return (transfer.id, transfer.destination, rial, transfer.currency) == mine


def _day(moment: str | None) -> date | None:
    try:
        return datetime.fromisoformat(moment or "").astimezone(TEHRAN).date()
    except ValueError:
        return None


def _about(orders: Sequence[Order]) -> str:
    # Not bare digits: those are attempts to pay.
    return " ".join(["payout", *(str(order.payout_id) for order in orders[:3])]) + ("..." if len(orders) > 3 else "")


# --- what may be kept of a call ---------------------------------------------------------------------------------------

_SHOWN: dict[str, re.Pattern[str]] = {
    "batchID": re.compile(r"[0-9-]{1,40}"),
    "transferID": re.compile(r"[0-9]{1,20}"),
    "amount": re.compile(r"[0-9]{1,19}"),
    "submittedCount": re.compile(r"[0-9]{1,6}"),
    "state": re.compile(r"[A-Z_]{1,30}"),
    "bankTransferID": _TRACKING,
    "code": _CODE,
}
_SHOWN_MAX = 20


def redact(body: bytes) -> str:
    """A request or an answer without key, secret, tokens, names and accounts: its numbers, states and error codes."""
    if not body:
        return ""
    try:
        said = msgspec.json.decode(body, type=dict[str, Any])
    except (ValueError, RecursionError):
        return f"({len(body)} bytes that are no answer)"
    lists = [said.get("transfers"), said.get("errors")]
    rows = [said, *(row for found in lists if isinstance(found, list) for row in found if isinstance(row, dict))]
    shown = [_row(row) for row in rows[:_SHOWN_MAX]]
    return "; ".join(text for text in shown if text) + (" ..." if len(rows) > _SHOWN_MAX else "")


def _row(row: dict[str, Any]) -> str:
    found = {name: str(row[name]) for name in _SHOWN if row.get(name) is not None}
    return " ".join(f"{name}={value if _SHOWN[name].fullmatch(value) else '***'}" for name, value in found.items())
