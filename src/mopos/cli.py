"""The operator's verbs: `mopos ...`."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, TypeVar

import psycopg
import typer
from pydantic import ValidationError
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from mopos.actions import audit as auditing
from mopos.actions import audit_operators, manage_account, manage_operators
from mopos.actions.audit_seals import audit_seals
from mopos.actions.services import Services
from mopos.banks.catalogue import KINDS
from mopos.base import log as logging
from mopos.base.clock import jalali, system_clock
from mopos.base.config import Settings
from mopos.base.db import Database, DatabaseUnavailable
from mopos.base.embedded import EmbeddedServerError
from mopos.base.errors import Refused
from mopos.base.ids import with_check_digit
from mopos.base.secret import Secret
from mopos.build import build_services, open_database, open_reports
from mopos.cli_fee import fee
from mopos.cli_ledger import ledger, print_balances
from mopos.cli_recon import reconcile_command, statement
from mopos.cli_route import route
from mopos.cli_settlement import calendar, settlement
from mopos.cli_terminal import terminal
from mopos.db.migrate import DatabaseBehind, migrate, refuse_when_behind
from mopos.domain.operators import store as operators
from mopos.domain.operators.changes import By
from mopos.edges.demo.parts import PartFailed
from mopos.edges.i18n.lang import Lang
from mopos.edges.i18n.texts import TEXTS
from mopos.edges.running import KeyMissing, ready

T = TypeVar("T")
Port = Annotated[int, typer.Option(min=0, max=65_535, help="Port to listen on.")]

app = typer.Typer(
    name="mopos",
    help="MoPos, a self-hosted internet payment gateway. Settings come from MOPOS_* (docs/reference/settings.md).",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
account = typer.Typer(help="Merchants' gateways: the number ID and the password Rmz.", no_args_is_help=True)
app.add_typer(account, name="account")
operator = typer.Typer(help="Who works at the console: names, roles, one-time passwords.", no_args_is_help=True)
app.add_typer(operator, name="operator")
app.add_typer(fee, name="fee")
app.add_typer(terminal, name="terminal")
app.add_typer(route, name="route")
app.add_typer(ledger, name="ledger")
app.add_typer(settlement, name="settlement")
app.add_typer(calendar, name="calendar")
app.add_typer(statement, name="statement")
app.command("reconcile")(reconcile_command)


class SimulatorFailed(Exception):
    """A simulator cannot begin."""


class DatabaseMissing(Exception):
    """What was asked about is not there, and making an empty one would answer wrongly."""


out = Console(highlight=False)
err = Console(stderr=True, highlight=False)


def _show_version(wanted: bool) -> None:
    if wanted:
        print(f"mopos {version('mopos')}")
        raise typer.Exit


@app.callback()
def verbs(
    _: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version and stop.")
    ] = False,
) -> None:
    """MoPos, a self-hosted internet payment gateway. Settings come from MOPOS_* (docs/reference/settings.md)."""


def main() -> None:
    """The command `mopos`: known failures are one clear line and exit status 1."""
    try:
        app()
    except (EmbeddedServerError, DatabaseBehind, DatabaseMissing, KeyMissing, PartFailed, SimulatorFailed) as error:
        err.print(f"[bold red]mopos:[/] {error}", soft_wrap=True)
        sys.exit(1)
    except ValidationError as error:
        # Without the value that was given: it may be a secret.
        for problem in error.errors(include_input=False, include_url=False, include_context=False):
            name = "_".join(str(part) for part in problem["loc"]).upper()
            err.print(f"[bold red]mopos:[/] MOPOS_{name}: {problem['msg']}", soft_wrap=True)
        sys.exit(1)
    except (DatabaseUnavailable, psycopg.OperationalError):
        err.print("[bold red]mopos:[/] the database does not answer; see MOPOS_DATABASE_URL")
        sys.exit(1)


@app.command()
def serve(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Port = 8000,
    workers: Annotated[int, typer.Option(min=1, max=64, help="Gateway processes.")] = 1,
    with_worker: Annotated[bool, typer.Option(help="Run the worker beside it.")] = False,
) -> None:
    """Run the gateway. Requests in flight are finished when it is told to stop."""
    import uvicorn  # noqa: PLC0415  # half a second that other verbs need not wait for

    with _prepared() as settings, _worker_beside(with_worker):
        uvicorn.run(
            "mopos.app:create_app",
            factory=True,
            host=host,
            port=port,
            workers=workers,
            loop="uvloop",
            http="mopos.edges.server:BoundedHead",
            ws="none",
            # Addresses of callers are read from the settings' trusted proxies, by ourselves.
            proxy_headers=False,
            server_header=False,
            access_log=False,
            log_level="warning" if settings.log_level != "debug" else "info",
            timeout_graceful_shutdown=30,
            timeout_keep_alive=15,
            backlog=4096,
        )


@contextmanager
def _worker_beside(wanted: bool) -> Iterator[None]:
    if not wanted:
        yield
        return
    process = subprocess.Popen([sys.executable, "-m", "mopos", "worker"], start_new_session=True)
    try:
        yield
    finally:
        process.terminate()
        process.wait()


@app.command()
def worker() -> None:
    """Run the worker: it asks banks about purchases whose answer is missing, and ends those that nobody finished."""
    from mopos.edges.transcripts import Transcripts  # noqa: PLC0415
    from mopos.edges.worker import run_worker  # noqa: PLC0415

    async def run(settings: Settings) -> None:
        async with open_database(settings) as db, open_reports(settings) as reports:
            transcripts = Transcripts(db, system_clock)
            async with transcripts.recorder:
                services = build_services(settings, db, reports=reports, on_call=transcripts.heard)
                async with services.terminals.watched(db):
                    await run_worker(settings.database_url or "", services)

    with _prepared() as settings:
        asyncio.run(run(settings))


@app.command("bank-sim")
def bank_sim(
    bank: Annotated[str, typer.Argument(metavar="BANK", help=f"Which one: {', '.join(KINDS)}.")] = "sandbox",
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Port = 8001,
    seed: Annotated[
        int | None, typer.Option(help="The same seed gives the same tokens and passwords; for tests.")
    ] = None,
    book: Annotated[Path | None, typer.Option(help="File in which the bank keeps what it took and gave back.")] = None,
    domain: Annotated[
        str,
        typer.Option(
            help="The merchant's registered domain, such as the gateway's host: return addresses lie inside of it. "
            "Any, if left out."
        ),
    ] = "",
    session: Annotated[float | None, typer.Option(min=1, help="Seconds that a buyer may stay on its page.")] = None,
    give_back: Annotated[
        float | None, typer.Option(min=1, help="Seconds after which it gives back what nobody verified.")
    ] = None,
    reverse: Annotated[
        float | None, typer.Option(min=0, help="Seconds after a payment in which it can be reversed.")
    ] = None,
) -> None:
    """Run a simulated bank: one to play with, in which no money exists. Times that are not given are the bank's own;
    the sandbox bank's are those of the settings. Keep it off public addresses: whoever reaches it reads its book, and
    can make it fail."""
    from mopos.banks.sim import service  # noqa: PLC0415  # needed by this verb only
    from mopos.banks.sims import SIMS  # noqa: PLC0415

    if bank not in SIMS:
        raise typer.BadParameter(f"there is none of this name; one of {', '.join(SIMS)}", param_hint="BANK")
    settings = _settings()
    if bank == "sandbox":
        session = settings.sandbox_session_s if session is None else session
        give_back = settings.sandbox_give_back_s if give_back is None else give_back
        reverse = settings.sandbox_reverse_s if reverse is None else reverse
    with _simulating(host, port, book):
        service.run(
            SIMS[bank],
            host,
            port,
            seed=seed,
            book_path=book,
            session_s=session,
            give_back_s=give_back,
            reverse_s=reverse,
            deadline_s=settings.bank_deadline_s,
            terminals=(replace(SIMS[bank].terminal, domain=domain.strip().lower()),),
        )


@contextmanager
def _simulating(host: str, port: int, book: Path | None) -> Iterator[None]:
    """A simulator that cannot begin says so in one line."""
    from mopos.banks.sim.book import WrongBook  # noqa: PLC0415  # needed by simulators only

    try:
        yield
    except WrongBook as wrong:
        raise SimulatorFailed(str(wrong)) from None
    except OSError as error:
        what = f"the book {book}" if error.filename is not None else f"{host} port {port}"
        raise SimulatorFailed(f"{what} cannot be used: {error.strerror}") from None
    except (ValueError, LookupError) as error:
        if book is None:
            raise
        raise SimulatorFailed(f"the book {book} cannot be read ({error}): move it away, or name another one") from None


@app.command("services-sim")
def services_sim(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Port = 8003,
) -> None:
    """Run simulators of the services beside the bank: the SMS provider, whose outbox is a page, and inquiries."""
    from mopos.outside import services_sim as simulators  # noqa: PLC0415  # needed by this verb only

    _settings()
    simulators.run(host, port)


@app.command("central-bank-sim")
def central_bank_sim(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Port = 8004,
    seed: Annotated[int, typer.Option(help="The same seed lets the same orders come back on the same days.")] = 0,
    return_ppm: Annotated[
        int, typer.Option(min=0, max=1_000_000, help="How many of a million ordinary orders come back days later.")
    ] = 0,
    book: Annotated[Path | None, typer.Option(help="File in which it keeps orders and deposits.")] = None,
) -> None:
    """Run a simulator of the central bank: it takes payout files and orders, carries them in the cycles of bank days,
    gives results and statements, and shows on a page what it did."""
    from mopos.outside import central_bank_sim as simulator  # noqa: PLC0415  # needed by this verb only

    settings = _settings()
    with _simulating(host, port, book):
        simulator.run(
            host,
            port,
            seed=seed,
            return_ppm=return_ppm,
            book_path=book,
            key=Secret(settings.payout_key.get_secret_value() or simulator.DEFAULT_KEY),
            secret=Secret(settings.payout_secret.get_secret_value() or simulator.DEFAULT_SECRET),
            deadline_s=settings.bank_deadline_s,
        )


@app.command("demo-shop", hidden=True)
def demo_shop(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Port = 8002,
    account: Annotated[str, typer.Option(help="The shop's ID at the gateway.")] = "",
) -> None:
    """Run the sample shop of the demo. Its Rmz comes in MOPOS_DEMO_RMZ."""
    from mopos.edges.demo import shop  # noqa: PLC0415  # needed by this verb only

    settings = _settings()
    rmz = Secret(os.environ["MOPOS_DEMO_RMZ"])
    shop.run(
        host, port, gateway_url=settings.public_url, account_id=account, rmz=rmz, public_url=f"http://{host}:{port}"
    )


@app.command("migrate")
def migrate_command() -> None:
    """Bring the database to the present. Running it again changes nothing."""
    with ready(_settings()) as settings:
        applied = migrate(settings.database_url or "")
    for name in applied:
        out.print(f"applied {name}")
    out.print("the database is at the present")


@app.command("audit")
def audit_command() -> None:
    """Recompute everything from the journal and print what differs. Exit status 1 when something does."""
    with _prepared(make=False) as settings:
        clean = _with_database(settings, _audit)
    raise typer.Exit(0 if clean else 1)


async def _audit(db: Database) -> bool:
    began = system_clock()
    findings: list[audit_operators.Finding] = []
    ends: dict[str, str] = {}
    head_id, head_hash = 0, b""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=err) as bar:
        task = bar.add_task("auditing purchases and money", total=None)
        async for step in auditing.audit(db, began):
            bar.update(task, completed=step.done, total=step.of)
            findings.extend(audit_operators.Finding(f.about, f"{f.what} ({f.check})") for f in step.findings)
        task = bar.add_task("auditing the seals", total=None)
        async for part in audit_seals(db, began):
            bar.update(task, completed=part.done, total=part.of)
            findings.extend(audit_operators.Finding(f.about, f.what) for f in part.findings)
            ends[part.source] = f"{part.source} is sealed up to row {part.last_id}, {part.hash.hex()}"
        task = bar.add_task("auditing the audit log", total=None)
        async for stretch in audit_operators.audit_log(db):
            bar.update(task, completed=stretch.done, total=stretch.of)
            findings.extend(stretch.findings)
            head_id, head_hash = stretch.head_id, stretch.head_hash
    print_balances(await auditing.trial_balance(db), "Trial balance, Rial")
    for finding in findings:
        out.print(f"[red]{finding.about}[/]: {finding.what}", soft_wrap=True)
    for end in ends.values():
        out.print(end, soft_wrap=True)
    if head_id:
        out.print(f"the audit log ends with row {head_id}, {head_hash.hex()}", soft_wrap=True)
    out.print("[bold red]differences found[/]" if findings else "[green]no differences[/]")
    purchases = await auditing.count(db)
    await audit_operators.keep_run(
        db, "full", began, system_clock, findings, purchases=purchases, head_id=head_id, head_hash=head_hash
    )
    return not findings


@app.command()
def demo(
    check: Annotated[
        bool, typer.Option("--check", help="Do one whole purchase at each bank by itself, then stop.")
    ] = False,
    days: Annotated[
        int,
        typer.Option(min=0, max=60, help="Play so many days of sales, refunds and settlement in seconds, then stop."),
    ] = 0,
    bank: Annotated[str, typer.Option(help=f"Which simulated bank: {', '.join(KINDS)}, or all of them.")] = "sandbox",
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[
        int,
        typer.Option(min=1, max=65_000, help="First of the ports: gateway, bank, shop, SMS; five on: further banks."),
    ] = 8000,
) -> None:
    """Start everything on this machine to play with: gateway, worker, simulated banks and a sample shop."""
    from mopos.edges.demo.banks import BankUnknown, chosen  # noqa: PLC0415  # needed by this verb only
    from mopos.edges.demo.check import check_demo  # noqa: PLC0415
    from mopos.edges.demo.run import run_demo  # noqa: PLC0415

    if days:
        from mopos.edges.demo.week import run_week  # noqa: PLC0415  # needed by this verb only

        raise typer.Exit(run_week(days, build_services))
    try:
        banks = chosen(bank)
    except BankUnknown as unknown:
        raise typer.BadParameter(str(unknown), param_hint="--bank") from None
    raise typer.Exit(check_demo(banks) if check else run_demo(host, port, banks, build_services))


@app.command("demo-code")
def demo_code(
    name: Annotated[str, typer.Argument(metavar="NAME", help="One of the demo's operators, such as `admin`.")],
) -> None:
    """Print the code that a demo operator's authenticator app shows now."""
    from mopos.edges.demo.people import code_of  # noqa: PLC0415  # needed by this verb only

    code = code_of(_settings().data_dir / "demo", name, system_clock())
    if code is None:
        raise typer.BadParameter("the demo has no such operator; see what `mopos demo` prints", param_hint="NAME")
    out.print(code)


