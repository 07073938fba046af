"""XML that somebody else wrote, read so that an attack costs nothing.

No entities, no network, no DOCTYPE (lxml accepts one; we do not), no processing instruction, libxml2's own bounds on
depth and amplification. Whoever reads bounds the bytes beforehand.
"""

from __future__ import annotations

from lxml import etree


class UnreadableXml(Exception):
    """No XML, or XML that is refused."""


def parse(body: bytes, charset: str = "") -> etree._Element:
    """The root of a document. `charset`: what the transport says; it goes before the document's own declaration, as in
    .NET (and RFC 7303). One that is not known here, or none, leaves it to the document, which without a declaration is
    UTF-8. Comments are left out. Raises `UnreadableXml`."""
    try:
        root = etree.fromstring(body, _PARSERS.get(charset.lower(), _AS_IT_SAYS))
    except (etree.XMLSyntaxError, ValueError) as error:
        raise UnreadableXml from error
    # Comments are gone already, so what stands beside the root is a processing instruction.
    instructions = (root.getprevious(), root.getnext(), next(root.iter(etree.PI), None))
    has_doctype = root.getroottree().docinfo.internalDTD is not None
    if has_doctype or any(instruction is not None for instruction in instructions):
        raise UnreadableXml
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


_AS_IT_SAYS = _parser(None)
_PARSERS = {
    "utf-8": _parser("utf-8"),
    "utf8": _parser("utf-8"),
    "utf-16": _parser("utf-16"),
    "windows-1256": _parser("windows-1256"),  # what old Persian systems are written in
    "iso-8859-1": _parser("iso-8859-1"),  # PHP's NuSOAP sends this when nothing else is set
    "windows-1252": _parser("windows-1252"),
}
