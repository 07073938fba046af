"""Documents of an account: what may be kept, decided by a file's content and never by its name. Pure.

They are only ever downloaded, as attachments: nothing here is shown in our origin.
"""

from __future__ import annotations

import io
import re
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from PIL import Image

from mopos.base.errors import Refused
from mopos.base.text import harmless

# A scan of some pages; a phone's photo has 2 to 5 MB.
BYTES_MAX = 5 * 1024 * 1024
# What is still read of a larger one, so that its sender gets a sentence instead of a broken connection.
UPLOAD_BYTES_MAX = 12 * 1024 * 1024
# A phone's best camera takes 50 million; more unpacks to hundreds of megabytes (a picture as a bomb).
PIXELS_MAX = 50_000_000
# Of an account, and of all that it ever had: what was removed is kept, as somebody may have decided on it.
KEPT_MAX = 20
EVER_MAX = 100
NAME_LENGTH_MAX = 200

PDF, JPEG, PNG = "application/pdf", "image/jpeg", "image/png"
ENDINGS = {PDF: "pdf", JPEG: "jpg", PNG: "png"}
_BEGINS = {b"%PDF-": PDF, b"\xff\xd8\xff": JPEG, b"\x89PNG\r\n\x1a\n": PNG}
_PILLOW = {JPEG: "JPEG", PNG: "PNG"}
# A name's folders, as every system writes them, and what a header or a shell reads as its own.
_FOLDERS = re.compile(r".*[/\\:]")
_UNSAFE = re.compile(r"[\"'<>|?*;`$&%\x00-\x1f]")


class DocumentKind(StrEnum):
    """What a document shows."""

    NATIONAL_CARD = "national_card"
    REGISTRATION = "registration"
    """Of a company: the official gazette, the register's extract."""
    TAX_CERTIFICATE = "tax_certificate"
    BANK_LETTER = "bank_letter"
    """That the IBAN belongs to the merchant."""
    OTHER = "other"


class Document(NamedTuple):
    """A document as lists show it."""

    id: int
    kind: DocumentKind
    name: str
    media_type: str
    size_bytes: int
    sha256: bytes
    path: str
    uploaded_by: str
    uploaded_at: datetime
    removed_at: datetime | None

    @property
    def download_name(self) -> str:
        """ASCII only, and with the ending of what it really is: `mopos-document-12.pdf`."""
        return f"mopos-document-{self.id}.{ENDINGS[self.media_type]}"


def read_kind(text: str) -> DocumentKind:
    """Raises `Refused`."""
    if text not in tuple(DocumentKind):
        raise Refused(["document_kind_unknown"])
    return DocumentKind(text)


def shown_name(text: str) -> str:
    """A file's name as lists show it: no folders, nothing that means something to a header or a shell."""
    name = _UNSAFE.sub("", _FOLDERS.sub("", harmless(text)))[:NAME_LENGTH_MAX].strip(" .")
    return name or "-"


def read_document(body: bytes) -> str:
    """The media type of a file that may be kept. Decodes a picture whole, which takes a while: call it in a thread.
    Raises `Refused`."""
    if not body:
        raise Refused(["document_missing"])
    if len(body) > BYTES_MAX:
        raise Refused(["document_too_large"])
    media_type = next((kind for begin, kind in _BEGINS.items() if body.startswith(begin)), None)
    if media_type is None:
        raise Refused(["document_type_unknown"])
    if media_type == PDF:
        # The end mark may be followed by a line's end only: something behind it would be another file in this one.
        if not body.rstrip(b"\r\n \x00").endswith(b"%%EOF"):
            raise Refused(["document_broken"])
    else:
        _decode(body, _PILLOW[media_type])
    return media_type


def _decode(body: bytes, pillow_format: str) -> None:
    try:
        with Image.open(io.BytesIO(body), formats=[pillow_format]) as image:
            fits = image.width * image.height <= PIXELS_MAX
            if fits:
                # A JPEG is decoded whole, at an eighth of its size in memory; a PNG has no such way.
                image.draft("L", (image.width // 8, image.height // 8))
                image.load()
    except Image.DecompressionBombError:
        fits = False
    except Exception:  # decoders raise whatever their formats make them stumble over
        raise Refused(["document_broken"]) from None
    if not fits:
        raise Refused(["document_picture_too_large"])
