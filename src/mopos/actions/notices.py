"""Texts of the SMS that tell merchants of their applications and gateways. Persian, as the merchants' phones are.

Short: a Persian SMS has 70 characters, a longer one is paid for in parts. None holds a secret or a link: people are not
to learn to follow links in messages.
"""

from __future__ import annotations

NOTICES: dict[str, str] = {
    "application_submitted": "موپوز: درخواست درگاه «{title}» فرستاده شد و در صف بررسی است.",
    "application_more_wanted": "موپوز: برای درخواست درگاه «{title}» اطلاعات بیشتری لازم است. پنل را ببینید.",
    "application_approved": "موپوز: درگاه «{title}» تأیید شد. مالک حساب رمز درگاه را در پنل می‌بیند.",
    "application_rejected": "موپوز: درخواست درگاه «{title}» پذیرفته نشد. دلیل آن در پنل است.",
    "application_reopened": "موپوز: درخواست درگاه «{title}» دوباره در صف بررسی است.",
    "application_suspended": "موپوز: درگاه «{title}» متوقف شد و خرید تازه نمی‌پذیرد. دلیل آن در پنل است.",
    "application_resumed": "موپوز: درگاه «{title}» دوباره خرید می‌پذیرد.",
    "application_closed": "موپوز: درخواست یا درگاه «{title}» بسته شد.",
    "application_taken_back": "موپوز: درخواست درگاه «{title}» پس گرفته شد.",
    "application_message": "موپوز: پیام تازه‌ای دربارهٔ درخواست درگاه «{title}» در پنل است.",
    "refund_failed": "موپوز: بازپرداخت {amount} ریال از خرید {purchase} انجام نشد و به مانده برگشت. پنل را ببینید.",
    "reversal_refused": "موپوز: بانک برگشت خرید {purchase} را نپذیرفت؛ پرداخت پابرجاست. پنل را ببینید.",
    "rmz_fetched": "موپوز: رمز درگاه {gateway} به مالک نشان داده شد. اگر شما نبودید، آن را بی‌درنگ باطل کنید.",
    "rmz_rotated": "موپوز: رمز درگاه {gateway} عوض شد. اگر شما نبودید، با پشتیبانی تماس بگیرید.",
    "rmz_revoked": "موپوز: رمز پیشین درگاه {gateway} باطل شد.",
    "sig_key_made": "موپوز: کلید امضای درگاه {gateway} ساخته شد. اگر شما نبودید، با پشتیبانی تماس بگیرید.",
    "sig_key_removed": "موپوز: کلید امضای درگاه {gateway} برداشته شد.",
    "any_domain_on": "موپوز: بازگشت به هر نشانی برای درگاه {gateway} آزاد شد. اگر شما نبودید، پنل را ببینید.",
    "res_other_amount": "موپوز: به درگاه {gateway} شمارهٔ سفارشی تکراری با مبلغی دیگر فرستاده شد. پنل را ببینید.",
    "unacknowledged": "موپوز: فروشگاه شما نتیجهٔ {count} پرداخت درگاه {gateway} را نگرفته است. پنل را ببینید.",
    "unsigned_too_large": "موپوز: به درگاه {gateway} فرمی بدون امضا با مبلغی بیش از سقف فرستاده شد. پنل را ببینید.",
}
