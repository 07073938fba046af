"""Merchants: found by whatever a caller says; an account with everything; a gateway, on which two operators can act."""

from __future__ import annotations

from typing import Any

from litestar import Response

from mopos.base.errors import Refused
from mopos.base.ids import has_check_digit, with_check_digit, without_check_digit
from mopos.base.text import harmless, latin_digits
from mopos.domain.accounts import activity, document_store, member_store, profiles
from mopos.domain.accounts.activity import PAGE_SIZE
from mopos.domain.applications import store as applications
from mopos.domain.operators import log, merchants, people, proposals, store
from mopos.domain.operators.merchants import PAGE, GatewayRow
from mopos.domain.operators.model import Act, Duty, about_gateway, check_reason
from mopos.domain.people.model import read_mobile, shown_mobile
from mopos.edges.console import show
from mopos.edges.panel.activity import in_words
from mopos.edges.panel.documents import download_document
from mopos.edges.web import render
from mopos.edges.web.ask import Ask, NotFound
from mopos.edges.web.routes import Route

_ACCOUNT = "/console/accounts/{account}"
_GATEWAY = "/console/gateways/{gateway}"
# As long as the longest thing that an account is found by, a site's address.
_TEXT_LENGTH_MAX = 200


async def show_accounts(ask: Ask) -> Response[Any]:
    text = harmless(ask.query("text")[:_TEXT_LENGTH_MAX])
    mobile = read_mobile(text)
    wanted = mobile or latin_digits(text).strip()
    is_number = has_check_digit(wanted) and len(wanted) <= 18
    number = without_check_digit(wanted) if is_number else None
    found = await merchants.page(ask.services.reports, before=show.before(ask), text=wanted, number=number)
    return show.page(
        ask,
        "console/accounts.html",
        title=ask.t["console.accounts"],
        text=text,
        somebody=await people.with_mobile(ask.services.db, mobile) if mobile else None,
        accounts=found[:PAGE],
        older=show.go_on(ask, found, PAGE),
    )


async def show_account(ask: Ask) -> Response[Any]:
    db, account_id = ask.services.db, ask.number("account")
    try:
        account = await profiles.find(db, account_id)
    except LookupError:
        raise NotFound from None
    deeds = await activity.page(db, account_id, before_id=show.before(ask))
    return show.page(
        ask,
        "console/account.html",
        title=account.profile.name or ask.t["web.unnamed"],
        account=account,
        number=with_check_digit(account_id),
        members=await member_store.members(db, account_id),
        shown_mobile=shown_mobile,
        gateways=await merchants.gateways(db, account_id),
        applications=await merchants.applications(db, account_id),
        documents=await document_store.documents(db, account_id, removed_too=True),
        deeds=[(deed, in_words(deed, ask.t)) for deed in deeds[:PAGE_SIZE]],
        older=show.go_on(ask, deeds, PAGE_SIZE),
    )


async def get_document(ask: Ask) -> Response[Any]:
    """A document of a merchant, told in the log: these are people's papers."""
    account_id, document_id = ask.number("account"), ask.id("document")
    answer = await download_document(ask.services, account_id, document_id, removed_too=True)
    await store.tell(
        ask.services.db,
        ask.operator,
        "read_document",
        subject=f"account {with_check_digit(account_id)}",
        reason="",
        data={"document": document_id},
        now=ask.now,
    )
    return answer


async def show_gateway(ask: Ask) -> Response[Any]:
    return await _gateway_page(ask, await _gateway(ask))


async def _gateway_page(ask: Ask, gateway: GatewayRow, refused: Refused | None = None) -> Response[Any]:
    number = with_check_digit(gateway.id)
    return show.page(
        ask,
        "console/gateway.html",
        refused,
        title=gateway.name,
        gateway=gateway,
        number=number,
        waiting=await proposals.about(ask.services.db, about_gateway(number), ask.now),
        entries=await log.about(ask.services.db, about_gateway(number)),
    )


async def _gateway(ask: Ask) -> GatewayRow:
    found = await merchants.gateway(ask.services.db, ask.number("gateway"))
    if found is None:
        raise NotFound
    return found


async def propose_revoking(ask: Ask) -> Response[Any]:
    """Its `Rmz` may be known to somebody: all of them stop, and the owner fetches a new one. By two."""
    return await _propose(ask, Act.REVOKE_RMZ, {})


async def propose_suspending(ask: Ask) -> Response[Any]:
    """Suspended while money of the merchant is pending. By two."""
    gateway = await _gateway(ask)
    application = await applications.of_gateway(ask.services.db, gateway.id)
    if application is None or gateway.suspended_at is not None:
        return await _gateway_page(ask, gateway, Refused(["proposal_outdated"]))
    return await _propose(ask, Act.SUSPEND_GATEWAY, {"application": application.id})


async def _propose(ask: Ask, act: Act, data: dict[str, Any]) -> Response[Any]:
    gateway = await _gateway(ask)
    try:
        number = await proposals.propose(
            ask.services.db,
            ask.operator,
            act,
            subject=about_gateway(with_check_digit(gateway.id)),
            data=data,
            reason=check_reason(show.form(ask, "reason")),
            now=ask.now,
        )
    except Refused as refused:
        return await _gateway_page(ask, gateway, refused)
    return render.redirect(f"/console/proposals/{number}", done="console_proposed")


ROUTES: list[Route] = [
    Route("GET", "/console/accounts", show_accounts, Duty.LOOK),
    Route("GET", _ACCOUNT, show_account, Duty.LOOK),
    Route("GET", f"{_ACCOUNT}/documents/{{document}}", get_document, Duty.LOOK),
    Route("GET", _GATEWAY, show_gateway, Duty.LOOK),
    Route("POST", f"{_GATEWAY}/revoke", propose_revoking, Duty.DECIDE),
    Route("POST", f"{_GATEWAY}/suspend", propose_suspending, Duty.DECIDE),
]
