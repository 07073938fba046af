"""Every address of the merchant's panel."""

from __future__ import annotations

from mopos.edges.panel import (
    activity,
    applications,
    dashboard,
    deposits,
    exports,
    gateways,
    integration,
    members,
    profile,
    purchases,
    refunds,
    settings,
    splits,
    statements,
)
from mopos.edges.web.routes import Route

ROUTES: list[Route] = [
    *dashboard.ROUTES,
    *purchases.ROUTES,
    *refunds.ROUTES,
    *deposits.ROUTES,
    *statements.ROUTES,
    *exports.ROUTES,
    *gateways.ROUTES,
    *splits.ROUTES,
    *applications.ROUTES,
    *integration.ROUTES,
    *profile.ROUTES,
    *members.ROUTES,
    *settings.ROUTES,
    *activity.ROUTES,
]
