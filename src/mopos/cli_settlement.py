"""`mopos settlement ...` and `mopos calendar ...`: the daily run, batches, results, rules, and Tehran's bank days."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Sequence
from datetime import date
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
from persiantools.jdatetime import JalaliDate
from rich.console import Console
from rich.table import Table

from mopos.actions import run_settlement as running
from mopos.actions import set_fees, set_money_rules, take_result_file
from mopos.actions.services import Services
from mopos.base.clock import jalali, jalali_day
from mopos.base.errors import Refused
from mopos.base.ids import with_check_digit
from mopos.domain.settlement import batches, payees, payouts, rule_store
from mopos.domain.settlement.batches import Batch
from mopos.domain.settlement.calendar import tehran_day
from mopos.domain.settlement.channels import Channel
from mopos.domain.settlement.forecast import forecast as forecast_of
from mopos.domain.settlement.payees import LeftOut
from mopos.domain.settlement.rules import holds_on
from mopos.edges.i18n.lang import Lang
from mopos.edges.i18n.texts import TEXTS

T = TypeVar("T")

DAY_HELP = "A day of Tehran: `1405/09/03` or `2026-11-24`."
REASON_HELP = "Why; it stands in the audit log."
CHANNEL_HELP = "paya or satna; both, where it is left out."

As = Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")]
Reason = Annotated[str, typer.Option(help=REASON_HELP)]
On = Annotated[str, typer.Argument(metavar="DAY", help=DAY_HELP)]
ByChannel = Annotated[str, typer.Option(help=CHANNEL_HELP)]

settlement = typer.Typer(help="The money's way to the merchants: runs, batches, results, rules.", no_args_is_help=True)
calendar = typer.Typer(help="Tehran's bank days: holidays, and closures that were announced.", no_args_is_help=True)
out = Console(highlight=False)


@settlement.command("run")
def run(
    day: Annotated[str, typer.Option(metavar="DAY", help=f"{DAY_HELP} The latest that has ended, if left out.")] = "",
    as_json: As = False,
) -> None:
    """Plan a day's batch, as the worker does by itself after the cut-off. Twice is once."""

    async def work(services: Services) -> running.Ran:
        return await running.run_settlement(services, day=_day(day) if day else None)

    ran = _work(work)
    if as_json:
        left = [{"gateway": with_check_digit(one.gateway_id), "why": one.why} for one in ran.left_out]
        print(json.dumps({"batch": ran.batch_id, "why": ran.why, "left_out": left}))
        return
    out.print(f"{ran.why}: batch {ran.batch_id}" if ran.batch_id else ran.why)
    _print_left_out(ran.left_out)


@settlement.command("list")
def list_batches(as_json: As = False) -> None:
    """Print the latest batches."""

    async def work(services: Services) -> list[Batch]:
        return await batches.latest(services.db)

    found = _work(work)[: batches.PAGE]
    if as_json:
        for batch in found:
            print(json.dumps(_batch_json(batch)))
        return
    _table(
        ("batch", "day", "state", "way", "payouts", "Rial"),
        [(b.id, jalali_day(b.day), b.state, b.way, b.payout_count, f"{int(b.total):,}") for b in found],
    )


@settlement.command("show")
def show(
    batch_id: Annotated[int, typer.Argument(metavar="BATCH", help="Its number.")],
    as_json: As = False,
) -> None:
    """Print a batch with its payouts."""

    async def work(services: Services) -> tuple[Batch | None, list[payouts.Listed], list[LeftOut]]:
        found = await batches.find(services.db, batch_id)
        return found, await payouts.of_batch(services.db, batch_id), await payees.left_out(services.db)

    batch, listed, left_out = _work(work)
    if batch is None:
        raise typer.BadParameter("there is no such batch", param_hint="BATCH")
    if as_json:
        rows = [one._asdict() | {"amount": int(one.amount)} for one in listed]
        print(json.dumps(_batch_json(batch) | {"payouts": rows}, default=str, ensure_ascii=False))
        return
    out.print(f"batch {batch.id} of {jalali_day(batch.day)}: {batch.state}, {int(batch.total):,} Rial")
    _table(
        ("payout", "gateway", "IBAN", "Rial", "channel", "state", "expected", "settled", "tracking number"),
        [
            (
                one.id,
                with_check_digit(one.gateway_id),
                one.iban,
                f"{int(one.amount):,}",
                one.channel,
                one.state,
                jalali_day(one.expected_on),
                jalali_day(one.settled_on) if one.settled_on else "",
                one.tracking_no,
            )
            for one in listed
        ],
    )
    _print_left_out(left_out)


