"""When money may be given back, and how: the rules, without a database and without a bank."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timedelta

from mopos.base.errors import Refused
from mopos.base.iban import has_iban_form, is_iban, read_iban
from mopos.base.money import Rial
from mopos.base.text import harmless, latin_digits
from mopos.domain.payments.model import Purchase
from mopos.domain.payments.refund_store import NewRefund
from mopos.domain.payments.refunds import PAYEE_LENGTH_MAX, REASON_LENGTH_MAX, Method, RefundState
from mopos.domain.payments.states import State

# Blanks and the signs with which people part thousands.
_PARTED = re.compile(r"[\s,٬،_'’]")
_AMOUNT = re.compile(r"0*[1-9][0-9]{0,17}")


def why_not_reversed(purchase: Purchase, reverse_within: timedelta, now: datetime) -> str:
    """The code that says why a payment cannot be reversed; empty: as far as its own row tells, it can. Whether it is
    being settled or held, and whether the balance is there, PostgreSQL says in the end."""
    if purchase.state is State.REVERSING:
        return "purchase_being_reversed"
    if purchase.state is not State.PAID:
        return "purchase_not_paid"
    if purchase.refund_rial:
        return "reversal_beside_refunds"
    paid_at = purchase.attempt_ended_at or purchase.paid_at
    return "reversal_too_late" if paid_at is None or now >= paid_at + reverse_within else ""


def why_not_refunded(purchase: Purchase) -> str:
    """The code that says why nothing can be refunded; empty: something can."""
    if purchase.state is State.REVERSING:
        return "purchase_being_reversed"
    if purchase.state is not State.PAID:
        return "purchase_not_paid"
    return "" if left(purchase) else "refund_exceeds"


def left(purchase: Purchase) -> Rial:
    """What may still be refunded: the merchant's amount less all refunds that have not failed."""
    return purchase.amount - Rial(purchase.refund_rial)


def methods(*, bank_can: bool, bank_failed: bool) -> list[Method]:
    """The ways that are open, the usual one first: to the card that paid, by its bank; to a Sheba only where the bank
    cannot, or has refused before (a card that is no more). Money that went to any Sheba would be a way to move it."""
    if not bank_can:
        return [Method.PAYA]
    return [Method.BANK, Method.PAYA] if bank_failed else [Method.BANK]


def first_state(purchase: Purchase, amount: Rial, two_persons_above: Rial) -> RefundState:
    """Whether one person is enough. All of a payment's refunds count, so that many small ones are a large one."""
    together = Rial(purchase.refund_rial) + amount
    return RefundState.REQUESTED if together > two_persons_above else RefundState.APPROVED


def read_request(fields: Mapping[str, str], purchase: Purchase, ways: list[Method]) -> NewRefund:
    """What a form asks for: `amount` (`part` = `whole`: all that is left), `method`, `iban`, `payee`, `reason`.
    Raises `Refused` with every problem of every field."""
    problems: list[str] = []
    amount = _amount(fields, purchase, problems)
    method = _method(fields.get("method", "").strip(), ways, problems)
    reason = harmless(fields.get("reason", "")).strip()
    if not reason:
        problems.append("refund_reason_missing")
    elif len(reason) > REASON_LENGTH_MAX:
        problems.append("refund_reason_too_long")
    iban = payee = ""
    if method is Method.PAYA:
        iban, payee = read_iban(fields.get("iban", "")), harmless(fields.get("payee", "")).strip()
        problems += _problems_of_payee(iban, payee)
    if problems:
        raise Refused(problems)
    return NewRefund(purchase.id, purchase.gateway_id, amount, method, reason, iban, payee)


def _amount(fields: Mapping[str, str], purchase: Purchase, problems: list[str]) -> Rial:
    if fields.get("part") == "whole":
        return left(purchase)
    text = _PARTED.sub("", latin_digits(fields.get("amount", "")))
    if not text:
        problems.append("refund_amount_missing")
    elif not _AMOUNT.fullmatch(text):
        problems.append("refund_amount_not_a_number")
    elif int(text) > left(purchase):
        problems.append("refund_exceeds")
    else:
        return Rial(int(text))
    return Rial(0)


def _method(text: str, ways: list[Method], problems: list[str]) -> Method:
    if not text:
        return ways[0]
    found = next((way for way in ways if way == text), None)
    if found is None:
        problems.append("refund_method_unknown")
    return found or ways[0]


def _problems_of_payee(iban: str, payee: str) -> list[str]:
    problems = []
    if not has_iban_form(iban):
        problems.append("iban_malformed")
    elif not is_iban(iban):
        problems.append("iban_wrong_digits")
    if not payee:
        problems.append("refund_payee_missing")
    elif len(payee) > PAYEE_LENGTH_MAX:
        problems.append("refund_payee_too_long")
    return problems
