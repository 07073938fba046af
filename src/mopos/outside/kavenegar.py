"""SMS by Kavenegar's REST API (kavenegar.com/rest.html), and by every provider that speaks its form.

`POST {base}/v1/{key}/sms/send.json` with `receptor`, `message` and `sender` as a form; the answer is
`{"return": {"status": 200, "message": ...}, "entries": [{"messageid": ..., "status": ...}]}`. A refusal has its code
both as the HTTP status and in `return.status`. The key stands in the address and the text may hold a one-time code:
neither is ever written anywhere.
"""

from __future__ import annotations

from urllib.parse import quote, urlencode

import msgspec

from mopos.banks.port import Silent
from mopos.banks.wire import AnswerReader, Wire
from mopos.base.secret import Secret
from mopos.outside.sms import NotSent, Sent

# Of the provider's codes those that the same message would get again, with its own meaning of each.
REFUSALS: dict[int, str] = {
    400: "parameters_missing",
    401: "account_disabled",
    402: "failed",
    403: "wrong_key",
    404: "method_unknown",
    405: "get_or_post_wrong",
    406: "parameters_incomplete",
    407: "not_permitted",
    411: "receptor_invalid",
    412: "sender_invalid",
    413: "message_invalid",
    414: "too_many_receptors",
    417: "date_invalid",
    422: "characters_invalid",
    426: "service_level",
    427: "line_level",
    428: "by_voice_not_possible",
    431: "code_malformed",
    432: "code_parameter_missing",
}
# The account, the key and the provider's own settings are somebody's to put right: then the message can go out.
_AGAIN = {401, 402, 403, 407}
# An entry's own status when the number is on the operators' black list or the message was stopped there.
_ENTRY_REFUSED = {6: "failed", 11: "not_delivered", 13: "cancelled", 14: "blocked_by_receptor", 100: "id_invalid"}


class _Return(msgspec.Struct, frozen=True):
    status: int


class _Entry(msgspec.Struct, frozen=True):
    messageid: int
    status: int


class _Answer(msgspec.Struct, frozen=True):
    returned: _Return = msgspec.field(name="return")
    entries: list[_Entry] | None = None


class Kavenegar:
    """The port `outside.sms.Sms` by Kavenegar's API. Make it once."""

    def __init__(self, base_url: str, key: Secret, *, sender: str, deadline_s: float) -> None:
        # No transcripts: each would hold the key, a phone number and maybe a code.
        self._wire = Wire(base_url, deadline_s=deadline_s, redact=lambda _: "***")
        self._key = key
        self._sender = sender
        self._reader = AnswerReader(_Answer)

    async def aclose(self) -> None:
        """Close all connections."""
        await self._wire.aclose()

    async def send(self, mobile: str, text: str) -> Sent | NotSent:
        """Send a text. What a network or the provider does never raises."""
        fields = {"receptor": mobile, "message": text} | ({"sender": self._sender} if self._sender else {})
        answer = await self._wire.post(
            f"/v1/{quote(self._key.reveal(), safe='')}/sms/send.json",
            urlencode(fields).encode(),
            self._reader,
            {"Content-Type": "application/x-www-form-urlencoded"},
        )
        return _heard_nothing(answer) if isinstance(answer, Silent) else _read(answer)


def _heard_nothing(silent: Silent) -> NotSent:
    # A refusal's HTTP status is its code; everything else (409, 418 no credit, 5xx, no answer) may pass.
    kind, _, number = silent.why.partition("_")
    code = int(number) if kind == "http" and number.isdigit() else 0
    return _refused(code) if code in REFUSALS else NotSent(silent.why, again=True)


def _read(answer: _Answer) -> Sent | NotSent:
    code = answer.returned.status
    if code != 200:
        return _refused(code) if code in REFUSALS else NotSent(f"status_{code}", again=True)
    if not answer.entries:
        return NotSent("garbage", again=True)
    entry = answer.entries[0]
    if entry.status in _ENTRY_REFUSED:
        return NotSent(_ENTRY_REFUSED[entry.status], again=False)
    return Sent(str(entry.messageid))


def _refused(code: int) -> NotSent:
    return NotSent(REFUSALS[code], again=code in _AGAIN)
