"""The calls, read as ASP.NET's ASMX reads them: by local name in its namespace, in any order, unknown elements ignored.

An attack costs nothing: no entities, no network, no DOCTYPE, no processing instruction, libxml2's own bounds on depth
and amplification (attack 10). What comes twice could be read in two ways and is refused, by every binding (attack 25).
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

from lxml import etree

from mopos.base import xml
from mopos.base.secret import Secret
from mopos.edges.soap.result import PayRepCall
from mopos.edges.soap.write import TEMPURI, FaultCode, Version

OPERATION = "PayRep"
ACTION = TEMPURI + OPERATION
PARAMETERS = ("ID", "Rmz", "Res")
# PayRep has three parameters; a client or a proxy may add a few of its own.
_FORM_FIELDS_MAX = 50

_OPERATION_TAG = f"{{{TEMPURI}}}{OPERATION}"
_PARAMETER_TAGS = {f"{{{TEMPURI}}}{name}": name for name in PARAMETERS}
_PARAMETERS_IN_LOWER_CASE = {name.lower(): name for name in PARAMETERS}
_NIL = "{http://www.w3.org/2001/XMLSchema-instance}nil"
_TRUE = ("1", "true")


class Unreadable(Exception):
    """No XML, or XML that is refused: ASMX answers 400 without a body (captures 20, 21, 22)."""


class Fault(Exception):
    """A SOAP fault, with its message as it goes to the caller."""

    def __init__(self, version: Version, code: FaultCode, message: str) -> None:
        super().__init__(message)
        self.version, self.code, self.message = version, code, message


class Wrong(Exception):
    """What the GET and POST bindings answer as HTTP 500 in plain text."""

    def __init__(self, message: str, gateway_number: str | None = None, missing: str = "") -> None:
        super().__init__(message)
        self.gateway_number = gateway_number
        """The `ID`, where the call had one."""
        self.missing = missing
        """The parameter that it had not."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """A SOAP envelope with a body."""

    version: Version
    header: etree._Element | None
    operation: etree._Element | None
    """The first element of the body."""

    @property
    def is_pay_rep(self) -> bool:
        """Whether the body's element names our operation, in our namespace."""
        return self.operation is not None and self.operation.tag == _OPERATION_TAG


# --- SOAP -------------------------------------------------------------------------------------------------------------


def read_envelope(body: bytes, charset: str) -> Envelope:
    """Parse an envelope of either version: its namespace decides, whatever it was sent as (capture 35).
    Raises `Unreadable`, `Fault`."""
    root = _parse(body, charset)
    namespace, _, name = root.tag.rpartition("}")
    version = _VERSIONS.get(namespace[1:])
    if version is None:
        message = (
            f"Possible SOAP version mismatch: Envelope namespace {namespace[1:]} was unexpected. "
            f"Expecting {Version.SOAP11.value}."
        )
        raise Fault(Version.SOAP11, FaultCode.VERSION_MISMATCH, message)
    if name != "Envelope":
        raise _unreadable_request(version, "Request format is invalid: missing required soap:Envelope element.")
    content = root.find(f"{namespace}}}Body")
    if content is None:
        raise _unreadable_request(version, "Request format is invalid: missing required soap:Body element.")
    operation = next(content.iterchildren(tag=etree.Element), None)
    return Envelope(version, root.find(f"{namespace}}}Header"), operation)


_VERSIONS = {version.value: version for version in Version}


def _parse(body: bytes, charset: str) -> etree._Element:
    try:
        return xml.parse(body, charset)
    except xml.UnreadableXml as error:
        raise Unreadable from error


def refuse_unknown_headers(envelope: Envelope) -> None:
    """A header that must be understood is not: we know none (capture 33). Raises `Fault`."""
    if envelope.header is None:
        return
    must_understand = f"{{{envelope.version.value}}}mustUnderstand"
    for header in envelope.header.iterchildren(tag=etree.Element):
        if header.get(must_understand, "").strip() in _TRUE:
            name = etree.QName(header).localname
            message = f"SOAP header {name} was not understood."
            raise Fault(envelope.version, FaultCode.MUST_UNDERSTAND, message)


def read_call(envelope: Envelope, source: str) -> PayRepCall:
    """The parameters. Elements of another namespace are simply missing (captures 13, 14). Raises `Unreadable` for
    markup in a value, as .NET does, and `Fault` for a parameter that comes twice."""
    values: dict[str, str | None] = {}
    operation = envelope.operation
    if operation is not None and envelope.is_pay_rep:
        for child in operation.iterchildren(tag=etree.Element):
            name = _PARAMETER_TAGS.get(child.tag)
            if name is None:
                continue
            if name in values:
                raise _unreadable_request(envelope.version, _twice(name))
            if len(child):
                raise Unreadable
            is_nil = child.get(_NIL, "").strip() in _TRUE
            values[name] = None if is_nil else child.text or ""
    return _call(values, source, _BINDINGS[envelope.version])


_BINDINGS = {Version.SOAP11: "SOAP 1.1", Version.SOAP12: "SOAP 1.2"}


def _unreadable_request(version: Version, why: str) -> Fault:
    return Fault(version, FaultCode.CLIENT, f"Server was unable to read request. ---> {why}")


# --- HTTP GET and POST ------------------------------------------------------------------------------------------------


def read_form_call(encoded: bytes, charset: str, source: str, method: str = "GET") -> PayRepCall:
    """The parameters of the GET and POST bindings: all of them present, names in any letter case (captures 40-51).
    Raises `Wrong`."""
    encoding = _FORM_CHARSETS.get(charset.lower())
    parts = encoded.split(b"&", _FORM_FIELDS_MAX)
    if encoding is None or len(parts) > _FORM_FIELDS_MAX:
        raise Wrong("Request format is invalid.")
    values: dict[str, str | None] = {}
    for part in parts:
        raw_name, _, raw_value = part.replace(b"+", b" ").partition(b"=")
        name = _PARAMETERS_IN_LOWER_CASE.get(_decoded(raw_name, encoding).lower())
        if name is None:
            continue
        if name in values:
            raise Wrong(_twice(name))
        values[name] = _decoded(raw_value, encoding)
    for name in PARAMETERS:
        if name not in values:
            raise Wrong(f"Missing parameter: {name}.", values.get("ID"), name)
    return _call(values, source, method)


# A form has no declaration of its own: without a charset it is UTF-8 (capture 07).
_FORM_CHARSETS = {
    "": "utf-8",
    "utf-8": "utf-8",
    "utf8": "utf-8",
    "us-ascii": "utf-8",
    "windows-1256": "cp1256",
    "iso-8859-1": "latin-1",
}


def _decoded(raw: bytes, encoding: str) -> str:
    # As .NET does, bytes that the charset does not know become the replacement character.
    return unquote_to_bytes(raw).decode(encoding, "replace")


def _twice(name: str) -> str:
    return f"The parameter {name} appears more than once."


def _call(values: dict[str, str | None], source: str, binding: str) -> PayRepCall:
    rmz = values.get("Rmz")
    return PayRepCall(values.get("ID"), None if rmz is None else Secret(rmz), values.get("Res"), source, binding)
