"""`WebServiceMoPos.asmx`: what ASP.NET's ASMX would answer to each request, independent of any web framework."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from html import escape
from ipaddress import ip_address
from urllib.parse import unquote_plus

import structlog
from multipart import parse_options_header

from mopos.edges.soap import pages
from mopos.edges.soap.read import (
    ACTION,
    OPERATION,
    Envelope,
    Fault,
    Unreadable,
    Wrong,
    read_call,
    read_envelope,
    read_form_call,
    refuse_unknown_headers,
)
from mopos.edges.soap.result import PayRepCall, PayRepResult
from mopos.edges.soap.write import FaultCode, Version, bare_result, soap_fault, soap_result

# Three short parameters in an envelope are under a kilobyte; the rest is room for headers that a client adds.
BODY_BYTES_MAX = 64 * 1024

_SOAP11, _SOAP12, _JSON = "text/xml", "application/soap+xml", "application/json"
_SOAP = (_SOAP11, _SOAP12)
_XML = "text/xml; charset=utf-8"
_PLAIN = "text/plain; charset=utf-8"
# ASP.NET's two ways to say "not for caches": after the method ran, and before.
_RAN = ("Cache-Control", "private, max-age=0")
_NOT_RUN = ("Cache-Control", "private")

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class AsmxRequest:
    """A request to the service. `path_info` is what follows `.asmx`: empty, or `/PayRep`.

    Query and body hold the `Rmz`, so they are never printed."""

    method: str
    path_info: str
    query: bytes = field(repr=False)
    content_type: str | None
    soap_action: str | None
    body: bytes = field(repr=False)
    source: str
    """The caller's address."""


@dataclass(frozen=True, slots=True)
class AsmxResponse:
    """The answer; Content-Length is left to the server."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


class Asmx:
    """The service around one function. Addresses in its documents come from `public_url`, never from a request."""

    def __init__(
        self,
        public_url: str,
        pay_rep: Callable[[PayRepCall], Awaitable[PayRepResult]],
        note_wrong: Callable[[AsmxRequest, Wrong], None] = lambda request, wrong: None,
    ) -> None:
        """`note_wrong` is told of calls that never reach `pay_rep`, as far as they name a gateway."""
        self._pay_rep = pay_rep
        self._note_wrong = note_wrong
        self._documents = pages.Documents(public_url)

    async def answer(self, request: AsmxRequest) -> AsmxResponse:
        """Answer one request, whatever it is. Never raises."""
        if len(request.body) > BODY_BYTES_MAX:
            return _empty(413)
        match request.method, request.path_info:
            case "GET", "" | "/":
                return self._document(request)
            case "POST", "" | "/":
                return await self._soap(request)
            case "GET" | "POST", path:
                return await self._bare(request, path.strip("/"))
            case "HEAD", _:
                return _html(405, None)
            case _:
                return _html(405, "The HTTP verb used to access this path is not allowed.")

    # --- documents ----------------------------------------------------------------------------------------------------

    def _document(self, request: AsmxRequest) -> AsmxResponse:
        documents = self._documents
        # A document is asked for by a query part without a value, as ASP.NET has it: `?WSDL`, also `?WSDL&x=1`.
        asked = [part.partition("=") for part in request.query.decode("latin-1").lower().split("&")]
        for name, is_given, value in asked:
            match name, is_given:
                case "wsdl", "":
                    return AsmxResponse(200, (("Content-Type", _XML), _RAN), documents.wsdl)
                case "disco", "":
                    return AsmxResponse(200, (("Content-Type", _XML), _RAN), documents.disco)
                case "op", "=":
                    operation = documents.local_operation if _is_local(request.source) else documents.operation
                    page = operation if value == OPERATION.lower() else documents.no_operation
                    return AsmxResponse(200, (*pages.HTML_HEADERS, _RAN), page)
        return AsmxResponse(200, (*pages.HTML_HEADERS, _RAN), documents.description)

    # --- SOAP ---------------------------------------------------------------------------------------------------------

    async def _soap(self, request: AsmxRequest) -> AsmxResponse:
        kind, options = parse_options_header(request.content_type or "")
        kind = kind.lower()
        if kind == _JSON:
            return _html(500, "Request format is unrecognized.")
        if kind not in _SOAP:
            return _empty(415)
        try:
            envelope = _route(request, kind, options)
            if envelope.version is Version.SOAP11 and kind != _SOAP11:
                return _empty(415)
            call = read_call(envelope, request.source)
            refuse_unknown_headers(envelope)
            result = await self._run(envelope.version, call)
        except Unreadable:
            return _empty(400)
        except Fault as fault:
            return _fault(fault)
        version = envelope.version
        return AsmxResponse(200, (("Content-Type", version.content_type), _RAN), soap_result(version, result))

    async def _run(self, version: Version, call: PayRepCall) -> PayRepResult:
        try:
            return await self._pay_rep(call)
        except Exception as error:
            log.error("asmx.failure", kind=type(error).__name__)
            raise Fault(version, FaultCode.SERVER, _UNABLE) from None

    # --- HTTP GET and POST --------------------------------------------------------------------------------------------

    async def _bare(self, request: AsmxRequest, name: str) -> AsmxResponse:
        if name.lower() != OPERATION.lower():
            return _plain(f"{name[:100]} Web Service method name is not valid.")
        try:
            call = _read_bare(request)
        except Wrong as wrong:
            self._note_wrong(request, wrong)
            return _plain(str(wrong))
        try:
            result = await self._run(Version.SOAP11, call)
        except Fault as fault:
            return _plain(fault.message, _RAN)
        return AsmxResponse(200, (("Content-Type", _XML), _RAN), bare_result(result))


# What a caller is told of a failure of ours. Its message could carry what was sent, so it is not passed on.
_UNABLE = "Server was unable to process request. ---> Internal error."


def _route(request: AsmxRequest, kind: str, options: dict[str, str]) -> Envelope:
    """The envelope, once it is sure that it is for `PayRep`. Raises `Unreadable`, `Fault`.

    SOAP 1.1 is routed by the header SOAPAction alone, before the body is looked at (capture 23); everything else by the
    action in the content type, or else by the body's element (captures 04, 24, 32)."""
    charset = options.get("charset", "")
    if kind == _SOAP11 and request.soap_action is not None:
        action = request.soap_action.strip().strip('"')
        if not _is_ours(action):
            message = f"Server did not recognize the value of HTTP Header SOAPAction: {action}."
            raise Fault(Version.SOAP11, FaultCode.CLIENT, message)
        return read_envelope(request.body, charset)
    action = options.get("action", "")
    envelope = read_envelope(request.body, charset)
    if not _is_ours(action) and not envelope.is_pay_rep:
        message = (
            f"Unable to handle request. The action '{action}' was not recognized."
            if action
            else "Unable to handle request without a valid action parameter. Please supply a valid soap action."
        )
        raise Fault(envelope.version, FaultCode.CLIENT, message)
    return envelope


