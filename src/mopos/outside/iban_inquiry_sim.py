"""A stand-in for the IBAN inquiry service, in the form of Zibal's facility API; it speaks HTTP only and keeps nothing.

What it answers is decided by the account number's last two digits:

| IBAN ends in | what it says |
|---|---|
| 02 | the account is somebody else's |
| 03 | there is no such account |
| 04 | nothing, for longer than anybody waits |
| 05 | something that is no answer |
| 06 | a refusal: our credit at the service is used up |
| 07 | HTTP 500 |
| 11 | a company's, named as the register names it |
| 12 | a company's, named otherwise |
| else | the person's who is asked about |
"""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
from litestar import Request, Response, post

from mopos.base.secret import Secret

# `MOPOS_INQUIRY_URL` is the simulators' address with this behind it.
PREFIX = "/inquiry"
# Longer than our deadline, and not so long that stopping the simulator takes a minute.
SLOW_S = 12.0

PERSON, OTHER_PERSON = "علی رضایی", "مریم احمدی"
COMPANY, COMPANY_OTHERWISE = "شرکت بازرگانی آزمون", "بازرگانی آزمون (سهامی خاص)"
_HOLDERS = {"02": OTHER_PERSON, "11": COMPANY, "12": COMPANY_OTHERWISE}
_WRONG_KEY, _NOT_FOUND, _NO_CREDIT = 3, 44, 29


class _Asked(msgspec.Struct):
    iban: str = msgspec.field(default="", name="IBAN")


def routes(key: Secret, slow_s: float = SLOW_S) -> list[Any]:
    """The service, to be served beside other simulators under `PREFIX`. `slow_s`: how long the slow answer takes."""

    @post(f"{PREFIX}/v1/facility/ibanInquiry", status_code=200)
    async def iban_inquiry(request: Request[Any, Any, Any]) -> Response[bytes]:
        """Who holds an account."""
        ending = await _ending(request)
        name = _HOLDERS.get(ending, PERSON)
        return await _refusal(request, key, ending, slow_s) or _say(1, {"name": name, "bankName": ""})

    @post(f"{PREFIX}/v1/facility/checkIbanWithNationalCode", status_code=200)
    async def check_iban(request: Request[Any, Any, Any]) -> Response[bytes]:
        """Whether an account belongs to a national id."""
        ending = await _ending(request)
        return await _refusal(request, key, ending, slow_s) or _say(1, {"matched": ending not in _HOLDERS})

    @post(f"{PREFIX}/v1/facility/companyInquiry", status_code=200)
    async def company_inquiry(request: Request[Any, Any, Any]) -> Response[bytes]:
        """What the register calls a company."""
        return await _refusal(request, key, "", slow_s) or _say(1, {"companyTitle": COMPANY})

    return [iban_inquiry, check_iban, company_inquiry]


async def _ending(request: Request[Any, Any, Any]) -> str:
    return msgspec.json.decode(await request.body(), type=_Asked).iban[-2:]


async def _refusal(request: Request[Any, Any, Any], key: Secret, ending: str, slow_s: float) -> Response[bytes] | None:
    if request.headers.get("authorization") != f"Bearer {key.reveal()}":
        return _say(_WRONG_KEY, None, status=401)
    match ending:
        case "03":
            return _say(_NOT_FOUND, None, status=400)
        case "04":
            await asyncio.sleep(slow_s)
        case "05":
            return Response(b'{"result": "yes', media_type="application/json")
        case "06":
            return _say(_NO_CREDIT, None, status=400)
        case "07":
            return Response(b"", status_code=500)
    return None


def _say(result: int, data: dict[str, Any] | None, *, status: int = 200) -> Response[bytes]:
    body = msgspec.json.encode({"message": "", "result": result, "data": data})
    return Response(body, status_code=status, media_type="application/json")