@settlement.command("approve")
def approve(batch_id: Annotated[int, typer.Argument(metavar="BATCH", help="Its number.")]) -> None:
    """Says where a batch is approved: at the console, by two operators who are signed in."""
    err = Console(stderr=True, highlight=False)
    err.print(
        f"Payouts are approved by two operators at the console: /console/batches/{batch_id}. "
        "The command line knows neither of them."
    )
    raise typer.Exit(2)


@settlement.command("results")
def results(
    file: Annotated[Path, typer.Argument(metavar="FILE", exists=True, dir_okay=False, help="What the bank gave.")],
    take: Annotated[bool, typer.Option("--take", help="Write what is certain; without it nothing is changed.")] = False,
    as_json: As = False,
) -> None:
    """Lay a bank's file of results beside the payouts: what is settled, returned, known already, or wrong."""
    body = file.read_bytes()

    async def work(services: Services) -> take_result_file.Report:
        if take:
            return await take_result_file.take_file(services, None, body)
        return await take_result_file.check_file(services, body)

    report = _work(work)
    if as_json:
        print(json.dumps(report._asdict(), default=str, ensure_ascii=False))
    else:
        _table(
            ("", "rows", "Rial"),
            [
                ("settled", report.settled.rows, f"{int(report.settled.rial):,}"),
                ("returned", report.returned.rows, f"{int(report.returned.rial):,}"),
                ("known already", report.already, ""),
                ("pending", report.pending, ""),
                ("wrong", len(report.bad), ""),
            ],
        )
        for bad in report.bad:
            out.print(str(tuple(bad)), markup=False)
    raise typer.Exit(1 if report.bad else 0)


@settlement.command("forecast")
def forecast(
    at: Annotated[
        str, typer.Option(metavar="WHEN", help="When it is paid: `1405/09/03 14:30`. Now, if left out.")
    ] = "",
    as_json: As = False,
) -> None:
    """Print when a payment would reach its merchant, by Paya and by Satna."""

    async def work(services: Services) -> dict[str, Any]:
        paid_at = set_fees.read_moment(at) or services.clock()
        bank_days = await rule_store.calendar(services.db)
        rules = bank_days.rules(tehran_day(paid_at))
        return {str(channel): forecast_of(paid_at, rules, bank_days, channel) for channel in Channel}

    found = _work(work)
    if as_json:
        print(json.dumps({channel: one._asdict() for channel, one in found.items()}, default=str))
        return
    _table(
        ("channel", "batch of", "planned at", "carried at", "expected on"),
        [
            (
                channel,
                jalali_day(one.batch_day),
                jalali(one.run_at),
                jalali(one.carried_at),
                jalali_day(one.expected_on),
            )
            for channel, one in found.items()
        ],
    )


@settlement.command("rules")
def rules(
    day: Annotated[str, typer.Option(metavar="DAY", help=f"{DAY_HELP} Today, if left out.")] = "",
    as_json: As = False,
) -> None:
    """Print the rules of a day, each with where it comes from."""

    async def work(services: Services) -> dict[str, Any]:
        on = _day(day) if day else tehran_day(services.clock())
        return holds_on(on, await rule_store.settings(services.db))

    found = _work(work)
    if as_json:
        print(json.dumps({name: holds.rule.kind.show(holds.value) for name, holds in found.items()}))
        return
    _table(
        ("rule", "value", "since", "because"),
        [
            (
                name,
                holds.rule.kind.show(holds.value),
                "" if holds.since == date.min else jalali_day(holds.since),
                holds.source or holds.setting.reason,
            )
            for name, holds in found.items()
        ],
    )


