"""Sentences of people: signing in, the second factor, the phone app, devices. Persian, English."""

TABLE: dict[str, tuple[str, str]] = {
    "passkey.waiting": (
        "منتظر تأیید شما در همین دستگاه هستیم…",
        "Waiting for you to confirm on this device…",
    ),
    "passkey.failed": (
        "این کار انجام نشد. صفحه را تازه کنید و دوباره امتحان کنید.",
        "That did not work. Reload the page and try again.",
    ),
    "passkey.stopped": (
        "تأیید نشد یا زمانش گذشت. هر وقت آماده بودید دوباره امتحان کنید.",
        "It was not confirmed, or the time ran out. Try again when you are ready.",
    ),
    "passkey.known": (
        "این دستگاه از پیش کلید عبور دارد. با همان وارد شوید.",
        "This device already has a passkey. Sign in with it.",
    ),
    "problem.mobile_malformed": (
        "شمارهٔ موبایل درست نیست. آن را مانند ۰۹۱۲۳۴۵۶۷۸۹ بنویسید.",
        "That is not a mobile number. Write it like 09123456789.",
    ),
    "problem.otp_too_many": (
        "برای این شماره بیش از اندازه کد خواسته شده است. چند دقیقهٔ دیگر دوباره امتحان کنید.",
        "Too many codes were asked for this number. Try again in some minutes.",
    ),
    "problem.otp_too_many_here": (
        "از این نشانی اینترنتی بیش از اندازه کد خواسته شده است. ساعتی دیگر دوباره امتحان کنید.",
        "Too many codes were asked for from this address. Try again in an hour.",
    ),
    "problem.sms_not_sent": (
        "پیامک فرستاده نشد؛ سامانهٔ پیامک پاسخ نمی‌دهد. کمی بعد دوباره امتحان کنید.",
        "The message could not be sent: the SMS service does not answer. Try again in a while.",
    ),
    "problem.otp_wrong": (
        "کد درست نیست. کد آخرین پیامک را وارد کنید.",
        "The code is not right. Enter the code of the last message.",
    ),
    "problem.otp_over": (
        "این کد دیگر پذیرفته نمی‌شود. کد تازه‌ای بخواهید.",
        "This code is not accepted any more. Ask for a new one.",
    ),
    "problem.factor_wrong": (
        "کد درست نیست یا پیش از این به کار رفته است. کد تازهٔ برنامهٔ رمزساز یا یکی از کدهای بازیابی را وارد کنید.",
        "The code is not right, or was used before. Enter the authenticator's next code or a recovery code.",
    ),
    "problem.factor_locked": (
        "کد چند بار اشتباه وارد شد. پانزده دقیقهٔ دیگر دوباره امتحان کنید یا با کلید عبور وارد شوید.",
        "Too many wrong codes. Try again in fifteen minutes, or use a passkey.",
    ),
    "problem.totp_wrong": (
        "کد با این رمز جور نیست. ساعت گوشی را بررسی کنید و کد تازه را وارد کنید.",
        "The code does not belong to this secret. Check the phone's clock and enter the next code.",
    ),
    "problem.factor_there": (
        "حساب شما از پیش عامل دوم دارد. نخست با همان وارد شوید.",
        "Your account already has a second factor. Sign in with it first.",
    ),
    "problem.factor_last": (
        "این آخرین عامل دوم شماست و نمی‌توان آن را برداشت. نخست یکی دیگر بیفزایید.",
        "This is your last second factor and cannot be removed. Add another one first.",
    ),
    "problem.passkey_refused": (
        "کلید عبور پذیرفته نشد. صفحه را تازه کنید و دوباره امتحان کنید.",
        "The passkey was not accepted. Reload the page and try again.",
    ),
    "problem.passkey_unknown": (
        "این کلید عبور دیگر به حسابی تعلق ندارد. با شمارهٔ موبایل وارد شوید.",
        "This passkey does not belong to an account (any more). Sign in with the mobile number.",
    ),
    "problem.device_name": (
        "برای دستگاه نامی تا صد نویسه بنویسید.",
        "Give the device a name of up to 100 letters.",
    ),
    "problem.devices_too_many": (
        "شمار دستگاه‌ها به بیشترین اندازه رسیده است. نخست یکی را بردارید.",
        "There are as many devices as can be. Remove one first.",
    ),
    "problem.request_over": (
        "زمان این درخواست ورود گذشته یا به آن پاسخ داده شده است.",
        "This request to sign in is over, or was answered already.",
    ),
    "problem.not_this_device": (
        "ورود دیگران را فقط با گوشی شناخته‌شدهٔ خود و پس از ورود با کلید عبور می‌توانید تأیید کنید.",
        "Sign-ins can be approved only on your recognised phone, when you are signed in there by its passkey.",
    ),
}
