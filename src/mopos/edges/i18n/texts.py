"""THE table of sentences: every word of the buyer's pages and of `PayRep`'s `ErrDsc`, in Persian and in English.

A key is `kind.name` or `kind.name.part`; the kinds are `problem` (codes of `base/errors.py`), `payrep` (its `Err`),
`decline` (`banks.port.Decline`, in buyer's words), `state` (a purchase's page), `buyer` (what a refused form means for
the buyer), `label`, `action` and the pages' own. A test compares the table with those lists, both ways.
"""

from __future__ import annotations

from mopos.banks.port import Decline
from mopos.base.errors import PAYREP_ERRORS
from mopos.base.money import Rial
from mopos.domain.accounts import profile
from mopos.domain.payments.model import (
    AMNT_RIAL_MAX,
    AMNT_RIAL_MIN,
    DSC_LENGTH_MAX,
    NAM_LENGTH_MAX,
    REDIRECT_LENGTH_MAX,
    RES_LENGTH_MAX,
)
from mopos.edges.i18n.formats import grouped, rial
from mopos.edges.i18n.lang import Lang
from mopos.edges.i18n.tables import (
    account,
    applications,
    books,
    channels,
    console,
    deposits,
    fees,
    integration,
    people,
    recon,
    refunds,
    reports,
    settlement,
    settlement_core,
    web,
)

# The bounds that sentences name, so that a sentence never says another number than the rule.
_BOUNDS: dict[str, int] = {
    "amnt_above": int(AMNT_RIAL_MIN) - 1,
    "amnt_max": int(AMNT_RIAL_MAX),
    "res_max": RES_LENGTH_MAX,
    "nam_max": NAM_LENGTH_MAX,
    "dsc_max": DSC_LENGTH_MAX,
    "redirect_max": REDIRECT_LENGTH_MAX,
    "account_name_max": profile.NAME_LENGTH_MAX,
    "account_address_max": profile.ADDRESS_LENGTH_MAX,
}

