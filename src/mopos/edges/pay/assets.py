"""The files of the buyer's pages: style, icon, and the one small script. Served under /static/, cached by content."""

from __future__ import annotations

import hashlib
from base64 import b64encode
from importlib.resources import files
from typing import NamedTuple

_TYPES = {
    "css": "text/css",
    "js": "text/javascript",
    "svg": "image/svg+xml",
}


class StaticFile(NamedTuple):
    """One file. Its name holds the hash of its bytes, so that a browser may keep it for ever."""

    name: str
    """`style.1f2e3d4c5b6a.css`."""
    body: bytes
    content_type: str
    etag: str

    @property
    def path(self) -> str:
        return f"/static/{self.name}"

    @property
    def integrity(self) -> str:
        """For `integrity=`: a browser runs nothing but these bytes (W3C Subresource Integrity)."""
        return f"sha384-{b64encode(hashlib.sha384(self.body).digest()).decode()}"


def load(package: str, name: str) -> StaticFile:
    """A file of a package's folder `static`."""
    body = files(package).joinpath("static", name).read_bytes()
    digest = hashlib.sha256(body).hexdigest()[:12]
    stem, _, suffix = name.rpartition(".")
    return StaticFile(f"{stem}.{digest}.{suffix}", body, _TYPES[suffix], f'"{digest}"')


STYLE = load("mopos.edges.pay", "style.css")
ICON = load("mopos.edges.pay", "icon.svg")
GO = load("mopos.edges.pay", "go.js")


def static_files() -> list[StaticFile]:
    """All files to serve at their `path`, each for ever (`Cache-Control: public, max-age=31536000, immutable`)."""
    return [STYLE, ICON, GO]
