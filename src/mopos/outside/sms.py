"""What every SMS provider can be asked. A provider is one file beside this one, its simulator beside it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Sent:
    """The provider has taken the message."""

    provider_id: str


@dataclass(frozen=True, slots=True)
class NotSent:
    """An explicit no, or no answer that can be trusted. `again`: the same message may be sent later."""

    why: str
    again: bool


class Sms(Protocol):
    """Sends texts to phones. Never raises for what a provider or a network does."""

    async def send(self, mobile: str, text: str) -> Sent | NotSent:
        """Send a text to `09123456789`. A text may hold a one-time code: it is never logged."""