_TABLE: dict[str, tuple[str, str]] = {
    # What is wrong with which field, and what to do: for merchants' developers, in the catalogue's order.
    "problem.form_too_large": (
        "فرم بزرگ‌تر از اندازهٔ مجاز است. فقط فیلدهای راهنما را بفرستید و متن‌ها را کوتاه کنید.",
        "The form is larger than allowed. Send only the guide's fields, and keep the texts short.",
    ),
    "problem.form_too_slow": (
        "فرم در زمان مجاز به‌طور کامل نرسید. اتصال اینترنت را بررسی کنید و دوباره بفرستید.",
        "The form did not arrive whole in the time allowed. Check the connection and send it again.",
    ),
    "problem.form_unreadable": (
        "فرم خوانده نشد. آن را با متد POST، به شکل یک فرم معمولی HTML و با کدگذاری UTF-8 بفرستید.",
        "The form could not be read. Send it by POST, as an ordinary HTML form, in UTF-8.",
    ),
    "problem.field_repeated": (
        "یکی از فیلدها بیش از یک بار در فرم آمده است. هر فیلد را فقط یک بار بفرستید.",
        "A field appears more than once in the form. Send each field only once.",
    ),
    "problem.id_missing": (
        "فیلد ID خالی است. شمارهٔ حساب را، همان‌طور که پنل درگاه نشان می‌دهد، در آن بگذارید.",
        "The field ID is empty. Put the account number there, as the gateway panel shows it.",
    ),
    "problem.id_unknown": (
        "حسابی با این ID وجود ندارد. شماره را با پنل درگاه مقایسه کنید؛ شاید رقمی اشتباه باشد.",
        "There is no account with this ID. Compare the number with the gateway panel; a digit may be wrong.",
    ),
    "problem.gateway_suspended": (
        "درگاه این حساب موقتاً متوقف است و خرید تازه نمی‌پذیرد. با پشتیبانی موپوز تماس بگیرید.",
        "This account's gateway is suspended and takes no new purchases. Contact MoPos support.",
    ),
    "problem.res_missing": (
        "فیلد Res خالی است. برای هر خرید یک شمارهٔ پرداخت تازه و بدون تکرار بفرستید.",
        "The field Res is empty. Send a new payment number, never used before, with every purchase.",
    ),
    "problem.res_too_long": (
        "فیلد Res بیش از {res_max} نویسه دارد. شمارهٔ کوتاه‌تری بفرستید.",
        "The field Res is longer than {res_max} characters. Send a shorter number.",
    ),
    "problem.res_malformed": (
        "فیلد Res نویسه‌های کنترلی یا نادیدنی دارد. فقط حرف، رقم و نشانه‌های معمولی به کار ببرید.",
        "The field Res contains control or invisible characters. Use only letters, digits and ordinary signs.",
    ),
    "problem.amnt_missing": (
        "فیلد Amnt خالی است. مبلغ را به ریال و با رقم در آن بگذارید.",
        "The field Amnt is empty. Put the amount there, in Rial, in digits.",
    ),
    "problem.amnt_not_a_number": (
        "مقدار Amnt عدد صحیح نیست. مبلغ را به ریال و فقط با رقم بفرستید؛ بدون اعشار، جداکننده، علامت یا صفرِ آغازین.",
        "Amnt is not a whole number. Send the amount in Rial, digits only: no decimals, separators, signs or "
        "leading zeros.",
    ),
    "problem.amnt_too_small": (
        "مقدار Amnt باید بیشتر از {amnt_above} ریال باشد. شاید مبلغ به تومان فرستاده شده است.",
        "Amnt must be above {amnt_above} Rial. Perhaps the amount was sent in Toman.",
    ),
    "problem.amnt_too_large": (
        "مقدار Amnt بیشتر از {amnt_max} ریال است. مبلغ را بررسی کنید یا خرید را به چند پرداخت تقسیم کنید.",
        "Amnt is above {amnt_max} Rial. Check the amount, or split the purchase into several payments.",
    ),
    "problem.nam_too_long": (
        "فیلد Nam بیش از {nam_max} نویسه دارد. نام پرداخت‌کننده را کوتاه‌تر بفرستید.",
        "The field Nam is longer than {nam_max} characters. Send a shorter name of the payer.",
    ),
    "problem.dsc_too_long": (
        "فیلد Dsc بیش از {dsc_max} نویسه دارد. شرح پرداخت را کوتاه‌تر بفرستید.",
        "The field Dsc is longer than {dsc_max} characters. Send a shorter description.",
    ),
    "problem.redirect_missing": (
        "فیلد RedirectURL خالی است. نشانی کامل صفحهٔ بازگشت به فروشگاه را در آن بگذارید.",
        "The field RedirectURL is empty. Put the full address of the shop's return page there.",
    ),
    "problem.redirect_too_long": (
        "فیلد RedirectURL بیش از {redirect_max} نویسه دارد. نشانی کوتاه‌تری بفرستید.",
        "The field RedirectURL is longer than {redirect_max} characters. Send a shorter address.",
    ),
    "problem.redirect_malformed": (
        "مقدار RedirectURL نشانی درستی نیست. نشانی کامل را بفرستید، مانند https://shop.example/return",
        "RedirectURL is not a valid address. Send a full one, such as https://shop.example/return",
    ),
    "problem.redirect_scheme": (
        "نشانی RedirectURL باید با https یا http آغاز شود.",
        "The address in RedirectURL must begin with https:// or http://.",
    ),
    "problem.redirect_credentials": (
        "نشانی RedirectURL نباید نام کاربری یا رمز داشته باشد. بخش پیش از @ را بردارید.",
        "The address in RedirectURL must not carry a user name or password. Remove the part before the @.",
    ),
    "problem.res_used": (
        "این Res پیش‌تر برای خرید دیگری فرستاده شده است. برای هر خرید یک Res تازه بفرستید.",
        "This Res was sent before, with another purchase. Send a new Res with every purchase.",
    ),
    "problem.res_paid": (
        "خریدِ این Res پیش‌تر پرداخت شده است. نتیجه را با PayRep بگیرید و برای خرید تازه Res تازه بفرستید.",
        "The purchase with this Res is already paid. Ask PayRep for its result, and use a new Res for a new purchase.",
    ),
    "problem.no_terminal": (
        "اکنون هیچ درگاه بانکی این پرداخت را نمی‌پذیرد و خرید ثبت نشد. کمی بعد همان فرم را دوباره بفرستید؛ "
        "اگر باز هم چنین بود، به پشتیبانی موپوز خبر دهید.",
        "No bank gateway takes this payment now, and the purchase was not registered. Send the same form again a "
        "little later; if it stays so, tell MoPos support.",
    ),
    "problem.bank_unavailable": (
        "بانک اکنون پرداخت را آغاز نکرد. خرید ثبت شده است؛ دوباره تلاش کنید.",
        "The bank did not open the payment just now. The purchase is registered; try again.",
    ),
    "problem.page_not_found": (
        "صفحه‌ای با این نشانی نیست. نشانی را بررسی کنید.",
        "There is no page at this address. Check the address.",
    ),
    "problem.method_not_allowed": (
        "این نشانی با این متد HTTP کار نمی‌کند. فرم پرداخت را با POST بفرستید.",
        "This address does not take this HTTP method. Send the payment form by POST.",
    ),
    "problem.too_many_requests": (
        "درخواست‌ها بیش از اندازه است. کمی صبر کنید و دوباره تلاش کنید.",
        "Too many requests. Wait a little, then try again.",
    ),
    "problem.out_of_order": (
        "سامانه اکنون نمی‌تواند پاسخ دهد. کمی دیگر همین صفحه را دوباره باز کنید.",
        "The service cannot answer just now. Open this same page again in a little while.",
    ),
    # What that means for the buyer, who made no mistake.
    "buyer.form.title": ("درخواست پرداخت پذیرفته نشد", "The payment request was not accepted"),
    "buyer.form.sentence": (
        "فروشگاه درخواست پرداخت را درست نفرستاده است. مبلغی از حساب شما کم نشده است. "
        "به فروشگاه برگردید و اگر باز هم این صفحه را دیدید، کد زیر را به فروشگاه بگویید.",
        "The shop did not send the payment request correctly. No money was taken from you. "
        "Go back to the shop, and if you see this page again, tell the shop the code below.",
    ),
    "buyer.suspended.title": ("این فروشگاه اکنون پرداخت نمی‌پذیرد", "This shop takes no payments at the moment"),
    "buyer.suspended.sentence": (
        "درگاه پرداخت این فروشگاه موقتاً متوقف است. مبلغی از حساب شما کم نشده است.",
        "This shop's payment gateway is suspended for now. No money was taken from you.",
    ),
    "buyer.used.title": ("این خرید دوباره پذیرفته نمی‌شود", "This purchase cannot be sent again"),
    "buyer.used.sentence": (
        "شمارهٔ این خرید پیش‌تر به کار رفته است، برای همین پرداخت تازه‌ای آغاز نشد. "
        "به فروشگاه برگردید و نتیجهٔ خرید را همان‌جا ببینید.",
        "The number of this purchase was used before, so no new payment was started. "
        "Go back to the shop and look at the purchase there.",
    ),
    "buyer.again.title": ("کمی بعد دوباره تلاش کنید", "Please try again in a moment"),
    "buyer.again.sentence": (
        "درخواست شما همین حالا انجام نشد. اگر پرداخت کرده‌اید چیزی از دست نرفته است؛ "
        "چند لحظه دیگر همین صفحه را دوباره باز کنید.",
        "Your request could not be handled just now. If you have paid, nothing is lost; "
        "open this same page again in a few moments.",
    ),
    "buyer.lost.title": ("صفحه پیدا نشد", "Page not found"),
    "buyer.lost.sentence": (
        "این نشانی به صفحه‌ای نمی‌رسد. اگر از فروشگاهی آمده‌اید، به همان فروشگاه برگردید و نتیجهٔ خرید را آنجا ببینید.",
        "This address leads nowhere. If you came from a shop, go back to it and look at your purchase there.",
    ),
    # `PayRep`'s `ErrDsc` (guide section 4): Persian, as the guide is; English in the reference.
    "payrep.paid": ("خرید به‌طور کامل و بدون خطا انجام شد.", "The purchase was made completely and without fault."),
    "payrep.not_paid_yet": ("هنوز پرداخت نشده است.", "Not paid yet."),
    "payrep.at_bank": ("خریدار در صفحهٔ بانک است.", "The buyer is at the bank."),
    "payrep.being_confirmed": (
        "نتیجهٔ پرداخت در حال تأیید با بانک است؛ کمی بعد دوباره بپرسید.",
        "The payment is being confirmed with the bank; ask again a little later.",
    ),
    "payrep.declined": ("بانک پرداخت را نپذیرفت.", "The bank declined the payment."),
    "payrep.cancelled_by_buyer": ("خریدار از پرداخت انصراف داد.", "The buyer cancelled the payment."),
    "payrep.cancelled_by_merchant": ("پذیرنده خرید را لغو کرد.", "The merchant cancelled the purchase."),
    "payrep.expired": (
        "مهلت پرداخت به پایان رسید و پولی برداشت نشد.",
        "The time to pay ran out, and no money was taken.",
    ),
    "payrep.reversed": ("مبلغ به‌طور کامل به خریدار برگشت.", "The whole amount was given back to the buyer."),
    "payrep.being_reversed": ("مبلغ در حال برگشت به خریدار است.", "The amount is being given back to the buyer."),
    "payrep.refunded": ("مبلغ به‌طور کامل به خریدار بازپرداخت شد.", "The whole amount was refunded to the buyer."),
    # Beside Err 0; the amount follows.
    "payrep.partly_refunded": (
        "خرید پرداخت شده و بخشی از مبلغ آن به خریدار بازپرداخت شده است:",
        "The purchase is paid, and a part of it was refunded to the buyer:",
    ),
    "payrep.under_review": (
        "پاسخ بانک با این خرید یکسان نیست و در دست بررسی است.",
        "What the bank said differs from this purchase; it is under review.",
    ),
    "payrep.wrong_id_or_rmz": (
        "شمارهٔ حساب (ID) یا رمز (Rmz) نادرست است.",
        "Wrong ID (account number) or Rmz (password).",
    ),
    "payrep.res_unknown": ("خریدی با این Res ثبت نشده است.", "No purchase with this Res is registered."),
    "payrep.source_not_allowed": (
        "فراخوانی از این نشانی اینترنتی مجاز نیست.",
        "Calls from this internet address are not allowed.",
    ),
    "payrep.gateway_suspended": ("درگاه این حساب متوقف است.", "This account's gateway is suspended."),
    "payrep.too_many_calls": (
        "شمار فراخوانی‌ها بیش از اندازه است؛ کمی بعد دوباره بپرسید.",
        "Too many calls; ask again a little later.",
    ),
    "payrep.out_of_order": (
        "خطا از سامانهٔ موپوز است؛ کمی بعد دوباره بپرسید.",
        "The fault is on the side of MoPos; ask again a little later.",
    ),
    # Why the bank refused, in buyer's words.
    "decline.insufficient_funds": ("موجودی حساب کافی نبود.", "There was not enough money in the account."),
    "decline.wrong_pin": (
        "رمز دوم (رمز پویا) درست نبود یا زمان آن گذشته بود.",
        "The second password (dynamic password) was wrong or too old.",
    ),
    "decline.pin_blocked": (
        "رمز دوم چند بار نادرست وارد شد و بانک آن را بست. با کارت دیگری تلاش کنید.",
        "The second password was wrong too often, and the bank has blocked it. Try another card.",
    ),
    "decline.wrong_card": (
        "شمارهٔ کارت یا CVV2 درست نبود، یا کارت برای خرید اینترنتی فعال نیست.",
        "The card number or CVV2 was wrong, or the card is not enabled for internet purchases.",
    ),
    "decline.expired_card": (
        "تاریخ انقضای کارت گذشته یا نادرست وارد شده بود.",
        "The card has expired, or its expiry date was entered wrongly.",
    ),
    "decline.limit_exceeded": (
        "مبلغ از سقف خرید مجاز کارت بیشتر بود.",
        "The amount was above what the card may pay.",
    ),
    "decline.not_permitted": (
        "این کارت اجازهٔ چنین خریدی ندارد. با کارت دیگری تلاش کنید.",
        "The card may not be used for such a purchase. Try another card.",
    ),
    "decline.issuer_down": (
        "بانکِ صادرکنندهٔ کارت پاسخ نداد. کمی بعد یا با کارت دیگری تلاش کنید.",
        "The bank that issued the card did not answer. Try later, or with another card.",
    ),
    "decline.cancelled": ("پرداخت در صفحهٔ بانک لغو شد.", "The payment was cancelled on the bank's page."),
    "decline.session_expired": ("زمان پرداخت در صفحهٔ بانک تمام شد.", "The time on the bank's page ran out."),
    "decline.given_back": (
        "پرداخت به‌موقع تأیید نشد و بانک مبلغ را به حساب شما برگرداند.",
        "The payment was not confirmed in time, and the bank gave the money back to your account.",
    ),
    "decline.not_accepted": (
        "درگاه بانکی این پرداخت را نپذیرفت. کمی بعد دوباره تلاش کنید.",
        "The bank gateway did not take this payment. Try again a little later.",
    ),
    "decline.other": ("بانک دلیل دیگری برای نپذیرفتن داشت.", "The bank had another reason."),
    # A purchase's page, one for each state.
    "state.REGISTERED.title": ("هنوز پرداخت نشده است", "Not paid yet"),
    "state.REGISTERED.sentence": (
        "خرید شما ثبت شده، اما پرداخت هنوز انجام نشده است. برای پرداخت به صفحهٔ بانک بروید.",
        "Your purchase is registered, but not paid yet. Continue to the bank to pay.",
    ),
    "state.AT_BANK.title": ("پرداخت کامل نشده است", "The payment is not complete"),
    "state.AT_BANK.sentence": (
        "پرداخت در صفحهٔ بانک هنوز به پایان نرسیده است. "
        "اگر صفحهٔ بانک باز است همان‌جا ادامه دهید؛ اگر نه، به بانک برگردید.",
        "The payment has not been completed at the bank. If the bank's page is still open, go on there; "
        "if not, return to the bank.",
    ),
    "state.VERIFYING.title": ("در حال تأیید پرداخت", "Confirming your payment"),
    "state.VERIFYING.sentence": (
        "داریم نتیجه را از بانک می‌پرسیم. لطفاً دوباره پرداخت نکنید؛ چیزی از دست نمی‌رود "
        "و اگر بخواهید می‌توانید به فروشگاه برگردید.",
        "We are asking the bank for the result. Please do not pay again; nothing is lost, "
        "and you may go back to the shop if you like.",
    ),
    "state.UNKNOWN.title": ("منتظر پاسخ بانک هستیم", "Waiting for the bank's answer"),
    "state.UNKNOWN.sentence": (
        "بانک هنوز نتیجه را به ما نگفته است و پیوسته از آن می‌پرسیم. لطفاً دوباره پرداخت نکنید؛ چیزی از دست نمی‌رود. "
        "می‌توانید به فروشگاه برگردید؛ نتیجه به فروشگاه هم می‌رسد.",
        "The bank has not told us the result yet, and we keep asking. Please do not pay again; nothing is lost. "
        "You may go back to the shop; it will learn the result too.",
    ),
    "state.PAID.title": ("پرداخت انجام شد", "Payment successful"),
    "state.PAID.sentence": (
        "بانک پرداخت شما را تأیید کرد.",
        "The bank has confirmed your payment.",
    ),
    "state.DECLINED.title": ("پرداخت انجام نشد", "Payment not made"),
    "state.DECLINED.sentence": (
        "اگر مبلغی از حساب شما کم شده باشد، بانک آن را خودبه‌خود برمی‌گرداند.",
        "Should an amount have left your account, the bank gives it back by itself.",
    ),
    "state.CANCELLED.title": ("پرداخت لغو شد", "Payment cancelled"),
    "state.CANCELLED.sentence": (
        "شما از پرداخت انصراف دادید و مبلغی از حساب شما کم نشده است.",
        "You cancelled the payment, and no money was taken from you.",
    ),
    "state.EXPIRED.title": ("مهلت پرداخت تمام شد", "The time to pay ran out"),
    "state.EXPIRED.sentence": (
        "این خرید پرداخت نشد. اگر هنوز آن را می‌خواهید، به فروشگاه برگردید و دوباره سفارش دهید.",
        "This purchase was not paid. If you still want it, go back to the shop and order again.",
    ),
    "state.CONFLICTED.title": ("پرداخت در دست بررسی است", "The payment is under review"),
    "state.CONFLICTED.sentence": (
        "آنچه بانک گزارش داده با این خرید یکسان نیست و همکاران ما آن را بررسی می‌کنند. لطفاً دوباره پرداخت نکنید؛ "
        "پول شما از دست نمی‌رود. شمارهٔ خرید را برای پیگیری نگه دارید.",
        "What the bank reported differs from this purchase, and a person is looking into it. Please do not pay again; "
        "your money is not lost. Keep the purchase number for inquiries.",
    ),
    "state.late": (
        "تأیید بانک پس از پایان مهلت رسید؛ اگر فروشگاه سفارش را لغو کرده است، با فروشگاه تماس بگیرید.",
        "The bank's confirmation came after the time had run out; if the shop cancelled the order, contact the shop.",
    ),
    # Pages beside the states.
    "already_paid.title": ("این خرید پیش‌تر پرداخت شده است", "This purchase is already paid"),
    "already_paid.sentence": (
        "مبلغ این خرید یک بار پرداخت شده و دوباره از شما گرفته نمی‌شود.",
        "This purchase was paid once, and you will not be charged again.",
    ),
    "bank_unavailable.title": ("بانک اکنون پاسخ نمی‌دهد", "The bank does not answer just now"),
    "bank_unavailable.sentence": (
        "خرید شما ثبت شده، اما بانک پرداخت را آغاز نکرد. مبلغی از حساب شما کم نشده است. کمی بعد دوباره تلاش کنید.",
        "Your purchase is registered, but the bank did not open the payment. No money was taken from you. "
        "Try again in a moment.",
    ),
    "to_bank.title": ("در حال رفتن به بانک", "Taking you to the bank"),
    "to_bank.sentence": (
        "صفحهٔ پرداخت بانک باز می‌شود. اگر خودبه‌خود باز نشد، دکمهٔ زیر را بزنید.",
        "The bank's payment page is opening. If it does not open by itself, press the button.",
    ),
    "home.title": ("درگاه پرداخت اینترنتی موپوز", "MoPos internet payment gateway"),
    "home.sentence": (
        "فروشگاه خرید را به اینجا می‌فرستد، خریدار در صفحهٔ بانک خود با کارت شتاب پرداخت می‌کند "
        "و فروشگاه نتیجه را از وب‌سرویس می‌گیرد.",
        "A shop sends a purchase here, the buyer pays by Shetab card on the bank's own page, "
        "and the shop asks the web service for the result.",
    ),
    "home.buyers": ("برای خریداران", "For buyers"),
    "home.buyers.sentence": (
        "پرداخت همیشه از سایت فروشگاه آغاز می‌شود. شمارهٔ کارت و رمز را فقط در صفحهٔ بانک وارد کنید؛ "
        "موپوز هرگز آن‌ها را نمی‌پرسد.",
        "A payment always starts at the shop's own site. Enter your card number and password on the bank's page only; "
        "MoPos never asks for them.",
    ),
    "home.developers": ("برای برنامه‌نویسان فروشگاه", "For shops' developers"),
    "home.form": ("فرم پرداخت و فیلدهای آن", "The payment form and its fields"),
    "home.service": ("وب‌سرویس نتیجهٔ پرداخت", "The web service that tells the result"),
    "home.wsdl": ("تعریف وب‌سرویس (WSDL)", "Definition of the web service (WSDL)"),
    "explain.title": ("صفحهٔ پرداخت موپوز", "The MoPos payment page"),
    "explain.sentence": (
        "این نشانی فرم خرید را از مرورگر خریدار با متد POST می‌گیرد، خرید را ثبت می‌کند و خریدار را به بانک می‌فرستد. "
        "اگر برای خرید آمده‌اید، پرداخت را از سایت فروشگاه آغاز کنید.",
        "This address takes the purchase form from the buyer's browser by POST, registers the purchase and sends the "
        "buyer to the bank. If you came to buy something, start the payment at the shop's site.",
    ),
    "explain.fields": ("فیلدهای فرم", "The form's fields"),
    "explain.field": ("فیلد", "Field"),
    "explain.meaning": ("معنی", "Meaning"),
    "explain.rule": ("قاعده", "Rule"),
    "explain.required": ("الزامی", "Required"),
    "explain.optional": ("دلخواه", "Optional"),
    "explain.ID": ("شمارهٔ حساب، همان‌طور که پنل درگاه نشان می‌دهد", "Account number, as the gateway panel shows it"),
    "explain.Res": ("شمارهٔ پرداخت در سایت فروشگاه", "The shop's own payment number"),
    "explain.Res.rule": ("بدون تکرار، تا {res_max} نویسه", "never repeated, up to {res_max} characters"),
    "explain.Amnt": ("مبلغ پرداخت به ریال", "Amount to pay, in Rial"),
    "explain.Amnt.rule": (
        "عدد صحیح، بالای {amnt_above} و حداکثر {amnt_max}",
        "a whole number above {amnt_above}, at most {amnt_max}",
    ),
    "explain.Nam": ("نام پرداخت‌کننده", "The payer's name"),
    "explain.Nam.rule": ("تا {nam_max} نویسه", "up to {nam_max} characters"),
    "explain.Dsc": ("شرح پرداخت", "What the payment is for"),
    "explain.Dsc.rule": ("تا {dsc_max} نویسه", "up to {dsc_max} characters"),
    "explain.RedirectURL": ("نشانی بازگشت به سایت فروشگاه", "Address of the shop's site to come back to"),
    "explain.RedirectURL.rule": (
        "نشانی کامل http یا https، تا {redirect_max} نویسه",
        "a full http or https address, up to {redirect_max} characters",
    ),
    "explain.example": ("نمونهٔ فرم", "An example form"),
    "explain.result": ("گرفتن نتیجه", "Getting the result"),
    "explain.result.sentence": (
        "پس از پرداخت، خریدار با فیلد Res (به روش GET) به RedirectURL برمی‌گردد. این بازگشت دلیل پرداخت نیست: "
        "نتیجه را از سرور خود با تابع PayRep بپرسید و مبلغ را با سفارش خود مقایسه کنید. "
        "فقط Err برابر صفر یعنی پول رسیده است.",
        "After the payment the buyer returns to RedirectURL with Res (by GET). That return proves nothing: ask the "
        "function PayRep from your server, and compare the amount with your order. Only Err 0 means that the money "
        "is certain.",
    ),
    "explain.result.link": ("تعریف وب‌سرویس (WSDL)", "Definition of the web service (WSDL)"),
    # Labels.
    "label.brand": ("موپوز", "MoPos"),
    "label.gateway": ("درگاه پرداخت اینترنتی", "Internet payment gateway"),
    "label.switch": ("English", "فارسی"),
    "label.fold": ("In English", "به فارسی"),
    "label.rial": ("ریال", "Rial"),
    "label.merchant": ("فروشگاه", "Shop"),
    "label.dsc": ("بابت", "For"),
    "label.nam": ("پرداخت‌کننده", "Payer"),
    "label.paid_at": ("زمان پرداخت", "Paid at"),
    "label.registered_at": ("زمان ثبت", "Registered at"),
    "label.tehran": ("تهران", "Tehran"),
    "label.card": ("شمارهٔ کارت", "Card"),
    "label.bank": ("درگاه بانکی", "Bank gateway"),
    "label.other_banks": ("یا بانک دیگری را انتخاب کنید:", "Or choose another bank:"),
    "label.bank_ref": ("شمارهٔ مرجع بانک", "Bank reference"),
    "label.trace": ("شمارهٔ پیگیری", "Trace number"),
    "label.number": ("شمارهٔ خرید", "Purchase number"),
    "label.res": ("شمارهٔ سفارش", "Shop's order number"),
    "label.reason": ("دلیل بانک:", "The bank's reason:"),
    "label.details": ("جزئیات خرید", "Details of the purchase"),
    "label.problems": ("چه چیزی نادرست است", "What is wrong"),
    "label.code": ("کد", "Code"),
    "label.field": ("فیلد", "Field"),
    "label.sent": ("فرستاده شده:", "Sent:"),
    "label.comma": ("،", ","),
    "label.print_hint": (
        "برای نگه‌داشتن رسید، این صفحه را چاپ یا ذخیره کنید.",
        "To keep a receipt, print or save this page.",
    ),
    "label.leaving": (
        "تا {seconds} ثانیهٔ دیگر خودبه‌خود به فروشگاه برمی‌گردید.",
        "You will be taken back to the shop in {seconds} seconds.",
    ),
    "label.refreshing": (
        "این صفحه هر {seconds} ثانیه خودبه‌خود تازه می‌شود.",
        "This page looks again by itself every {seconds} seconds.",
    ),
    # What can be pressed.
    "action.back": ("بازگشت به فروشگاه", "Back to the shop"),
    "action.stay": ("در این صفحه می‌مانم", "Stay on this page"),
    "action.stop": ("خودبه‌خود تازه نشود", "Stop refreshing"),
    "action.look_again": ("بررسی دوباره", "Look again"),
    "action.to_bank": ("رفتن به صفحهٔ بانک", "Continue to the bank"),
    "action.try_again": ("تلاش دوباره برای پرداخت", "Try the payment again"),
    "action.with_bank": ("با", "With"),
    "action.home": ("صفحهٔ نخست موپوز", "MoPos home page"),
}


