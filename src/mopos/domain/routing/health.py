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
# A small shop has no five calls in a minute; three buyers in a row without an answer are no accident, also in a large
# one. Three of one buyer's are: what he buys may be called so that a bank's guard refuses every order of it.
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
        "_refused_to",
        "_relapses",
        "_row_to",
        "_silent_to",
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
        # When, slow or not, and to whom it was silent; None: it was answered.
        self._calls: deque[tuple[datetime, bool, object | None]] = deque()
        self._slow = 0
        # To whom it was silent within the window; silent since it last answered; not accepted since it last was.
        self._silent_to: set[object] = set()
        self._row_to: set[object] = set()
        self._refused_to: set[object] = set()
        self._relapses = 0
        self._well_since: datetime | None = None
        self._answered_at: datetime | None = None
        # New orders whose answer has not come yet, the oldest first: since when, and whose they are.
        self._waiting: dict[str, tuple[datetime, str]] = {}

    def heard(self, answered: bool, duration_ms: float, now: datetime, order_number: str = "") -> None:
        """A call to its bank has ended, whatever it was about. One silence counts for each buyer: the next may be about
        what he buys. Without an order number it is somebody new's."""
        self._forget(now)
        if answered:
            self.in_a_row = 0
            self._row_to.clear()
            self._answered_at = now
            self._keep(now, duration_ms, None)
            return
        self.in_a_row += 1
        whose = self._whose(order_number)
        _note(self._row_to, whose)
        if whose not in self._silent_to:
            self._keep(now, duration_ms, whose)
        if self.why is None and (len(self._row_to) >= IN_A_ROW or self._is_mostly_silent()):
            self._fall_sick(Why.SILENT, now)

    def opens(self, order_number: str, now: datetime, purchase: str = "") -> None:
        """Its bank is being asked to open a new order. `purchase`: whose it is, the same at each of a buyer's tries."""
        self._waiting[order_number] = (now, purchase or order_number)

    def opened(self, order_number: str, accepted: bool | None, now: datetime) -> None:
        """That has ended. `accepted`: whether its bank knows our terminal; None: it said nothing of it."""
        whose = self._whose(order_number)
        self._waiting.pop(order_number, None)
        if accepted is None:
            return
        if accepted:
            self._refused_to.clear()
            if self.why is Why.REFUSED:
                self._get_well(now)
            return
        _note(self._refused_to, whose)
        if len(self._refused_to) < IN_A_ROW or self.why is Why.NO_CREDENTIALS:
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
            "silent": len(self._silent_to),
            "in_a_row": self.in_a_row,
            "refused": len(self._refused_to),
            "slow": self._slow,
        }

    def _hangs(self, now: datetime) -> bool:
        """Whether a buyer has waited for long, and nobody was answered since he began to: that the call has failed is
        known after its whole deadline only, and until then one buyer after the other would be sent to wait as well."""
        if not self._waiting:
            return False
        oldest, _ = next(iter(self._waiting.values()))
        silent_since = self._answered_at is None or self._answered_at < oldest
        return silent_since and now - oldest > SLOW

    def _is_slow(self, now: datetime) -> bool:
        if self._slow < SLOW_SHARE * CALLS_FOR_SLOW:
            return False  # almost always; nothing has to be counted again for it
        self._forget(now)
        return len(self._calls) >= CALLS_FOR_SLOW and self._slow >= SLOW_SHARE * len(self._calls)

    def _is_mostly_silent(self) -> bool:
        return len(self._calls) >= CALLS_FOR_SHARE and len(self._silent_to) > SILENT_SHARE * len(self._calls)

    def _whose(self, order_number: str) -> object:
        if order_number in self._waiting:
            return self._waiting[order_number][1]
        return order_number or object()

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
        for whose in (self._silent_to, self._row_to, self._refused_to):
            whose.clear()
        self._slow = self.in_a_row = 0

    def _keep(self, now: datetime, duration_ms: float, silent_to: object | None) -> None:
        if len(self._calls) == CALLS_MAX:
            self._drop()
        slow = duration_ms > _SLOW_MS
        self._calls.append((now, slow, silent_to))
        self._slow += slow
        if silent_to is not None:
            self._silent_to.add(silent_to)

    def _forget(self, now: datetime) -> None:
        while self._calls and now - self._calls[0][0] > WINDOW:
            self._drop()

    def _drop(self) -> None:
        _, slow, silent_to = self._calls.popleft()
        self._slow -= slow
        self._silent_to.discard(silent_to)


def _note(among: set[object], whose: object) -> None:
    """Once `IN_A_ROW` are known no more need be."""
    if len(among) < IN_A_ROW:
        among.add(whose)
