"""THE table of acts that close an exception: where each fits, and which entry it writes for how much. Pure."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from mopos.domain.settlement.recon_store import Found


class Act(StrEnum):
    """How an operator closes an exception."""

    EXPLAINED = "explained"
    """No money: both sides are right, and the reason says why."""
    BORNE = "difference_borne"
    """The PSP owes us less than we thought, and the operator bears it."""
    EARNED = "difference_earned"
    """The PSP owes us more than we thought, and it belongs to nobody else."""
    TOOK_BACK = "bank_took_back"
    """The bank took the money back (a chargeback), and the merchant bears it, into debt if need be."""
    TO_ACQUIRER = "suspense_to_acquirer"
    """Money in suspense is a PSP's deposit."""
    TO_ACQUIRER_REST = "deposit_rest_is_cost"
    """The same, and what it is short of is what the PSP keeps for its work."""
    TO_MERCHANT = "suspense_to_merchant"
    """Money in suspense belongs to a merchant."""
    TO_INCOME = "suspense_to_income"
    FROM_INCOME = "income_to_suspense"
    """Money that went out is the operator's own expense (a bank's charge)."""


class Booked(NamedTuple):
    """An entry of an act: its row in `ledger/entries.py` and its amount in Rial."""

    entry: str
    rial: int


class Fits(NamedTuple):
    """An act that fits an exception, and what it books."""

    act: Act
    entries: tuple[Booked, ...]
    needs: str = ""
    """What is to be told with it: `gateway` or `terminal`; empty: nothing."""

    @property
    def rial(self) -> int:
        return self.entries[0].rial if self.entries else 0


def acts_for(found: Found) -> list[Fits]:
    """All acts that fit an exception, the most likely first. Empty: it is closed."""
    if not found.is_open:
        return []
    if found.in_suspense:
        return _of_suspense(found)
    acts = _of_psp(found) if found.source == "psp" and found.terminal_id is not None else []
    return [*acts, Fits(Act.EXPLAINED, ())]


def _of_suspense(found: Found) -> list[Fits]:
    rial = found.line_rial or 0
    if rial < 0:
        return [Fits(Act.FROM_INCOME, (Booked(Act.FROM_INCOME, -rial),))]
    deposit = Booked(Act.TO_ACQUIRER, rial)
    acts = [Fits(Act.TO_ACQUIRER, (deposit,), "" if found.terminal_id else "terminal")]
    short = -found.amount_rial
    if found.kind == "amount_differs" and found.terminal_id and short > 0:
        acts.insert(0, Fits(Act.TO_ACQUIRER_REST, (deposit, Booked("acquirer_cost", short))))
    acts.append(Fits(Act.TO_MERCHANT, (Booked(Act.TO_MERCHANT, rial),), "gateway"))
    acts.append(Fits(Act.TO_INCOME, (Booked(Act.TO_INCOME, rial),)))
    return acts


def _of_psp(found: Found) -> list[Fits]:
    rial = found.amount_rial
    if rial > 0:
        return [Fits(Act.EARNED, (Booked(Act.EARNED, rial),))]
    if rial == 0:
        return []
    borne = Fits(Act.BORNE, (Booked(Act.BORNE, -rial),))
    took_back = Fits(Act.TOOK_BACK, (Booked(Act.TOOK_BACK, -rial),))
    return [took_back, borne] if found.gateway_id is not None else [borne]
