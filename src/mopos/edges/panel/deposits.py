"""A merchant's deposits: the list with what comes next, and a page for each that explains it to the Rial."""

from __future__ import annotations

from typing import Any, NamedTuple
from urllib.parse import urlencode

from litestar import Response

from mopos.actions.expect_settlement import Next, next_settlements
from mopos.base.ids import with_check_digit
from mopos.domain.accounts.model import Allow
from mopos.domain.reports import one
from mopos.domain.settlement import deposit_views, movement_views
from mopos.domain.settlement.deposit_views import PAGE, SHOWN, WANTED, Deposit, Settled
from mopos.domain.settlement.movement_views import KindSum, Stretch
from mopos.edges.panel.money_words import day_of, masked_iban
from mopos.edges.panel.purchases import chosen_gateways
from mopos.edges.web import render
from mopos.edges.web.ask import Ask, NotFound
from mopos.edges.web.routes import Route

# How a payout's state looks.
TONES = {"PLANNED": "open", "SUBMITTED": "wait", "SETTLED": "good", "RETURNED": "bad", "CANCELLED": "ended"}
_CURSOR_DIGITS_MAX = 18


def cursor(ask: Ask, name: str) -> int | None:
    """A number in the query string; what is none is left alone."""
    text = ask.query(name)
    return int(text) if text.isascii() and text.isdigit() and len(text) <= _CURSOR_DIGITS_MAX else None


async def _list(ask: Ask) -> Response[Any]:
    db = ask.services.reports
    gateways = await one.gateways(db, ask.account_id)
    number, wanted = ask.query("gateway"), ask.query("state")
    chosen = chosen_gateways(number, gateways)[0:1] if number else []
    # A gateway that is not the account's finds nothing.
    gateway_id = (chosen or [-1])[0] if number else None
    before, after = cursor(ask, "before"), cursor(ask, "after")
    found = await deposit_views.deposits(
        db,
        ask.account_id,
        gateway_id=gateway_id,
        states=WANTED.get(wanted, SHOWN),
        before=before,
        after=after,
        limit=PAGE + 1,
    )
    page = found[-PAGE:] if after is not None else found[:PAGE]
    more = len(found) > PAGE
    kept = {name: value for name, value in (("gateway", number), ("state", wanted)) if value}
    return render.page(
        ask,
        "panel/deposits.html",
        title=ask.t["deposits.title"],
        panel=ask.panel,
        gateways=gateways,
        coming=[one_ for one_ in await next_settlements(ask.services, ask.account_id) if _is_of(one_, gateway_id)],
        totals=await deposit_views.totals(db, ask.account_id, gateway_id),
        deposits=page,
        unpaid=await deposit_views.unpaid(db, ask.account_id, gateway_id) if not (wanted or before or after) else [],
        returned=await deposit_views.returned(db, ask.account_id),
        older=_further(ask, kept, before=page[-1].id) if page and (more or after is not None) else None,
        newer=_further(ask, kept, after=page[0].id) if page and (before or (after is not None and more)) else None,
        wanted=list(WANTED),
        tones=TONES,
        values={"gateway": number, "state": wanted},
        **words(ask),
    )


def words(ask: Ask) -> dict[str, Any]:
    """What templates of settlement need to show days and accounts."""
    return {"day": lambda day: day_of(day, ask.lang), "masked": masked_iban}


def _is_of(coming: Next, gateway_id: int | None) -> bool:
    return gateway_id is None or coming.standing.gateway_id == gateway_id


def _further(ask: Ask, kept: dict[str, str], **at: int) -> str:
    return f"{ask.panel}/deposits?{urlencode(kept | {name: str(value) for name, value in at.items()})}"


async def _deposit(ask: Ask) -> Response[Any]:
    deposit = await deposit_views.deposit(ask.services.reports, ask.account_id, ask.id("payout"))
    if deposit is None:
        raise NotFound
    settled = await deposit_views.settlement(ask.services.reports, ask.account_id, deposit.settlement_id)
    if settled is None:
        raise NotFound
    return await _explained(ask, settled, deposit)


async def _settlement(ask: Ask) -> Response[Any]:
    """A settlement by its own number: also one that paid nothing."""
    settled = await deposit_views.settlement(ask.services.reports, ask.account_id, ask.id("settlement"))
    if settled is None:
        raise NotFound
    return await _explained(ask, settled, None)


class Explained(NamedTuple):
    """A settlement as sums that tie."""

    settled: Settled
    sums: list[KindSum]
    parties: list[Deposit]

    @property
    def difference(self) -> int:
        """Opening and movements less the balance at the cut-off: 0, or the books are wrong."""
        return self.settled.opening_rial + sum(part.rial for part in self.sums) - self.settled.closing_rial

    @property
    def parties_rial(self) -> int:
        return sum(party.amount_rial for party in self.parties if party.state != "CANCELLED")

    @property
    def parties_differ(self) -> int:
        """What is paid less its orders. Before they are made, and after they were taken back, there are none."""
        return self.settled.payout_rial - self.parties_rial if self.parties_rial else 0


async def _explained(ask: Ask, settled: Settled, deposit: Deposit | None) -> Response[Any]:
    db = ask.services.reports
    stretch = Stretch(ask.account_id, settled.gateway_id, settled.after_entry, settled.upto_entry)
    return render.page(
        ask,
        "panel/deposit.html",
        title=ask.t["deposit.title"] if deposit or settled.payout_rial else ask.t["deposit.settlement"],
        panel=ask.panel,
        deposit=deposit,
        told=Explained(
            settled,
            await movement_views.sums(db, stretch),
            await deposit_views.parties(db, ask.account_id, settled.id),
        ),
        tones=TONES,
        **words(ask),
    )


async def _lines(ask: Ask) -> Response[Any]:
    """The movements of one kind that a settlement is made of, down to the purchases."""
    db, kind = ask.services.reports, ask.part("kind")
    settled = await deposit_views.settlement(db, ask.account_id, ask.id("settlement"))
    if settled is None or kind not in movement_views.ORDER:
        raise NotFound
    stretch = Stretch(ask.account_id, settled.gateway_id, settled.after_entry, settled.upto_entry)
    after = cursor(ask, "entry") or 0, cursor(ask, "line") or 0
    lines = await movement_views.movements(db, stretch, after=after, kind=kind, limit=movement_views.PAGE + 1)
    page = lines[: movement_views.PAGE]
    sums = {part.kind: part for part in await movement_views.sums(db, stretch)}
    return render.page(
        ask,
        "panel/deposit_lines.html",
        title=ask.t[f"moved.{kind}"],
        panel=ask.panel,
        settled=settled,
        kind=kind,
        whole=sums.get(kind, KindSum(kind, 0, 0)),
        lines=page,
        first=ask.here(entry=None, line=None) if after != (0, 0) else None,
        following=ask.here(entry=page[-1].entry_id, line=page[-1].id) if len(lines) > len(page) else None,
        number=with_check_digit(settled.gateway_id),
        **words(ask),
    )


_SETTLEMENT = "/panel/{account}/settlements/{settlement}"
ROUTES: list[Route] = [
    Route("GET", "/panel/{account}/deposits", _list, Allow.SEE_MONEY),
    Route("GET", "/panel/{account}/deposits/{payout}", _deposit, Allow.SEE_MONEY),
    Route("GET", _SETTLEMENT, _settlement, Allow.SEE_MONEY),
    Route("GET", f"{_SETTLEMENT}/{{kind}}", _lines, Allow.SEE_MONEY),
]