_BOUNDS_IN_WORDS = {lang: {f"{{{name}}}": grouped(bound, lang) for name, bound in _BOUNDS.items()} for lang in Lang}


def _filled(sentence: str, lang: Lang) -> str:
    if "{" in sentence:
        for name, bound in _BOUNDS_IN_WORDS[lang].items():
            sentence = sentence.replace(name, bound)
    return sentence


# The signed-in side's tables, by area.
_AREAS = (
    web,
    people,
    account,
    applications,
    books,
    channels,
    reports,
    integration,
    console,
    fees,
    refunds,
    settlement,
    settlement_core,
    deposits,
    recon,
)
_ALL = _TABLE | {key: pair for area in _AREAS for key, pair in area.TABLE.items()}

TEXTS: dict[Lang, dict[str, str]] = {
    Lang.FA: {key: _filled(persian, Lang.FA) for key, (persian, _) in _ALL.items()},
    Lang.EN: {key: _filled(english, Lang.EN) for key, (_, english) in _ALL.items()},
}


def err_dsc(err: int, decline: Decline | None = None) -> str:
    """`PayRep`'s `ErrDsc` for `Err`, in Persian as the guide is; for a declined payment with the bank's reason."""
    sentence = TEXTS[Lang.FA][f"payrep.{PAYREP_ERRORS[err]}"]
    return f"{sentence} {TEXTS[Lang.FA][f'decline.{decline}']}" if decline else sentence


def partly_refunded(given_back: Rial) -> str:
    """`PayRep`'s `ErrDsc` beside Err 0 where refunds have given a part back: how much."""
    return f"{TEXTS[Lang.FA]['payrep.partly_refunded']} {rial(given_back, Lang.FA)}"
