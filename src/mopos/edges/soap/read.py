"""The calls, read as ASP.NET's ASMX reads them: by local name in its namespace, in any order, unknown elements ignored.

An attack costs nothing: no entities, no network, no DOCTYPE, no processing instruction, libxml2's own bounds on depth
and amplification (attack 10). What comes twice could be read in two ways and is refused (attack 25).
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

from lxml import etree

from mopos.base.secret import Secret
from mopos.edges.soap.result import PayRepCall
from mopos.edges.soap.write import TEMPURI, FaultCode, Version

OPERATION = "PayRep"
ACTION = TEMPURI + OPERATION
PARAMETERS = ("ID", "Rmz", "Res")
# PayRep has three parameters; a client or a proxy may add a few of its own.
_FORM_FIELDS_MAX = 50
_CHARSETS = {"utf-8": "utf-8", "utf8": "utf-8", "us-ascii": "utf-8", "windows-1256": "cp1256", "utf-16": "utf-16"}
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


@dataclass(frozen=True, slots=True)
class Envelope:
    """A SOAP envelope that was understood as far as its version."""

    version: Version
    header: etree._Element | None
    operation: etree._Element | None
    """The first element of the body."""


def read_envelope(body: bytes, charset: str, expected: Version) -> Envelope:
    """Parse an envelope. A 1.2 envelope sent as text/xml is accepted (capture 35). Raises `Unreadable`, `Fault`."""
    root = _parse(body, charset)
    tag = etree.QName(root)
    if tag.localname != "Envelope":
        raise Unreadable
    if tag.namespace not in (Version.SOAP11, Version.SOAP12) or (
        expected is Version.SOAP12 and tag.namespace != Version.SOAP12
    ):
        message = (
            f"Possible SOAP version mismatch: Envelope namespace {tag.namespace or ''} was unexpected. "
            f"Expecting {expected.value}."
        )
        raise Fault(expected, FaultCode.VERSION_MISMATCH, message)
    version = Version(str(tag.namespace))
    soap = f"{{{version.value}}}"
    content = root.find(soap + "Body")
    operation = next(content.iterchildren(tag=etree.Element), None) if content is not None else None
    return Envelope(version, root.find(soap + "Header"), operation)


def _parse(body: bytes, charset: str) -> etree._Element:
    encoding = _CHARSETS.get(charset.lower() or "utf-8")
    if encoding is None:
        raise Unreadable
    try:
        root = etree.fromstring(body, _PARSERS[encoding])
    except (etree.XMLSyntaxError, ValueError) as error:
        raise Unreadable from error
    # Comments are gone already, so what stands beside the root is a processing instruction.
    instructions = (root.getprevious(), root.getnext(), next(root.iter(etree.PI), None))
    has_doctype = root.getroottree().docinfo.internalDTD is not None
    if has_doctype or any(instruction is not None for instruction in instructions):
        raise Unreadable
    return root


def _parser(encoding: str | None) -> etree.XMLParser:
    return etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        dtd_validation=False,
        huge_tree=False,
        remove_comments=True,
        encoding=encoding,
    )


# UTF-8 is read as the document itself says (it may name another encoding); others as the content type says.
_PARSERS = {
    "utf-8": _parser(None),
    "cp1256": _parser("windows-1256"),
    "utf-16": _parser("utf-16"),
}


def refuse_unknown_headers(envelope: Envelope) -> None:
    """A header that must be understood is not: we know none (capture 33). Raises `Fault`."""
    if envelope.header is None:
        return
    must_understand = f"{{{envelope.version.value}}}mustUnderstand"
    for header in envelope.header.iterchildren(tag=etree.Element):
        if header.get(must_understand, "").strip().lower() in _TRUE:
            name = etree.QName(header).localname
            message = f"SOAP header {name} was not understood."
            raise Fault(envelope.version, FaultCode.MUST_UNDERSTAND, message)


def is_pay_rep(operation: etree._Element | None) -> bool:
    """Whether the body's element names our operation, in our namespace."""
    return operation is not None and operation.tag == f"{{{TEMPURI}}}{OPERATION}"


def read_call(envelope: Envelope, source: str) -> PayRepCall:
    """The parameters. Elements of another namespace are simply missing (captures 13, 14). Raises `Fault`."""
    operation = envelope.operation
    values: dict[str, str | None] = {}
    if operation is not None and is_pay_rep(operation):
        for child in operation.iterchildren(tag=etree.Element):
            tag = etree.QName(child)
            if tag.namespace != TEMPURI or tag.localname not in PARAMETERS:
                continue
            if tag.localname in values:
                raise _unreadable_request(envelope.version, f"The parameter {tag.localname} appears more than once.")
            if len(child):
                raise _unreadable_request(
                    envelope.version, f"There is an error in XML document ({child.sourceline}, 1)."
                )
            nil = child.get(_NIL, "").strip().lower() in _TRUE
            values[tag.localname] = None if nil else child.text or ""
    return _call(values, source)


def _unreadable_request(version: Version, why: str) -> Fault:
    return Fault(version, FaultCode.CLIENT, f"Server was unable to read request. ---> {why}")


def read_form_call(encoded: bytes, charset: str, source: str) -> PayRepCall:
    """The parameters of the GET and POST bindings: all of them present, names in any letter case (captures 40-51).
    Raises `Wrong`."""
    encoding = _CHARSETS.get(charset.lower() or "utf-8")
    parts = encoded.split(b"&")
    if encoding is None or len(parts) > _FORM_FIELDS_MAX:
        raise Wrong("Request format is invalid.")
    known = {name.lower(): name for name in PARAMETERS}
    values: dict[str, str | None] = {}
    for part in parts:
        raw_name, _, raw_value = part.replace(b"+", b" ").partition(b"=")
        name = known.get(_decoded(raw_name, encoding).lower())
        if name is None:
            continue
        if name in values:
            raise Wrong(f"The parameter {name} appears more than once.")
        values[name] = _decoded(raw_value, encoding)
    for name in PARAMETERS:
        if name not in values:
            raise Wrong(f"Missing parameter: {name}.")
    return _call(values, source)


def _decoded(raw: bytes, encoding: str) -> str:
    # As .NET does, bytes that the charset does not know become the replacement character.
    return unquote_to_bytes(raw).decode(encoding, "replace")


def _call(values: dict[str, str | None], source: str) -> PayRepCall:
    rmz = values.get("Rmz")
    return PayRepCall(values.get("ID"), None if rmz is None else Secret(rmz), values.get("Res"), source)