@app.command("reference", hidden=True)
def reference(
    folder: Annotated[Path, typer.Argument(help="Where the pages are written.")] = Path("docs/reference"),
) -> None:
    """Write the reference pages of the documentation from the code."""
    from mopos.edges.reference import pages  # noqa: PLC0415  # needed by this verb only

    for name, text in pages(app).items():
        (folder / name).write_text(text, encoding="utf-8")
        out.print(f"wrote {folder / name}")


@account.command("create")
def account_create(
    name: Annotated[str, typer.Option(help="The merchant's name, as buyers see it.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")] = False,
) -> None:
    """Make a gateway. Its Rmz is shown once: only its hash is kept."""
    with _prepared() as settings:
        try:
            made = _with_database(settings, lambda db: manage_account.create_account(db, system_clock, settings, name))
        except manage_account.NameUnusable as error:
            raise typer.BadParameter(str(error), param_hint="--name") from None
    _print_credentials(made, as_json)


@account.command("rotate-rmz")
def account_rotate(
    number: Annotated[str, typer.Argument(metavar="ID", help="The gateway's number.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")] = False,
) -> None:
    """Give a gateway a new Rmz. The old one stays valid for MOPOS_RMZ_GRACE_S seconds."""
    with _prepared(make=False) as settings:
        made = _with_database(settings, lambda db: manage_account.rotate_rmz(db, system_clock, settings, number))
    if made is None:
        raise typer.BadParameter("there is no gateway with this number", param_hint="ID")
    _print_credentials(made, as_json)


