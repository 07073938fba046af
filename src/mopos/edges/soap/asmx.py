"""`WebServiceMoPos.asmx`: what ASP.NET's ASMX would answer to each request, independent of any web framework."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

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
    is_pay_rep,
    read_call,
    read_envelope,
    read_form_call,
    refuse_unknown_headers,
)
from mopos.edges.soap.result import PayRepCall, PayRepResult
from mopos.edges.soap.write import FaultCode, Version, bare_result, soap_fault, soap_result

# Three short parameters in an envelope are under a kilobyte; the rest is room for headers that a client adds.
BODY_BYTES_MAX = 64 * 1024

_XML = "text/xml; charset=utf-8"
_PLAIN = "text/plain; charset=utf-8"
# ASP.NET's two ways to say "not for caches": after the method ran, and before.
_RAN = ("Cache-Control", "private, max-age=0")
_NOT_RUN = ("Cache-Control", "private")

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class AsmxRequest:
    """A request to the service. `path_info` is what follows `.asmx`: empty, or `/PayRep`."""

    method: str
    path_info: str
    query: bytes
    content_type: str | None
    soap_action: str | None
    body: bytes
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

    def __init__(self, public_url: str, pay_rep: Callable[[PayRepCall], Awaitable[PayRepResult]]) -> None:
        self._pay_rep = pay_rep
        self._documents = pages.Documents(public_url)

    async def answer(self, request: AsmxRequest) -> AsmxResponse:
        """Answer one request, whatever it is. Never raises."""
        match request.method, request.path_info:
            case "GET", "" | "/":
                return self._document(request)
            case "POST", "" | "/":
                return await self._soap(request)
            case "GET" | "POST", path:
                return await self._bare(request, path.strip("/"))
            case _:
                return _html(405, "The HTTP verb used to access this path is not allowed.")

    # --- documents ----------------------------------------------------------------------------------------------------

    def _document(self, request: AsmxRequest) -> AsmxResponse:
        asked = request.query.decode("latin-1")
        match asked.lower().partition("="):
            case "wsdl", "", "":
                return AsmxResponse(200, (("Content-Type", _XML), _RAN), self._documents.wsdl)
            case "disco", "", "":
                return AsmxResponse(200, (("Content-Type", _XML), _RAN), self._documents.disco)
            case "op", "=", name:
                page = self._documents.operation if name == OPERATION.lower() else self._documents.no_operation
                return AsmxResponse(200, (*pages.HTML_HEADERS, _RAN), page)
            case _:
                return AsmxResponse(200, (*pages.HTML_HEADERS, _RAN), self._documents.description)

    # --- SOAP ---------------------------------------------------------------------------------------------------------

    async def _soap(self, request: AsmxRequest) -> AsmxResponse:
        if request.content_type is None:
            return _empty(415)
        kind, options = parse_options_header(request.content_type)
        expected = {"text/xml": Version.SOAP11, "application/soap+xml": Version.SOAP12}.get(kind.lower())
        if expected is None:
            return _html(500, "Request format is unrecognized.")
        if len(request.body) > BODY_BYTES_MAX:
            return _empty(413)
        try:
            version, call = _read_soap(request, expected, options)
            result = await self._run(version, call)
        except Unreadable:
            return _empty(400)
        except Fault as fault:
            return _fault(fault)
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
            return _plain(str(wrong))
        try:
            result = await self._run(Version.SOAP11, call)
        except Fault as fault:
            return _plain(fault.message, _RAN)
        return AsmxResponse(200, (("Content-Type", _XML), _RAN), bare_result(result))


# What a caller is told of a failure of ours. Its message could carry what was sent, so it is not passed on.
_UNABLE = "Server was unable to process request. ---> Internal error."


def _read_soap(request: AsmxRequest, expected: Version, options: dict[str, str]) -> tuple[Version, PayRepCall]:
    action = _action(request, expected, options)
    envelope = read_envelope(request.body, options.get("charset", ""), expected)
    if action is None and not is_pay_rep(envelope.operation):
        raise _no_action(envelope)
    refuse_unknown_headers(envelope)
    return envelope.version, read_call(envelope, request.source)


def _action(request: AsmxRequest, expected: Version, options: dict[str, str]) -> str | None:
    """The action that routes the call; None: the body's element does. Raises `Fault` for an action that is not ours."""
    if expected is Version.SOAP11:
        if request.soap_action is None:
            return None
        action = request.soap_action.strip().strip('"')
        message = f"Server did not recognize the value of HTTP Header SOAPAction: {action}."
    else:
        action = options.get("action", "").strip('"')
        if not action:
            return None
        message = f"Unable to handle request. The action '{action}' was not recognized."
    if action != ACTION:
        raise Fault(expected, FaultCode.CLIENT, message)
    return action


def _no_action(envelope: Envelope) -> Fault:
    message = "Unable to handle request without a valid action parameter. Please supply a valid soap action."
    return Fault(envelope.version, FaultCode.CLIENT, message)


def _read_bare(request: AsmxRequest) -> PayRepCall:
    if request.method == "GET":
        return read_form_call(request.query, "", request.source)
    kind, options = parse_options_header(request.content_type or "")
    if kind.lower() != "application/x-www-form-urlencoded" or len(request.body) > BODY_BYTES_MAX:
        raise Wrong(f"Request format is invalid: {(request.content_type or '')[:100]}.")
    return read_form_call(request.body, options.get("charset", ""), request.source)


def _empty(status: int) -> AsmxResponse:
    return AsmxResponse(status, (("Content-Type", _XML), _NOT_RUN), b"")


def _fault(fault: Fault) -> AsmxResponse:
    # Headers are looked at and methods run after ASP.NET has decided on caching; everything else comes before.
    ran = fault.code in (FaultCode.SERVER, FaultCode.MUST_UNDERSTAND)
    headers = (("Content-Type", fault.version.content_type), _RAN if ran else _NOT_RUN)
    return AsmxResponse(500, headers, soap_fault(fault.version, fault.code, fault.message))


def _plain(message: str, cache: tuple[str, str] = _NOT_RUN) -> AsmxResponse:
    return AsmxResponse(500, (("Content-Type", _PLAIN), cache), f"{message}\r\n".encode())


def _html(status: int, message: str) -> AsmxResponse:
    return AsmxResponse(status, (*pages.HTML_HEADERS, _NOT_RUN), pages.error(message))
