"""Whose is the bank account that a merchant gave? A service asks the bank; where it is silent, a person looks."""

from __future__ import annotations

from mopos.actions.services import Services
from mopos.domain.accounts import profiles
from mopos.domain.accounts.profile import UNNAMED
from mopos.outside.inquiry import NoAnswer, NoSuchAccount


async def check_iban(services: Services, account_id: int) -> bool:
    """Ask, and keep the answer. False: there is none (yet), so an operator checks by hand; nothing is changed then.

    An answer that comes after the merchant has changed his number or his national id is dropped: it is about another
    account."""
    if services.inquiry is None:
        return False
    # Claim: whoever presses twice pays for one question.
    asked = await profiles.claim_check(services.db, account_id, services.clock())
    if asked is None:
        return False
    # Call.
    answer = await services.inquiry.owner_of(asked.iban, asked.national_id)
    if isinstance(answer, NoAnswer):
        return False
    # Record.
    found, owner = (False, "") if isinstance(answer, NoSuchAccount) else (answer.matches, answer.name or UNNAMED)
    return await profiles.record_check(services.db, account_id, asked, matches=found, owner=owner, now=services.clock())
