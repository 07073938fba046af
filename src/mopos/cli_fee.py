"""`mopos fee ...`: fee plans, which gateways have which, and what an amount costs."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Annotated, Any, TypeVar

import typer

from mopos.actions import set_fees
from mopos.base.clock import jalali, system_clock
from mopos.base.db import Database
from mopos.base.errors import Refused
from mopos.base.ids import with_check_digit
from mopos.domain.settlement import fee_store
from mopos.domain.settlement.fees import PRESETS, Bracket, Plan, Quote, Version, read_line, read_rounding
from mopos.edges.i18n.lang import Lang
from mopos.edges.i18n.texts import TEXTS
from mopos.edges.web import fee_words

T = TypeVar("T")

BRACKET_HELP = (
    "`ABOVE: RATE [+FIXED] [floor RIAL] [cap RIAL]`, once for each bracket: what purchases above ABOVE Rial cost. RATE "
    "is `0.02%` or `200ppm`. The first begins at 0."
)
FROM_HELP = "From when on, Tehran's time: `1405/10/01`, `1405/10/01 08:30`. Now, where it is left out."
ROUNDING_HELP = "What becomes of a part of a Rial: half_up, up or down."
REASON_HELP = "Why; it stands in the audit log."
JSON_HELP = "Print JSON and nothing else."

As = Annotated[bool, typer.Option("--json", help=JSON_HELP)]
From = Annotated[str, typer.Option("--from", metavar="DATE", help=FROM_HELP)]
Reason = Annotated[str, typer.Option(help=REASON_HELP)]
Lines = Annotated[list[str] | None, typer.Option("--bracket", metavar="TEXT", help=BRACKET_HELP)]
Rounds = Annotated[str, typer.Option(help=ROUNDING_HELP)]


fee = typer.Typer(
    help="Fees: plans with their versions, which gateways have which, what an amount costs.", no_args_is_help=True
)


@fee.command("plan-add")
def plan_add(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What people call it; merchants see it too.")],
    bearer: Annotated[str, typer.Option(help="Who pays the fee: merchant or buyer.")],
    bracket: Lines = None,
    preset: Annotated[str, typer.Option(help=f"A public tariff in place of brackets: {', '.join(PRESETS)}.")] = "",
    rounding: Rounds = "half_up",
    since: From = "",
    reason: Reason = "mopos fee plan-add",
    as_json: As = False,
) -> None:
    """Make a plan. No gateway has it until `mopos fee assign`."""

    async def add(db: Database) -> Plan | None:
        plan_id = await set_fees.add_plan(
            db,
            system_clock,
            name=name,
            bearer=bearer,
            brackets=_brackets(bracket, preset, rounding),
            valid_from=set_fees.read_moment(since),
            operator_id=None,
            reason=reason,
        )
        return await fee_store.plan(db, plan_id)

    _show_plan(_there(_work(add)), as_json=as_json)


@fee.command("version-add")
def version_add(
    plan: Annotated[str, typer.Argument(metavar="PLAN", help="A plan's name or number.")],
    bracket: Lines = None,
    preset: Annotated[str, typer.Option(help=f"A public tariff in place of brackets: {', '.join(PRESETS)}.")] = "",
    rounding: Rounds = "half_up",
    since: From = "",
    reason: Reason = "mopos fee version-add",
    as_json: As = False,
) -> None:
    """Say what a plan costs from a moment on. What was in force stays as it was."""

    async def add(db: Database) -> Plan | None:
        found = await _plan(db, plan)
        await set_fees.add_version(
            db,
            system_clock,
            found.id,
            brackets=_brackets(bracket, preset, rounding),
            valid_from=set_fees.read_moment(since),
            operator_id=None,
            reason=reason,
        )
        return await fee_store.plan(db, found.id)

    _show_plan(_there(_work(add)), as_json=as_json)


@fee.command("list")
def plan_list(as_json: As = False) -> None:
    """List the plans with all their versions, and how many gateways have each now."""

    async def read(db: Database) -> tuple[list[Plan], dict[int, int]]:
        return await fee_store.plans(db), await fee_store.counts(db, system_clock())

    plans, counts = _work(read)
    if as_json:
        print(json.dumps([_plan_json(one) | {"gateways": counts.get(one.id, 0)} for one in plans], ensure_ascii=False))
        return
    for one in plans:
        _show_plan(one, as_json=False)
        print(f"  gateways that have it now: {counts.get(one.id, 0)}")
    if not plans:
        print("there is no plan: no purchase has a fee")


@fee.command("assign")
def assign(
    number: Annotated[str, typer.Argument(metavar="ID", help="The gateway's number.")],
    plan: Annotated[str, typer.Argument(metavar="PLAN", help="A plan's name or number, or `none`.")],
    since: From = "",
    reason: Reason = "mopos fee assign",
    as_json: As = False,
) -> None:
    """Give a gateway a plan. Its purchases registered from then on have the plan's fee."""

    async def give(db: Database) -> tuple[int, Plan | None, datetime]:
        gateway_id = set_fees.read_gateway(number)
        found = await _plan(db, plan) if plan != "none" else None
        begins = set_fees.read_moment(since)
        await set_fees.assign(
            db,
            system_clock,
            gateway_id,
            found.id if found else None,
            valid_from=begins,
            operator_id=None,
            reason=reason,
        )
        return gateway_id, found, begins or system_clock()

    gateway_id, found, begins = _work(give)
    name = found.name if found else None
    if as_json:
        given = {"ID": with_check_digit(gateway_id), "plan": name, "from": begins.isoformat()}
        print(json.dumps(given, ensure_ascii=False))
    else:
        print(f"gateway {with_check_digit(gateway_id)} has {name or 'no fee'} from {jalali(begins)[:16]} on (Tehran)")


