"""Acts that need two: what is asked for, by whom and why, and what would happen; approved, refused, withdrawn."""

from __future__ import annotations

from typing import Any

from litestar import Response

from mopos.actions.decide_proposal import approve as approve_proposal
from mopos.actions.decide_proposal import turn_down
from mopos.base.errors import Refused
from mopos.domain.operators import log, proposals
from mopos.domain.operators.model import REASON_LENGTH_MAX, Act, Duty, number_in
from mopos.domain.operators.proposals import PAGE, Proposal
from mopos.edges.console import show
from mopos.edges.web import render
from mopos.edges.web.ask import Ask, NotFound
from mopos.edges.web.routes import Route

_PROPOSAL = "/console/proposals/{proposal}"


async def show_proposals(ask: Ask) -> Response[Any]:
    waiting = await proposals.waiting(ask.services.db, ask.now)
    ended = await proposals.ended(ask.services.db, show.before(ask), ask.now)
    return show.page(
        ask,
        "console/proposals.html",
        title=ask.t["console.proposals"],
        waiting=waiting,
        ended=ended[:PAGE],
        older=ask.here(before=ended[-1].id) if len(ended) == PAGE else None,
        url_of=url_of,
    )


async def show_proposal(ask: Ask) -> Response[Any]:
    return await _page(ask, await _found(ask))


async def _page(ask: Ask, proposal: Proposal, refused: Refused | None = None) -> Response[Any]:
    return show.page(
        ask,
        "console/proposal.html",
        refused,
        title=f"{ask.t[f'console.act.{proposal.act}']} {proposal.subject}",
        proposal=proposal,
        entries=await log.about(ask.services.db, proposal.subject),
        is_open=proposal.is_open(ask.now),
        may_decide=proposal.may_be_decided_by(ask.operator, ask.now),
        is_own=proposal.proposed_by == ask.operator.id,
        url_of=url_of,
    )


# Where the page of what a proposal is about begins; its number follows.
_PAGES: dict[Act, str] = {
    Act.CORRECT_PAID: "/console/purchases/",
    Act.CORRECT_UNPAID: "/console/purchases/",
    Act.APPROVE_REFUND: "/console/purchases/",
    Act.SUSPEND_GATEWAY: "/console/gateways/",
    Act.REVOKE_RMZ: "/console/gateways/",
    Act.APPROVE_BATCH: "/console/batches/",
    Act.SET_DEBT: "/console/holds/gateways/",
    Act.CORRECT_ENTRY: "/console/books/entries/",
    Act.RESET_PERSON: "/console/people/",
}


def url_of(proposal: Proposal) -> str:
    """The page of what a proposal is about."""
    begins = _PAGES.get(proposal.act)
    return f"{begins}{number_in(proposal.subject)}" if begins else "/console/operators"


async def _found(ask: Ask) -> Proposal:
    found = await proposals.find(ask.services.db, ask.id("proposal"))
    if found is None:
        raise NotFound
    return found


async def approve(ask: Ask) -> Response[Any]:
    """The second operator says yes: it is done at once, or not at all."""
    proposal = await _found(ask)
    try:
        done = await approve_proposal(ask.services, ask.operator, proposal, note=_note(ask), ip=ask.ip)
    except Refused as refused:
        return await _page(ask, await _found(ask), refused)
    if done.handed is None:
        return render.redirect(f"/console/proposals/{proposal.id}", done="console_approved")
    # Shown here and never again: an address that is opened twice must not hold it.
    return show.page(
        ask,
        "console/handed.html",
        title=ask.t["console.handed"],
        name=done.handed.name,
        password=done.handed.password.reveal(),
    )


async def refuse(ask: Ask) -> Response[Any]:
    """The second operator says no, or the first one takes it back."""
    proposal = await _found(ask)
    try:
        decision = await turn_down(ask.services, ask.operator, proposal, _note(ask))
    except Refused as refused:
        return await _page(ask, await _found(ask), refused)
    return render.redirect(f"/console/proposals/{proposal.id}", done=f"console_{decision}")


def _note(ask: Ask) -> str:
    return show.form(ask, "note")[:REASON_LENGTH_MAX]


ROUTES: list[Route] = [
    Route("GET", "/console/proposals", show_proposals, Duty.LOOK),
    # Fresh already here, so that nothing typed is lost on the way through the second factor.
    Route("GET", _PROPOSAL, show_proposal, Duty.LOOK, fresh=True),
    Route("POST", f"{_PROPOSAL}/approve", approve, Duty.LOOK, fresh=True),
    Route("POST", f"{_PROPOSAL}/refuse", refuse, Duty.LOOK),
]
