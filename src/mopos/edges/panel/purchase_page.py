"""A purchase's page: its facts, what happened, each attempt with the bank's answer, what PayRep says, the form."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, NamedTuple

from litestar import Response

from mopos.actions.expect_settlement import expected_day
from mopos.actions.report_result import report_of
from mopos.banks.issuers import issuer
from mopos.base.clock import jalali
from mopos.base.ids import with_check_digit
from mopos.base.money import Rial
from mopos.base.text import persian_digits
from mopos.domain.accounts.model import Allow
from mopos.domain.payments import refund_store
from mopos.domain.payments import store as payments
from mopos.domain.reports import one
from mopos.domain.reports.one import OneAttempt, OneEvent, Whole
from mopos.edges.i18n.lang import Lang
from mopos.edges.panel.money_words import day_of
from mopos.edges.pay_rep import result_of
from mopos.edges.soap.result import PayRepResult
from mopos.edges.web import give_back, render
from mopos.edges.web.ask import Ask, NotFound

# The guide's fields of the form (section 3), and the signature that a gateway may want beside them.
FORM_FIELDS = ("ID", "Res", "Amnt", "Nam", "Dsc", "RedirectURL", "Sig")
# What the journal keeps of an event that a merchant can use; the rest is for operators.
_TOLD = ("bank_ref", "trace", "code", "reason", "why", "amount")


class Happened(NamedTuple):
    """A line of the timeline."""

    event: OneEvent
    attempt: int | None
    """Which attempt it is about, counted from one, where there are several."""
    told: dict[str, Any]


async def purchase_page(ask: Ask, panel: str, tones: Mapping[str, str]) -> Response[Any]:
    """The page of one of the account's purchases. Raises `NotFound`."""
    db = ask.services.reports
    found = await one.whole(db, ask.number("purchase"), ask.account_id)
    if found is None:
        raise NotFound
    attempts = await one.attempts(db, found.id)
    events = await one.events(db, found.id)
    now = await pay_rep_now(ask, found)
    return render.page(
        ask,
        "panel/purchase.html",
        title=ask.t["purchase.title"],
        panel=panel,
        purchase=found,
        at=lambda moment: persian_digits(jalali(moment)) if ask.lang is Lang.FA else jalali(moment),
        tones=tones,
        attempts=attempts,
        issuers={attempt.id: issuer(attempt.masked_pan) for attempt in attempts},
        happened=timeline(events, attempts),
        pay_rep=asdict(now) if now else None,
        amount=Rial(found.amount_rial),
        form=form_of(found),
        lines=await one.ledger_lines(db, found.id),
        **await _settled(ask, found),
        refunds=await refund_store.of_purchase(ask.services.db, found.id) if found.paid_at else [],
        refund_tones=give_back.TONES,
        give_back_url=f"{panel}/purchases/{with_check_digit(found.id)}/give-back"
        if found.state == "PAID" and found.refund_rial < found.amount_rial and ask.may(Allow.REFUND)
        else "",
    )


async def _settled(ask: Ask, found: Whole) -> dict[str, Any]:
    """How its money reached the merchant, or when that is to be expected."""
    settled = await one.settled_by(ask.services.reports, found.id)
    waits = found.state == "PAID" and settled is None and found.refund_rial < found.amount_rial
    expected = None
    if waits and not await one.is_held(ask.services.reports, found.id):
        expected = await expected_day(ask.services, found.paid_at)
    return {"settled": settled, "expected_on": expected, "day": lambda day: day_of(day, ask.lang)}


def timeline(events: list[OneEvent], attempts: list[OneAttempt]) -> list[Happened]:
    """The journal as it is told: with the attempt's place in the row where there are several."""
    place = {attempt.id: number for number, attempt in enumerate(attempts, start=1)}
    return [
        Happened(
            event,
            place.get(event.attempt_id or 0) if len(attempts) > 1 else None,
            {name: event.data[name] for name in _TOLD if event.data.get(name)},
        )
        for event in events
    ]


async def pay_rep_now(ask: Ask, found: Whole) -> PayRepResult | None:
    """What the shop would be told this moment, from the primary as PayRep is. It is not told now: nothing is
    acknowledged."""
    present = await payments.by_res(ask.services.db, found.gateway_id, found.res)
    if present is None:
        return None
    settled_upto = await payments.settled_upto(ask.services.db, found.gateway_id)
    return result_of(await report_of(ask.services, present, settled_upto))


def form_of(found: Whole) -> list[tuple[str, str]]:
    """The form's fields: as received where the journal has them, as stored otherwise."""
    stored = {
        "ID": with_check_digit(found.gateway_id),
        "Res": found.res,
        "Amnt": str(found.amount_rial),
        "Nam": found.nam,
        "Dsc": found.dsc,
        "RedirectURL": found.redirect_url,
    }
    received = {str(name): str(value) for name, value in (found.raw or {}).items()}
    shown = stored | received
    return [(name, shown[name]) for name in FORM_FIELDS if name in shown] + [
        (name, value) for name, value in received.items() if name not in FORM_FIELDS
    ]
