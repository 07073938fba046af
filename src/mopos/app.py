"""The composition root: reads the settings, builds what the house stands on, mounts the doors."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import structlog
from litestar import HttpMethod, Litestar, Request, Response, asgi, get
from litestar.exceptions import HTTPException, MethodNotAllowedException, NotFoundException
from litestar.params import FromPath
from litestar.types import (
    ASGIApp,
    HTTPResponseBodyEvent,
    HTTPResponseStartEvent,
    Receive,
    Scope,
    Send,
)

from mopos.actions.credentials import access_to
from mopos.actions.services import Services
from mopos.actions.terminals import Heard, Terminals
from mopos.banks.catalogue import KINDS
from mopos.banks.port import Bank
from mopos.banks.wire import Transcript
from mopos.base import log as logging
from mopos.base.clock import Clock, system_clock
from mopos.base.config import Settings
from mopos.base.db import Database, DatabaseUnavailable
from mopos.base.errors import Refused
from mopos.base.secret import Secret
from mopos.db.migrate import refuse_when_behind
from mopos.domain.routing.model import Terminal
from mopos.edges import brand, well_known
from mopos.edges.call_log import CallLog
from mopos.edges.console import routes as console
from mopos.edges.form import read_body
from mopos.edges.http import SOAP_PATH, CallerAddress, Front
from mopos.edges.panel import routes as panel
from mopos.edges.pay import pages
from mopos.edges.pay.views import Buyer, lang_of, response
from mopos.edges.pay_rep import PayRep
from mopos.edges.phone import routes as phone
from mopos.edges.soap.asmx import Asmx, AsmxRequest, AsmxResponse
from mopos.edges.transcripts import Transcripts, told_payout_call
from mopos.edges.web.assets import web_files
from mopos.edges.web.front import WebFront
from mopos.edges.web.routes import handlers
from mopos.outside.inquiry import IbanInquiry
from mopos.outside.kavenegar import Kavenegar
from mopos.outside.payouts import PayoutBank
from mopos.outside.sms import Sms
from mopos.outside.transferor import Transferor
from mopos.outside.zibal_inquiry import ZibalInquiry

# Few people look at lists at once, and none of them may take the connections that payments need.
_REPORT_POOL = 4

log = structlog.get_logger()


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


def create_app() -> ASGIApp:
    """The gateway as an ASGI application, set up from the environment. Refuses a database that is behind."""
    settings = Settings()
    logging.set_up(settings.log_level)
    db = open_database(settings)
    refuse_when_behind(settings.database_url or "")
    reports = open_reports(settings)
    transcripts = Transcripts(db, system_clock)
    services = build_services(settings, db, reports=reports, on_call=transcripts.heard)
    callers = CallerAddress(settings.trusted_proxies)
    calls = CallLog(services)

    @asynccontextmanager
    async def lifespan(_: Litestar) -> AsyncIterator[None]:
        async with db, reports, calls.recorder, transcripts.recorder, services.terminals.watched(db):
            yield

    app = Litestar(
        route_handlers=[
            *Buyer(services, callers, calls).routes(),
            _asmx_door(services, callers, calls),
            *handlers([*phone.ROUTES, *panel.ROUTES, *console.ROUTES], WebFront(services, callers).come_in),
            *_static_doors(),
            *brand.routes(services),
            *well_known.routes(services),
            *_health_doors(db),
        ],
        lifespan=[lifespan],
        exception_handlers={HTTPException: _show_http_error, Exception: _show_failure},
        openapi_config=None,
        logging_config=None,
        request_max_body_size=None,  # edges/form bounds the body itself, by size and by time
    )
    return Front(app, tls=settings.public_url.startswith("https:"))


def _asmx_door(services: Services, callers: CallerAddress, calls: CallLog) -> Any:
    asmx = Asmx(services.settings.public_url, PayRep(services, calls), calls.wrong_call)

    @asgi(SOAP_PATH, is_mount=True, copy_scope=True)
    async def door(scope: Scope, receive: Receive, send: Send) -> None:
        request: Request[Any, Any, Any] = Request(scope, receive, send)
        method = str(request.method)
        try:
            body = await read_body(receive) if method == HttpMethod.POST else b""
            answer = await asmx.answer(
                AsmxRequest(
                    method=method,
                    path_info=_path_info(scope),
                    query=scope["query_string"],
                    content_type=request.headers.get("content-type"),
                    soap_action=request.headers.get("soapaction"),
                    body=body,
                    source=callers.of(scope),
                )
            )
        except Refused as refused:
            answer = AsmxResponse(refused.status, (), b"")
        # ASGI's own two messages: nothing of a framework's response is of use here, and PayRep is called most of all.
        headers = [(name.lower().encode(), value.encode()) for name, value in answer.headers]
        headers.append((b"content-length", str(len(answer.body)).encode()))
        start: HTTPResponseStartEvent = {"type": "http.response.start", "status": answer.status, "headers": headers}
        body_event: HTTPResponseBodyEvent = {"type": "http.response.body", "body": answer.body, "more_body": False}
        await send(start)
        await send(body_event)

    return door


def _path_info(scope: Scope) -> str:
    return scope["raw_path"].decode("latin-1").removeprefix(SOAP_PATH)


def _static_doors() -> list[Any]:
    files = {file.name: file for file in (*pages.static_files(), *web_files())}

    @get("/static/{name:str}")
    async def static(name: FromPath[str]) -> Response[bytes]:
        found = files.get(name)
        if found is None:
            raise NotFoundException
        headers = {"Cache-Control": "public, max-age=31536000, immutable", "X-Content-Type-Options": "nosniff"}
        return Response(found.body, media_type=found.content_type, headers=headers)

    return [static]


def _health_doors(db: Database) -> list[Any]:
    @get("/healthz", media_type="text/plain")
    async def healthz() -> str:
        """The process answers."""
        return "ok\n"

    @get("/readyz", media_type="text/plain")
    async def readyz() -> Response[str]:
        """It can also work: PostgreSQL answers."""
        try:
            await db.one("select 1")
        except DatabaseUnavailable:
            return Response("the database does not answer\n", status_code=503)
        return Response("ok\n")

    return [healthz, readyz]


def _show_http_error(request: Request[Any, Any, Any], error: HTTPException) -> Response[Any]:
    code = "method_not_allowed" if isinstance(error, MethodNotAllowedException) else "page_not_found"
    return response(pages.error_page(code, lang_of(request)))


def _show_failure(request: Request[Any, Any, Any], error: Exception) -> Response[Any]:
    # The type is enough to find the place; messages of libraries may carry what a buyer or merchant has sent.
    log.error("failure", kind=type(error).__name__, where=logging.places(error))
    return response(pages.error_page("out_of_order", lang_of(request)))
