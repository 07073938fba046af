"""The phone app's first page: a person's accounts, and what waits for an answer."""

from __future__ import annotations

from typing import Any

from litestar import Response

from mopos.base.ids import with_check_digit
from mopos.base.text import harmless
from mopos.domain.accounts import store as accounts
from mopos.domain.accounts.model import Allow, Membership
from mopos.domain.people import factors, requests, store
from mopos.domain.people.model import NAME_LENGTH_MAX
from mopos.edges.phone.entering import HOME
from mopos.edges.web import render
from mopos.edges.web.ask import Ask
from mopos.edges.web.routes import Door, Route


async def show(ask: Ask) -> Response[Any]:
    """Accounts with the person's role in each, invitations, computers that ask to be let in."""
    db = ask.services.db
    return render.page(
        ask,
        "phone/home.html",
        title=ask.t["home.app"],
        accounts=[(found, _panel(found)) for found in await accounts.memberships(db, ask.person.id)],
        invitations=await store.invitations(db, ask.person.mobile, ask.now),
        asking=len(await requests.pending(db, ask.person.mobile, ask.now)),
        factors=await factors.factors_of(db, ask.person.id),
    )


def _panel(membership: Membership) -> str:
    """The page of the panel on which this role may start."""
    root = f"/panel/{with_check_digit(membership.account_id)}"
    return root if membership.may(Allow.SEE_MONEY) else f"{root}/gateways"


async def set_name(ask: Ask) -> Response[Any]:
    """How fellow members see the person."""
    await store.set_name(ask.services.db, ask.person.id, harmless(ask.form.get("name", ""))[:NAME_LENGTH_MAX])
    return render.redirect(HOME, done="saved")


ROUTES: list[Route] = [
    Route("GET", "/app", show, Door.PERSON),
    Route("POST", "/app/name", set_name, Door.PERSON),
]
