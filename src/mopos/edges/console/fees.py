"""Fees: the plans with all their versions, which gateways have which, what is announced, and what an amount costs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from litestar import Response

from mopos.actions import set_fees
from mopos.base.errors import Refused
from mopos.base.ids import with_check_digit
from mopos.domain.operators import log, merchants
from mopos.domain.operators.merchants import GatewayRow
from mopos.domain.operators.model import Duty, about_gateway
from mopos.domain.settlement import fee_store
from mopos.domain.settlement.fee_store import GATEWAYS_MAX
from mopos.domain.settlement.fees import (
    BRACKETS_MAX,
    PRESETS,
    Assigned,
    Bearer,
    Bracket,
    Plan,
    Rounding,
    Version,
    percent,
    quote,
    read_bracket,
    read_rounding,
    terms,
)
from mopos.edges.console import show
from mopos.edges.web import fee_words, render
from mopos.edges.web.ask import Ask, NotFound
from mopos.edges.web.fee_words import Asked, Said
from mopos.edges.web.routes import Route

_PLAN = "/console/fees/plans/{fee_plan}"
_GATEWAY = "/console/fees/gateways/{gateway}"
# A form begins with room for a usual tariff; more is a button away.
_ROWS = 4
_ROWS_MORE = 4
# The longest number that a bigint always holds.
_DIGITS_MAX = 18
_PARTS = ("above", "rate", "fixed", "floor", "cap")


@dataclass
class Brackets:
    """The bracket rows of a form: what stands in them, and which could not be read."""

    rows: list[dict[str, str]]
    wrong: set[int] = field(default_factory=set)


async def show_fees(ask: Ask) -> Response[Any]:
    """All plans. `?gateway=` leads to a gateway's own page."""
    number = ask.query("gateway")
    try:
        if number:
            return render.redirect(f"/console/fees/gateways/{with_check_digit(await _numbered(ask, number))}")
        refused = None
    except Refused as error:
        refused = error
    plans = await fee_store.plans(ask.services.db)
    holders = await fee_store.holders(ask.services.db, None, ask.now)
    return show.page(
        ask,
        "console/fees.html",
        title=ask.t["fees.title"],
        plans=[(plan, *_now_and_next(ask, plan)) for plan in plans],
        counts=await fee_store.counts(ask.services.db, ask.now),
        holders=holders[:GATEWAYS_MAX],
        are_more=len(holders) > GATEWAYS_MAX,
        names={plan.id: plan.name for plan in plans},
        asked=number,
        wrong_gateway=ask.t[f"problem.{refused.problems[0].code}"] if refused else "",
    )


async def _numbered(ask: Ask, number: str) -> int:
    gateway_id = set_fees.read_gateway(number)
    if await merchants.gateway(ask.services.db, gateway_id) is None:
        raise Refused(["fee_gateway_unknown"])
    return gateway_id


def _now_and_next(ask: Ask, plan: Plan) -> tuple[Said | None, Said | None]:
    return fee_words.now_and_next([_whole(plan)], ask.now, ask.lang)


def _whole(plan: Plan) -> Assigned:
    """A plan as one has it that has had it since it began: its versions are the terms."""
    return Assigned(plan.versions[0].valid_from, plan)


async def show_new(ask: Ask) -> Response[Any]:
    """The form of a new plan; `?preset=` fills in a public tariff."""
    preset = PRESETS.get(ask.query("preset"))
    return _new_page(ask, Brackets(_rows(preset.brackets if preset else ())))


def _new_page(ask: Ask, brackets: Brackets, refused: Refused | None = None) -> Response[Any]:
    return show.page(
        ask,
        "console/fee_new.html",
        refused,
        title=ask.t["fees.new"],
        brackets=brackets,
        bearers=render.choices(list(Bearer), "fee.bearer", ask.lang),
        roundings=_roundings(ask),
        presets=PRESETS,
        preset=ask.query("preset"),
        **({} if refused else {"values": ask.form}),
    )


def _roundings(ask: Ask) -> list[tuple[str, str]]:
    # Half up first: it is what people expect.
    return render.choices([Rounding.HALF_UP, Rounding.UP, Rounding.DOWN], "fee.rounding", ask.lang)


