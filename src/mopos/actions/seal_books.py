"""The worker seals the journal, the ledger and the events of money, a few seconds behind them.

`mopos audit` checks the chain: whoever changes, removes or adds a row behind the house's back is told by that row."""

from __future__ import annotations

from mopos.actions.services import Services
from mopos.domain.ledger import seals

# In one run and for one table: a busy quarter of an hour. The next run goes on.
_STRETCHES_MAX = 200


async def seal_books(services: Services) -> int:
    """Seal what is certain by now. Returns how many rows; may run twice and be killed anywhere."""
    sealed = 0
    for source in seals.SOURCES:
        for _ in range(_STRETCHES_MAX):
            rows = await seals.seal(services.db, source, services.clock())
            if rows is None:
                break
            sealed += rows
        await seals.mark(services.db, source, services.clock())
    return sealed
