"""The files of the signed-in side, served under /static/ beside the buyer's."""

from __future__ import annotations

from mopos.edges.pay.assets import StaticFile, load

WEB_STYLE = load("mopos.edges.web", "web.css")
PASSKEY = load("mopos.edges.web", "passkey.js")
PHONE = load("mopos.edges.phone", "phone.js")


def web_files() -> list[StaticFile]:
    """All files to serve at their `path`."""
    return [WEB_STYLE, PASSKEY, PHONE]
