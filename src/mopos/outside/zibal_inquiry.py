"""Whose an IBAN is, asked of a service in the form of Zibal's facility API (`https://api.zibal.ir`).

Each question is a POST of JSON with a bearer key; the answer is `{"result": 1, "message": ..., "data": {...}}`. What
the result codes mean is taken from public clients of the service: 1 done, 44 no such IBAN, 21 an IBAN that cannot be,
all others about us or about the service's own suppliers (2, 3 key; 4 permission; 7 address; 29 credit; 45 no supplier).
Of a natural person the service itself says whether the number belongs to the national id. Of a company it cannot; there
the account's holder is compared with the register's name of the legal id, and where the two differ a person compares.
"""

from __future__ import annotations

import asyncio

import msgspec

from mopos.banks.port import Silent
from mopos.banks.wire import AnswerReader, Wire
from mopos.base.secret import Secret
from mopos.base.text import harmless
from mopos.outside.inquiry import NoAnswer, NoSuchAccount, Owner

# A merchant waits for it with the page open.
DEADLINE_S = 8.0
# As long as a name may be in our table and on a page; a longer one is no name.
NAME_LENGTH_MAX = 100

_LEGAL_ID_DIGITS = 11
# The service wants a birth date beside the national id, though it answers without regard to it; we hold none.
_SOME_BIRTH_DATE = "1370/01/01"
_DONE, _CANNOT_BE, _NOT_FOUND = 1, 21, 44
# It answers a refusal with HTTP 400 and the same body.
_STATUSES = (200, 400)
# Letters that have two forms on Iranian keyboards, and what parts words in one spelling and not in another.
_FOLDED = str.maketrans("يىكۀة", "ییکهه", " \u200c\u200d.-()")


class _Data(msgspec.Struct):
    matched: bool | None = None
    name: str | None = None
    title: str | None = msgspec.field(default=None, name="companyTitle")


class _Answer(msgspec.Struct):
    result: int
    data: _Data | None = None


_READER = AnswerReader(_Answer)


class ZibalInquiry:
    """`IbanInquiry` at Zibal, or at whatever speaks like it."""

    def __init__(self, base_url: str, key: Secret, *, deadline_s: float = DEADLINE_S) -> None:
        # Names and national ids are nobody's business in a log: nothing of a call is written.
        self._wire = Wire(base_url, deadline_s=deadline_s, redact=lambda _: "")
        self._headers = {"Authorization": f"Bearer {key.reveal()}"}

    async def aclose(self) -> None:
        """Close the connections."""
        await self._wire.aclose()

    async def owner_of(self, iban: str, national_id: str) -> Owner | NoSuchAccount | NoAnswer:
        """Ask two questions at once: who holds the account, and whether it belongs to the national id (or what the
        register calls the company)."""
        is_company = len(national_id) == _LEGAL_ID_DIGITS
        holder, other = await asyncio.gather(
            self._ask("/v1/facility/ibanInquiry", IBAN=iban),
            self._ask("/v1/facility/companyInquiry", nationalId=national_id)
            if is_company
            else self._ask(
                "/v1/facility/checkIbanWithNationalCode",
                IBAN=iban,
                nationalCode=national_id,
                birthDate=_SOME_BIRTH_DATE,
            ),
        )
        if isinstance(holder, NoSuchAccount) or (isinstance(other, NoSuchAccount) and not is_company):
            return NoSuchAccount()
        return _of_company(holder, other) if is_company else _of_person(holder, other)

    async def _ask(self, path: str, **fields: str) -> _Data | NoSuchAccount | NoAnswer:
        answer = await self._wire.post(path, msgspec.json.encode(fields), _READER, self._headers, _STATUSES)
        if isinstance(answer, Silent):
            return NoAnswer(answer.why)
        if answer.result in (_CANNOT_BE, _NOT_FOUND):
            return NoSuchAccount()
        if answer.result != _DONE or answer.data is None:
            return NoAnswer(f"result_{answer.result}")
        return answer.data


_Said = _Data | NoSuchAccount | NoAnswer


def _of_person(holder: _Said, match: _Said) -> Owner | NoAnswer:
    """The yes or no is the service's; the name beside it is for an operator's eyes, and may be missing."""
    if isinstance(match, _Data) and match.matched is not None:
        return Owner(_name(holder), match.matched)
    return match if isinstance(match, NoAnswer) else NoAnswer("garbage")


def _of_company(holder: _Said, company: _Said) -> Owner | NoAnswer:
    """Equal names are a yes. Different ones are no "no": a bank shortens names, and spells them its own way."""
    name = _name(holder)
    if not name:
        return holder if isinstance(holder, NoAnswer) else NoAnswer("garbage")
    title = harmless(company.title or "") if isinstance(company, _Data) else ""
    return Owner(name, True if title and _folded(title) == _folded(name) else None)


def _name(said: _Said) -> str:
    return harmless(said.name or "")[:NAME_LENGTH_MAX] if isinstance(said, _Data) else ""


def _folded(name: str) -> str:
    return name.translate(_FOLDED)
