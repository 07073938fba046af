"""Money given back: reversals and refunds, on the buyer's page, in the panel and in the console."""

from __future__ import annotations

TABLE: dict[str, tuple[str, str]] = {
    # The buyer's page.
    "state.REVERSING.title": ("مبلغ در حال برگشت است", "The payment is being given back"),
    "state.REVERSING.sentence": (
        "فروشگاه خواسته است که مبلغ این خرید به شما برگردد. منتظر پاسخ بانک هستیم؛ لطفاً دوباره پرداخت نکنید.",
        "The shop has asked for this payment to be given back to you. We are waiting for the bank's answer; please do not "
        "pay again.",
    ),
    "state.REVERSED.title": ("مبلغ برگردانده شد", "The payment was given back"),
    "state.REVERSED.sentence": (
        "مبلغ این خرید به‌طور کامل به کارت شما برگردانده شد. زمان نشستن آن به حساب را بانک شما تعیین می‌کند.",
        "The whole amount was given back to your card. When it reaches your account is up to your bank.",
    ),
    "refund.page.part": (
        "بخشی از مبلغ این خرید به شما بازپرداخت شده است.",
        "A part of this payment was refunded to you.",
    ),
    "refund.page.under_way": (
        "بازپرداختی برای این خرید در جریان است.",
        "A refund of this payment is under way.",
    ),
    "refund.given_back": ("بازپرداخت شده", "Given back"),
    "refund.being_given_back": ("در حال بازپرداخت", "Being given back"),
    # PayRep's ErrDsc beside Err 0.
    "refund.err_dsc": (
        "خرید پرداخت شده و بخشی از مبلغ آن به خریدار بازپرداخت شده است:",
        "The purchase is paid, and a part of it was refunded to the buyer:",
    ),
    # Where a purchase stands.
    "stand.REVERSING": ("در حال برگشت", "Being reversed"),
    "stand.REVERSED": ("برگشت‌خورده", "Reversed"),
    "console.state.REVERSING": ("در حال برگشت", "Reversing"),
    "console.state.REVERSED": ("برگشت‌خورده", "Reversed"),
    "refund.whole": ("بازپرداخت کامل", "Refunded"),
    "refund.part": ("بازپرداخت بخشی", "Partly refunded"),
    "event.reversal_requested": (
        "برگشت کامل مبلغ از بانک خواسته شد.",
        "The bank was asked to give the whole amount back.",
    ),
    "event.reversal_confirmed": (
        "بانک مبلغ را به‌طور کامل به خریدار برگرداند.",
        "The bank gave the whole amount back to the buyer.",
    ),
    "event.reversal_refused": (
        "بانک برگشت مبلغ را نپذیرفت؛ پرداخت پابرجاست.",
        "The bank refused to give the amount back; the payment stands.",
    ),
    "ledger.reversal_requested": ("درخواست برگشت", "Reversal asked for"),
    "ledger.reversal_confirmed": ("برگشت انجام شد", "Reversed"),
    "ledger.reversal_refused": ("برگشت پذیرفته نشد", "Reversal refused"),
    "ledger.refund_requested": ("درخواست بازپرداخت", "Refund asked for"),
    "ledger.refund_failed": ("بازپرداخت انجام نشد", "Refund not made"),
    "ledger.refund_done": ("بازپرداخت از راه بانک", "Refunded by the bank"),
    "ledger.refund_paid": ("بازپرداخت با پایا", "Refunded by Paya"),
    "ledger.refund_came_back": ("بازپرداخت برگشت خورد", "Refund came back"),
    "ledger.refunds_in_flight": ("بازپرداخت‌های در راه", "Refunds on their way"),
    "ledger.fee_income": ("درآمد کارمزد", "Fee income"),
    "ledger.operator_bank": ("حساب بانکی گرداننده", "Operator's bank account"),
}
