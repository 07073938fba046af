"""Sentences of fees: the buyer's page, the console's pages, the merchant's. Persian, English."""

TABLE: dict[str, tuple[str, str]] = {
    # The buyer's page.
    "fee.agree.title": ("مبلغ را بررسی کنید", "Check the amount"),
    "fee.agree.sentence": (
        "کارمزد پرداخت به مبلغ خرید افزوده شده است. با زدن دکمه به صفحهٔ بانک می‌روید و همین جمع را می‌پردازید.",
        "A payment fee is added to the price. The button takes you to the bank, where you pay exactly this total.",
    ),
    "fee.agree.button": ("می‌پذیرم؛ رفتن به صفحهٔ بانک", "Accept, and continue to the bank"),
    "fee.of_purchase": ("مبلغ خرید", "Price"),
    "fee.of_payment": ("کارمزد پرداخت", "Payment fee"),
    "fee.total": ("جمع", "Total"),
    "event.fee_agreed": (
        "خریدار کارمزد را دید و پذیرفت.",
        "The buyer saw the fee and accepted it.",
    ),
    # A fee in words.
    "fee.any_amount": ("هر مبلغی", "Any amount"),
    "fee.above": ("بالای", "above"),
    "fee.up_to": ("تا", "up to"),
    "fee.of_amount": ("مبلغ", "of the amount"),
    "fee.plus": ("به‌اضافهٔ", "plus"),
    "fee.nothing": ("رایگان", "free"),
    "fee.at_least": ("دست‌کم", "at least"),
    "fee.at_most": ("حداکثر", "at most"),
    "fee.bearer.merchant": ("پذیرنده", "Merchant"),
    "fee.bearer.buyer": ("خریدار", "Buyer"),
    "fee.rounding.half_up": ("به نزدیک‌ترین ریال؛ نیم ریال به بالا", "To the nearest Rial; half a Rial up"),
    "fee.rounding.up": ("همیشه به بالا", "Always up"),
    "fee.rounding.down": ("همیشه به پایین", "Always down"),
    # The console.
    "menu.fees": ("کارمزدها", "Fees"),
    "fees.title": ("کارمزدها", "Fees"),
    "fees.sentence": (
        "هر خرید با کارمزدِ لحظهٔ ثبت خود می‌ماند. تغییر کارمزد فقط خریدهای پس از آن را می‌گیرد و آنچه اجرا شده هرگز "
        "عوض نمی‌شود.",
        "Each purchase keeps the fee of the moment when it was registered. A change holds for later purchases only; "
        "what was in force never changes.",
    ),
    "fees.plans": ("طرح‌های کارمزد", "Fee plans"),
    "fees.plan": ("طرح", "Plan"),
    "fees.no_plans": ("هنوز طرحی نیست و هیچ خریدی کارمزد ندارد.", "There is no plan yet, and no purchase has a fee."),
    "fees.new": ("طرح تازه", "New plan"),
    "fees.add_plan": ("ساختن طرح", "Make the plan"),
    "fees.name": ("نام طرح", "Name of the plan"),
    "fees.name.hint": ("پذیرنده هم این نام را می‌بیند.", "Merchants see this name too."),
    "fees.bearer": ("کارمزد را چه کسی می‌پردازد", "Borne by"),
    "fees.bearer.hint": (
        "از پذیرنده: از مبلغ خرید کم می‌شود. از خریدار: روی مبلغ خرید می‌آید و پیش از بانک به خریدار نشان داده می‌شود. "
        "بعداً عوض نمی‌شود؛ برای آن طرح دیگری بسازید.",
        "Merchant: taken from the price. Buyer: added to the price, and shown before the bank. It cannot be changed "
        "later; make another plan for that.",
    ),
    "fees.borne_by.merchant": ("کارمزد از مبلغِ پذیرنده کم می‌شود.", "The fee is taken from the merchant's amount."),
    "fees.borne_by.buyer": ("کارمزد را خریدار روی مبلغ خرید می‌پردازد.", "The buyer pays the fee on top of the price."),
    "fees.brackets": ("پله‌ها", "Brackets"),
    "fees.bracket": ("پلهٔ", "Bracket"),
    "fees.brackets.hint": (
        "هر ردیف برای مبلغ‌های بالاتر از حد خود است، تا ردیف بعدی، و برای همهٔ مبلغ حساب می‌شود. مبلغ‌ها به ریال؛ درصد تا "
        "چهار رقم اعشار. ردیف خالی نادیده گرفته می‌شود.",
        "Each row holds for amounts above its threshold, as far as the next row, and for all of the amount. Amounts in "
        "Rial; percent with up to four decimals. Empty rows are left out.",
    ),
    "fees.part.above": ("مبلغ بالای (ریال)", "Amounts above (Rial)"),
    "fees.part.rate": ("درصد", "Percent"),
    "fees.part.fixed": ("به‌اضافهٔ (ریال)", "Plus (Rial)"),
    "fees.part.floor": ("دست‌کم (ریال)", "At least (Rial)"),
    "fees.part.cap": ("حداکثر (ریال)", "At most (Rial)"),
    "fees.more_rows": ("ردیف‌های بیشتر", "More rows"),
    "fees.rounding": ("گرد کردن", "Rounding"),
    "fees.rounding.hint": (
        "وقتی درصدِ مبلغ ریالِ درست نمی‌شود، خرده‌اش به سود کیست.",
        "Who gets the part of a Rial when the percentage is no whole number.",
    ),
    "fees.from": ("از چه زمانی", "From when on"),
    "fees.from.hint": (
        "روز به تاریخ شمسی، و اگر لازم است با ساعت تهران. خالی یعنی از همین اکنون؛ گذشته پذیرفته نمی‌شود.",
        "A Jalali day, with Tehran's time where wanted: 1405/10/01 08:30. Empty means now; the past is not taken.",
    ),
    "fees.preset.1402": ("تعرفهٔ عمومی کارت، از تیر ۱۴۰۲", "Public card tariff, since Tir 1402"),
    "fees.preset.1402.sentence": (
        "تا ۶٬۰۰۰٬۰۰۰ ریال: ۱٬۲۰۰ ریال. بالاتر: ۰٫۰۲ درصد، حداکثر ۴۰٬۰۰۰ ریال. تعرفهٔ تازه‌تری پیدا نشد؛ پیش از به‌کار "
        "بستن، آن را با تعرفهٔ روز بسنجید.",
        "Up to 6,000,000 Rial: 1,200 Rial. Above: 0.02 percent, at most 40,000 Rial. No later one was found: compare "
        "it with today's before you use it.",
    ),
    "fees.preset.source": ("منبع:", "Source:"),
    "fees.preset.since": ("اجرا از", "in force since"),
    "fees.preset.use": ("پر کردن فرم با این تعرفه", "Fill in this tariff"),
    "fees.preset.filled": ("فرم با این تعرفه پر شد.", "The form is filled in with it."),
    "fees.versions": ("نسخه‌ها", "Versions"),
    "fees.versions.sentence": (
        "هر نسخه تا آغاز نسخهٔ بعدی برقرار است.",
        "Each version holds until the next one begins.",
    ),
    "fees.new_version": ("نسخهٔ تازه", "New version"),
    "fees.new_version.sentence": (
        "برای همهٔ درگاه‌هایی که این طرح را دارند، از زمانی که می‌گویید. پذیرنده‌ها آن را از پیش می‌بینند.",
        "For all gateways that have this plan, from the moment that you name. Merchants see it beforehand.",
    ),
    "fees.add_version": ("افزودن نسخه", "Add the version"),
    "fees.when.past": ("گذشته", "Past"),
    "fees.when.present": ("برقرار", "In force"),
    "fees.when.future": ("اعلام‌شده", "Announced"),
    "fees.fee": ("کارمزد", "Fee"),
    "fees.since": ("از", "From"),
    "fees.now": ("اکنون", "Now"),
    "fees.next": ("اعلام‌شده برای بعد", "Announced"),
    "fees.none": ("بی‌کارمزد", "No fee"),
    "fees.no_plan": ("بدون طرح؛ بی‌کارمزد", "No plan: no fee"),
    "fees.never": (
        "این درگاه طرحی ندارد و خریدهایش کارمزد ندارند.",
        "This gateway has no plan, and its purchases have no fee.",
    ),
    "fees.not_begun": ("هنوز آغاز نشده", "Not begun yet"),
    "fees.gateways": ("درگاه‌ها", "Gateways"),
    "fees.gateways_with": ("درگاه‌هایی که طرح دارند", "Gateways with a plan"),
    "fees.gateways_with_this": ("درگاه‌هایی که این طرح را دارند", "Gateways with this plan"),
    "fees.nobody": ("هیچ درگاهی این طرح را ندارد.", "No gateway has this plan."),
    "fees.more_gateways": (
        "فقط تازه‌ترین‌ها نشان داده شد؛ درگاه‌های دیگر را با شماره پیدا کنید.",
        "Only the newest are shown; find others by their number.",
    ),
    "fees.of_gateway": ("کارمزد درگاه", "Fees of the gateway"),
    "fees.gateway_number": ("شمارهٔ درگاه", "Gateway number"),
    "fees.find.sentence": (
        "طرح یک درگاه را ببینید، عوض کنید یا کارمزد مبلغی را بپرسید.",
        "See a gateway's plan, change it, or ask what an amount costs.",
    ),
    "fees.open": ("نمایش", "Show"),
    "fees.assign": ("دادن طرح به این درگاه", "Give this gateway a plan"),
    "fees.assign.sentence": (
        "از زمانی که می‌گویید، خریدهای تازهٔ این درگاه با این طرح ثبت می‌شوند.",
        "From the moment that you name, its new purchases are registered with this plan.",
    ),
    "fees.assign.do": ("دادن طرح", "Give the plan"),
    "fees.history": ("همهٔ طرح‌های این درگاه", "All that held and is announced"),
    "fees.back": ("بازگشت به کارمزدها", "Back to fees"),
    "fees.quote": ("کارمزد یک مبلغ", "What an amount costs"),
    "fees.quote.of_plan": (
        "با نسخه‌ای که اکنون برقرار است.",
        "By the version that is in force now.",
    ),
    "fees.quote.of_gateway": (
        "اگر خریدی با این مبلغ اکنون در این درگاه ثبت شود.",
        "If a purchase of this amount were registered at this gateway now.",
    ),
    "fees.quote.amount": ("مبلغ خرید به ریال", "Price in Rial"),
    "fees.quote.ask": ("حساب کن", "Calculate"),
    "fees.quote.fee": ("کارمزد", "Fee"),
    "fees.quote.charge": ("خریدار می‌پردازد", "The buyer pays"),
    "fees.quote.net": ("سهم پذیرنده", "The merchant is owed"),
    "console.did.add_fee_plan": ("ساختن طرح کارمزد", "Made a fee plan"),
    "console.did.add_fee_version": ("نسخهٔ تازهٔ طرح کارمزد", "Added a version of a fee plan"),
    "console.did.assign_fee": ("دادن طرح کارمزد به درگاه", "Gave a gateway a fee plan"),
    "done.fee_plan_added": ("طرح ساخته شد.", "The plan is made."),
    "done.fee_version_added": ("نسخهٔ تازه افزوده شد.", "The version is added."),
    "done.fee_assigned": ("طرح این درگاه تنظیم شد.", "The gateway's plan is set."),
    # The merchant's pages.
    "gateway.fee": ("کارمزد این درگاه", "Fee of this gateway"),
    "gateway.fee.quote": (
        "ببینید از یک خرید چه می‌ماند:",
        "See what remains of a sale:",
    ),
    "purchase.fee": ("کارمزد", "Fee"),
    "purchase.fee.by_buyer": ("خریدار پرداخت", "paid by the buyer"),
    "purchase.charge": ("پرداخت خریدار", "The buyer paid"),
    "purchase.net": ("سهم شما", "Yours"),
    # What is refused.
    "problem.fee_plan_name_missing": ("نام طرح را بنویسید.", "Give the plan a name."),
    "problem.fee_plan_name_too_long": ("نام طرح بیش از شصت نویسه دارد.", "The name is longer than 60 characters."),
    "problem.fee_plan_name_used": ("طرح دیگری همین نام را دارد.", "Another plan has this name."),
    "problem.fee_bearer_unknown": (
        "بگویید که کارمزد را پذیرنده می‌پردازد یا خریدار.",
        "Say whether the merchant or the buyer bears the fee.",
    ),
    "problem.fee_rounding_unknown": (
        "یکی از شیوه‌های گرد کردن را برگزینید.",
        "Choose one of the ways of rounding: up, half_up, down.",
    ),
    "problem.fee_plan_unknown": ("چنین طرحی نیست.", "There is no such plan."),
    "problem.fee_plan_not_begun": (
        "این طرح در آن زمان هنوز آغاز نشده است؛ تا آغازش هیچ کارمزدی گرفته نمی‌شد.",
        "The plan has not begun at that moment: until then it would cost nothing.",
    ),
    "problem.fee_from_malformed": (
        "زمان آغاز خوانده نشد یا بیش از سه سال دیگر است. تاریخ شمسی را به شکل سال/ماه/روز بنویسید.",
        "The moment could not be read, or is more than three years ahead. Write a Jalali day as 1405/10/01.",
    ),
    "problem.fee_from_past": (
        "زمان آغاز گذشته است. کارمزد خریدهای ثبت‌شده عوض نمی‌شود؛ زمانی در آینده بنویسید یا خالی بگذارید.",
        "That moment is past, and registered purchases keep their fee. Name a later one, or leave it empty for now.",
    ),
    "problem.fee_from_used": (
        "در همان لحظه چیز دیگری آغاز می‌شود. زمان دیگری بنویسید؛ آنچه دیرتر آغاز شود جای آن را می‌گیرد.",
        "Something else begins at that very moment. Name another one: what begins later takes its place.",
    ),
    "problem.fee_bracket_unreadable": (
        "یکی از ردیف‌ها خوانده نشد. مبلغ‌ها را به ریال و با رقم بنویسید و برای پلهٔ رایگان صفر بگذارید.",
        "A bracket could not be read. Write whole Rial in digits, and a nought where the bracket is free.",
    ),
    "problem.fee_rate_wrong": (
        "درصد باید از صفر تا صد و با حداکثر چهار رقم اعشار باشد.",
        "The rate must be 0 to 100 percent with up to four decimals, or whole parts per million.",
    ),
    "problem.fee_rial_too_large": (
        "یکی از مبلغ‌ها از بزرگ‌ترین خرید ممکن هم بیشتر است.",
        "An amount is larger than the largest purchase.",
    ),
    "problem.fee_brackets_missing": ("دست‌کم یک ردیف را پر کنید.", "At least one bracket is needed."),
    "problem.fee_brackets_too_many": ("بیش از بیست پله پذیرفته نمی‌شود.", "More than 20 brackets are not taken."),
    "problem.fee_first_not_nought": (
        "نخستین پله باید از صفر آغاز شود تا هر مبلغی پله‌ای داشته باشد.",
        "The first bracket must begin at 0, so that every amount has one.",
    ),
    "problem.fee_bracket_twice": ("دو پله از یک مبلغ آغاز می‌شوند.", "Two brackets begin at the same amount."),
    "problem.fee_cap_below_floor": (
        "حداکثرِ یک پله از دست‌کمِ آن کمتر است.",
        "A bracket's cap is below its floor.",
    ),
    "problem.fee_eats_amount": (
        "در یکی از پله‌ها کارمزد به اندازهٔ خودِ مبلغ یا بیشتر است و چیزی نمی‌ماند.",
        "In one of the brackets the fee is as large as the amount, and leaves nothing.",
    ),
    "problem.fee_falls": (
        "با این پله‌ها خریدی بزرگ‌تر کارمزد کمتری دارد. در پلهٔ بالاتر دست‌کمی بگذارید.",
        "With these brackets a larger purchase costs less. Give the higher bracket a floor.",
    ),
    "problem.fee_gateway_unknown": ("درگاهی با این شماره نیست.", "There is no gateway with this number."),
    "problem.fee_amount_wrong": (
        "مبلغ باید به ریال، با رقم، و در اندازه‌ای باشد که درگاه می‌پذیرد: از {amnt_above} بیشتر و حداکثر {amnt_max}.",
        "The amount must be in Rial, in digits, and one that can be bought: above {amnt_above}, at most {amnt_max}.",
    ),
}
