"""The worker brings lists and the dashboard up to the journal, a few seconds behind it."""

from __future__ import annotations

from mopos.actions.services import Services
from mopos.domain.reports import derive

# In one run: an hour of a busy day. The next run goes on.
_BATCHES_MAX = 200


async def derive_reports(services: Services) -> int:
    """Take what is new in the journal. Returns how many of its rows; may run twice and be killed anywhere."""
    taken = 0
    await derive.mark(services.db, services.clock())
    for _ in range(_BATCHES_MAX):
        rows = await derive.take_batch(services.db, services.clock())
        if rows is None:
            break
        taken += rows
    return taken
