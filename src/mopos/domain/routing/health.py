"""How a terminal fares by what its bank really answered, as one process sees it. No clock, no log, no bank in here.

Every process has a view of its own: nothing is shared, so nothing has to be asked for or locked on a purchase's way. A
bank that fails is found out by each process within a few calls.
"""

from __future__ import annotations

from collections import deque
from datetime import datetime, timedelta
from enum import IntEnum, StrEnum

# Calls older than this say nothing of now.
WINDOW = timedelta(seconds=60)
# Of a busy terminal the latest calls say enough; the bound keeps a call's cost and our memory the same at any traffic.
CALLS_MAX = 200
# A small shop has no five calls in a minute; three silences in a row are no accident, also in a large one.
IN_A_ROW = 3
# From so many calls on, a share says something.
CALLS_FOR_SHARE = 5
# Half of the buyers turned away is worse than any other terminal.
SILENT_SHARE = 0.5
# A buyer who waits longer for the bank's page believes that it hangs.
SLOW = timedelta(seconds=3)
_SLOW_MS = SLOW.total_seconds() * 1000
CALLS_FOR_SLOW = 10
SLOW_SHARE = 0.95
# A sick terminal is asked this often whether it is well again.
PROBE_EVERY = timedelta(seconds=2)
# One that answers a probe and fails again within the window is asked ever more seldom, up to this: each time costs some
# buyers a detour.
PROBE_EVERY_MAX = timedelta(seconds=60)


class Why(StrEnum):
    """Why a terminal is sick."""

    SILENT = "silent"
    """Its bank does not answer."""
    REFUSED = "refused"
    """Its bank does not accept our terminal."""
    NO_CREDENTIALS = "no_credentials"
    """We have no credentials that could be read: nobody can be asked."""


class Fitness(IntEnum):
    """How a terminal is for a new purchase; the smaller the better."""

    WELL = 0
    SLOW = 1
    SICK = 2
    """Its bank is silent; the next call may be answered again."""
    USELESS = 3
    """Its bank surely refuses, or we cannot even ask."""


class Health:
    """One terminal's. Everything here takes the same short time, whatever was heard before."""

    __slots__ = (
        "_answered_at",
        "_calls",
        "_refused",
        "_relapses",
        "_silent",
        "_slow",
        "_waiting",
        "_well_since",
        "in_a_row",
        "probe_at",
        "why",
    )

    def __init__(self, why: Why | None = None) -> None:
        self.why = why
        """None: it is not sick."""
        self.in_a_row = 0
        """Silences since its bank last answered."""
        self.probe_at: datetime | None = None
        """When a sick one is to be asked next; None: at once."""
        self._calls: deque[tuple[datetime, bool, bool]] = deque()
        self._silent = 0
        self._slow = 0
        self._refused = 0
        self._relapses = 0
        self._well_since: datetime | None = None
        self._answered_at: datetime | None = None
        # New orders whose answer has not come yet, the oldest first.
        self._waiting: dict[str, datetime] = {}

    def heard(self, answered: bool, duration_ms: float, now: datetime) -> None:
        """A call to its bank has ended, whatever it was about."""
        slow = duration_ms > _SLOW_MS
        self._forget(now)
        if len(self._calls) == CALLS_MAX:
            self._drop()
        self._calls.append((now, not answered, slow))
        self._slow += slow
        if answered:
            self.in_a_row = 0
            self._answered_at = now
            return
        self._silent += 1
        self.in_a_row += 1
        if self.why is None and (self.in_a_row >= IN_A_ROW or self._is_mostly_silent()):
            self._fall_sick(Why.SILENT, now)

    def opens(self, order_number: str, now: datetime) -> None:
        """Its bank is being asked to open a new order."""
        self._waiting[order_number] = now

    def opened(self, order_number: str, accepted: bool | None, now: datetime) -> None:
        """That has ended. `accepted`: whether its bank knows our terminal; None: it said nothing of it."""
        self._waiting.pop(order_number, None)
        if accepted is None:
            return
        if accepted:
            self._refused = 0
            return
        self._refused += 1
        if self._refused < IN_A_ROW or self.why is Why.NO_CREDENTIALS:
            return
        if self.why is None:
            self._fall_sick(Why.REFUSED, now)
        else:
            self.why = Why.REFUSED  # some banks refuse by an HTTP status, which looks like silence at first

    def probed(self, accepted: bool | None, now: datetime) -> None:
        """A sick one was asked how it is. `accepted`: what its bank says of our terminal; None: it said nothing of it.

        A bank that was silent need only answer; one that refused us must say that it knows us."""
        self.probe_at = now + min(PROBE_EVERY * 2**self._relapses, PROBE_EVERY_MAX)
        if accepted is False:
            self.why = Why.REFUSED
        elif accepted or (self.why is Why.SILENT and self.in_a_row == 0):
            self._get_well(now)

    def fitness(self, now: datetime) -> Fitness:
        """How it is for a new purchase."""
        if self.why is not None:
            return Fitness.SICK if self.why is Why.SILENT else Fitness.USELESS
        return Fitness.SLOW if self._hangs(now) or self._is_slow(now) else Fitness.WELL

    def is_to_be_probed(self, now: datetime) -> bool:
        """Whether it is time to ask a sick one how it is."""
        if self.why is None or self.why is Why.NO_CREDENTIALS:
            return False
        return self.probe_at is None or self.probe_at <= now

    def figures(self) -> dict[str, int]:
        """What it was judged by, for the log."""
        return {
            "calls": len(self._calls),
            "silent": self._silent,
            "in_a_row": self.in_a_row,
            "refused": self._refused,
            "slow": self._slow,
        }

    def _hangs(self, now: datetime) -> bool:
        """Whether a buyer has waited for long, and nobody was answered since he began to: that the call has failed is
        known after its whole deadline only, and until then one buyer after the other would be sent to wait as well."""
        if not self._waiting:
            return False
        oldest = next(iter(self._waiting.values()))
        silent_since = self._answered_at is None or self._answered_at < oldest
        return silent_since and now - oldest > SLOW

    def _is_slow(self, now: datetime) -> bool:
        if self._slow < SLOW_SHARE * CALLS_FOR_SLOW:
            return False  # almost always; nothing has to be counted again for it
        self._forget(now)
        return len(self._calls) >= CALLS_FOR_SLOW and self._slow >= SLOW_SHARE * len(self._calls)

    def _is_mostly_silent(self) -> bool:
        return len(self._calls) >= CALLS_FOR_SHARE and self._silent > SILENT_SHARE * len(self._calls)

    def _fall_sick(self, why: Why, now: datetime) -> None:
        again = self._well_since is not None and now - self._well_since < WINDOW
        # 2 s, doubled five times, is beyond the longest wait.
        self._relapses = min(self._relapses + 1, 5) if again else 0
        self.probe_at = now + min(PROBE_EVERY * 2**self._relapses, PROBE_EVERY_MAX)
        self.why = why

    def _get_well(self, now: datetime) -> None:
        self.why = None
        self._well_since = now
        self._calls.clear()
        self._silent = self._slow = self._refused = self.in_a_row = 0

    def _forget(self, now: datetime) -> None:
        while self._calls and now - self._calls[0][0] > WINDOW:
            self._drop()

    def _drop(self) -> None:
        _, silent, slow = self._calls.popleft()
        self._silent -= silent
        self._slow -= slow
