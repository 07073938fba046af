"""The worker takes out one-time codes, challenges and requests to sign in that nobody can use any more."""

from __future__ import annotations

from mopos.actions.services import Services
from mopos.domain.people import codes
from mopos.domain.people.model import OTP_DAY


async def forget_old_sign_ins(services: Services) -> None:
    """Limits look back a day; so long everything is kept."""
    await codes.forget(services.db, services.clock() - OTP_DAY)
