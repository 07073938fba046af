"""What the console keeps for a while only: transcripts of calls to banks, and tries to sign in."""

from __future__ import annotations

from mopos.actions.services import Services
from mopos.domain.operators import credentials, transcripts
from mopos.domain.operators.transcripts import DELETED_AT_ONCE

# A day's calls of a busy installation within some runs; the rest waits for the next hour.
_ROUNDS_MAX = 50


async def forget_old_console_rows(services: Services) -> None:
    """Delete what is older than it is kept, in small statements."""
    now = services.clock()
    await credentials.forget_old_tries(services.db, now)
    for _ in range(_ROUNDS_MAX):
        if await transcripts.forget_old(services.db, now) < DELETED_AT_ONCE:
            return
