"""What the doors tell the live integration log of each call: its outcome, and what was wrong in it.

Never an `Rmz`, never a whole name or description; of a field that was refused a piece long enough to recognise it.
Which gateway a call means is told as the call claims it: the batch that writes it leaves out what names none, so that
nothing is asked of the database beside a call, and a wrong `Rmz` is told like everything else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from mopos.actions.services import Services
from mopos.base.ids import has_check_digit, without_check_digit
from mopos.base.text import harmless, latin_digits
from mopos.domain.accounts import calls
from mopos.domain.accounts.calls import Call
from mopos.domain.payments.model import RES_LENGTH_MAX
from mopos.edges.recorder import Recorder
from mopos.edges.soap.asmx import AsmxRequest
from mopos.edges.soap.read import Wrong
from mopos.edges.soap.result import PayRepCall

# Enough to recognise what was sent, too little to be what was sent.
_SHOWN_LENGTH_MAX = 60
# What a bigint always holds.
_AMOUNT_DIGITS_MAX = 18
# Of a signature its length is enough to see that it was cut.
_NEVER_SHOWN = frozenset({"Sig"})

# What of PayRep's `Err` is a mistake of the caller; the others are about the purchase.
_WRONG_ERRS: Mapping[int, str] = {
    90: "wrong_id_or_rmz",
    91: "res_unknown",
    92: "source_not_allowed",
    93: "gateway_suspended",
    94: "too_many_calls",
    99: "out_of_order",
}


class _Key(NamedTuple):
    gateway_id: int
    door: str
    is_wrong: bool


class CallLog:
    """The log of one process."""

    def __init__(self, services: Services) -> None:
        self._clock = services.clock
        self.recorder: Recorder[Call] = Recorder("calls", lambda rows: calls.write(services.db, rows))

    def form(self, fields: Mapping[str, str], outcome: str, problems: Sequence[tuple[str, str]] = ()) -> None:
        """A form of a shop. `problems`: codes of the catalogue, each with the field that it is about."""
        key = self._key(fields.get("ID"), "form", bool(problems))
        if key is None:
            return
        data: dict[str, Any] = {"lengths": {name: len(value) for name, value in fields.items()}}
        if problems:
            data["problems"] = [code for code, _ in problems]
            wrong = {name for _, name in problems if name in fields} - _NEVER_SHOWN
            data["values"] = {name: _cut(fields[name], _SHOWN_LENGTH_MAX) for name in sorted(wrong)}
        amount = latin_digits(fields.get("Amnt", "")).strip()
        if amount.isascii() and amount.isdigit() and len(amount) <= _AMOUNT_DIGITS_MAX:
            data["amount_rial"] = int(amount)
        self._put(key, outcome, fields.get("Res"), None, data)

    def pay_rep(self, call: PayRepCall, err: int) -> None:
        """A call of PayRep and its `Err`."""
        key = self._key(call.id, "payrep", err in _WRONG_ERRS)
        if key is None:
            return
        data: dict[str, Any] = {"binding": call.binding}
        if err in _WRONG_ERRS:
            data["problems"] = [_WRONG_ERRS[err] if call.rmz is not None or err != 90 else "rmz_missing"]
        self._put(key, str(err), call.res, call.source, data)

    def wrong_call(self, request: AsmxRequest, wrong: Wrong) -> None:
        """A call of PayRep by GET or POST that lacked a parameter."""
        key = self._key(wrong.gateway_number, "payrep", True)
        if key is not None:
            data = {"binding": request.method, "problems": ["parameter_missing"], "values": {"missing": wrong.missing}}
            self._put(key, calls.FAULT, None, request.source, data)

    def _key(self, number: str | None, door: str, is_wrong: bool) -> _Key | None:
        """Under which a call is counted; None: it names no gateway, or there were enough in this second. Right and
        wrong ones apart: a busy shop's good calls must not hide its bad ones, nor a guesser the shop's good ones."""
        gateway_id = _gateway_id(number or "")
        if gateway_id is None:
            return None
        key = _Key(gateway_id, door, is_wrong)
        return key if self.recorder.has_room(key) else None

    def _put(self, key: _Key, outcome: str, res: str | None, source: str | None, data: Mapping[str, Any]) -> None:
        call = Call(key.gateway_id, self._clock(), key.door, outcome, _cut(res or "", RES_LENGTH_MAX), source, data)
        self.recorder.put(call, key)


def _gateway_id(number: str) -> int | None:
    """The id behind an `ID` as it was sent; None when it can be none."""
    number = latin_digits(number[:40]).strip()
    return without_check_digit(number) if len(number) <= 18 and has_check_digit(number) else None


def _cut(text: str, length_max: int) -> str:
    if len(text) <= length_max and text.isascii() and text.isprintable():
        return text
    text = harmless(text[: 4 * length_max])
    return text if len(text) <= length_max else f"{text[: length_max - 1]}…"