@fee.command("quote")
def quote(
    number: Annotated[str, typer.Argument(metavar="ID", help="The gateway's number.")],
    amount: Annotated[str, typer.Argument(metavar="AMOUNT", help="In Rial.")],
    at: Annotated[str, typer.Option(metavar="DATE", help="As it is to be then; now, where it is left out.")] = "",
    as_json: As = False,
) -> None:
    """What a purchase of an amount costs at a gateway: the fee, who bears it, and what is left."""

    async def ask(db: Database) -> Quote:
        moment = set_fees.read_moment(at) or system_clock()
        return await set_fees.quote(db, set_fees.read_gateway(number), amount, moment)

    _show_quote(_work(ask), as_json=as_json)


def _work(what: Callable[[Database], Awaitable[T]]) -> T:
    """Run something on the database; what the catalogue refuses is one line."""
    from mopos.cli import with_database  # noqa: PLC0415  # it imports this module

    try:
        return with_database(what)
    except Refused as refused:
        sentences = [TEXTS[Lang.EN][f"problem.{problem.code}"] for problem in refused.problems]
        raise typer.BadParameter(" ".join(sentences)) from None


def _brackets(lines: list[str] | None, preset: str, rounding: str) -> list[Bracket]:
    if preset:
        if preset not in PRESETS or lines:
            raise typer.BadParameter(f"one of {', '.join(PRESETS)}, without --bracket", param_hint="--preset")
        return list(PRESETS[preset].brackets)
    return [read_line(line, read_rounding(rounding)) for line in lines or []]


async def _plan(db: Database, name: str) -> Plan:
    found = await fee_store.plan_named(db, name)
    if found is None:
        raise Refused(["fee_plan_unknown"])
    return found


def _there(plan: Plan | None) -> Plan:
    if plan is None:
        raise LookupError("the plan is not there")
    return plan


def _show_plan(plan: Plan, *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(_plan_json(plan), ensure_ascii=False))
        return
    print(f"{plan.id}  {plan.name}, borne by the {plan.bearer}")
    for version in plan.versions:
        print(f"  from {jalali(version.valid_from)[:16]} on:")
        for line in fee_words.lines(version, Lang.EN):
            print(f"    {line.amounts}: {line.fee}")


def _plan_json(plan: Plan) -> dict[str, Any]:
    return {
        "id": plan.id,
        "name": plan.name,
        "bearer": plan.bearer,
        "versions": [_version_json(version) for version in plan.versions],
    }


def _version_json(version: Version) -> dict[str, Any]:
    brackets = [str(one) for one in version.brackets]
    return {"from": version.valid_from.isoformat(), "rounding": version.brackets[0].rounding, "brackets": brackets}


def _show_quote(said: Quote, *, as_json: bool) -> None:
    bearer = ("buyer" if said.by_buyer else "merchant") if said.fee else None
    if as_json:
        facts = {"amount": said.amount, "fee": said.fee, "bearer": bearer, "charge": said.charge, "net": said.net}
        print(json.dumps({name: int(fact) if isinstance(fact, int) else fact for name, fact in facts.items()}))
        return
    rows = (
        ("price", said.amount, ""),
        ("fee", said.fee, f"  borne by the {bearer}" if bearer else ""),
        ("the buyer pays", said.charge, ""),
        ("the merchant is owed", said.net, ""),
    )
    for label, rial, more in rows:
        print(f"{label:<22}{rial:>16,} Rial{more}")
