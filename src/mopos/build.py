"""What the house stands on, put together from the settings: databases, terminals, whatever else actions need.

The gateway, the worker and the command line share it; only the gateway has the doors as well (`app.py`)."""

from __future__ import annotations

from collections.abc import Callable

from mopos.actions.credentials import access_to
from mopos.actions.services import Services
from mopos.actions.terminals import Heard, Terminals
from mopos.banks.catalogue import KINDS
from mopos.banks.port import Bank
from mopos.banks.wire import Transcript
from mopos.base.clock import Clock, system_clock
from mopos.base.config import Settings
from mopos.base.db import Database
from mopos.base.secret import Secret
from mopos.domain.routing.model import Terminal
from mopos.edges.transcripts import told_payout_call
from mopos.outside.inquiry import IbanInquiry
from mopos.outside.kavenegar import Kavenegar
from mopos.outside.payouts import PayoutBank
from mopos.outside.sms import Sms
from mopos.outside.transferor import Transferor
from mopos.outside.zibal_inquiry import ZibalInquiry

# Few people look at lists at once, and none of them may take the connections that payments need.
_REPORT_POOL = 4


def build_services(
    settings: Settings,
    db: Database,
    clock: Clock = system_clock,
    reports: Database | None = None,
    on_call: Callable[[Transcript], None] | None = None,
) -> Services:
    """Our terminals at banks and everything else that actions need, around open databases. The terminals are read by
    `terminals.watched`. `on_call` is told each call to a bank."""

    def connect(terminal: Terminal, heard: Heard) -> Bank:
        return _connector(settings, terminal, heard, on_call)

    return Services(
        db=db,
        terminals=Terminals(connect, clock),
        clock=clock,
        settings=settings,
        report_db=reports,
        sms=_sms(settings),
        inquiry=_inquiry(settings),
        payouts=_payouts(settings, clock),
    )


def _connector(
    settings: Settings, terminal: Terminal, heard: Heard, on_call: Callable[[Transcript], None] | None
) -> Bank:
    def tell(said: Transcript) -> None:
        heard(said)
        if on_call is not None:
            on_call(said)

    return KINDS[terminal.bank].make(access_to(settings, terminal, tell))


def _sms(settings: Settings) -> Sms | None:
    if settings.sms_url is None:
        return None
    key = Secret(settings.sms_key.get_secret_value())
    return Kavenegar(settings.sms_url, key, sender=settings.sms_sender, deadline_s=settings.bank_deadline_s)


def _inquiry(settings: Settings) -> IbanInquiry | None:
    if settings.inquiry_url is None:
        return None
    return ZibalInquiry(settings.inquiry_url, Secret(settings.inquiry_key.get_secret_value()))


def _payouts(settings: Settings, clock: Clock) -> PayoutBank | None:
    if settings.payout_url is None:
        return None
    return Transferor(
        settings.payout_url,
        Secret(settings.payout_key.get_secret_value()),
        Secret(settings.payout_secret.get_secret_value()),
        deadline_s=settings.bank_deadline_s,
        clock=clock,
        on_call=told_payout_call,
    )


def open_database(settings: Settings) -> Database:
    """The pool, not yet opened. `MOPOS_DATABASE_URL` must be set by now."""
    if settings.database_url is None:
        raise LookupError("MOPOS_DATABASE_URL is not set")
    return Database(settings.database_url, pool_size=settings.database_pool, timeout_s=settings.database_timeout_s)


def open_reports(settings: Settings) -> Database:
    """The pool for lists and reports, not yet opened."""
    dsn = settings.report_database_url or settings.database_url
    if dsn is None:
        raise LookupError("MOPOS_DATABASE_URL is not set")
    return Database(dsn, pool_size=_REPORT_POOL, timeout_s=settings.database_timeout_s, for_reports=True)
