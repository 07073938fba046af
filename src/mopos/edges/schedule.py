"""What runs when: the worker's periodic tasks beside the bank's sweep. Each is short and may run twice."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import NamedTuple

from mopos.actions.audit_operators import audit_newest
from mopos.actions.derive_reports import derive_reports
from mopos.actions.export_purchases import export_purchases, forget_old_exports
from mopos.actions.fetch_reports import fetch_reports
from mopos.actions.forget_old_console_rows import forget_old_console_rows
from mopos.actions.forget_old_sign_ins import forget_old_sign_ins
from mopos.actions.reconcile import reconcile
from mopos.actions.run_settlement import run_due_settlement
from mopos.actions.seal_books import seal_books
from mopos.actions.send_messages import send_due_messages
from mopos.actions.send_refunds import send_refunds
from mopos.actions.services import Services
from mopos.actions.submit_batch import PAGE, ask_due, submit_due
from mopos.actions.warn_of_unasked import warn_of_unasked
from mopos.domain.accounts import calls
from mopos.edges.panel.sheets import new_sheet


class Periodic(NamedTuple):
    """A task: its name in the queue, when (cron, with seconds as a sixth field), and what it does."""

    name: str
    cron: str
    run: Callable[[Services], Awaitable[object]]


async def _forget_old_calls(services: Services) -> None:
    await calls.forget_old(services.db, services.clock())


async def _export_purchases(services: Services) -> None:
    await export_purchases(services, new_sheet)


async def _reconcile(services: Services) -> None:
    await fetch_reports(services)
    await reconcile(services)


async def _submit_payouts(services: Services) -> None:
    while await submit_due(services) == PAGE:
        pass


async def _ask_about_payouts(services: Services) -> None:
    while await ask_due(services) == PAGE:
        pass


TASKS: tuple[Periodic, ...] = (
    Periodic("derive_reports", "* * * * * */3", derive_reports),
    Periodic("seal_books", "* * * * * */5", seal_books),
    Periodic("export_purchases", "* * * * * */3", _export_purchases),
    Periodic("forget_old_exports", "*/10 * * * *", forget_old_exports),
    Periodic("forget_old_calls", "*/5 * * * *", _forget_old_calls),
    Periodic("send_refunds", "* * * * * */2", send_refunds),
    Periodic("send_messages", "* * * * * */2", send_due_messages),
    Periodic("warn_of_unasked", "7 * * * *", warn_of_unasked),
    # From ten past midnight on; a PSP that is silent then is asked again.
    Periodic("reconcile", "*/10 * * * *", _reconcile),
    Periodic("run_due_settlement", "* * * * *", run_due_settlement),
    Periodic("submit_payouts", "* * * * * */5", _submit_payouts),
    Periodic("ask_about_payouts", "* * * * * */5", _ask_about_payouts),
    Periodic("audit_newest", "41 * * * *", audit_newest),
    Periodic("forget_old_console_rows", "53 * * * *", forget_old_console_rows),
    Periodic("forget_old_sign_ins", "23 * * * *", forget_old_sign_ins),
)
