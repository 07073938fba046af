"""The service's own definition: WSDL 1.1 as ASMX generates it, and the old discovery document (capture 83).

The guide leaves the structure of the answer to the WSDL, so this is part of the contract: names, order and types.
"""

from __future__ import annotations

from mopos.edges.soap.read import ACTION, OPERATION, PARAMETERS
from mopos.edges.soap.result import PayRepResult
from mopos.edges.soap.write import TEMPURI, text

SERVICE = "WebServiceMoPos"
RESULT = "PayRepResult"
_NUMBERS = {"Amnt": "long", "Err": "int"}
_SOAP_HTTP = "http://schemas.xmlsoap.org/soap/http"


def wsdl(address: str) -> bytes:
    """The document at `?WSDL`, for the service at `address`."""
    lines = [
        *_schema(),
        *_messages(),
        *(line for port in ("Soap", "HttpGet", "HttpPost") for line in _port_type(port)),
        *_soap_binding("Soap", "soap"),
        *_soap_binding("Soap12", "soap12"),
        *_http_binding("HttpGet", "GET", "<http:urlEncoded />"),
        *_http_binding("HttpPost", "POST", '<mime:content type="application/x-www-form-urlencoded" />'),
        *_service(text(address)),
    ]
    body = "".join(f"  {line}\n" for line in lines)
    namespaces = " ".join(f'xmlns:{prefix}="{name}"' for prefix, name in _NAMESPACES.items())
    return (
        '<?xml version="1.0" encoding="utf-8"?>\n'
        f'<wsdl:definitions {namespaces} targetNamespace="{TEMPURI}" '
        f'xmlns:wsdl="http://schemas.xmlsoap.org/wsdl/">\n{body}</wsdl:definitions>'
    ).encode()


_NAMESPACES = {
    "soapenc": "http://schemas.xmlsoap.org/soap/encoding/",
    "soap12": "http://schemas.xmlsoap.org/wsdl/soap12/",
    "http": "http://schemas.xmlsoap.org/wsdl/http/",
    "tns": TEMPURI,
    "mime": "http://schemas.xmlsoap.org/wsdl/mime/",
    "tm": "http://microsoft.com/wsdl/mime/textMatching/",
    "s": "http://www.w3.org/2001/XMLSchema",
    "soap": "http://schemas.xmlsoap.org/wsdl/soap/",
}


def _schema() -> list[str]:
    parameters = [_element(name, "s:string") for name in PARAMETERS]
    fields = [_element(name, f"s:{_NUMBERS.get(name, 'string')}") for name in PayRepResult.__slots__]
    return [
        "<wsdl:types>",
        f'  <s:schema elementFormDefault="qualified" targetNamespace="{TEMPURI}">',
        *_indented(2, _message_element(OPERATION, parameters)),
        *_indented(2, _message_element(f"{OPERATION}Response", [_element(RESULT, f"tns:{RESULT}")])),
        f'    <s:complexType name="{RESULT}">',
        *_indented(3, _sequence(fields)),
        "    </s:complexType>",
        f'    <s:element name="{RESULT}" nillable="true" type="tns:{RESULT}" />',
        "  </s:schema>",
        "</wsdl:types>",
    ]


def _element(name: str, kind: str) -> str:
    # A value type is always there; a string or a class may be null, and then its element is absent.
    at_least = 1 if name in _NUMBERS else 0
    return f'<s:element minOccurs="{at_least}" maxOccurs="1" name="{name}" type="{kind}" />'


def _message_element(name: str, children: list[str]) -> list[str]:
    return [
        f'<s:element name="{name}">',
        "  <s:complexType>",
        *_indented(2, _sequence(children)),
        "  </s:complexType>",
        "</s:element>",
    ]


def _sequence(children: list[str]) -> list[str]:
    return ["<s:sequence>", *_indented(1, children), "</s:sequence>"]


