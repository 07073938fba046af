"""Money given back, on both signed-in sides: what is offered for a purchase, the form, and the decision on a refund.

The panel and the console differ in who acts and where pages lie; everything else is the same, and stands here.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from litestar import Response

from mopos.actions import refund as refunding
from mopos.actions.reverse import propose_reversal, reverse, two_persons_above
from mopos.base.errors import Refused
from mopos.base.money import Rial
from mopos.base.text import harmless
from mopos.domain.payments import refund_store
from mopos.domain.payments.model import Purchase
from mopos.domain.payments.refund_rules import left, read_request, why_not_refunded, why_not_reversed
from mopos.domain.payments.refund_store import Refund, Who
from mopos.domain.payments.refunds import REASON_LENGTH_MAX, Method, RefundState
from mopos.domain.payments.states import State
from mopos.edges.web import render
from mopos.edges.web.ask import Ask

# How a state looks in a list.
TONES: dict[RefundState, str] = {
    RefundState.REQUESTED: "care",
    RefundState.APPROVED: "open",
    RefundState.SENDING: "wait",
    RefundState.UNKNOWN: "wait",
    RefundState.DONE: "good",
    RefundState.FAILED: "bad",
    RefundState.REFUSED: "ended",
}
# Where a list of refunds may be looked through by.
FILTERS: dict[str, tuple[RefundState, ...]] = {
    "all": tuple(RefundState),
    "waiting": (RefundState.REQUESTED,),
    "under_way": (RefundState.APPROVED, RefundState.SENDING, RefundState.UNKNOWN),
    "unknown": (RefundState.UNKNOWN,),
    "failed": (RefundState.FAILED,),
    "done": (RefundState.DONE,),
}


class Side(NamedTuple):
    """A side of the house."""

    area: str
    """`panel` or `console`."""
    root: str
    """Where its pages begin: `/panel/50013`, `/console`."""
    who: Who
    """Who is at work."""

    def refund_url(self, refund: Refund) -> str:
        return f"{self.root}/refunds/{refund.number}"

    def purchase_url(self, purchase: Purchase) -> str:
        return f"{self.root}/purchases/{purchase.number}"


async def offer_page(ask: Ask, side: Side, purchase: Purchase, refused: Refused | None = None) -> Response[Any]:
    """The page "give money back": a reversal where it is possible, else why not; a refund, whole or in part."""
    services = ask.services
    why_not = why_not_reversed(purchase, services.terminals.of(purchase.terminal_id).facts.reverse_within, ask.now)
    above = await two_persons_above(services)
    if not why_not and purchase.amount > above and side.area == "panel":
        why_not = "reversal_needs_two"
    refundable = why_not_refunded(purchase)
    ways = await refunding.ways(services, purchase)
    wrong: dict[str, Any] = {"problems": render.problems_of(refused, ask.t), "values": ask.form} if refused else {}
    return render.page(
        ask,
        f"{side.area}/give_back.html",
        status=refused.status if refused else 200,
        title=ask.t["refund.give_back"],
        purchase=purchase,
        purchase_url=side.purchase_url(purchase),
        left=left(purchase),
        two_persons_above=above,
        why_not_reversed=ask.t[f"problem.{why_not}"] if why_not else "",
        why_not_refunded=ask.t[f"problem.{refundable}"] if refundable else "",
        ways=ways,
        by_paya=Method.PAYA in ways,
        **wrong,
    )


async def give_back(ask: Ask, side: Side, purchase: Purchase) -> Response[Any]:
    """Do what the form of that page says."""
    try:
        _must_be_clear(ask)
        if ask.form.get("part") == "reverse":
            return await _reverse(ask, side, purchase)
        return await _refund(ask, side, purchase)
    except Refused as refused:
        return await offer_page(ask, side, purchase, refused)


def _must_be_clear(ask: Ask) -> None:
    """Who means a part, and has not moved the choice, must not give all of it back. Raises `Refused`."""
    if ask.form.get("part") in ("reverse", "whole") and ask.form.get("amount", "").strip():
        raise Refused(["refund_part_unclear"])


async def _reverse(ask: Ask, side: Side, purchase: Purchase) -> Response[Any]:
    if side.area == "console" and purchase.amount > await two_persons_above(ask.services):
        number = await propose_reversal(ask.services, ask.operator, purchase, _reason(ask))
        return render.redirect(f"/console/proposals/{number}", done="console_proposed")
    stands = await reverse(ask.services, purchase, side.who, reason=_reason(ask), ip=ask.ip)
    if stands is State.PAID:
        raise Refused(["reversal_refused"])
    done = "reversal_done" if stands is State.REVERSED else "reversal_waits"
    return render.redirect(side.purchase_url(purchase), done=done)


def _reason(ask: Ask) -> str:
    reason = harmless(ask.form.get("reason", "")).strip()
    if not reason:
        raise Refused(["refund_reason_missing"])
    if len(reason) > REASON_LENGTH_MAX:
        raise Refused(["refund_reason_too_long"])
    return reason


async def _refund(ask: Ask, side: Side, purchase: Purchase) -> Response[Any]:
    if code := why_not_refunded(purchase):
        raise Refused([code])
    new = read_request(ask.form, purchase, await refunding.ways(ask.services, purchase))
    seen = ask.form.get("seen", "")
    refund_id = await refunding.request_refund(
        ask.services,
        purchase,
        new,
        side.who,
        ip=ask.ip,
        seen=Rial(int(seen)) if seen.isascii() and seen.isdigit() and len(seen) <= 18 else None,
    )
    made = await refund_store.find(ask.services.db, refund_id, None)
    if made is None:
        raise LookupError("a refund that was just made is not there")
    done = "refund_waits" if made.state is RefundState.REQUESTED else "refund_asked"
    return render.redirect(side.refund_url(made), done=done)


async def refund_page(
    ask: Ask, side: Side, refund: Refund, *, may_decide: bool, refused: Refused | None = None
) -> Response[Any]:
    """One refund: its facts, what happened, and the decision where it waits for one."""
    wrong: dict[str, Any] = {"problems": render.problems_of(refused, ask.t), "values": ask.form} if refused else {}
    return render.page(
        ask,
        f"{side.area}/refund.html",
        status=refused.status if refused else 200,
        title=ask.t["refund.title"],
        refund=refund,
        url=side.refund_url(refund),
        root=side.root,
        tones=TONES,
        events=await refund_store.events(ask.services.db, refund.id),
        is_open=refund.state is RefundState.REQUESTED,
        is_own=refund.is_own(side.who),
        may_decide=may_decide,
        **wrong,
    )


async def approve(ask: Ask, side: Side, refund: Refund) -> Response[Any]:
    """The second person agrees."""
    await refunding.approve(ask.services, refund, side.who, ip=ask.ip)
    return render.redirect(side.refund_url(refund), done="refund_approved")


async def refuse(ask: Ask, side: Side, refund: Refund) -> Response[Any]:
    """The second person says no, or the first one takes it back."""
    reason = harmless(ask.form.get("reason", "")).strip()[:REASON_LENGTH_MAX]
    await refunding.refuse(ask.services, refund, side.who, reason=reason, ip=ask.ip)
    return render.redirect(
        side.refund_url(refund), done="refund_taken_back" if refund.is_own(side.who) else "refund_refused"
    )


def before(ask: Ask) -> int | None:
    """Where a list goes on: `?before=`; None: at its beginning."""
    text = ask.query("before")
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 18 else None


def chosen(ask: Ask) -> str:
    """Which refunds are wanted: `?show=`."""
    wanted = ask.query("show", "all")
    return wanted if wanted in FILTERS else "all"
