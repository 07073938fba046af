"""`mopos services-sim`: simulators of the services beside the bank, in one process for tests and for the demo.

Each simulator is a file with `routes(...)`; `_all_routes` is where it is mounted. None of them is part of the gateway:
it speaks to them over HTTP as to the real ones.
"""

from __future__ import annotations

from typing import Any

import uvicorn
from litestar import Litestar, Response, get

from mopos.base.clock import Clock, system_clock
from mopos.base.config import Settings
from mopos.base.secret import Secret
from mopos.outside import iban_inquiry_sim, kavenegar_sim

# The simulators' keys where the settings name none.
DEFAULT_KEY = "services-sim-key"
# Requests that are under way when it is stopped may end; one that hangs on may not hold it longer.
STOP_S = 5


def _all_routes(settings: Settings, clock: Clock) -> list[Any]:
    """THE mount point: each simulator adds its line. Addresses must not meet (`/`, `/outbox` and `/v1/` are taken)."""
    return [
        *kavenegar_sim.routes(
            Secret(settings.sms_key.get_secret_value() or DEFAULT_KEY),
            clock,
            # Who is slow answers after the deadline of whoever asks, which is set for both by one name.
            slow_s=settings.bank_deadline_s * 1.5,
        ),
        *iban_inquiry_sim.routes(Secret(settings.inquiry_key.get_secret_value() or DEFAULT_KEY)),
    ]


@get("/healthz", media_type="text/plain")
async def healthz() -> Response[str]:
    """The process answers."""
    return Response("ok\n", media_type="text/plain")


def build(settings: Settings, clock: Clock = system_clock) -> Litestar:
    """All simulators as one application."""
    return Litestar(
        route_handlers=[healthz, *_all_routes(settings, clock)],
        openapi_config=None,
        logging_config=None,
        request_max_body_size=64 * 1024,
    )


def run(host: str, port: int) -> None:
    """Serve until told to stop."""
    uvicorn.run(
        build(Settings()),
        host=host,
        port=port,
        server_header=False,
        access_log=False,
        log_level="warning",
        timeout_graceful_shutdown=STOP_S,
    )
