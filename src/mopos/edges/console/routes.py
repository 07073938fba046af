"""Every address of the operators' console."""

from __future__ import annotations

from mopos.edges.console import (
    accounts,
    applications,
    log,
    operators,
    overview,
    purchases,
    sign_in,
    system,
    terminals,
)
from mopos.edges.web.routes import Route

ROUTES: list[Route] = [
    *sign_in.ROUTES,
    *overview.ROUTES,
    *applications.ROUTES,
    *accounts.ROUTES,
    *purchases.ROUTES,
    *terminals.ROUTES,
    *log.ROUTES,
    *operators.ROUTES,
    *system.ROUTES,
]
