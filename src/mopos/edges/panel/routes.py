"""Every address of the merchant's panel."""

from __future__ import annotations

from mopos.edges.panel import (
    activity,
    applications,
    dashboard,
    exports,
    gateways,
    integration,
    members,
    profile,
    purchases,
    settings,
)
from mopos.edges.web.routes import Route

ROUTES: list[Route] = [
    *dashboard.ROUTES,
    *purchases.ROUTES,
    *exports.ROUTES,
    *gateways.ROUTES,
    *applications.ROUTES,
    *integration.ROUTES,
    *profile.ROUTES,
    *members.ROUTES,
    *settings.ROUTES,
    *activity.ROUTES,
]
