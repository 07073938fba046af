"""What a request to the signed-in side goes through before its handler: session, CSRF, permission; and what follows."""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from typing import Any
from urllib.parse import parse_qsl, quote

import structlog
from litestar import Request, Response
from litestar.datastructures import State as AppState
from litestar.response import Redirect
from multipart import MultipartError, MultipartParser, parse_options_header

from mopos.actions.services import Services
from mopos.base.db import DatabaseUnavailable
from mopos.base.errors import Refused
from mopos.base.ids import looks_unguessable, unguessable
from mopos.base.secret import key_for, keyed_hash, same
from mopos.domain.accounts import store as accounts
from mopos.domain.accounts.model import Allow
from mopos.domain.operators import store as operators
from mopos.domain.operators.model import Duty
from mopos.domain.people import sessions
from mopos.edges.form import BODY_BYTES_MAX, FIELDS_MAX, read_body
from mopos.edges.http import CallerAddress
from mopos.edges.i18n import choose
from mopos.edges.web import render
from mopos.edges.web.ask import Ask, File, NotFound
from mopos.edges.web.cookies import YEAR_S, Jar
from mopos.edges.web.routes import Door, Route

SIGN_IN, SECOND, CONFIRM = "/sign-in", "/sign-in/second", "/confirm"
CONSOLE_SIGN_IN, CONSOLE_CONFIRM = "/console/sign-in", "/console/confirm"
# 256 random bits: nobody guesses a session.
TOKEN_BYTES = 32
# Files that are being read at once, of some megabytes each. People send one in a while.
LARGE_BODIES_MAX = 4

log = structlog.get_logger()


def token_hash(token: str) -> bytes:
    """Under which a session stands in the database: who reads the table can enter nothing."""
    return hashlib.sha256(token.encode()).digest()


class WebFront:
    """The way in, for all three areas."""

    def __init__(self, services: Services, callers: CallerAddress) -> None:
        self._services = services
        self._callers = callers
        self._csrf_key = key_for(services.settings.rmz_key, "csrf")
        self.jar = Jar(services.settings.public_url)
        self._large = asyncio.Semaphore(LARGE_BODIES_MAX)

    async def come_in(self, request: Request[Any, Any, AppState], row: Route) -> Response[Any]:
        """Answer a request to `row`."""
        ask = self._ask(request, row)
        try:
            refusal = await self._open(ask, row)
            answer = refusal or await row.handler(ask)
        except NotFound:
            answer = render.error(ask, "page_not_found")
        except Refused as refused:
            answer = render.error(ask, refused.problems[0].code)
        except DatabaseUnavailable:
            answer = render.error(ask, "out_of_order")
        if answer.status_code == 403:
            log.warning("web.refused", at=f"{row.method} {row.path}", source=ask.ip, session=bool(ask.maybe_session))
        answer.cookies = [*answer.cookies, *ask.cookies]
        return answer

    def _ask(self, request: Request[Any, Any, AppState], row: Route) -> Ask:
        area = row.path.split("/")[1]
        visit = request.cookies.get(self.jar.visit, "")
        made = [] if looks_unguessable(visit) else [self.jar.make(self.jar.visit, visit := unguessable())]
        switched = request.query_params.get("lang")
        lang = choose(switched or request.cookies.get(self.jar.lang), request.headers.get("accept-language"))
        if switched == lang:
            made.append(self.jar.make(self.jar.lang, lang, max_age=YEAR_S))
        session = request.cookies.get(self._cookie_of(row), "")
        return Ask(
            request=request,
            services=self._services,
            lang=lang,
            now=self._services.clock(),
            ip=self._callers.of(request.scope),
            csrf=keyed_hash(self._csrf_key, f"{visit} {session}").hex(),
            visit=visit,
            area=area if area in ("panel", "console") else "phone",
            cookies=made,
        )

    def _cookie_of(self, row: Route) -> str:
        return self.jar.operator if row.path.startswith("/console") else self.jar.person

    async def _open(self, ask: Ask, row: Route) -> Response[Any] | None:
        """Everything that must hold before the handler. Returns the refusal, if there is one."""
        token = ask.request.cookies.get(self._cookie_of(row), "")
        if token:
            ask.maybe_session = await sessions.find(self._services.db, token_hash(token), ask.now)
        console = isinstance(row.needs, Duty) or row.needs is Door.CONSOLE_OPEN
        # Before its body is read: a large one holds memory and a connection, and only who may send it gets that far.
        refusal = await (self._open_console(ask, row) if console else self._open_to_person(ask, row))
        if refusal is None and row.method == "POST":
            await self._read(ask, row)
            refusal = None if self._is_ours(ask) else render.error(ask, "form_expired")
        return refusal

    async def _read(self, ask: Ask, row: Route) -> None:
        if row.bytes_max <= BODY_BYTES_MAX:
            await _read(ask, row.bytes_max)
            return
        if self._large.locked():
            raise Refused(["too_many_requests"])
        async with self._large:
            await _read(ask, row.bytes_max)

    def _is_ours(self, ask: Ask) -> bool:
        """Whether a form was made by us for this very browser: its token, and the browser's own word on where it is
        from."""
        origin = ask.request.headers.get("origin")
        site = ask.request.headers.get("sec-fetch-site", "same-origin")
        if (origin and origin != self._services.settings.public_url) or site not in ("same-origin", "none"):
            return False
        given = ask.form.get("_csrf") or ask.request.headers.get("x-csrf-token") or ""
        return same(given.encode(), ask.csrf.encode())

    async def _open_to_person(self, ask: Ask, row: Route) -> Response[Any] | None:
        if row.needs is Door.OPEN:
            return None
        session = ask.maybe_session
        if session is None or session.person is None:
            return _to(SIGN_IN, ask)
        if row.needs is Door.HALF:
            return None
        if not session.second_factor:
            return _to(SECOND, ask)
        if isinstance(row.needs, Allow):
            found = await accounts.membership(self._services.db, ask.number("account"), session.person.id)
            if found is None:
                raise NotFound
            ask.maybe_membership = found
            if not found.may(row.needs):
                return render.error(ask, "not_allowed")
        return _to(CONFIRM, ask) if row.fresh and not session.is_fresh(ask.now) else None

    async def _open_console(self, ask: Ask, row: Route) -> Response[Any] | None:
        session = ask.maybe_session
        if session is not None and session.operator_id is not None:
            ask.maybe_operator = await operators.present(self._services.db, session.operator_id)
        if row.needs is Door.CONSOLE_OPEN:
            return None
        if session is None or ask.maybe_operator is None:
            return _to(CONSOLE_SIGN_IN, ask)
        if isinstance(row.needs, Duty) and not ask.maybe_operator.may(row.needs):
            return render.error(ask, "not_allowed")
        return _to(CONSOLE_CONFIRM, ask) if row.fresh and not session.is_fresh(ask.now) else None


