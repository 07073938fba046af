"""`mopos route ...`: the rules by which purchases go to terminals."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from mopos.actions import manage_routes
from mopos.actions.manage_routes import PRIORITY, Gap, Routes, amounts_of, where_to
from mopos.actions.manage_terminals import TAKES_PART_AFTER
from mopos.actions.read_terminal import TerminalRefused
from mopos.actions.services import Services
from mopos.actions.set_fees import read_amount, read_gateway
from mopos.base.clock import system_clock
from mopos.base.ids import with_check_digit
from mopos.base.money import Rial
from mopos.cli_terminal import As, Number, err, out, refusals, work
from mopos.domain.routing.model import Rule, Terminal

MERCHANT_HELP = "Whose purchases: the gateway's number. Everybody's for whom no rule is their own, if left out."
MIN_HELP = "Purchases from this amount on, in Rial."
MAX_HELP = "Purchases up to this amount, in Rial."
PRIORITY_HELP = "1 to 1000. The lowest goes first; the next only when all of it are off, sick, or have failed."
WEIGHT_HELP = "1 to 1000: its share among those of the same priority."
REASON_HELP = "Why; it stands in the audit log."

route = typer.Typer(help="Which purchases go to which terminal.", no_args_is_help=True)


@route.command("add")
def add(
    terminal: Number,
    merchant: Annotated[str | None, typer.Option(metavar="ID", help=MERCHANT_HELP)] = None,
    least: Annotated[str | None, typer.Option("--min", metavar="RIAL", help=MIN_HELP)] = None,
    most: Annotated[str | None, typer.Option("--max", metavar="RIAL", help=MAX_HELP)] = None,
    priority: Annotated[int, typer.Option(help=PRIORITY_HELP)] = PRIORITY,
    weight: Annotated[int, typer.Option(help=WEIGHT_HELP)] = 1,
    reason: Annotated[str, typer.Option(help=REASON_HELP)] = "mopos route add",
) -> None:
    """Let purchases go to a terminal. A merchant's own rules replace the general ones for that merchant."""

    async def make(services: Services) -> tuple[Rule, Terminal, list[Gap]]:
        rule, to = await manage_routes.add_rule(
            services.db,
            services.clock,
            terminal,
            merchant=merchant,
            least=least,
            most=most,
            priority=priority,
            weight=weight,
            operator_id=None,
            reason=reason,
        )
        return rule, to, await _gaps(services)

    rule, to, gaps = work(make)
    out.print(sentence(rule, to), markup=False, soft_wrap=True)
    _warn(gaps)


@route.command("list")
def list_rules(
    merchant: Annotated[
        str | None, typer.Option("--for", metavar="ID", help="Explain where a purchase of this gateway would go.")
    ] = None,
    amount: Annotated[str | None, typer.Option(metavar="RIAL", help="The amount of that purchase.")] = None,
    as_json: As = False,
) -> None:
    """List the rules, one sentence each; or explain where one purchase could go, in order, with shares."""
    with refusals():
        if (merchant is None) != (amount is None):
            raise TerminalRefused("--for and --amount belong together: whose purchase, and of how much")
        about = None if merchant is None or amount is None else (read_gateway(merchant), read_amount(amount))

    found = work(manage_routes.routes)
    if about is not None:
        _explain(*about, where_to(found, *about, system_clock()), as_json=as_json)
        return
    _print_rules(found, as_json=as_json)
    _warn(_gaps_of(found))


@route.command("remove")
def remove(
    rule: Annotated[int, typer.Argument(metavar="RULE", help="Its number, as `mopos route list` prints it.")],
    reason: Annotated[str, typer.Option(help=REASON_HELP)] = "mopos route remove",
) -> None:
    """Let a rule count no more. What is under way goes on."""

    async def take_away(services: Services) -> list[Gap]:
        await manage_routes.remove_rule(services.db, services.clock, rule, operator_id=None, reason=reason)
        return await _gaps(services)

    gaps = work(take_away)
    out.print(f"rule {rule} is gone")
    _warn(gaps)


