"""Money given back: reversals and refunds, on the buyer's page, in the panel and in the console."""

from __future__ import annotations

TABLE: dict[str, tuple[str, str]] = {
    # The buyer's page.
    "state.REVERSING.title": ("مبلغ در حال برگشت است", "The payment is being given back"),
    "state.REVERSING.sentence": (
        "فروشگاه خواسته است که مبلغ این خرید به شما برگردد. منتظر پاسخ بانک هستیم؛ لطفاً دوباره پرداخت نکنید.",
        "The shop has asked for this payment to be given back to you. We are waiting for the bank's answer; please do "
        "not pay again.",
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
    # What is refused.
    "problem.refund_amount_missing": ("مبلغ بازپرداخت را به ریال بنویسید.", "Type the amount to refund, in Rial."),
    "problem.refund_amount_not_a_number": (
        "مبلغ بازپرداخت عددی درست و بزرگ‌تر از صفر به ریال است.",
        "The amount to refund is a whole number of Rial above nought.",
    ),
    "problem.refund_exceeds": (
        "این مبلغ از آنچه از این خرید مانده است بیشتر است.",
        "This is more than what is left of the payment.",
    ),
    "problem.refund_method_unknown": ("راه بازپرداخت را انتخاب کنید.", "Choose how the money goes back."),
    "problem.refund_payee_missing": ("نام صاحب شبا را بنویسید.", "Type the name of the Sheba's holder."),
    "problem.refund_payee_too_long": ("نام صاحب شبا کوتاه‌تر باشد.", "The name of the Sheba's holder is too long."),
    "problem.refund_reason_missing": (
        "بنویسید چرا این پول برمی‌گردد؛ در تاریخچه می‌ماند.",
        "Say why the money goes back; it is kept in the history.",
    ),
    "problem.refund_reason_too_long": ("دلیل را کوتاه‌تر بنویسید.", "Make the reason shorter."),
    "problem.balance_insufficient": (
        "ماندهٔ درگاه برای این بازپرداخت کافی نیست. پس از فروش‌های تازه دوباره تلاش کنید.",
        "The gateway's balance does not cover this. Try again after further sales.",
    ),
    "problem.purchase_not_paid": (
        "این خرید پرداخت‌شده نیست، پس چیزی برای برگرداندن ندارد.",
        "This purchase is not paid, so there is nothing to give back.",
    ),
    "problem.purchase_being_reversed": (
        "مبلغ این خرید هم‌اکنون در حال برگشت است.",
        "This payment is already being given back.",
    ),
    "problem.reversal_too_late": (
        "مهلت برگشت این پرداخت در بانک گذشته است. به‌جای آن بازپرداخت کنید.",
        "The bank no longer reverses this payment. Refund it instead.",
    ),
    "problem.reversal_after_settlement": (
        "این پرداخت تسویه شده، در حال تسویه یا نگه‌داشته است و برگشت نمی‌خورد. به‌جای آن بازپرداخت کنید.",
        "This payment is settled, being settled or held, and cannot be reversed. Refund it instead.",
    ),
    "problem.reversal_beside_refunds": (
        "این خرید بازپرداخت دارد؛ برگشت کامل ممکن نیست.",
        "This purchase has refunds; it cannot be reversed whole.",
    ),
    "problem.refund_changed": (
        "از زمان باز شدن این صفحه، این خرید تغییر کرده است. وضعیت تازه را ببینید و اگر لازم است دوباره بفرستید.",
        "This purchase has changed since you opened the page. Look at it anew, and send again if it is still wanted.",
    ),
    "problem.refund_gone": (
        "دربارهٔ این بازپرداخت پیش‌تر تصمیم گرفته شده است.",
        "This refund has been decided on already.",
    ),
    "problem.own_refund": (
        "بازپرداختی را که خودتان خواسته‌اید نفر دیگری باید تأیید کند.",
        "A refund that you asked for has to be approved by somebody else.",
    ),
}