@account.command("suspend")
def account_suspend(
    number: Annotated[str, typer.Argument(metavar="ID", help="The gateway's number.")],
    reason: Annotated[str, typer.Option(help="Why; it stands in the audit log.")],
) -> None:
    """Let a gateway take no new purchases. PayRep still answers for those it sold. For gateways that this command line
    made; others are decided upon at the console."""
    _switch(number, suspended=True, reason=reason)


@account.command("resume")
def account_resume(
    number: Annotated[str, typer.Argument(metavar="ID", help="The gateway's number.")],
    reason: Annotated[str, typer.Option(help="Why; it stands in the audit log.")],
) -> None:
    """Let a suspended gateway take purchases again."""
    _switch(number, suspended=False, reason=reason)


def _switch(number: str, *, suspended: bool, reason: str) -> None:
    with _prepared(make=False) as settings:
        work = lambda db: manage_account.switch(db, system_clock, number, suspended=suspended, reason=reason)  # noqa: E731
        if not _with_database(settings, work):
            raise typer.BadParameter(
                "there is no such gateway of the command line, or it is so already", param_hint="ID"
            )
    out.print("suspended" if suspended else "takes purchases again")


@account.command("list")
def account_list(
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object a line.")] = False,
) -> None:
    """List the gateways."""

    async def show(db: Database) -> None:
        if not as_json:
            out.print("ID        made at (Tehran)     name")
        async for gateway in manage_account.accounts(db):
            number = with_check_digit(gateway.id)
            if as_json:
                print(json.dumps({"ID": number, "name": gateway.name}, ensure_ascii=False))
            else:
                out.print(f"{number:<9} {jalali(gateway.created_at)}  {gateway.name}", markup=False)

    with _prepared(make=False) as settings:
        _with_database(settings, show)


