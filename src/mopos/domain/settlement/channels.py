"""The two ways of an order through the central bank."""

from __future__ import annotations

from enum import StrEnum


class Channel(StrEnum):
    """How a payout travels."""

    PAYA = "paya"
    """In batches, a few cycles a day, up to a ceiling for each order (پایا)."""
    SATNA = "satna"
    """One by one, for large sums, while branches are open (ساتنا)."""
