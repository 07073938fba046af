"""Every address of the phone app and of signing in."""

from __future__ import annotations

from mopos.edges.phone import home, security, sign_in
from mopos.edges.web.routes import Route

ROUTES: list[Route] = [*sign_in.ROUTES, *home.ROUTES, *security.ROUTES]