async def add_plan(ask: Ask) -> Response[Any]:
    """A new plan; or, by the other button, more rows in the form."""
    brackets = _typed(ask)
    if ask.form.get("more"):
        return _new_page(ask, _longer(brackets))
    try:
        plan_id = await set_fees.add_plan(
            ask.services.db,
            ask.services.clock,
            name=show.form(ask, "name"),
            bearer=show.form(ask, "bearer"),
            brackets=_read(ask, brackets),
            valid_from=set_fees.read_moment(ask.form.get("from", "")),
            operator_id=ask.operator.id,
            reason=show.form(ask, "reason"),
        )
    except Refused as refused:
        return _new_page(ask, brackets, refused)
    return render.redirect(f"/console/fees/plans/{plan_id}", done="fee_plan_added")


def _longer(brackets: Brackets) -> Brackets:
    rows = min(BRACKETS_MAX, len(brackets.rows) + _ROWS_MORE)
    return Brackets(brackets.rows + [dict.fromkeys(_PARTS, "") for _ in range(rows - len(brackets.rows))])


async def show_plan(ask: Ask) -> Response[Any]:
    return await _plan_page(ask, await _plan(ask))


async def _plan_page(
    ask: Ask, plan: Plan, refused: Refused | None = None, typed: Brackets | None = None
) -> Response[Any]:
    present = plan.at(ask.now)
    holders = await fee_store.holders(ask.services.db, plan.id, ask.now)
    return show.page(
        ask,
        "console/fee_plan.html",
        refused,
        title=plan.name,
        plan=plan,
        versions=[
            (fee_words.said(term, ask.lang), _when(ask, plan, term.version)) for term in reversed(terms([_whole(plan)]))
        ],
        brackets=typed or Brackets(_rows((present or plan.versions[-1]).brackets)),
        roundings=_roundings(ask),
        rounding=(present or plan.versions[-1]).brackets[0].rounding,
        is_open=typed is not None,
        holders=holders[:GATEWAYS_MAX],
        are_more=len(holders) > GATEWAYS_MAX,
        names={plan.id: plan.name},
        asked=_asked_of_plan(ask, present),
        entries=await log.about(ask.services.db, f"fee_plan {plan.id}"),
        **({} if refused else {"values": ask.form}),
    )


def _asked_of_plan(ask: Ask, present: Version | None) -> Asked:
    text, amount, refused = fee_words.asked_amount(ask.query("amount"))
    return Asked(text, quote(present, amount) if amount is not None else None, refused)


def _when(ask: Ask, plan: Plan, version: Version | None) -> str:
    """`past`, `present` or `future`: key of a badge."""
    if version is None or version.valid_from > ask.now:
        return "future"
    return "present" if version is plan.at(ask.now) else "past"


async def add_version(ask: Ask) -> Response[Any]:
    plan = await _plan(ask)
    brackets = _typed(ask)
    if ask.form.get("more"):
        return await _plan_page(ask, plan, typed=_longer(brackets))
    try:
        await set_fees.add_version(
            ask.services.db,
            ask.services.clock,
            plan.id,
            brackets=_read(ask, brackets),
            valid_from=set_fees.read_moment(ask.form.get("from", "")),
            operator_id=ask.operator.id,
            reason=show.form(ask, "reason"),
        )
    except Refused as refused:
        return await _plan_page(ask, plan, refused, brackets)
    return render.redirect(f"/console/fees/plans/{plan.id}", done="fee_version_added")


async def show_gateway(ask: Ask) -> Response[Any]:
    return await _gateway_page(ask, await _gateway(ask))


async def _gateway_page(ask: Ask, gateway: GatewayRow, refused: Refused | None = None) -> Response[Any]:
    db, number = ask.services.db, with_check_digit(gateway.id)
    found = await fee_store.assigned(db, gateway.id)
    present, following = fee_words.now_and_next(found, ask.now, ask.lang)
    text, amount, wrong = fee_words.asked_amount(ask.query("amount"))
    answer = await fee_store.fee_of(db, gateway.id, amount, ask.now) if amount is not None else None
    plans = await fee_store.plans(db)
    return show.page(
        ask,
        "console/fee_gateway.html",
        refused,
        title=f"{ask.t['fees.of_gateway']} {number}",
        gateway=gateway,
        number=number,
        present=present,
        following=following,
        history=[fee_words.said(term, ask.lang) for term in reversed(terms(found))],
        asked=Asked(text, answer, wrong),
        choices=[("", ask.t["fees.no_plan"]), *((str(plan.id), _label(ask, plan)) for plan in plans)],
        entries=[one for one in await log.about(db, about_gateway(number)) if one.act == "assign_fee"],
    )