def _print_credentials(made: manage_account.Credentials, as_json: bool) -> None:
    if as_json:
        print(json.dumps({"ID": made.id, "Rmz": made.rmz.reveal()}))
        return
    out.print(f"ID:  {made.id}\nRmz: {made.rmz.reveal()}\nKeep the Rmz now: it cannot be shown again.")


@operator.command("add")
def operator_add(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Sign-in name: small letters, digits, dots, dashes.")],
    role: Annotated[str, typer.Option(help="support, risk, finance or admin.")] = "admin",
    title: Annotated[str, typer.Option(help="The person's name, as others see it.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")] = False,
) -> None:
    """Make an operator. Prints a one-time password: with it the operator sets an own password and TOTP within a day."""

    async def work(db: Database) -> manage_operators.Handed:
        post = manage_operators.read_post(role)
        return await manage_operators.add_operator(
            db, system_clock, name=name, title=title, post=post, by=By(None, "mopos operator add")
        )

    _print_handed(_operators(work, make=True), as_json)


@operator.command("reset")
def operator_reset(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Whose credentials are lost or stolen.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")] = False,
) -> None:
    """Give an operator a new one-time password: TOTP, passkeys and sessions end, and a disabled one may work again."""

    async def work(db: Database) -> manage_operators.Handed | None:
        return await manage_operators.reset_operator(db, system_clock, name, By(None, "mopos operator reset"))

    handed = _operators(work)
    if handed is None:
        raise typer.BadParameter("there is no operator with this name", param_hint="NAME")
    _print_handed(handed, as_json)


