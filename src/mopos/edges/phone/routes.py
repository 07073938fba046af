"""Every address of the phone app and of signing in."""

from __future__ import annotations

from mopos.edges.phone import approve, home, install, second, security, sign_in
from mopos.edges.web.routes import Route

ROUTES: list[Route] = [
    *sign_in.ROUTES,
    *second.ROUTES,
    *home.ROUTES,
    *approve.ROUTES,
    *security.ROUTES,
    *install.ROUTES,
]