def _label(ask: Ask, plan: Plan) -> str:
    return f"{plan.name} ({ask.t[f'fee.bearer.{plan.bearer}']})"


async def assign(ask: Ask) -> Response[Any]:
    gateway = await _gateway(ask)
    try:
        await set_fees.assign(
            ask.services.db,
            ask.services.clock,
            gateway.id,
            _chosen(ask.form.get("plan", "")),
            valid_from=set_fees.read_moment(ask.form.get("from", "")),
            operator_id=ask.operator.id,
            reason=show.form(ask, "reason"),
        )
    except Refused as refused:
        return await _gateway_page(ask, gateway, refused)
    return render.redirect(f"/console/fees/gateways/{with_check_digit(gateway.id)}", done="fee_assigned")


def _chosen(plan: str) -> int | None:
    """The plan of a select; the empty one is no plan."""
    if not plan:
        return None
    if not (plan.isascii() and plan.isdigit()) or len(plan) > _DIGITS_MAX:
        raise Refused(["fee_plan_unknown"])
    return int(plan)


async def _plan(ask: Ask) -> Plan:
    found = await fee_store.plan(ask.services.db, ask.id("fee_plan"))
    if found is None:
        raise NotFound
    return found


async def _gateway(ask: Ask) -> GatewayRow:
    found = await merchants.gateway(ask.services.db, ask.number("gateway"))
    if found is None:
        raise NotFound
    return found


# --- the rows of brackets in a form -----------------------------------------------------------------------------------


def _rows(brackets: tuple[Bracket, ...]) -> list[dict[str, str]]:
    """Brackets as they stand in the form at first, and room for more."""
    filled = [
        {
            "above": f"{one.above_rial:,}",
            "rate": percent(one.ppm),
            "fixed": f"{one.fixed_rial:,}" if one.fixed_rial else "",
            "floor": f"{one.floor_rial:,}" if one.floor_rial else "",
            "cap": f"{one.cap_rial:,}" if one.cap_rial is not None else "",
        }
        for one in brackets
    ]
    begun = filled or [dict.fromkeys(_PARTS, "") | {"above": "0"}]
    return begun + [dict.fromkeys(_PARTS, "") for _ in range(max(_ROWS, len(begun) + 1) - len(begun))]


def _typed(ask: Ask) -> Brackets:
    rows = [{part: ask.form.get(f"{part}-{at}", "").strip() for part in _PARTS} for at in range(BRACKETS_MAX)]
    shown = max([_ROWS, *(at + 1 for at in range(BRACKETS_MAX) if f"above-{at}" in ask.form)])
    return Brackets(rows[:shown])


def _read(ask: Ask, brackets: Brackets) -> list[Bracket]:
    """The rows that are filled in. Raises `Refused`, and notes which rows could not be read."""
    rounding = read_rounding(show.form(ask, "rounding"))
    read: list[Bracket] = []
    codes: set[str] = set()
    for at, row in enumerate(brackets.rows):
        if not any(row.values()):
            continue
        try:
            read.append(_bracket(row, rounding))
        except Refused as refused:
            brackets.wrong.add(at)
            codes.update(problem.code for problem in refused.problems)
    if codes:
        raise Refused(sorted(codes))
    return read


def _bracket(row: dict[str, str], rounding: Rounding) -> Bracket:
    # That a bracket costs nothing is to be said: where only its threshold stands, something was forgotten.
    if not any(row[part] for part in _PARTS[1:]):
        raise Refused(["fee_bracket_unreadable"])
    return read_bracket(**row, rounding=rounding)


ROUTES: list[Route] = [
    Route("GET", "/console/fees", show_fees, Duty.LOOK),
    Route("GET", "/console/fees/new", show_new, Duty.SET_MONEY),
    Route("POST", "/console/fees/new", add_plan, Duty.SET_MONEY, fresh=True),
    Route("GET", _PLAN, show_plan, Duty.LOOK),
    Route("POST", _PLAN, add_version, Duty.SET_MONEY, fresh=True),
    Route("GET", _GATEWAY, show_gateway, Duty.LOOK),
    Route("POST", _GATEWAY, assign, Duty.SET_MONEY, fresh=True),
]
