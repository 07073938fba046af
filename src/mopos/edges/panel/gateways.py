"""To be written."""

from __future__ import annotations

from mopos.edges.web.routes import Route

ROUTES: list[Route] = []