def _is_ours(action: str) -> bool:
    return action == ACTION or unquote_plus(action) == ACTION


def _read_bare(request: AsmxRequest) -> PayRepCall:
    if request.method == "GET":
        return read_form_call(request.query, "", request.source)
    kind, options = parse_options_header(request.content_type or "")
    if kind.lower() != "application/x-www-form-urlencoded":
        raise Wrong(f"Request format is invalid: {(request.content_type or '')[:100]}.")
    return read_form_call(request.body, options.get("charset", ""), request.source, "POST")


def _empty(status: int) -> AsmxResponse:
    return AsmxResponse(status, (("Content-Type", _XML), _NOT_RUN), b"")


def _fault(fault: Fault) -> AsmxResponse:
    # Headers are looked at and methods run after ASP.NET has decided on caching; everything else comes before.
    ran = fault.code in (FaultCode.SERVER, FaultCode.MUST_UNDERSTAND)
    headers = (("Content-Type", fault.version.content_type), _RAN if ran else _NOT_RUN)
    return AsmxResponse(500, headers, soap_fault(fault.version, fault.code, fault.message))


def _plain(message: str, cache: tuple[str, str] = _NOT_RUN) -> AsmxResponse:
    # Escaped as .NET does, although it is plain text: an old browser may take it for HTML.
    escaped = " ---> ".join(escape(part).replace("&#x27;", "&#39;") for part in message.split(" ---> "))
    return AsmxResponse(500, (("Content-Type", _PLAIN), cache), f"{escaped}\r\n".encode())


def _html(status: int, message: str | None) -> AsmxResponse:
    """None: the answer to HEAD, which has no body."""
    allow = (("Allow", "GET, POST"),) if status == 405 else ()
    page = pages.error(message) if message else b""
    return AsmxResponse(status, (*pages.HTML_HEADERS, _NOT_RUN, *allow), page)


def _is_local(source: str) -> bool:
    """As ASP.NET has it: a browser on the server itself is offered a test form."""
    try:
        return ip_address(source).is_loopback
    except ValueError:
        return False
