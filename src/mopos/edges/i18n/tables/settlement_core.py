"""Sentences about what settlement refuses and does: rules, batches, splits, holds, results. Persian, English."""

TABLE: dict[str, tuple[str, str]] = {
    # What members are told of, and what stands in an account's activity log.
    "notify.event.payout_settled": ("واریز به حساب بانکی", "A deposit reached the bank account"),
    "notify.event.payout_returned": ("برگشت واریز از بانک", "A deposit came back from the bank"),
    "act.split_changed": ("تسهیم درگاه تغییر کرد", "The gateway's split was changed"),
    "act.payouts_stopped": ("واریزهای درگاه متوقف شد", "The gateway's payouts were stopped"),
    "act.payouts_resumed": ("واریزهای درگاه از سر گرفته شد", "The gateway's payouts were resumed"),
    # Splits, as operators look at them.
    "menu.splits": ("تسهیم‌ها", "Splits"),
    "console.splits.title": ("تسهیم‌های بررسی‌نشده", "Splits to look at"),
    "console.splits.sentence": (
        "پذیرنده این تسهیم‌ها را نوشته است. تا یکی از شما گیرنده‌ها را ندیده باشد، همهٔ پول به خود پذیرنده می‌رسد.",
        "Merchants have set these. Until one of you has looked at the parties, all goes to the merchant himself.",
    ),
    "console.splits.none": ("تسهیمی در انتظار بررسی نیست.", "No split waits to be looked at."),
    "console.splits.split": ("تسهیم", "Split"),
    "console.splits.look": ("دیدن تسهیم", "Look at split"),
    "console.splits.gateway": ("درگاه", "Gateway"),
    "console.splits.parties": ("گیرنده‌ها", "Parties"),
    "console.splits.since": ("زمان نوشتن", "Set"),
    "console.splits.from": ("از", "From"),
    "console.splits.fee_from": ("کارمزد را چه کسی می‌پردازد", "Who bears the fee"),
    "console.splits.fee_from.all": ("همهٔ گیرنده‌ها", "All parties"),
    "console.splits.fee_from.remainder": ("گیرندهٔ باقی‌مانده", "The remainder's party"),
    "console.splits.payee": ("گیرنده", "Party"),
    "console.splits.iban": ("شبا", "IBAN"),
    "console.splits.national_id": ("شناسهٔ ملی", "National id"),
    "console.splits.share": ("سهم", "Share"),
    "console.splits.rial": ("ریال", "Rial"),
    "console.splits.remainder": ("باقی‌مانده", "The remainder"),
    "console.splits.ends": (
        "این تسهیم پایان می‌یابد و همهٔ پول به پذیرنده می‌رسد.",
        "This ends the split: all goes to the merchant.",
    ),
    "console.splits.agree": ("تأیید گیرنده‌ها", "Agree to the parties"),
    "console.splits.agree.sentence": (
        "از تسویهٔ بعد، پول به این گیرنده‌ها واریز می‌شود. قرارداد و صاحب هر شبا را پیش از آن ببینید.",
        "From the next settlement on they are paid. Look at the contract and at whose each IBAN is first.",
    ),
    "done.split_agreed": ("گیرنده‌ها تأیید شدند.", "The parties were agreed to."),
    "console.did.agree_split": ("تسهیم را تأیید کرد", "agreed to a split"),
    "console.did.set_split": ("تسهیم را تعیین کرد", "set a split"),
    "console.did.set_money_rule": ("قاعدهٔ تسویه را تعیین کرد", "set a rule of settlement"),
    "console.did.set_closure": ("وضعیت یک روز بانکی را نوشت", "wrote of a bank day"),
    "console.did.remove_closure": ("نوشتهٔ یک روز بانکی را برداشت", "took back what was written of a bank day"),
    "console.did.cancel_batch": ("دستهٔ تسویه را لغو کرد", "cancelled a batch"),
    "console.did.approve_batch": ("دستهٔ تسویه را تأیید کرد", "approved a batch"),
    "console.did.set_debt": ("سقف بدهی درگاه را تعیین کرد", "set how far a gateway may be in debt"),
    "console.did.place_hold": ("پولی را نگه داشت", "held money"),
    "console.did.release_hold": ("پول نگه‌داشته را آزاد کرد", "released held money"),
    "console.did.stop_payouts": ("واریزهای درگاه را متوقف کرد", "stopped a gateway's payouts"),
    "console.did.resume_payouts": ("واریزهای درگاه را از سر گرفت", "resumed a gateway's payouts"),
    "console.did.confirm_payee": ("گیرندهٔ واریزها را تأیید کرد", "agreed to where an account's money goes"),
    "problem.rule_unknown": ("چنین قاعده‌ای نیست.", "There is no such rule."),
    "problem.rule_value_wrong": (
        "این مقدار برای این قاعده پذیرفته نیست. نمونهٔ کنار آن را ببینید.",
        "This rule cannot have that value. See the example beside it.",
    ),
    "problem.rule_in_past": (
        "قاعده از امروز یا روزی پس از آن آغاز می‌شود؛ گذشته عوض نمی‌شود.",
        "A rule begins today or later; the past is not changed.",
    ),
    "problem.closure_in_past": (
        "تعطیلی برای امروز یا روزی پس از آن نوشته می‌شود.",
        "A closure is for today or a later day.",
    ),
    "problem.closure_gone": (
        "برای این روز چیزی نوشته نشده بود.",
        "Nothing was written for that day.",
    ),
    "problem.batch_moved": (
        "این دسته در این میان تغییر کرده است. صفحه را تازه کنید.",
        "This batch has changed meanwhile. Load the page again.",
    ),
    "problem.batch_incomplete": (
        "جمع واریزهای این دسته هنوز با جمع تسویه‌ها برابر نیست. یک دقیقه بعد دوباره بکوشید.",
        "The payouts of this batch do not add up to its settlements yet. Try again in a minute.",
    ),
    "problem.batch_file_out": (
        "فایل این دسته ساخته شده و شاید نزد بانک باشد؛ لغو نمی‌شود. نتیجهٔ هر ردیف را وارد کنید.",
        "A file of this batch was made and may be at the bank, so it cannot be cancelled. Enter each row's result.",
    ),
    "problem.split_too_many": ("سهم‌ها بیش از اندازه‌اند.", "There are too many parts."),
    "problem.split_payee_missing": ("نام گیرندهٔ هر سهم را بنویسید.", "Name the receiver of each part."),
    "problem.split_payee_too_long": ("نام گیرنده بیش از اندازه بلند است.", "A receiver's name is too long."),
    "problem.split_iban_wrong": (
        "شبای یکی از سهم‌ها درست نیست: رقم‌های کنترل آن نمی‌خواند.",
        "The IBAN of a part is wrong: its check digits do not fit.",
    ),
    "problem.split_iban_twice": (
        "یک شبا در دو سهم آمده است.",
        "Two parts have the same IBAN.",
    ),
    "problem.split_share_wrong": (
        "هر سهم یا درصدی بیش از صفر است یا مبلغی به ریال، نه هر دو.",
        "Each part is a percentage above nought or an amount of Rial, not both.",
    ),
    "problem.split_percent_sum": (
        "جمع درصدها بیش از صد است.",
        "The percentages come to more than a hundred.",
    ),
    "problem.split_remainder": (
        "درست یکی از سهم‌ها باقی‌مانده را می‌گیرد.",
        "Exactly one part takes the remainder.",
    ),
    "problem.split_fee_from": (
        "بگویید کارمزد از همهٔ سهم‌ها کم شود یا فقط از سهم باقی‌مانده.",
        "Say whether the fee is borne by all parts, or by the remainder's only.",
    ),
    "problem.split_in_past": (
        "تسهیم از اکنون یا زمانی پس از آن آغاز می‌شود.",
        "A split begins now or later.",
    ),
    "problem.hold_amount_wrong": ("مبلغ را به ریال و با رقم بنویسید.", "Write the amount in Rial, in digits."),
    "problem.hold_purchase_unknown": ("این درگاه چنین خریدی ندارد.", "This gateway has no such purchase."),
    "problem.hold_not_paid": (
        "این خرید پولی برای نگه‌داشتن ندارد: پرداخت نشده، برگشت خورده یا همهٔ آن پس داده شده است.",
        "This purchase has no money to hold: it was not paid, or was reversed or refunded whole.",
    ),
    "problem.hold_settled": (
        "این خرید پیش‌تر در تسویه آمده است. به‌جای آن مبلغی از مانده را نگه دارید.",
        "This purchase has been settled already. Hold an amount of the balance instead.",
    ),
    "problem.hold_there": ("پول این خرید پیش‌تر نگه داشته شده است.", "This purchase is held already."),
    "problem.hold_too_much": (
        "ماندهٔ درگاه کمتر از این مبلغ است.",
        "The gateway's balance is less than that.",
    ),
    "problem.hold_gone": ("این نگه‌داشت پیش‌تر پایان یافته است.", "This hold has ended already."),
    "problem.payouts_moved": (
        "کس دیگری در این میان واریزهای این درگاه را متوقف کرده یا به راه انداخته است.",
        "Somebody else has stopped or resumed this gateway's payouts meanwhile.",
    ),
    "problem.debt_wrong": (
        "سقف بدهی را به ریال و با رقم بنویسید؛ صفر یعنی هیچ.",
        "Write the most that may be owed in Rial, in digits; nought for none.",
    ),
    "problem.payee_moved": (
        "مشخصات حساب در این میان تغییر کرده است. دوباره آن را بررسی کنید.",
        "The account's details have changed meanwhile. Look at them again.",
    ),
    "problem.payee_incomplete": (
        "نام، شناسهٔ ملی یا شبای این حساب هنوز نوشته نشده است.",
        "The account's name, national id or IBAN is still missing.",
    ),
    "problem.result_payout_unknown": ("چنین واریزی نداریم.", "We have no such payout."),
    "problem.result_not_submitted": (
        "این واریز به بانک داده نشده است؛ نتیجه‌ای برای آن پذیرفته نمی‌شود.",
        "This payout was never handed to the bank, so it can have no result.",
    ),
    "problem.result_contradicts": (
        "این نتیجه با آنچه پیش‌تر از بانک آمده نمی‌خواند.",
        "This result contradicts what the bank said before.",
    ),
    "problem.result_tracking_wrong": (
        "شمارهٔ پیگیری نیامده یا بیش از اندازه بلند است.",
        "The tracking number is missing or too long.",
    ),
    "problem.result_date_wrong": (
        "تاریخ نتیجه پیش از روز دسته یا در آینده است.",
        "The result's date is before the batch's day, or in the future.",
    ),
    "problem.result_outcome_wrong": (
        "نتیجه باید «واریز شد» یا «برگشت خورد» باشد.",
        "A result says settled or returned.",
    ),
}
