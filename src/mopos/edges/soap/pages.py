"""The pages that a browser gets from the service: what it offers, and how each binding is called.

Microsoft's pages have the same parts: the operations as links, the Service Description, a page per operation with
samples, and a test form only for a browser on the server itself. The words are ours.
"""

from __future__ import annotations

from html import escape
from urllib.parse import urlsplit

from lxml import etree

from mopos.edges.pay.assets import STYLE
from mopos.edges.soap.read import ACTION, OPERATION, PARAMETERS
from mopos.edges.soap.result import PayRepResult
from mopos.edges.soap.write import TEMPURI, XSI_XSD, Version
from mopos.edges.soap.wsdl import SERVICE, disco, wsdl

HTML_HEADERS = (
    ("Content-Type", "text/html; charset=utf-8"),
    (
        "Content-Security-Policy",
        "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    ),
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
)

_NUMBERS = {"Amnt": "long", "Err": "int"}


class Documents:
    """Everything that the service says about itself, made once."""

    def __init__(self, public_url: str) -> None:
        address = f"{public_url}/{SERVICE}.asmx"
        self.wsdl = wsdl(address)
        self.disco = disco(address)
        _, host, path, _, _ = urlsplit(address)
        self.description = _description(path)
        self.operation = _operation(host, path, _NOT_LOCAL)
        self.local_operation = _operation(host, path, _test_form(path))
        self.no_operation = _page("Operation not found", _back(path))


def error(message: str) -> bytes:
    """The page of a request that the service cannot take."""
    return _page("Request refused", f"<p>{escape(message)}</p>")


def _description(path: str) -> bytes:
    return _page(
        SERVICE,
        f"""
<p>The following operations are supported. For a formal definition, please read the
<a href="{path}?WSDL">Service Description</a>.</p>
<ul><li><a href="{path}?op={OPERATION}">{OPERATION}</a>: what became of a purchase.</li></ul>
<p>This web service uses {TEMPURI} as its namespace and keeps it, so that existing clients work unchanged.</p>""",
    )


def _back(path: str) -> str:
    return f'<p><a href="{path}">All operations</a></p>'


_NOT_LOCAL = "<p>The test form is only available for requests from the local machine.</p>"


def _test_form(path: str) -> str:
    fields = "".join(f'<p><label>{name}: <input name="{name}" autocomplete="off"></label></p>' for name in PARAMETERS)
    return f'<form method="post" action="{path}/{OPERATION}">{fields}<p><button>Invoke</button></p></form>'


def _operation(host: str, path: str, form: str) -> bytes:
    parameters = "".join(f"<{name}>string</{name}>" for name in PARAMETERS)
    fields = "".join(f"<{name}>{_kind(name)}</{name}>" for name in PayRepResult.__slots__)
    query = "&".join(f"{name}=string" for name in PARAMETERS)
    post, bare = f"POST {path}", "text/xml; charset=utf-8"
    samples = [
        ("SOAP 1.1", _request(post, host, bare, _envelope(Version.SOAP11, parameters), action=True), bare),
        (
            "SOAP 1.2",
            _request(post, host, Version.SOAP12.content_type, _envelope(Version.SOAP12, parameters)),
            Version.SOAP12.content_type,
        ),
        ("HTTP GET", f"GET {path}/{OPERATION}?{query} HTTP/1.1\nHost: {host}", bare),
        ("HTTP POST", _request(f"{post}/{OPERATION}", host, "application/x-www-form-urlencoded", query), bare),
    ]
    answers = {
        "SOAP 1.1": _envelope(Version.SOAP11, f"<{OPERATION}Result>{fields}</{OPERATION}Result>", "Response"),
        "SOAP 1.2": _envelope(Version.SOAP12, f"<{OPERATION}Result>{fields}</{OPERATION}Result>", "Response"),
    }
    plain = _indented(f'<PayRepResult xmlns="{TEMPURI}">{fields}</PayRepResult>')
    shown = "".join(
        f"<h2>{name}</h2><p>A sample request and its response. The words string, long and int stand for values.</p>"
        f'<pre tabindex="0">{escape(request)}</pre>'
        f'<pre tabindex="0">{escape(_response(kind, answers.get(name, plain)))}</pre>'
        for name, request, kind in samples
    )
    return _page(OPERATION, f"{_back(path)}{form}{shown}")


def _kind(name: str) -> str:
    return _NUMBERS.get(name, "string")


def _request(line: str, host: str, content_type: str, body: str, *, action: bool = False) -> str:
    soap_action = f'\nSOAPAction: "{ACTION}"' if action else ""
    head = f"{line} HTTP/1.1\nHost: {host}\nContent-Type: {content_type}\nContent-Length: length{soap_action}"
    return f"{head}\n\n{body}"


def _response(content_type: str, body: str) -> str:
    return f"HTTP/1.1 200 OK\nContent-Type: {content_type}\nContent-Length: length\n\n{body}"


def _envelope(version: Version, content: str, suffix: str = "") -> str:
    prefix = "soap" if version is Version.SOAP11 else "soap12"
    return _indented(
        f'<{prefix}:Envelope {XSI_XSD} xmlns:{prefix}="{version.value}"><{prefix}:Body>'
        f'<{OPERATION}{suffix} xmlns="{TEMPURI}">{content}</{OPERATION}{suffix}>'
        f"</{prefix}:Body></{prefix}:Envelope>"
    )


def _indented(xml: str) -> str:
    """One element a line."""
    root = etree.fromstring(xml)
    etree.indent(root)
    return f'<?xml version="1.0" encoding="utf-8"?>\n{etree.tostring(root, encoding="unicode")}'


def _page(title: str, content: str) -> bytes:
    return (
        f'<!DOCTYPE html>\n<html lang="en" dir="ltr"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<link rel="stylesheet" href="{STYLE.path}"></head>'
        f'<body class="plain"><main><h1>{escape(title)}</h1>{content}</main></body></html>'
    ).encode()
