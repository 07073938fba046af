"""Sentences of applications for a gateway, of the gateways themselves, and of what the form is refused for. Persian,
English."""

TABLE: dict[str, tuple[str, str]] = {
    "problem.gateway_closed": (
        "درگاه این حساب بسته شده است و خرید تازه نمی‌پذیرد.",
        "This account's gateway has been closed and takes no new purchases.",
    ),
    "problem.redirect_not_registered": (
        "نشانی RedirectURL روی هیچ‌یک از دامنه‌های ثبت‌شدهٔ این درگاه نیست. دامنهٔ سایت را در پنل، در صفحهٔ درگاه، ثبت کنید.",
        "RedirectURL does not lie on a domain registered for this gateway. Register the site's domain in the panel, on "
        "the gateway's page.",
    ),
    "problem.sig_wrong": (
        "امضای فرم، یعنی فیلد Sig، با فیلدهای آن نمی‌خواند. کلید امضا، ترتیب فیلدها و مقدار دقیق آن‌ها را بررسی کنید.",
        "The form's signature, the field Sig, does not match its fields. Check the signing key, the order of the fields "
        "and their exact values.",
    ),
    "problem.sig_missing": (
        "این درگاه فقط فرم امضاشده می‌پذیرد و فیلد Sig در فرم نیست یا خالی است.",
        "This gateway takes signed forms only, and the field Sig is missing or empty.",
    ),
    "problem.unsigned_too_large": (
        "مبلغ از سقفی که این درگاه برای فرم بدون امضا می‌پذیرد بیشتر است. فرم را امضا کنید یا سقف را در پنل بالا ببرید.",
        "The amount is above what this gateway takes in an unsigned form. Sign the form, or raise the limit in the "
        "panel.",
    ),
    "problem.applications_too_many": (
        "این حساب چند درخواست بررسی‌نشده دارد. پیش از درخواست تازه، یکی را بفرستید یا ببندید.",
        "This account has several applications that are not decided. Send or close one before you start another.",
    ),
    "problem.application_moved": (
        "وضعیت این درخواست در این میان عوض شده است. صفحه را تازه کنید و دوباره تصمیم بگیرید.",
        "This application has moved on in the meantime. Look at its present state and decide again.",
    ),
    "problem.profile_name_missing": (
        "نام حساب در مشخصات خالی است.",
        "The account's name is missing in the profile.",
    ),
    "problem.profile_id_missing": (
        "کد ملی یا شناسهٔ ملی در مشخصات خالی است.",
        "The national or legal id is missing in the profile.",
    ),
    "problem.profile_iban_missing": (
        "شمارهٔ شبا در مشخصات خالی است؛ پول فروش به آن حساب می‌رود.",
        "The IBAN (Sheba) is missing in the profile; the money that you sell for goes there.",
    ),
    "problem.title_missing": (
        "نام فروشگاه را بنویسید؛ خریدار هنگام پرداخت آن را می‌بیند.",
        "Write the shop's name; buyers see it while they pay.",
    ),
    "problem.title_too_long": (
        "نام فروشگاه حداکثر ۶۰ نویسه دارد.",
        "The shop's name has at most 60 characters.",
    ),
    "problem.site_missing": ("دامنهٔ سایت را بنویسید.", "Write the site's domain."),
    "problem.site_malformed": (
        "این دامنهٔ یک فروشگاه نیست. آن را مانند shop.ir بنویسید؛ نشانی عددی و پسوندهایی مانند co.ir پذیرفته نیست.",
        "This is not a shop's domain. Write it like shop.ir; no IP address, and no suffix such as co.ir.",
    ),
    "problem.business_missing": (
        "بنویسید چه می‌فروشید و چگونه تحویل می‌دهید.",
        "Write what you sell and how you deliver it.",
    ),
    "problem.business_too_short": (
        "دربارهٔ کسب‌وکار کمی بیشتر بنویسید؛ دست‌کم ۲۰ نویسه.",
        "Write a little more about the business; at least 20 characters.",
    ),
    "problem.business_too_long": (
        "شرح کسب‌وکار حداکثر ۱۰۰۰ نویسه دارد.",
        "The description of the business has at most 1,000 characters.",
    ),
    "problem.monthly_missing": (
        "برآورد فروش ماهانه را به ریال بنویسید.",
        "Write the expected monthly sales, in Rial.",
    ),
    "problem.monthly_not_a_number": (
        "فروش ماهانه را به ریال و فقط با رقم بنویسید.",
        "Write the monthly sales in Rial, digits only.",
    ),
    "problem.message_missing": ("پیام خالی است.", "The message is empty."),
    "problem.message_too_long": ("پیام حداکثر ۲۰۰۰ نویسه دارد.", "A message has at most 2,000 characters."),
    "problem.messages_too_many": (
        "این گفت‌وگو به بیشترین اندازه رسیده است. با پشتیبانی تماس بگیرید.",
        "This conversation is as long as it may be. Call support.",
    ),
    "problem.reason_missing": (
        "دلیل را بنویسید؛ پذیرنده آن را می‌خواند.",
        "Write the reason; the merchant reads it.",
    ),
    "problem.reason_too_long": ("دلیل حداکثر ۱۰۰۰ نویسه دارد.", "A reason has at most 1,000 characters."),
    "problem.suspension_needs_two": (
        "این درگاه پول تسویه‌نشده دارد؛ توقف آن کار دو نفر است. آن را پیشنهاد کنید تا همکار دیگری تأیید کند.",
        "This gateway has unsettled money, so suspending it takes two. Propose it, and another operator approves it.",
    ),
    "problem.gateway_is_closed": ("این درگاه بسته است.", "This gateway is closed."),
    "problem.gateway_moved": (
        "این کار پیش‌تر انجام شده یا تنظیم درگاه در این میان عوض شده است. صفحه را تازه کنید.",
        "This was done before, or the gateway was changed in the meantime. Look at its present state.",
    ),
    "problem.domain_malformed": (
        "این دامنه نیست. آن را مانند shop.ir بنویسید؛ برای آزمایش localhost هم پذیرفته است.",
        "This is no domain. Write it like shop.ir; localhost is taken too, for tests.",
    ),
    "problem.domain_there": ("این دامنه پیش‌تر ثبت شده است.", "This domain is registered already."),
    "problem.domains_too_many": (
        "یک درگاه حداکثر ۲۰ دامنه دارد. یکی را بردارید.",
        "A gateway has at most 20 domains. Remove one.",
    ),
    "problem.sources_malformed": (
        "هر سطر باید یک نشانی IP یا یک شبکه مانند نمونه باشد.",
        "Each line must be an IP address or a network, such as 192.0.2.7 or 192.0.2.0/24.",
    ),
    "problem.sources_too_many": ("حداکثر ۵۰ شبکه پذیرفته است.", "At most 50 networks can be listed."),
    "problem.unsigned_max_not_a_number": (
        "سقف را به ریال و فقط با رقم بنویسید؛ بیشتر از ۱۰٬۰۰۰ ریال.",
        "Write the limit in Rial, digits only; above 10,000.",
    ),
    "problem.sig_key_missing": (
        "نخست کلید امضا بسازید و در فروشگاه بگذارید؛ وگرنه هیچ فرمی پذیرفته نمی‌شود.",
        "Make a signing key and put it into the shop first; otherwise no form would be taken.",
    ),
}