def _messages() -> list[str]:
    strings = [f'<wsdl:part name="{name}" type="s:string" />' for name in PARAMETERS]
    bare = f'<wsdl:part name="Body" element="tns:{RESULT}" />'
    return [
        *_message("SoapIn", [f'<wsdl:part name="parameters" element="tns:{OPERATION}" />']),
        *_message("SoapOut", [f'<wsdl:part name="parameters" element="tns:{OPERATION}Response" />']),
        *_message("HttpGetIn", strings),
        *_message("HttpGetOut", [bare]),
        *_message("HttpPostIn", strings),
        *_message("HttpPostOut", [bare]),
    ]


def _message(suffix: str, parts: list[str]) -> list[str]:
    return [f'<wsdl:message name="{OPERATION}{suffix}">', *_indented(1, parts), "</wsdl:message>"]


def _port_type(port: str) -> list[str]:
    return [
        f'<wsdl:portType name="{SERVICE}{port}">',
        f'  <wsdl:operation name="{OPERATION}">',
        f'    <wsdl:input message="tns:{OPERATION}{port}In" />',
        f'    <wsdl:output message="tns:{OPERATION}{port}Out" />',
        "  </wsdl:operation>",
        "</wsdl:portType>",
    ]


def _soap_binding(port: str, prefix: str) -> list[str]:
    body = f'<{prefix}:body use="literal" />'
    return _binding(
        port,
        "Soap",
        f'<{prefix}:binding transport="{_SOAP_HTTP}" />',
        f'<{prefix}:operation soapAction="{ACTION}" style="document" />',
        (body, body),
    )


def _http_binding(port: str, verb: str, content: str) -> list[str]:
    return _binding(
        port,
        port,
        f'<http:binding verb="{verb}" />',
        f'<http:operation location="/{OPERATION}" />',
        (content, '<mime:mimeXml part="Body" />'),
    )


def _binding(port: str, port_type: str, binding: str, operation: str, ways: tuple[str, str]) -> list[str]:
    way_in, way_out = ways
    return [
        f'<wsdl:binding name="{SERVICE}{port}" type="tns:{SERVICE}{port_type}">',
        f"  {binding}",
        f'  <wsdl:operation name="{OPERATION}">',
        f"    {operation}",
        *(f"    {line}" for line in ("<wsdl:input>", f"  {way_in}", "</wsdl:input>")),
        *(f"    {line}" for line in ("<wsdl:output>", f"  {way_out}", "</wsdl:output>")),
        "  </wsdl:operation>",
        "</wsdl:binding>",
    ]


def _service(address: str) -> list[str]:
    ports = (("Soap", "soap"), ("Soap12", "soap12"), ("HttpGet", "http"), ("HttpPost", "http"))
    lines = [
        line
        for port, prefix in ports
        for line in (
            f'<wsdl:port name="{SERVICE}{port}" binding="tns:{SERVICE}{port}">',
            f'  <{prefix}:address location="{address}" />',
            "</wsdl:port>",
        )
    ]
    return [f'<wsdl:service name="{SERVICE}">', *_indented(1, lines), "</wsdl:service>"]


def _indented(steps: int, lines: list[str]) -> list[str]:
    return [f"{'  ' * steps}{line}" for line in lines]


def disco(address: str) -> bytes:
    """The document at `?disco`."""
    at = text(address)
    soap = "".join(
        f'  <soap address="{at}" xmlns:q{number}="{TEMPURI}" binding="q{number}:{SERVICE}{port}" '
        'xmlns="http://schemas.xmlsoap.org/disco/soap/" />\n'
        for number, port in ((1, "Soap"), (2, "Soap12"))
    )
    return (
        '<?xml version="1.0" encoding="utf-8"?>\n'
        '<discovery xmlns:xsd="http://www.w3.org/2001/XMLSchema" '
        'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns="http://schemas.xmlsoap.org/disco/">\n'
        f'  <contractRef ref="{at}?wsdl" docRef="{at}" xmlns="http://schemas.xmlsoap.org/disco/scl/" />\n'
        f"{soap}</discovery>"
    ).encode()
