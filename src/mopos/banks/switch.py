"""How the switch of the card network (Shetab, ISO 8583 field 39) says why a payment came to nothing.

PSPs that pass its word on share this table; those with numbers of their own have tables of their own. Approvals are not
in it: whether money was taken is asked of the bank, never read from a switch code. Where the sources give one number
two meanings, it stands for no more than `OTHER`.
"""

from __future__ import annotations

from mopos.banks.kind import AnswerCode, Means
from mopos.banks.port import Decline


def _row(code: str, fa: str, en: str, decline: Decline = Decline.OTHER) -> AnswerCode:
    return AnswerCode(code, Means.NO, fa, en, decline)


SWITCH_CODES: tuple[AnswerCode, ...] = (
    _row("1", "صادرکنندهٔ کارت نپذیرفت", "the issuer declines"),
    _row("3", "پذیرنده نامعتبر است", "merchant invalid"),
    _row("4", "کارت باید ضبط شود", "pick up the card"),
    _row("5", "تراکنش پذیرفته نشد", "not honoured"),
    _row("6", "خطا", "error"),
    _row("7", "کارت باید ضبط شود، با شرایط ویژه", "pick up the card, special condition"),
    _row("12", "تراکنش نامعتبر است", "transaction invalid"),
    _row("13", "مبلغ نامعتبر است", "amount invalid"),
    _row("14", "چنین شمارهٔ کارتی نیست", "no such card number", Decline.WRONG_CARD),
    _row("15", "صادرکننده‌ای برای این کارت نیست", "no such issuer", Decline.WRONG_CARD),
    _row("17", "خریدار انصراف داد", "cancelled by the buyer", Decline.CANCELLED),
    _row("19", "تراکنش را دوباره بفرستید", "send again"),
    _row("20", "پاسخ نامعتبر", "invalid response"),
    _row("21", "کاری انجام نشد", "no action taken"),
    _row("22", "گمان خرابی سامانه", "suspected malfunction"),
    _row("23", "کارمزد پذیرفتنی نیست", "fee not acceptable"),
    _row("25", "تراکنش اصلی یافت نشد", "original not found"),
    _row("30", "ساختار پیام نادرست است", "format error"),
    _row("31", "سوییچ پذیرنده را نمی‌شناسد", "acquirer not supported by the switch"),
    _row("33", "تاریخ کارت گذشته است و باید ضبط شود", "expired card, pick up", Decline.EXPIRED_CARD),
    _row("34", "تراکنش اصلی ناموفق بوده است", "the original failed"),
    _row("36", "کارت محدود شده است و باید ضبط شود", "restricted card, pick up", Decline.NOT_PERMITTED),
    _row("38", "رمز بیش از اندازه نادرست بود و کارت باید ضبط شود", "PIN tries exceeded, pick up", Decline.PIN_BLOCKED),
    _row("39", "کارت حساب اعتباری ندارد", "no credit account"),
    _row("40", "این عملیات پشتیبانی نمی‌شود", "function not supported"),
    _row("41", "کارت گم‌شده است", "lost card", Decline.WRONG_CARD),
    _row("42", "کارت حساب عمومی ندارد", "no universal account"),
    _row("43", "کارت دزدیده شده است", "stolen card", Decline.WRONG_CARD),
    _row("44", "کارت حساب سرمایه‌گذاری ندارد", "no investment account"),
    _row("45", "قبض پرداختنی نیست", "bill not payable"),
    _row("51", "موجودی کافی نیست", "not enough balance", Decline.INSUFFICIENT_FUNDS),
    _row("52", "کارت حساب جاری ندارد", "no current account"),
    _row("53", "کارت حساب پس‌انداز ندارد", "no savings account"),
    _row("54", "تاریخ کارت گذشته است", "expired card", Decline.EXPIRED_CARD),
    _row("55", "رمز نادرست است", "wrong PIN", Decline.WRONG_PIN),
    _row("56", "کارت نامعتبر است", "invalid card", Decline.WRONG_CARD),
    _row("57", "دارندهٔ کارت اجازهٔ این تراکنش را ندارد", "not permitted to the holder", Decline.NOT_PERMITTED),
    _row("58", "این تراکنش در این پایانه مجاز نیست", "not permitted at this terminal", Decline.NOT_PERMITTED),
    _row("59", "گمان تقلب", "suspected fraud"),
    _row("61", "مبلغ از سقف مجاز بیشتر است", "above the limit", Decline.LIMIT_EXCEEDED),
    _row("62", "کارت محدود شده است", "restricted card", Decline.NOT_PERMITTED),
    _row("63", "تمهیدات امنیتی نقض شده است", "security violated"),
    _row("64", "مبلغ با تراکنش اصلی یکی نیست", "another amount than the original's"),
    _row("65", "تعداد تراکنش‌ها از سقف مجاز بیشتر است", "too many transactions", Decline.LIMIT_EXCEEDED),
    _row("67", "کارت باید ضبط شود", "pick up the card"),
    _row("68", "پاسخ به‌هنگام نرسید", "the answer came too late", Decline.ISSUER_DOWN),
    _row("69", "رمز بیش از اندازه تکرار شد", "PIN repeated too often", Decline.PIN_BLOCKED),
    _row("75", "رمز بیش از اندازه نادرست بود", "PIN tries exceeded", Decline.PIN_BLOCKED),
    _row("77", "روز مالی نامعتبر است", "financial day invalid"),
    _row("78", "کارت فعال نیست", "card inactive", Decline.WRONG_CARD),
    _row("79", "حساب وابسته به کارت نامعتبر است", "linked account invalid"),
    _row("80", "تراکنش ناموفق بود", "failed"),
    _row("81", "کارت پذیرفته نشد", "card not accepted", Decline.WRONG_CARD),
    _row("83", "خدمات کارت این تراکنش را نپذیرفت", "card service refused"),
    _row("84", "صادرکنندهٔ کارت پاسخ نمی‌دهد", "the issuer does not answer", Decline.ISSUER_DOWN),
    _row("86", "یکی از دو بانک یا شاپرک در دسترس نیست", "a bank or Shaparak has signed off", Decline.ISSUER_DOWN),
    _row("90", "صادرکنندهٔ کارت در حال بستن روز مالی است", "the issuer is closing its day", Decline.ISSUER_DOWN),
    _row("91", "صادرکنندهٔ کارت در دسترس نیست", "the issuer is down", Decline.ISSUER_DOWN),
    _row("92", "راهی به صادرکنندهٔ کارت نیست", "no route to the issuer", Decline.ISSUER_DOWN),
    _row("93", "تراکنش کامل نمی‌شود", "cannot be completed"),
    _row("94", "تراکنش تکراری است", "duplicate"),
    _row("95", "خطا در مغایرت‌گیری", "reconcile error"),
    _row("96", "سامانه خراب است", "system malfunction", Decline.ISSUER_DOWN),
    _row("97", "کلیدها در حال تعویض است", "key exchange is running"),
    _row("98", "سقف خرید با رمز ایستا پر شده است", "static-PIN allowance used up", Decline.LIMIT_EXCEEDED),
    _row("99", "خطای صادرکننده", "issuer error"),
    _row("200", "خطای دیگر بانک", "other banking error"),
)

SWITCH: dict[str, Decline] = {row.code: row.decline for row in SWITCH_CODES if row.decline is not None}
