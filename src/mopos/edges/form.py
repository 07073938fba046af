"""The door `/Payment.aspx`: a merchant's form as a browser posts it (guide section 3)."""

from __future__ import annotations

import asyncio
from urllib.parse import unquote_to_bytes

from litestar.types import Receive
from multipart import MultipartError, MultipartParser, parse_options_header

from mopos.base.errors import Refused

# The guide's six fields with their bounds need under 20 kB even percent-encoded; the rest is room for a shop's own.
BODY_BYTES_MAX = 64 * 1024
# A phone on a bad line sends 64 kB in a few seconds; who needs longer only wants to hold a connection.
BODY_DEADLINE_S = 15.0
# Where files are sent, a larger body gets the time that a slow upload (half a megabit) takes.
_BYTES_PER_S_MIN = 64 * 1024
# The guide has six; frameworks add a handful (__VIEWSTATE and the like). More is an attack on our memory.
FIELDS_MAX = 100

GUIDE_FIELDS = {name.lower(): name for name in ("ID", "Res", "Amnt", "Nam", "Dsc", "RedirectURL", "Sig")}

# Old Persian shops; every other charset's bytes would be guessed at.
_CHARSETS = {
    "": "utf-8",
    "utf-8": "utf-8",
    "utf8": "utf-8",
    "us-ascii": "utf-8",
    "windows-1256": "cp1256",
    "cp1256": "cp1256",
}


async def read_body(receive: Receive, bytes_max: int = BODY_BYTES_MAX) -> bytes:
    """The whole body. Raises `Refused` (`form_too_large`, `form_too_slow`, `form_unreadable` when the sender left)."""
    chunks: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(BODY_DEADLINE_S + max(0, bytes_max - BODY_BYTES_MAX) / _BYTES_PER_S_MIN):
            while True:
                message = await receive()
                if message["type"] != "http.request":
                    raise Refused(["form_unreadable"])
                chunk = message["body"]
                size += len(chunk)
                if size > bytes_max:
                    raise Refused(["form_too_large"])
                chunks.append(chunk)
                if not message["more_body"]:
                    return b"".join(chunks)
    except TimeoutError:
        raise Refused(["form_too_slow"]) from None


def read_form(content_type: str, body: bytes) -> dict[str, str]:
    """The guide's fields that were posted, and `Sig`, under their exact names; others are left out.

    Names are matched without regard to case, as ASP.NET does. A field that comes twice could be read in two ways, so
    it is refused (`field_repeated`), and so is a body that is no form (`form_unreadable`)."""
    kind, options = parse_options_header(content_type)
    charset = _CHARSETS.get(options.get("charset", "").strip().lower())
    if charset is None:
        raise Refused(["form_unreadable"])
    match kind.lower():
        case "" | "application/x-www-form-urlencoded":
            pairs = _urlencoded(body)
        case "multipart/form-data":
            pairs = _multipart(body, options.get("boundary", ""))
        case _:
            raise Refused(["form_unreadable"])
    return _guide_fields([(_decoded(name, charset), _decoded(value, charset)) for name, value in pairs])


def _urlencoded(body: bytes) -> list[tuple[bytes, bytes]]:
    parts = body.split(b"&", FIELDS_MAX)
    if len(parts) > FIELDS_MAX:
        raise Refused(["form_unreadable"])
    pairs = (part.replace(b"+", b" ").partition(b"=") for part in parts if part)
    return [(unquote_to_bytes(name), unquote_to_bytes(value)) for name, _, value in pairs]


def _multipart(body: bytes, boundary: str) -> list[tuple[bytes, bytes]]:
    from io import BytesIO  # noqa: PLC0415  # few shops post this kind

    try:
        parser = MultipartParser(BytesIO(body), boundary, charset="latin-1", part_limit=FIELDS_MAX)
        return [(part.name.encode("latin-1"), part.raw) for part in parser if not part.filename]
    except (MultipartError, UnicodeError) as error:
        raise Refused(["form_unreadable"]) from error


def _decoded(text: bytes, charset: str) -> str:
    try:
        return text.decode(charset)
    except UnicodeDecodeError:
        if charset != "utf-8":
            raise Refused(["form_unreadable"]) from None
    # A browser posts in the page's charset and does not say which. What is not UTF-8 comes from an old Persian page.
    try:
        return text.decode("cp1256")
    except UnicodeDecodeError:
        raise Refused(["form_unreadable"]) from None


def _guide_fields(pairs: list[tuple[str, str]]) -> dict[str, str]:
    fields: dict[str, str] = {}
    for name, value in pairs:
        known = GUIDE_FIELDS.get(name.strip().lower())
        if known is None:
            continue
        if known == "Sig" and known in fields:
            # Not the guide's, so a shop may have fields of this name for itself. Joined as ASP.NET does, two signatures
            # are a wrong one wherever a signature is looked at.
            fields[known] += f",{value}"
        elif known in fields:
            raise Refused(["field_repeated"])
        else:
            fields[known] = value
    return fields
