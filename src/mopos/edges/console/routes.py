"""Every address of the operators' console."""

from __future__ import annotations

from mopos.edges.console import (
    accounts,
    applications,
    books,
    exceptions,
    fees,
    jobs,
    log,
    operators,
    overview,
    people,
    proposals,
    purchases,
    reconciliation,
    refunds,
    security,
    sign_in,
    splits,
    statements,
    system,
    terminals,
)
from mopos.edges.web.routes import Route

ROUTES: list[Route] = [
    *sign_in.ROUTES,
    *overview.ROUTES,
    *applications.ROUTES,
    *accounts.ROUTES,
    *people.ROUTES,
    *purchases.ROUTES,
    *refunds.ROUTES,
    *proposals.ROUTES,
    *books.ROUTES,
    *reconciliation.ROUTES,
    *exceptions.ROUTES,
    *statements.ROUTES,
    *terminals.ROUTES,
    *fees.ROUTES,
    *splits.ROUTES,
    *jobs.ROUTES,
    *log.ROUTES,
    *operators.ROUTES,
    *security.ROUTES,
    *system.ROUTES,
]
