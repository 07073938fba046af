"""Texts of the SMS about members and the bank account. Persian, as the members' phones are; no secret and no link."""

from __future__ import annotations

from mopos.base.text import persian_digits

NOTICES: dict[str, str] = {
    # Without the account's name: anybody can open an account, name it as he likes, and invite whom he likes.
    "invitation": "موپوز: به یک حساب پذیرنده دعوت شده‌اید. برای دیدن و پاسخ، با همین شماره وارد موپوز شوید.",
    "member_joined": "موپوز: {mobile} عضو حساب «{account}» شد.",
    "member_role_changed": "موپوز: نقش {mobile} در حساب «{account}» تغییر کرد.",
    "member_removed": "موپوز: عضویت {mobile} در حساب «{account}» پایان یافت.",
    "member_left": "موپوز: {mobile} از حساب «{account}» بیرون رفت.",
    "account_handed_over": "موپوز: مالکیت حساب «{account}» به {mobile} سپرده شد. "
    "اگر کار شما نبود، با پشتیبانی تماس بگیرید.",
    "split_changed": "موپوز: تسهیم یکی از درگاه‌های حساب «{account}» تغییر کرد. "
    "اگر کار شما نبود، بی‌درنگ با پشتیبانی تماس بگیرید.",
    "payout_settled": "موپوز: {rial} ریال به حساب بانکی «{account}» واریز شد.",
    "payout_returned": "موپوز: واریز {rial} ریال به حساب بانکی «{account}» برگشت خورد. شبا را در پنل بررسی کنید.",
    "iban_changed": "موپوز: شبای حساب «{account}» تغییر کرد. اگر کار شما نبود، بی‌درنگ با پشتیبانی تماس بگیرید.",
}

# A name is up to 100 characters long, a message is paid for in parts of 70.
_NAME_LENGTH_MAX = 30


def notice(template: str, *, account: str, mobile: str = "", rial: int = 0) -> str:
    """The text of a message."""
    name = account if len(account) <= _NAME_LENGTH_MAX else account[: _NAME_LENGTH_MAX - 1] + "…"
    return NOTICES[template].format(account=name or "بی‌نام", mobile=mobile, rial=_grouped(rial))


def _grouped(rial: int) -> str:
    return persian_digits(f"{rial:,}".replace(",", "٬"))
