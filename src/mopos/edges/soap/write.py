"""The answers, byte for byte as ASP.NET's ASMX writes them (captures 01-09, 20-36, 40-51, 90-94).

Faults have the form of a server with customErrors On: messages only, joined by ` ---> `, no types, no stack.
"""

from __future__ import annotations

import re
from enum import StrEnum

from mopos.edges.soap.result import PayRepResult

TEMPURI = "http://tempuri.org/"
_DECLARATION = '<?xml version="1.0" encoding="utf-8"?>'
XSI_XSD = 'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns:xsd="http://www.w3.org/2001/XMLSchema"'
# What XML 1.0 cannot carry at all, not even escaped.
_ILLEGAL = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_FIELDS = PayRepResult.__slots__


class Version(StrEnum):
    """The version of SOAP, by the namespace of its envelope."""

    SOAP11 = "http://schemas.xmlsoap.org/soap/envelope/"
    SOAP12 = "http://www.w3.org/2003/05/soap-envelope"

    @property
    def content_type(self) -> str:
        return ("text/xml" if self is Version.SOAP11 else "application/soap+xml") + "; charset=utf-8"


class FaultCode(StrEnum):
    """Whose fault it is, in the words of SOAP 1.1."""

    CLIENT = "Client"
    SERVER = "Server"
    MUST_UNDERSTAND = "MustUnderstand"
    VERSION_MISMATCH = "VersionMismatch"

    def named(self, version: Version) -> str:
        """The code in the words of `version`."""
        soap12 = {"Client": "Sender", "Server": "Receiver"}
        return f"soap:{soap12.get(self, self) if version is Version.SOAP12 else self}"


def text(value: str) -> str:
    """Text inside an element: only & < > are escaped, as .NET's writer does; what XML forbids is dropped."""
    return _ILLEGAL.sub("", value).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def element(name: str, value: str | int | None) -> str:
    """One field of the result: absent when None, `<X />` when empty."""
    if value is None:
        return ""
    return f"<{name}>{text(str(value))}</{name}>" if value != "" else f"<{name} />"


def soap_result(version: Version, result: PayRepResult) -> bytes:
    """A whole envelope on one line."""
    fields = "".join([element(name, getattr(result, name)) for name in _FIELDS])
    return _envelope(
        version,
        f'<PayRepResponse xmlns="{TEMPURI}"><PayRepResult>{fields}</PayRepResult></PayRepResponse>',
    )


def soap_fault(version: Version, code: FaultCode, message: str) -> bytes:
    """A fault with an empty detail; a header that was not understood has none (capture 33)."""
    named, said = code.named(version), text(message)
    has_detail = code is not FaultCode.MUST_UNDERSTAND
    if version is Version.SOAP11:
        detail = "<detail />" if has_detail else ""
        fault = f"<faultcode>{named}</faultcode><faultstring>{said}</faultstring>{detail}"
    else:
        detail = "<soap:Detail />" if has_detail else ""
        fault = (
            f"<soap:Code><soap:Value>{named}</soap:Value></soap:Code>"
            f'<soap:Reason><soap:Text xml:lang="en">{said}</soap:Text></soap:Reason>{detail}'
        )
    return _envelope(version, f"<soap:Fault>{fault}</soap:Fault>")


def bare_result(result: PayRepResult) -> bytes:
    """The answer of the HTTP GET and POST bindings: indented XML without an envelope."""
    lines = [element(name, getattr(result, name)) for name in _FIELDS]
    fields = "".join(f"  {line}\n" for line in lines if line)
    xsd_xsi = 'xmlns:xsd="http://www.w3.org/2001/XMLSchema" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
    return f'{_DECLARATION}\n<PayRepResult {xsd_xsi} xmlns="{TEMPURI}">\n{fields}</PayRepResult>'.encode()


def _envelope(version: Version, body: str) -> bytes:
    return (
        f'{_DECLARATION}<soap:Envelope xmlns:soap="{version.value}" {XSI_XSD}>'
        f"<soap:Body>{body}</soap:Body></soap:Envelope>"
    ).encode()
