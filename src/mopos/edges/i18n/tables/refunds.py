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
    "problem.refund_part_unclear": (
        "مبلغی نوشته‌اید، اما برگشت یا بازپرداخت کامل را انتخاب کرده‌اید. یکی از این دو را درست کنید.",
        "You typed an amount, but chose to give all of it back. Correct one of the two.",
    ),
    "problem.reversal_needs_two": (
        "مبلغ این خرید از آنچه یک نفر به‌تنهایی می‌تواند برگرداند بیشتر است. آن را با تأیید نفر دوم بازپرداخت کنید، "
        "یا از پشتیبانی بخواهید که آن را برگرداند.",
        "This payment is above what one person may give back alone. Refund it with a second person, or ask support to "
        "reverse it.",
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
    "problem.reversal_refused": (
        "بانک برگشت این پرداخت را نپذیرفت؛ پرداخت پابرجاست. می‌توانید به‌جای آن بازپرداخت کنید.",
        "The bank refused to reverse this payment, which stands. You can refund it instead.",
    ),
    # Pages.
    "menu.refunds": ("بازپرداخت‌ها", "Refunds"),
    "refund.title": ("بازپرداخت", "Refund"),
    "refund.list": ("بازپرداخت‌ها", "Refunds"),
    "refund.none": ("بازپرداختی اینجا نیست.", "There is no refund here."),
    "refund.back": ("همهٔ بازپرداخت‌ها", "All refunds"),
    "refund.show": ("کدام بازپرداخت‌ها", "Which refunds"),
    "refund.show.all": ("همه", "All"),
    "refund.show.waiting": ("منتظر نفر دوم", "Waiting for a second person"),
    "refund.show.under_way": ("در جریان", "Under way"),
    "refund.show.unknown": ("بانک بی‌پاسخ", "Bank is silent"),
    "refund.show.failed": ("ناموفق", "Failed"),
    "refund.show.done": ("انجام‌شده", "Done"),
    "refund.number": ("شماره", "Number"),
    "refund.amount": ("مبلغ (ریال)", "Amount (Rial)"),
    "refund.stands": ("وضعیت", "State"),
    "refund.purchase": ("خرید", "Purchase"),
    "refund.gateway": ("درگاه", "Gateway"),
    "refund.method": ("راه بازپرداخت", "How it goes back"),
    "refund.method.bank": ("به همان کارت، از راه بانک", "To the same card, by the bank"),
    "refund.method.paya": ("به شبا، با پایا", "To a Sheba, by Paya"),
    "refund.asked_by": ("درخواست‌کننده", "Asked for by"),
    "refund.asked_at": ("زمان درخواست", "Asked at"),
    "refund.decided_by": ("نفر دوم", "Second person"),
    "refund.facts": ("مشخصات بازپرداخت", "Facts"),
    "refund.iban": ("شبای خریدار", "Buyer's Sheba"),
    "refund.payee": ("نام صاحب شبا", "Name of the Sheba's holder"),
    "refund.reason": ("دلیل", "Reason"),
    "refund.reason.hint": (
        "در تاریخچه می‌ماند و خریدار آن را نمی‌بیند.",
        "Kept in the history; the buyer does not see it.",
    ),
    "refund.bank_ref": ("شمارهٔ پیگیری بازپرداخت", "Reference of the refund"),
    "refund.bank_code": ("کد بانک", "Bank's code"),
    "refund.done_at": ("زمان انجام", "Done at"),
    "refund.next": ("پرسش بعدی از بانک", "Bank asked next at"),
    "refund.times": ("بار پرسیده شده", "times asked"),
    "refund.timeline": ("آنچه گذشت", "What happened"),
    "refund.state.REQUESTED": ("منتظر نفر دوم", "Waiting for a second person"),
    "refund.state.APPROVED": ("تأییدشده", "Approved"),
    "refund.state.SENDING": ("در راه", "On its way"),
    "refund.state.UNKNOWN": ("بانک بی‌پاسخ", "Bank is silent"),
    "refund.state.DONE": ("انجام شد", "Done"),
    "refund.state.FAILED": ("ناموفق", "Failed"),
    "refund.state.REFUSED": ("رد شد", "Refused"),
    "refund.says.REQUESTED": (
        "مبلغ کنار گذاشته شده است و پس از تأیید نفر دوم فرستاده می‌شود.",
        "The money is set aside, and is sent once a second person has agreed.",
    ),
    "refund.says.APPROVED": (
        "مبلغ کنار گذاشته شده است و تا چند ثانیهٔ دیگر از بانک خواسته می‌شود.",
        "The money is set aside, and the bank is asked within seconds.",
    ),
    "refund.says.APPROVED_paya": (
        "مبلغ کنار گذاشته شده است و با دستهٔ تسویهٔ بعدی به شبای خریدار واریز می‌شود.",
        "The money is set aside, and goes to the buyer's Sheba with the next settlement batch.",
    ),
    "refund.says.SENDING": (
        "بازپرداخت از بانک خواسته شده است.",
        "The bank has been asked for the refund.",
    ),
    "refund.says.SENDING_paya": (
        "بازپرداخت در دستهٔ تسویه است و نتیجهٔ بانک مرکزی هنوز نرسیده است.",
        "The refund is in a settlement batch; the central bank's result is not here yet.",
    ),
    "refund.says.UNKNOWN": (
        "بانک نگفت که انجام داد یا نه. با همان شماره دوباره پرسیده می‌شود، پس دو بار انجام نمی‌شود.",
        "The bank did not say whether it did it. It is asked again with the same number, so it is never done twice.",
    ),
    "refund.says.DONE": (
        "مبلغ به خریدار برگشت. زمان نشستن آن به حساب را بانک خریدار تعیین می‌کند.",
        "The money went back to the buyer. When it reaches the account is up to the buyer's bank.",
    ),
    "refund.says.FAILED": (
        "بازپرداخت انجام نشد و مبلغ به ماندهٔ درگاه برگشت.",
        "The refund was not made, and the money is in the gateway's balance again.",
    ),
    "refund.says.REFUSED": (
        "این بازپرداخت انجام نمی‌شود و مبلغ به ماندهٔ درگاه برگشت.",
        "This refund is not made, and the money is in the gateway's balance again.",
    ),
    "refund.event.requested": ("بازپرداخت خواسته شد.", "The refund was asked for."),
    "refund.event.approved": ("نفر دوم تأیید کرد.", "A second person agreed."),
    "refund.event.refused": ("رد یا پس گرفته شد.", "It was refused or taken back."),
    "refund.event.claimed": ("از بانک خواسته شد.", "The bank was asked."),
    "refund.event.bank_silent": ("بانک پاسخی نداد که بتوان به آن تکیه کرد.", "The bank gave no answer to rely on."),
    "refund.event.bank_confirmed": ("بانک انجام داد.", "The bank did it."),
    "refund.event.bank_declined": ("بانک نپذیرفت.", "The bank refused."),
    "refund.event.planned": ("در دستهٔ تسویه نشست.", "A settlement batch took it along."),
    "refund.event.unplanned": ("از دستهٔ تسویه بیرون آمد.", "It was taken out of its batch."),
    "refund.event.paid": ("بانک مرکزی واریز کرد.", "The central bank paid it."),
    "refund.event.returned": ("واریز نشد و برگشت.", "It was not paid, and returned."),
    "refund.event.came_back": ("پس از واریز برگشت خورد.", "It was paid, and came back."),
    "refund.actor.merchant": ("پذیرنده", "Merchant"),
    "refund.actor.operator": ("کاربر سامانه", "Operator"),
    "refund.actor.worker": ("پیگیری خودکار", "Automatic follow-up"),
    "refund.actor.central_bank": ("بانک مرکزی", "Central bank"),
    "refund.decision": ("تصمیم نفر دوم", "The second person's decision"),
    "refund.decision.others": (
        "کسی که اجازهٔ بازپرداخت دارد، جز درخواست‌کننده، آن را تأیید یا رد می‌کند.",
        "Somebody who may refund, other than who asked, approves or refuses it.",
    ),
    "refund.decision.own": (
        "شما این بازپرداخت را خواسته‌اید و نفر دیگری باید تأیید کند. تا آن زمان می‌توانید آن را پس بگیرید.",
        "You asked for this refund, and somebody else has to approve it. Until then you can take it back.",
    ),
    "refund.decision.yours": (
        "پس از تأیید شما پول به خریدار فرستاده می‌شود و برگشت‌پذیر نیست.",
        "Once you approve, the money is sent to the buyer, and cannot be called back.",
    ),
    "refund.note": ("چرا رد می‌کنید", "Why you refuse"),
    "refund.approve": ("تأیید بازپرداخت", "Approve the refund"),
    "refund.refuse": ("رد بازپرداخت", "Refuse the refund"),
    "refund.take_back": ("پس گرفتن درخواست", "Take the request back"),
    "refund.ask_bank": ("پرسیدن از بانک", "Ask the bank now"),
    "refund.ask_bank.sentence": (
        "بازپرداخت با همان شماره دوباره از بانک خواسته می‌شود؛ اگر انجام شده باشد، دوباره انجام نمی‌شود.",
        "The bank is asked again with the same number; if it has done the refund, it does not do it again.",
    ),
    # Giving back.
    "refund.give_back": ("برگرداندن پول", "Give money back"),
    "refund.of": ("خرید", "Purchase"),
    "refund.sums": ("مبلغ‌ها", "Amounts"),
    "refund.paid": ("پرداخت‌شده", "Paid"),
    "refund.before": ("بازپرداخت‌شده یا در راه", "Refunded, or on its way"),
    "refund.left": ("آنچه هنوز برمی‌گردد", "What can still go back"),
    "refund.card": ("کارت خریدار", "Buyer's card"),
    "refund.how_much": ("چه مقدار", "How much"),
    "refund.reverse": ("برگشت کامل پرداخت", "Reverse the whole payment"),
    "refund.reverse.hint": (
        "بانک همین پرداخت را باطل می‌کند؛ گویی انجام نشده است. کارمزد هم برمی‌گردد و پول زودتر به خریدار می‌رسد. "
        "فقط پیش از تسویه و به‌طور کامل ممکن است.",
        "The bank cancels this very payment, as if it had not been made. The fee comes back too, and the buyer has the "
        "money sooner. Possible only before settlement, and only for all of it.",
    ),
    "refund.all": ("بازپرداخت همهٔ آنچه مانده است", "Refund all that is left"),
    "refund.all.hint": (
        "پرداخت پابرجا می‌ماند و مبلغ از ماندهٔ درگاه به خریدار فرستاده می‌شود. کارمزد برنمی‌گردد.",
        "The payment stands, and the amount goes to the buyer out of the gateway's balance. The fee does not come "
        "back.",
    ),
    "refund.some": ("بازپرداخت بخشی از مبلغ", "Refund a part"),
    "refund.some.amount": ("مبلغ بخشی (ریال)", "Amount of the part (Rial)"),
    "refund.some.hint": ("فقط برای بازپرداخت بخشی از مبلغ.", "Only where a part is refunded."),
    "refund.no_reversal": ("برگشت کامل ممکن نیست:", "It cannot be reversed:"),
    "refund.paya.hint": (
        "بازپرداخت به شبا با دستهٔ تسویهٔ بعدی انجام می‌شود. شبا باید از خود خریدار باشد.",
        "A refund to a Sheba goes with the next settlement batch. The Sheba must be the buyer's own.",
    ),
    "refund.two_persons": (
        "نفر دومی باید تأیید کند، اگر آنچه از این خرید برمی‌گردد روی هم بیشتر شود از",
        "A second person has to agree where what goes back of this purchase comes to more than",
    ),
    "refund.of_purchase": ("بازپرداخت‌های این خرید", "Refunds of this purchase"),
    "done.refund_asked": (
        "بازپرداخت ثبت شد و فرستاده می‌شود.",
        "The refund is recorded, and is being sent.",
    ),
    "done.refund_waits": (
        "بازپرداخت ثبت شد و منتظر تأیید نفر دوم است.",
        "The refund is recorded, and waits for a second person.",
    ),
    "done.refund_approved": ("بازپرداخت تأیید شد و فرستاده می‌شود.", "The refund is approved, and is being sent."),
    "done.refund_refused": ("بازپرداخت رد شد.", "The refund was refused."),
    "done.refund_taken_back": ("درخواست بازپرداخت پس گرفته شد.", "The request was taken back."),
    "done.refund_due": ("بانک تا چند ثانیهٔ دیگر پرسیده می‌شود.", "The bank is asked within seconds."),
    "done.reversal_done": (
        "بانک پرداخت را برگرداند و پول به خریدار برگشت.",
        "The bank reversed the payment; the money is the buyer's again.",
    ),
    "done.reversal_waits": (
        "برگشت از بانک خواسته شد و بانک هنوز پاسخ نداده است. پیوسته از آن می‌پرسیم.",
        "The bank was asked for the reversal and has not answered yet. We keep asking.",
    ),
    # The activity, the log, messages.
    "act.refund_requested": ("بازپرداختی از خرید {subject} خواسته شد", "A refund of purchase {subject} was asked for"),
    "act.refund_approved": ("بازپرداختی از خرید {subject} تأیید شد", "A refund of purchase {subject} was approved"),
    "act.refund_refused": (
        "بازپرداختی از خرید {subject} رد یا پس گرفته شد",
        "A refund of purchase {subject} was refused or taken back",
    ),
    "act.refund_failed": ("بازپرداختی از خرید {subject} انجام نشد", "A refund of purchase {subject} was not made"),
    "act.reversal_requested": (
        "برگشت خرید {subject} از بانک خواسته شد",
        "The bank was asked to reverse purchase {subject}",
    ),
    "act.reversal_refused": ("بانک برگشت خرید {subject} را نپذیرفت", "The bank refused to reverse purchase {subject}"),
    "console.did.refund_requested": ("بازپرداخت خواست", "Asked for a refund"),
    "console.did.refund_approved": ("بازپرداخت را تأیید کرد", "Approved a refund"),
    "console.did.refund_refused": ("بازپرداخت را رد کرد یا پس گرفت", "Refused or took back a refund"),
    "console.did.reversal_requested": ("پرداختی را برگرداند", "Reversed a payment"),
    "console.act.approve_refund": ("برگشت پرداختی بزرگ", "Reverse a large payment"),
    "console.effect.approve_refund": (
        "بانک همهٔ مبلغ را به خریدار برمی‌گرداند و بدهی به پذیرنده از دفتر کل برداشته می‌شود. این کار برگشت ندارد.",
        "The bank gives the whole amount back to the buyer, and what we owe the merchant is taken out of the books. "
        "This cannot be undone.",
    ),
    "console.did.approve_refund": ("برگشت پرداختی بزرگ را تأیید کرد", "Approved the reversal of a large payment"),
    "console.verb.refund": ("بازپرداخت", "refund"),
    "notify.event.refund": (
        "بازپرداخت یا برگشتی که انجام نشد",
        "A refund or reversal that was not made",
    ),
}
