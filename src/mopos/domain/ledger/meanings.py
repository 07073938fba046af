"""What each account and each entry is for, in a sentence: for the reference page."""

from __future__ import annotations

from mopos.domain.ledger.chart import Kind

ACCOUNTS: dict[Kind, str] = {
    Kind.ACQUIRER_RECEIVABLE: "What a bank has taken for us and still owes us.",
    Kind.OPERATOR_BANK: "The operator's own bank account, as far as the books know of it.",
    Kind.ACQUIRER_COST: "What a bank keeps for its work.",
    Kind.MERCHANT_PAYABLE: "What we owe a merchant. A debt policy of two operators may lower its floor.",
    Kind.MERCHANT_HELD: "What we owe a merchant and do not pay out for now.",
    Kind.REFUNDS_IN_FLIGHT: "On its way back to buyers: refunds and reversals that have not ended.",
    Kind.SETTLEMENT_IN_TRANSIT: "On its way to merchants: payouts that have not ended.",
    Kind.FEE_INCOME: "What the operator has earned.",
    Kind.SUSPENSE: "Money on the bank account of which nobody knows yet what it is.",
}

ENTRIES: dict[str, str] = {
    "purchase_paid": "A bank confirmed a payment: it owes us what the buyer paid, and we owe the merchant his part.",
    "reversal_requested": "A whole payment is to be given back before it is settled; the fee is given back too.",
    "reversal_refused": "The bank said no to a reversal: all is as it was.",
    "reversal_confirmed": "The bank gave a payment back and owes us that much less.",
    "refund_requested": "Money of the merchant is set aside for a refund, which counts against its balance at once.",
    "refund_failed": "A refund did not take place: the money is the merchant's again.",
    "refund_done": "The bank gave the money back to the buyer's card and owes us that much less.",
    "refund_paid": "The money went to the buyer's Sheba by Paya, out of our own bank account.",
    "refund_came_back": "A refund by Paya was sent back after it had been done: the money is the merchant's again.",
    "hold_placed": "An operator keeps money of a merchant back.",
    "hold_released": "Money that was kept back is the merchant's again, and the next settlement pays it.",
    "payout_planned": "A day was closed: what each merchant is paid is on its way. One line for each gateway.",
    "payout_cancelled": "A batch that was not handed over was taken back whole.",
    "payout_settled": "The central bank carried out a payout, out of our own bank account.",
    "payout_returned": "A payout was refused or returned: the money is the merchant's again.",
    "payout_came_back": "A payout was sent back after it had been settled: the money is the merchant's again.",
    "acquirer_deposited": "A bank paid what it had taken into our bank account.",
    "acquirer_cost": "A bank paid less than it had taken, by what it keeps for its work.",
    "credit_unknown": "Money came to our bank account, and nobody knows yet what for.",
    "debit_unknown": "Money left our bank account, and nobody knows yet what for.",
    "suspense_to_acquirer": "What nobody knew was a bank's payment of what it had taken.",
    "suspense_to_merchant": "What nobody knew is a merchant's.",
    "suspense_to_income": "What nobody knew is the operator's own.",
    "income_to_suspense": "The operator bears a movement of the bank account that nobody can explain.",
    "bank_took_back": "A bank took a payment back from us (a dispute): the merchant bears it, whatever its balance.",
    "difference_borne": "A bank reports less than we booked: the operator bears it.",
    "difference_earned": "A bank reports more than we booked: the operator keeps it.",
    "correction": "All lines of an earlier entry the other way round; it names that entry. By two operators.",
}