@operator.command("disable")
def operator_disable(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Who may not work any more.")],
) -> None:
    """Put an operator out at once, whatever is open. The last admin stays."""

    async def work(db: Database) -> bool:
        operator_id = await operators.number_of(db, name)
        if operator_id is not None:
            reason = "mopos operator disable"
            await manage_operators.disable_operator(db, system_clock, operator_id, who=None, reason=reason)
        return operator_id is not None

    if not _operators(work):
        raise typer.BadParameter("there is no operator with this name", param_hint="NAME")
    out.print(f"{name} is disabled")


@operator.command("list")
def operator_list(
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object a line.")] = False,
) -> None:
    """List the operators."""
    found = _operators(operators.everybody)
    for one in found:
        state = "disabled" if one.disabled_at else "setting up" if one.setup_until else "active"
        if as_json:
            facts = {"name": one.name, "title": one.title, "role": one.post, "state": state}
            print(json.dumps(facts, ensure_ascii=False))
        else:
            out.print(f"{one.name:<20} {one.post:<8} {state:<10} {one.title}", markup=False)


def _operators(work: Callable[[Database], Awaitable[T]], *, make: bool = False) -> T:
    """Work on operators; what the catalogue refuses is one line."""
    with _prepared(make=make) as settings:
        try:
            return _with_database(settings, work)
        except Refused as refused:
            raise typer.BadParameter(TEXTS[Lang.EN][f"problem.{refused.problems[0].code}"]) from None