@settlement.command("rule-set")
def rule_set(
    name: Annotated[str, typer.Argument(metavar="NAME", help="As `mopos settlement rules` prints it.")],
    value: Annotated[str, typer.Argument(metavar="VALUE", help="`default` for what MoPos takes by itself.")],
    since: Annotated[str, typer.Option("--from", metavar="DAY", help=f"{DAY_HELP} Today, if left out.")] = "",
    reason: Reason = "mopos settlement rule-set",
) -> None:
    """Set a rule from a day on. The past is not changed."""

    async def work(services: Services) -> None:
        valid_from = _day(since) if since else tehran_day(services.clock())
        await set_money_rules.set_rule(services, None, name, valid_from, value, reason)

    _work(work)


@calendar.command("holidays")
def holidays(
    year: Annotated[int, typer.Argument(metavar="YEAR", min=1390, max=1500, help="Of the Jalali calendar.")],
    channel: Annotated[str, typer.Option(help="paya or satna.")] = Channel.PAYA,
    as_json: As = False,
) -> None:
    """Print a year's days on which a channel rests, without its weekends."""
    chosen = _channel(channel) or Channel.PAYA
    first, after = (JalaliDate(number, 1, 1).to_gregorian() for number in (year, year + 1))

    async def work(services: Services) -> list[tuple[date, str, str]]:
        bank_days = await rule_store.calendar(services.db)
        days = (date.fromordinal(number) for number in range(first.toordinal(), after.toordinal()))
        closed = ((day, bank_days.why_closed(day, chosen)) for day in days)
        return [(day, why.kind, why.name) for day, why in closed if why is not None and why.kind != "weekend"]

    found = _work(work)
    if as_json:
        for day, kind, name in found:
            print(json.dumps({"day": day.isoformat(), "kind": kind, "name": name}, ensure_ascii=False))
        return
    _table(("day", "", "kind", "name"), [(jalali_day(day), f"{day:%A}", kind, name) for day, kind, name in found])


@calendar.command("closure-add")
def closure_add(
    day: On,
    reason: Annotated[str, typer.Option(help="What is shown beside the day, such as the announcement.")],
    channel: ByChannel = "",
    is_open: Annotated[
        bool, typer.Option("--open", help="Open, although the calendar says that it is closed.")
    ] = False,
) -> None:
    """Say that banks are closed on a day (or open), whatever the calendar says."""

    async def work(services: Services) -> None:
        await set_money_rules.set_closure(services, None, _day(day), _channel(channel), not is_open, reason)

    _work(work)


@calendar.command("closure-remove")
def closure_remove(day: On, channel: ByChannel = "", reason: Reason = "mopos calendar closure-remove") -> None:
    """Let the calendar count again on a day."""

    async def work(services: Services) -> None:
        await set_money_rules.remove_closure(services, None, _day(day), _channel(channel), reason)

    _work(work)


def _work(what: Callable[[Services], Awaitable[T]]) -> T:
    """Run something with the services of an action; what the catalogue refuses is one line."""
    from mopos.cli import with_services  # noqa: PLC0415  # it imports this module

    try:
        return with_services(what)
    except Refused as refused:
        sentences = [TEXTS[Lang.EN][f"problem.{problem.code}"] for problem in refused.problems]
        raise typer.BadParameter(" ".join(sentences)) from None


def _day(text: str) -> date:
    try:
        moment = set_fees.read_moment(text)
    except Refused:
        moment = None
    if moment is None:
        raise typer.BadParameter(f"{text!r} is no day; write 1405/09/03 or 2026-11-24")
    return moment.date()


def _channel(text: str) -> Channel | None:
    if text and text not in list(Channel):
        raise typer.BadParameter("paya or satna", param_hint="--channel")
    return Channel(text) if text else None


def _batch_json(batch: Batch) -> dict[str, Any]:
    return {
        "id": batch.id,
        "day": batch.day.isoformat(),
        "state": batch.state,
        "way": batch.way,
        "payouts": batch.payout_count,
        "total": int(batch.total),
    }


def _print_left_out(left_out: Sequence[LeftOut]) -> None:
    for one in left_out:
        out.print(f"not paid: gateway {with_check_digit(one.gateway_id)}, {int(one.balance):,} Rial: {one.why}")


def _table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    table = Table(*columns)
    for row in rows:
        table.add_row(*(str(cell) for cell in row))
    out.print(table)
