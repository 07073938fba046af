"""`mopos ledger ...`: what stands in the books, now or at a past moment, and an account's statement."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from mopos.base.clock import jalali
from mopos.base.db import Database
from mopos.base.ids import has_check_digit, with_check_digit, without_check_digit
from mopos.domain.ledger import balances
from mopos.domain.ledger.balances import PAGE, Balance, Moved, Place
from mopos.domain.ledger.chart import OWNER, Kind
from mopos.domain.ledger.moments import read_end

ledger = typer.Typer(help="The books: balances now and of any past moment, statements.", no_args_is_help=True)
out = Console(highlight=False)

AS_OF_HELP = "A day (its end) or a moment of Tehran: `1405/09/03`, `2026-11-24`, `1405/09/03 14:30`."
PROVE_HELP = "Add up the lines themselves instead of the kept balances."
LINES_MAX = 10_000

As = Annotated[bool, typer.Option("--json", help="Print one JSON object a line, and nothing else.")]


@ledger.command("balance")
def balance(
    as_of: Annotated[str, typer.Option("--as-of", metavar="WHEN", help=AS_OF_HELP)] = "",
    effective: Annotated[
        bool, typer.Option("--effective", help="By when things took effect, not by when they were booked.")
    ] = False,
    prove: Annotated[bool, typer.Option("--prove", help=PROVE_HELP)] = False,
    as_json: As = False,
) -> None:
    """Print the trial balance, now or as it stood at a past moment. Debits and credits come to the same."""
    moment = _moment(as_of)
    if moment is None and effective:
        raise typer.BadParameter("needs --as-of", param_hint="--effective")
    if moment is not None and prove:
        raise typer.BadParameter("proves the present only", param_hint="--prove")

    async def read(db: Database) -> list[Balance]:
        if moment is not None:
            return await balances.as_of(db, moment, effective=effective)
        return await (balances.proven(db) if prove else balances.trial(db))

    found = _work(read)
    if as_json:
        for one in found:
            print(json.dumps(_facts(one)))
    else:
        print_balances(found, f"Trial balance, Rial{f', before {jalali(moment)}' if moment else ''}")
    debit, credit = sum(b.debit_rial for b in found), sum(b.credit_rial for b in found)
    raise typer.Exit(0 if debit == credit else 1)


def _moment(text: str) -> datetime | None:
    if not text:
        return None
    moment = read_end(text)
    if moment is None:
        raise typer.BadParameter("is neither a day nor a moment", param_hint="--as-of")
    return moment


def _facts(one: Balance) -> dict[str, Any]:
    return {
        "account": one.kind,
        "owner": shown(one.kind, one.owner),
        "debit_rial": one.debit_rial,
        "credit_rial": one.credit_rial,
        "balance_rial": one.rial,
    }


def shown(kind: str, owner: int) -> str:
    """An owner's number as everybody knows it: a gateway's with its check digit."""
    known = OWNER.get(Kind(kind)) if kind in set(Kind) else None
    return with_check_digit(owner) if known == "gateway" else str(owner)


def print_balances(found: list[Balance], title: str) -> None:
    """A trial balance as a table, with its totals."""
    table = Table(title=title)
    for heading in ("account", "owner"):
        table.add_column(heading)
    for heading in ("debit", "credit", "balance"):
        table.add_column(heading, justify="right")
    for one in found:
        amounts = (f"{one.debit_rial:,}", f"{one.credit_rial:,}", f"{one.rial:,}")
        table.add_row(one.kind, shown(one.kind, one.owner), *amounts)
    table.add_section()
    debit, credit = sum(b.debit_rial for b in found), sum(b.credit_rial for b in found)
    table.add_row("total", "", f"{debit:,}", f"{credit:,}", "")
    out.print(table)


@ledger.command("statement")
def statement(
    kind: Annotated[str, typer.Argument(metavar="KIND", help=f"The account: {', '.join(Kind)}.")],
    owner: Annotated[
        str, typer.Argument(metavar="OWNER", help="A gateway's ID, a terminal's number; 0 for the operator's own.")
    ] = "0",
    lines: Annotated[int, typer.Option(min=1, max=LINES_MAX, help="So many of the newest lines.")] = PAGE,
    as_json: As = False,
) -> None:
    """Print an account's lines, the newest first, each with the balance after it."""
    if kind not in set(Kind):
        raise typer.BadParameter("there is no such account", param_hint="KIND")
    number = _owner(Kind(kind), owner)

    async def read(db: Database) -> list[Moved] | None:
        account = await balances.account_of(db, kind, number)
        if account is None:
            return None
        found: list[Moved] = []
        after = balances.NEWEST
        while len(found) < lines:
            page = await balances.statement(db, account.id, after, min(lines - len(found), 1000))
            if not page:
                break
            found += page
            after = Place(page[-1].entry_id, page[-1].line_id)
        return found

    found = _work(read)
    if found is None:
        raise typer.BadParameter("there is no such account", param_hint="OWNER")
    if as_json:
        for line in found:
            print(json.dumps(_line(line)))
    else:
        _print_statement(found, f"{kind} {owner}, Rial")


def _owner(kind: Kind, text: str) -> int:
    if OWNER[kind] == "gateway":
        if not has_check_digit(text):
            raise typer.BadParameter("there is no gateway with this number", param_hint="OWNER")
        return without_check_digit(text)
    if not (text.isascii() and text.isdigit()):
        raise typer.BadParameter("is no number", param_hint="OWNER")
    return int(text)


def _line(line: Moved) -> dict[str, Any]:
    return {
        "entry": line.entry_id,
        "what": line.entry,
        "about": about(line.about),
        "booked_at": line.booked_at.isoformat(),
        "effective_at": line.effective_at.isoformat(),
        "other": f"{line.other_kind} {shown(line.other_kind, line.other_owner)}",
        "change_rial": line.change,
        "balance_rial": line.balance,
    }


def about(text: str) -> str:
    """What a line was booked for; purchases by their numbers as people know them."""
    noun, _, number = text.partition(" ")
    return f"{noun} {with_check_digit(int(number))}" if noun == "purchase" else text


def _print_statement(found: list[Moved], title: str) -> None:
    table = Table(title=title)
    for heading in ("entry", "booked (Tehran)", "what", "for", "other account"):
        table.add_column(heading)
    for heading in ("change", "balance"):
        table.add_column(heading, justify="right")
    for line in found:
        other = f"{line.other_kind} {shown(line.other_kind, line.other_owner)}"
        moved = (f"{line.change:+,}", f"{line.balance:,}")
        table.add_row(str(line.entry_id), jalali(line.booked_at), line.entry, about(line.about), other, *moved)
    out.print(table)


def _work(read: Any) -> Any:
    from mopos.cli import with_database  # noqa: PLC0415  # it imports this module

    return with_database(read)
