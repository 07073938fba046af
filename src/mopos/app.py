"""The gateway: the doors, mounted on what the house stands on."""

from __future__ import annotations

from collections.abc import AsyncIterator
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

from mopos.actions.services import Services
from mopos.base import log as logging
from mopos.base.clock import system_clock
from mopos.base.config import Settings
from mopos.base.db import Database, DatabaseUnavailable
from mopos.base.errors import Refused
from mopos.build import build_services, open_database, open_reports
from mopos.db.migrate import refuse_when_behind
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
from mopos.edges.transcripts import Transcripts
from mopos.edges.web.assets import web_files
from mopos.edges.web.front import WebFront
from mopos.edges.web.routes import handlers

log = structlog.get_logger()


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