def _print_handed(handed: manage_operators.Handed, as_json: bool) -> None:
    if as_json:
        print(json.dumps({"name": handed.name, "password": handed.password.reveal()}))
        return
    out.print(f"name:              {handed.name}\none-time password: {handed.password.reveal()}")
    out.print("It works once, within a day, at /console/sign-in. It cannot be shown again.")


def _settings() -> Settings:
    settings = Settings()
    logging.set_up(settings.log_level)
    return settings


@contextmanager
def _prepared(*, make: bool = True) -> Iterator[Settings]:
    """A database that runs and is at the present. The embedded one is brought there; a server must have been. Without
    `make` an embedded one must be there already: who works on a gateway and has forgotten its settings would work on a
    new and empty one beside it, and be told that all is well."""
    asked = _settings()
    if not make and asked.database_url is None and not (asked.data_dir / "postgresql" / "cluster").exists():
        raise DatabaseMissing(
            f"MOPOS_DATABASE_URL is not set, and there is no database in {asked.data_dir} (MOPOS_DATA_DIR): give this "
            "command the settings that the gateway has"
        )
    with ready(asked) as settings:
        if asked.database_url is None:
            migrate(settings.database_url or "")
        else:
            refuse_when_behind(settings.database_url or "")
        yield settings


def with_services(work: Callable[[Services], Awaitable[T]]) -> T:
    """For the verbs of other modules: the services of an action, on a database that runs and is at the present."""

    async def run(db: Database) -> T:
        services = build_services(settings, db, system_clock)
        try:
            return await work(services)
        finally:
            await services.terminals.aclose()

    with _prepared(make=False) as settings:
        return _with_database(settings, run)


def with_database(work: Callable[[Database], Awaitable[T]]) -> T:
    """For the verbs of other modules: work on a database that runs and is at the present."""
    with _prepared(make=False) as settings:
        return _with_database(settings, work)


def _with_database(settings: Settings, work: Callable[[Database], Awaitable[T]]) -> T:
    async def run() -> T:
        async with open_database(settings) as db:
            return await work(db)

    return asyncio.run(run())
