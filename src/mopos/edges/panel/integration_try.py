"""The test console: what PayRep says of a `Res`, byte for byte as a shop would get it, without a shop."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

from litestar import Response

from mopos.actions.try_pay_rep import check_rmz, try_pay_rep
from mopos.base.clock import Clock
from mopos.base.errors import Refused
from mopos.base.ids import with_check_digit
from mopos.base.secret import Secret
from mopos.domain.accounts import checklist, gateways
from mopos.domain.accounts.model import Allow
from mopos.domain.payments.model import RES_LENGTH_MAX
from mopos.edges.http import SOAP_PATH
from mopos.edges.pay_rep import result_of
from mopos.edges.soap.read import ACTION
from mopos.edges.soap.result import PayRepResult
from mopos.edges.soap.write import TEMPURI, Version, element, soap_result
from mopos.edges.throttle import WrongGuesses
from mopos.edges.web import render
from mopos.edges.web.ask import Ask, NotFound

# An Rmz has 28 characters; a pasted page has more.
_RMZ_LENGTH_MAX = 100
_STARS = "••••••"
_VERSIONS = {"1.1": Version.SOAP11, "1.2": Version.SOAP12}


async def show(ask: Ask) -> Response[Any]:
    """The console; with `res`, the answer. Nothing is written: the shop has not been told anything."""
    return await _page(ask)


async def check(ask: Ask) -> Response[Any]:
    """Whether an `Rmz` is right. It goes no further than this: not into a log, not back to the page."""
    gateway_id = (await _own(ask)).id
    number = with_check_digit(gateway_id)
    rmz = ask.form.get("rmz", "").strip()[:_RMZ_LENGTH_MAX]
    if rmz and await check_rmz(ask.services, gateway_id, Secret(rmz)):
        return render.redirect(_here(ask, gateway_id), done="rmz_right")
    # A right one is always told; only guessing is slowed down, as at PayRep itself.
    guesses = _guesses(ask.services.clock, ask.services.settings.wrong_rmz_max)
    refused = Refused(["too_many_requests" if guesses.too_many(ask.ip, number) else "rmz_wrong"])
    return await _page(ask, refused)


@lru_cache(maxsize=1)
def _guesses(clock: Clock, allowed: int) -> WrongGuesses:
    """Of this process."""
    return WrongGuesses(clock, allowed)


async def _page(ask: Ask, refused: Refused | None = None) -> Response[Any]:
    found = await _own(ask)
    res = ask.query("res")[:RES_LENGTH_MAX]
    version = ask.query("version") if ask.query("version") in _VERSIONS else "1.1"
    values: dict[str, Any] = {}
    if res:
        report = await try_pay_rep(ask.services, found.id, res)
        values = _shown(ask, result_of(report), with_check_digit(found.id), res, _VERSIONS[version])
    return render.page(
        ask,
        "panel/integration_try.html",
        status=refused.status if refused else 200,
        title=ask.t["try.title"],
        gateway=found,
        number=with_check_digit(found.id),
        root=_here(ask, found.id).removesuffix("/try"),
        res=res,
        version=version,
        recent=await checklist.recent(ask.services.reports, found.id),
        sees_money=ask.may(Allow.SEE_MONEY),
        problems=render.problems_of(refused, ask.t) if refused else {},
        **({"fields": None, "request": "", "answer": ""} | values),
    )


async def _own(ask: Ask) -> gateways.Gateway:
    found = await gateways.one(ask.services.db, ask.account_id, ask.number("gateway"))
    if found is None:
        raise NotFound
    return found


def _here(ask: Ask, gateway_id: int) -> str:
    return f"{ask.panel}/integration/{with_check_digit(gateway_id)}/try"


def _shown(ask: Ask, result: PayRepResult, number: str, res: str, version: Version) -> dict[str, Any]:
    """Fields, request and answer; the amount only for who may see money."""
    answer = soap_result(version, result).decode()
    fields: list[tuple[str, str | int | None]] = [(name, getattr(result, name)) for name in PayRepResult.__slots__]
    if not ask.may(Allow.SEE_MONEY):
        # What a shop wrote is escaped, so this element is the one that was meant.
        answer = re.sub("<Amnt>[0-9]+</Amnt>", f"<Amnt>{_STARS}</Amnt>", answer)
        fields = [(name, _STARS if name == "Amnt" else value) for name, value in fields]
    return {
        "fields": fields,
        "request": _request(ask.services.settings.public_url, number, res, version),
        "answer": f"HTTP/1.1 200 OK\nContent-Type: {version.content_type}\n\n{answer}",
    }


def _request(public_url: str, number: str, res: str, version: Version) -> str:
    """What a client sends; where its `Rmz` stands there are stars."""
    host = public_url.partition("://")[2].partition("/")[0]
    is_old = version is Version.SOAP11
    action = f'SOAPAction: "{ACTION}"\n' if is_old else ""
    kind = version.content_type if is_old else f'{version.content_type}; action="{ACTION}"'
    call = "".join(element(name, value) for name, value in (("ID", number), ("Rmz", _STARS), ("Res", res)))
    return (
        f"POST {SOAP_PATH} HTTP/1.1\nHost: {host}\nContent-Type: {kind}\n{action}\n"
        f'<?xml version="1.0" encoding="utf-8"?>\n<soap:Envelope xmlns:soap="{version.value}"><soap:Body>'
        f'<PayRep xmlns="{TEMPURI}">{call}</PayRep></soap:Body></soap:Envelope>'
    )