async def _gaps(services: Services) -> list[Gap]:
    return _gaps_of(await manage_routes.routes(services))


def _gaps_of(found: Routes) -> list[Gap]:
    """What finds no terminal, once those that were just made take part."""
    return manage_routes.all_gaps(found, system_clock() + TAKES_PART_AFTER)


def _warn(gaps: list[Gap]) -> None:
    for gap in gaps:
        whose = "merchants without rules of their own" if gap.gateway_id is None else with_check_digit(gap.gateway_id)
        odd = "" if gap.whole else " that are no whole Toman"
        amounts = f"from {gap.amount_from:,} to {gap.amount_upto:,} Rial{odd}"
        err.print(f"mopos: no terminal takes purchases of {whose} {amounts}", soft_wrap=True)


# --- in words ---------------------------------------------------------------------------------------------------------


def sentence(rule: Rule, terminal: Terminal) -> str:
    """`10: purchases of 1000012 from 500,000 to 50,000,000 Rial go to terminal 3 (mellat main), weight 2`."""
    whose = "" if rule.gateway_id is None else f" of {with_check_digit(rule.gateway_id)}"
    parts = [
        f"{rule.id}: purchases{whose} {amounts_of(rule)} go to {_named(terminal)}",
        *([f"priority {rule.priority}"] if rule.priority != PRIORITY else []),
        f"weight {rule.weight}",
    ]
    return ", ".join(parts)


def _named(terminal: Terminal) -> str:
    off = ", off" if terminal.disabled_at else ""
    return f"terminal {terminal.id} ({terminal.bank} {terminal.name}{off})"


def _print_rules(found: Routes, *, as_json: bool) -> None:
    terminals = {one.id: one for one in found.terminals}
    for rule in found.rules:
        if as_json:
            print(json.dumps(rule_json(rule)))
        else:
            out.print(sentence(rule, terminals[rule.terminal_id]), markup=False, soft_wrap=True)
    if as_json:
        return
    for number in found.unit_rial:
        out.print(f"{_named(terminals[number])} takes whole Toman only", markup=False, soft_wrap=True)
    if found.rules:
        out.print(
            f"The lowest priority goes first; where none is named it is {PRIORITY}. Weights are shares within one."
        )
    if not any(rule.is_general for rule in found.rules):
        others = "other merchants' purchases" if found.rules else "purchases"
        out.print(
            f"There is no general rule: {others} go to all terminals that are on and take the amount, share and share"
            " alike."
        )


def rule_json(rule: Rule) -> dict[str, Any]:
    return {
        "rule": rule.id,
        "terminal": rule.terminal_id,
        "merchant": None if rule.gateway_id is None else with_check_digit(rule.gateway_id),
        "min": int(rule.amount_from),
        "max": None if rule.amount_upto is None else int(rule.amount_upto),
        "priority": rule.priority,
        "weight": rule.weight,
    }


def _explain(gateway_id: int, amount: Rial, groups: list[list[tuple[Terminal, int]]], *, as_json: bool) -> None:
    shares = [[(one, 100 * weight / sum(w for _, w in group)) for one, weight in group] for group in groups]
    if as_json:
        rows = [[{"terminal": one.id, "percent": round(share, 1)} for one, share in group] for group in shares]
        print(json.dumps(rows))
        return
    if not shares:
        out.print("No terminal takes such a purchase: the buyer would see that the bank is not available.")
        return
    out.print(f"A purchase of {with_check_digit(gateway_id)} of {amount:,} Rial goes to")
    for place, group in enumerate(shares, start=1):
        whom = ", or ".join(f"{_named(one)} {share:.3g}%" for one, share in group)
        out.print(f"{place}. {whom}", markup=False, soft_wrap=True)
    out.print("A later line counts when all before it are sick or have failed. Health is not looked at here.")
