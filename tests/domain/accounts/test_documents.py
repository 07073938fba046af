"""Which files are kept: by what is in them."""

import io
import struct
import zlib

import pytest
from PIL import Image

from mopos.base.errors import Refused
from mopos.domain.accounts.documents import BYTES_MAX, JPEG, PDF, PNG, read_document, shown_name

PDF_FILE = b"%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n"


def picture(kind: str, size=(40, 30), mode="RGB") -> bytes:
    out = io.BytesIO()
    Image.new(mode, size, 1).save(out, kind)
    return out.getvalue()


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def bomb(width: int, height: int) -> bytes:
    """A PNG of a few kilobytes that would unpack to gigabytes."""
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    data = zlib.compress(b"\0" * 10_000_000, 9)
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def code(body: bytes) -> str:
    with pytest.raises(Refused) as refused:
        read_document(body)
    return refused.value.problems[0].code


def test_what_is_kept():
    assert read_document(PDF_FILE) == PDF
    assert read_document(picture("PNG")) == PNG
    assert read_document(picture("JPEG")) == JPEG
    assert read_document(picture("JPEG", (8000, 6000))) == JPEG  # a phone's 48 million pixels
    assert read_document(picture("PNG", mode="RGBA")) == PNG


@pytest.mark.parametrize(
    ("body", "wanted"),
    [
        (b"", "document_missing"),
        (b"%PDF-" + b" " * BYTES_MAX + b"%%EOF", "document_too_large"),
        (b"<!doctype html><script>alert(1)</script>", "document_type_unknown"),
        (b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>", "document_type_unknown"),
        (b"GIF89a" + PDF_FILE, "document_type_unknown"),
        (b"MZ\x90\x00", "document_type_unknown"),
        (b"PK\x03\x04", "document_type_unknown"),
        (b"<script>alert(1)</script>" + PDF_FILE, "document_type_unknown"),  # viewers look for %PDF- further on
        (PDF_FILE + b"<script>alert(1)</script>", "document_broken"),
        (PDF_FILE + picture("PNG"), "document_broken"),
        (b"%PDF-1.4 and nothing else", "document_broken"),
        (picture("PNG")[:60], "document_broken"),
        (picture("JPEG")[:200], "document_broken"),
        (b"\xff\xd8\xff<html>", "document_broken"),
        (b"\x89PNG\r\n\x1a\n<html>", "document_broken"),
        (bomb(8_000, 8_000), "document_picture_too_large"),
        (bomb(60_000, 60_000), "document_picture_too_large"),
    ],
)
def test_what_is_refused(body, wanted):
    assert code(body) == wanted


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        ("کارت ملی.jpg", "کارت ملی.jpg"),
        ("../../etc/passwd", "passwd"),
        ("..\\..\\boot.ini", "boot.ini"),
        ("C:\\Users\\me\\card.png", "card.png"),
        ("a\r\nSet-Cookie: x=1", "x=1"),
        ('"><script>.pdf', "script.pdf"),
        ("..", "-"),
        ("", "-"),
        ("\u202egpj.exe", "gpj.exe"),
        ("x" * 300, "x" * 200),
    ],
)
def test_names_are_only_shown(sent, shown):
    assert shown_name(sent) == shown
