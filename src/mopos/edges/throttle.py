"""Who guesses is slowed down, without a way for an attacker to lock anybody out.

Counted are wrong passwords only, per address and account. A right `Rmz` is always answered, from whatever address: it
has 160 random bits, so the count does not keep it from being guessed; it keeps guessing from costing us anything.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from mopos.base.clock import Clock

_WINDOW = timedelta(minutes=1)
# An attacker with many addresses must not fill our memory: the oldest are forgotten first.
_ENTRIES_MAX = 20_000


class WrongGuesses:
    """Wrong guesses in the last minute, of one process."""

    def __init__(self, clock: Clock, allowed: int) -> None:
        self._clock = clock
        self._allowed = allowed
        self._counts: dict[tuple[str, str], tuple[datetime, int]] = {}

    def too_many(self, source: str, account: str) -> bool:
        """Count one more, and say whether that is too many."""
        now = self._clock()
        key = (source, account[:32])
        since, count = self._counts.pop(key, (now, 0))
        if now - since >= _WINDOW:
            since, count = now, 0
        self._counts[key] = (since, count + 1)
        if len(self._counts) > _ENTRIES_MAX:
            del self._counts[next(iter(self._counts))]
        return count + 1 > self._allowed
