"""Sentences about payout files and their results. Persian, English."""

TABLE: dict[str, tuple[str, str]] = {
    "console.did.make_payout_file": ("ساختن فایل پرداخت برای بانک", "Made a payout file"),
    "console.did.mark_batch_submitted": ("ثبت تحویل دسته به بانک", "Marked a batch as handed to the bank"),
    "problem.batch_not_approved": (
        "این دسته هنوز به تأیید دو نفر نرسیده یا لغو شده است؛ فایل آن ساخته نمی‌شود.",
        "This batch is not approved by two operators, or it is cancelled: no file is made of it.",
    ),
    "problem.batch_has_stopped": (
        "پرداخت به یکی از پذیرنده‌های این دسته متوقف است. آن را از سر بگیرید، یا دسته را لغو و دوباره اجرا کنید.",
        "Payouts of a merchant in this batch are stopped. Resume them, or cancel the batch and run it anew.",
    ),
    "problem.batch_goes_by_api": (
        "این دسته از راه وب‌سرویس پرداخت فرستاده می‌شود؛ فایلی در کار نیست.",
        "This batch is sent through the payout service's API; there is no file for it.",
    ),
    "problem.batch_empty": (
        "در این دسته پرداختی از این راه نیست.",
        "There is no payout of this kind in the batch.",
    ),
    "problem.channel_unknown": ("این راه پرداخت شناخته نیست.", "There is no such channel."),
    "problem.payer_not_set": (
        "شبا و نام حسابی که پول از آن می‌رود تعیین نشده است. در «قواعد تسویه» آن‌ها را بنویسید.",
        "IBAN and name of the account that pays are not set. Set them among the rules of settlement.",
    ),
    "problem.profile_unknown": (
        "قالب فایل بانک شناخته نیست. در «قواعد تسویه» یکی از قالب‌های موجود را بنویسید.",
        "The bank's file profile is not known. Set one of the known profiles among the rules of settlement.",
    ),
    "problem.payout_file_not_made": (
        "فایل همهٔ پرداخت‌های این دسته هنوز ساخته نشده است. نخست هر فایل را بگیرید و به بانک بدهید.",
        "Not every payout of this batch is in a file yet. First download each file and hand it to the bank.",
    ),
    "problem.payout_file_moved": (
        "هنگام ساختن فایل، دسته دگرگون شد. دوباره تلاش کنید.",
        "The batch changed while the file was being made. Try again.",
    ),
    "problem.payout_file_differs": (
        "فایل دوباره همان فایل پیشین نشد؛ داده‌ای پس از ساختن آن دگرگون شده است. آن را به بانک ندهید و بررسی کنید.",
        "The file came out differently than before: something has changed since. Do not hand it in; have it examined.",
    ),
    "problem.result_file_empty": ("فایلی نفرستادید یا فایل خالی است.", "No file was sent, or it is empty."),
    "problem.result_file_too_large": (
        "این فایل بزرگ‌تر از اندازهٔ مجاز است. آن را چند فایل کنید.",
        "This file is larger than allowed. Split it.",
    ),
    "problem.result_file_unreadable": (
        "این فایل خوانده نمی‌شود: یا XML درستی نیست، یا کدگذاری آن شناخته نیست.",
        "This file cannot be read: it is no valid XML, or its encoding is not known.",
    ),
    "problem.result_file_columns": (
        "ستون‌های لازم پیدا نشد: شناسهٔ پرداخت یا شناسهٔ فایل و ردیف، شبا، مبلغ، نتیجه، شمارهٔ پیگیری، تاریخ.",
        "Columns are missing: payout, or message_id and row; iban, amount, outcome, tracking_no, date.",
    ),
    "problem.result_file_too_many": (
        "ردیف‌های این فایل بیش از اندازه است. آن را چند فایل کنید.",
        "This file has too many rows. Split it.",
    ),
    "problem.result_row_cells": (
        "شمار خانه‌های این ردیف با شمار ستون‌ها یکی نیست یا گیومهٔ بازی دارد.",
        "This row has not as many cells as there are columns, or an open quotation mark.",
    ),
    "problem.result_payout_missing": (
        "این ردیف نمی‌گوید از کدام پرداخت است.",
        "This row does not say which payout it is about.",
    ),
    "problem.result_payout_malformed": (
        "شناسهٔ پرداخت، شناسهٔ فایل یا ردیف درست نوشته نشده است.",
        "The payout's number, the file's number or the row is not written as it should be.",
    ),
    "problem.result_payout_differs": (
        "شبا یا مبلغ این ردیف با پرداخت ما یکی نیست.",
        "IBAN or amount of this row differ from our payout's.",
    ),
    "problem.result_iban_wrong": ("شبای این ردیف درست نیست.", "The IBAN of this row is not right."),
    "problem.result_amount_wrong": (
        "مبلغ این ردیف درست نیست؛ ریال را بی‌اعشار بنویسید.",
        "The amount of this row is not right: whole Rial are wanted.",
    ),
    "problem.result_outcome_unknown": (
        "نتیجهٔ این ردیف شناخته نیست؛ مانند «تسویه شد»، «برگشت خورد» یا «در جریان».",
        "The outcome of this row is not known; such as settled, returned or pending.",
    ),
    "problem.result_tracking_missing": (
        "ردیف تسویه‌شده شمارهٔ پیگیری ندارد.",
        "A settled row has no tracking number.",
    ),
    "problem.result_tracking_malformed": (
        "شمارهٔ پیگیری این ردیف درست نیست.",
        "The tracking number of this row is not right.",
    ),
    "problem.result_date_malformed": (
        "تاریخ این ردیف درست نیست؛ شمسی یا میلادی، به شکل سال، ماه، روز.",
        "The date of this row is not right: Jalali or Gregorian, as year, month, day.",
    ),
    "problem.result_reason_too_long": ("علت این ردیف بیش از اندازه بلند است.", "The reason of this row is too long."),
    "problem.result_row_twice": (
        "نتیجهٔ همین پرداخت پیش‌تر در همین فایل آمده است.",
        "The same payout's outcome stands earlier in this file.",
    ),
}