def new_token() -> str:
    """A session's token: only the browser keeps it, we keep its `token_hash`."""
    return secrets.token_urlsafe(TOKEN_BYTES)


def sign_in_cookie(ask: Ask, token: str) -> None:
    """Hand a new session's token to the browser: the console's or the person's, by where it asks."""
    jar = Jar(ask.services.settings.public_url)
    ask.cookies.append(jar.make(jar.operator if ask.area == "console" else jar.person, token))


def sign_out_cookie(ask: Ask) -> None:
    """Take the token out of the browser again."""
    jar = Jar(ask.services.settings.public_url)
    ask.cookies.append(jar.gone(jar.operator if ask.area == "console" else jar.person))


def _to(path: str, ask: Ask) -> Response[Any]:
    # A form's own address cannot be opened again: its reader starts from the page that he was on.
    wanted = ask.here() if ask.request.method == "GET" else _page_before(ask)
    return Redirect(f"{path}?next={quote(wanted, safe='')}" if wanted else path, status_code=303)


def _page_before(ask: Ask) -> str:
    """The path of our page from which a form was sent, as the browser tells it; empty when it does not."""
    origin = ask.services.settings.public_url
    referer = ask.request.headers.get("referer", "")
    return referer.removeprefix(origin) if referer.startswith(f"{origin}/") else ""


def safe_next(ask: Ask, default: str) -> str:
    """Where to go on after signing in: a path of our own, never another site."""
    wanted = ask.form.get("next") or ask.query("next")
    ours = wanted.startswith("/") and not wanted.startswith("//") and "\\" not in wanted and wanted.isprintable()
    return wanted if ours else default


async def _read(ask: Ask, bytes_max: int) -> None:
    kind, options = parse_options_header(ask.request.headers.get("content-type", ""))
    body = await read_body(ask.request.receive, bytes_max)
    pairs: list[tuple[str, str]] = []
    try:
        if kind == "multipart/form-data":
            pairs, ask.files = _multipart(body, options.get("boundary", ""))
        elif kind == "application/x-www-form-urlencoded":
            pairs = parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=FIELDS_MAX)
        elif kind == "application/json":
            pairs = [("json", body.decode())]
    except (MultipartError, ValueError) as error:
        raise Refused(["form_unreadable"]) from error
    ask.form = dict(pairs)
    ask.several = {name: [value for key, value in pairs if key == name] for name, _ in pairs}


def _multipart(body: bytes, boundary: str) -> tuple[list[tuple[str, str]], dict[str, File]]:
    from io import BytesIO  # noqa: PLC0415  # only where files are sent

    parts = list(MultipartParser(BytesIO(body), boundary, part_limit=FIELDS_MAX, memory_limit=len(body) + 1))
    pairs = [(part.name, part.raw.decode()) for part in parts if part.filename is None]
    files = {part.name: File(part.filename, part.raw) for part in parts if part.filename}
    return pairs, files
