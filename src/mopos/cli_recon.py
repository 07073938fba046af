"""`mopos reconcile` and `mopos statement ...`: PSPs' reports, bank statements, and what does not agree."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from datetime import date
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
from rich.console import Console
from rich.table import Table

from mopos.actions.fetch_reports import Fetched, fetch_reports
from mopos.actions.import_statement import Imported, StatementRefused, import_statement
from mopos.actions.reconcile import Reconciled, reconcile
from mopos.actions.services import Services
from mopos.base.clock import jalali_day
from mopos.base.iban import read_iban
from mopos.domain.settlement import recon_store
from mopos.domain.settlement.recon_store import Found
from mopos.domain.settlement.statement_store import Tie
from mopos.domain.settlement.statements import read_date
from mopos.edges.i18n.lang import Lang
from mopos.edges.i18n.texts import TEXTS

T = TypeVar("T")

# Exceptions printed; the console has all.
SHOWN_MAX = 50

out = Console(highlight=False)
err = Console(stderr=True, highlight=False)
statement = typer.Typer(help="Statements of the operator's own bank account.", no_args_is_help=True)

As = Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")]


def reconcile_command(
    day: Annotated[
        str, typer.Argument(metavar="[DAY]", help="One day again, Jalali or Gregorian; else all that is due.")
    ] = "",
    as_json: As = False,
) -> None:
    """Fetch PSPs' reports, compare them with our books and the bank account, and print what is open.

    Exit status 1 when an exception is open or the bank account does not tie."""
    wanted = _day(day) if day else None

    async def run(services: Services) -> tuple[list[Fetched], Reconciled, list[Found]]:
        await services.terminals.refresh(services.db)
        fetched = await fetch_reports(services, day=wanted)
        done = await reconcile(services, day=wanted)
        return fetched, done, await recon_store.page(services.db, is_open=True)

    fetched, done, found = _with_services(run)
    if as_json:
        print(json.dumps(_as_json(fetched, done, found), ensure_ascii=False))
    else:
        _print(fetched, done, found)
    raise typer.Exit(1 if found or done.tie.unexplained_rial else 0)


@statement.command("import")
def import_command(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, readable=True, help="CAMT.053 or CSV.")],
    iban: Annotated[str, typer.Option(help="The account (Sheba), where a CSV does not name it.")] = "",
    new_account: Annotated[bool, typer.Option("--new-account", help="It is of an account never seen before.")] = False,
    as_json: As = False,
) -> None:
    """Take in a statement. Each movement is kept once, however often and in however many files it comes."""

    async def run(services: Services) -> Imported:
        with file.open("rb") as source:
            return await import_statement(
                services, source, operator_id=None, iban=read_iban(iban), new_account=new_account
            )

    try:
        taken = _with_services(run)
    except StatementRefused as refused:
        _print_refused(refused)
        raise typer.Exit(1) from None
    if as_json:
        told = {"statement": taken.statement_id, "new": taken.new, "known": taken.known, "same_file": taken.same_file}
        print(json.dumps(told | {"lines": taken.summary.lines}))
        return
    out.print(f"statement {taken.statement_id}: {taken.new:,} movements are new, {taken.known:,} were known")
    if taken.same_file:
        out.print("this very file had been imported before")


def _day(text: str) -> date:
    found = read_date(text)
    if found is None:
        raise typer.BadParameter("such as 1405/09/04 or 2026-11-25", param_hint="DAY")
    return found


def _print_refused(refused: StatementRefused) -> None:
    words = TEXTS[Lang.EN]
    for problem in refused.problems:
        err.print(f"[red]{words[f'problem.{problem.code}']}[/]", soft_wrap=True)
    for row in refused.rows:
        where = f"row {row.row}" if row.row else "whole file"
        err.print(f"{where}: {words[f'recon.row.{row.why}']}: ", end="")
        err.print(row.value, markup=False, soft_wrap=True)
    if refused.count > len(refused.rows):
        err.print(f"and {refused.count - len(refused.rows):,} more rows")


def _print(fetched: list[Fetched], done: Reconciled, found: list[Found]) -> None:
    for report in fetched:
        what = f"{report.lines:,} movements" if report.lines is not None else f"silent ({report.why})"
        out.print(f"report of {jalali_day(report.day)}: {what}")
    out.print(
        f"{len(done.days)} days compared: {done.late} late payments, {done.found} new exceptions, "
        f"{done.vanished} vanished"
    )
    out.print(f"{done.lines} movements of the account recognised, {done.suspense} put into suspense")
    if found:
        _print_exceptions(found)
    _print_tie(done.tie)


def _print_exceptions(found: list[Found]) -> None:
    table = Table(title="Open exceptions, Rial")
    for heading in ("number", "source", "kind", "day", "about"):
        table.add_column(heading)
    table.add_column("difference", justify="right")
    for one in found[:SHOWN_MAX]:
        table.add_row(str(one.id), one.source, one.kind, jalali_day(one.day), one.key, f"{one.amount_rial:,}")
    out.print(table)


def _print_tie(tie: Tie) -> None:
    table = Table(title="The bank account and the books, Rial")
    table.add_column("what")
    table.add_column("Rial", justify="right")
    rows = {
        "moved by the bank's statements": tie.bank_rial,
        "moved by the books": tie.ledger_rial,
        "not looked at yet": tie.waiting_rial,
        "settled payouts not on the statement": tie.unseen_rial,
        "payouts without a result": tie.unsettled_rial,
        "unexplained": tie.unexplained_rial,
    }
    for what, rial in rows.items():
        table.add_row(what, f"{rial:,}")
    out.print(table)


def _as_json(fetched: list[Fetched], done: Reconciled, found: list[Found]) -> dict[str, Any]:
    return {
        "reports": [{"day": one.day.isoformat(), "lines": one.lines, "silent": one.why} for one in fetched],
        "days": [one.day.isoformat() for one in done.days],
        "late": done.late,
        "found": done.found,
        "vanished": done.vanished,
        "lines": done.lines,
        "suspense": done.suspense,
        "open": [
            {"id": one.id, "source": one.source, "kind": one.kind, "day": one.day.isoformat(), "rial": one.amount_rial}
            for one in found[:SHOWN_MAX]
        ],
        "bank_rial": done.tie.bank_rial,
        "ledger_rial": done.tie.ledger_rial,
        "unexplained_rial": done.tie.unexplained_rial,
    }


def _with_services(act: Callable[[Services], Awaitable[T]]) -> T:
    from mopos.cli import with_services  # noqa: PLC0415  # `cli` imports this module

    return with_services(act)
