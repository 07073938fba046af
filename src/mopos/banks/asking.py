"""How a bank is asked what became of an attempt, whichever bank it is. What the browser brought proves nothing: it is a
reason to ask, and a hint which question to ask."""

from __future__ import annotations

from mopos.banks.port import (
    Attempt,
    Bank,
    Confirmed,
    Declined,
    Pending,
    Returned,
    Silent,
    Unverified,
)

Answer = Confirmed | Declined | Pending | Silent


def is_about(returned: Returned, attempt: Attempt) -> bool:
    """Whether what came back claims to be this attempt's return, where the bank's returns say whose they are."""
    return returned.order_number in (None, attempt.number) and returned.token in (None, attempt.token)


async def ask(bank: Bank, attempt: Attempt) -> Answer:
    """Ask what became of an attempt, and confirm it when the bank waits for that.

    `Pending` where nothing can be asked, as the bank wants the reference that only a browser brings: who has paid may
    still return, and what nobody confirms the bank gives back."""
    if bank.facts.asks_by_ref and attempt.bank_ref is None:
        return Pending()
    if not bank.facts.can_inquire:
        return await bank.verify(attempt)
    match await bank.inquire(attempt):
        case Unverified():
            return await bank.verify(attempt)
        case answer:
            return answer


async def after_return(bank: Bank, attempt: Attempt, returned: Returned) -> Answer:
    """Ask about an attempt whose buyer has just come back.

    One call where the browser says "paid". Where it says anything else, the bank may still say "paid"; a bank that
    cannot be asked without confirming is not asked after a no: what we do not confirm is not ours, so a browser's no is
    as good as the bank's. A true return may still follow it. But a no is only what could be read as the bank's own word
    of no, which has a code: whatever else came back is no answer, and the bank is asked as if nothing had come."""
    if not is_about(returned, attempt):
        return Pending()
    if returned.claims_paid:
        return await bank.verify(attempt)
    asks_freely = bank.facts.can_inquire and not (bank.facts.asks_by_ref and attempt.bank_ref is None)
    if returned.code and not asks_freely:
        return Declined(returned.reason, returned.code)
    return await ask(bank, attempt)
