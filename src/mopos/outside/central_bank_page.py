"""The simulated central bank's page: what it did, for people. Persian, with a line of English."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from html import escape

from litestar import Response

from mopos.base.clock import jalali
from mopos.base.text import harmless, persian_digits
from mopos.domain.settlement.channels import Channel
from mopos.outside.central_bank_book import FATES, REASONS, Book, Fate, File, Order

# What a person looks through; programs ask `/orders`.
_SHOWN_MAX = 200
_SERIAL_DIGITS = 9

_STYLE = """
:root{color-scheme:light dark;--p:#f3f1ec;--c:#fff;--i:#1c2526;--s:#5a6567;--b:#0b5c58;--r:#a32020;--g:#1d6b35}
@media(prefers-color-scheme:dark){:root{--p:#111717;--c:#1a2222;--i:#eaf0ef;--s:#a9b6b5;--b:#7fd6cc;--r:#ff9d94;--g:#8fdca6}}
*{box-sizing:border-box}
body{margin:0;background:var(--p);color:var(--i)}
body{font:1rem/1.8 Vazirmatn,"Segoe UI","Noto Sans Arabic",Tahoma,sans-serif}
main{max-inline-size:72rem;margin-inline:auto;padding:1rem}
h1{font-size:1.375rem;margin:0}h2{font-size:1.125rem;margin:2rem 0 .5rem}
.note{color:var(--s);margin:0}
.said{overflow-wrap:anywhere;background:var(--c);border-inline-start:.25rem solid var(--b);padding:.5rem 1rem}
dl{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,15rem),1fr));gap:.75rem;margin:1rem 0}
dl div{background:var(--c);border-radius:1rem;padding:.75rem 1.25rem}
dt{color:var(--s);font-size:.875rem}dd{margin:0;font-weight:700;overflow-wrap:anywhere}
.scroll{overflow-x:auto;background:var(--c);border-radius:1rem}
table{border-collapse:collapse;inline-size:100%;white-space:nowrap}
th,td{text-align:start;padding:.4rem 1rem;border-block-end:1px solid color-mix(in srgb,var(--s) 30%,transparent)}
th{color:var(--s);font-weight:400;font-size:.875rem}
tr:last-child td{border:0}.words td{white-space:normal}
.settled{color:var(--g)}.returned,.came_back,.refused{color:var(--r)}
a{color:var(--b);display:inline-block;min-block-size:1.75rem}
form{display:flex;max-inline-size:100%;flex-wrap:wrap;gap:.75rem;align-items:end}
label{display:grid;grid-template-columns:minmax(0,1fr);max-inline-size:100%}
input,select,button{font:inherit;min-block-size:2.75rem;padding:.25rem .75rem;border-radius:.625rem}
input,select{border:2px solid var(--s);background:var(--c);color:var(--i);max-inline-size:100%}
button{border:0;background:var(--b);color:var(--c);font-weight:700}
:focus-visible{outline:3px solid var(--b);outline-offset:2px}
bdi,td{font-variant-numeric:tabular-nums}
"""
_CSP = "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
_STATES = {
    "waiting": "در جریان",
    "settled": "تسویه شد",
    "returned": "برگشت خورد",
    "came_back": "پس از تسویه برگشت خورد",
    "refused": "پذیرفته نشد",
}
_CHANNELS = {Channel.PAYA: "پایا", Channel.SATNA: "ساتنا"}
_FATES = {
    Fate.RETURNED: "یک چرخه پس از موعد برمی‌گردد و هرگز نمی‌رسد",
    Fate.CAME_BACK: "تسویه می‌شود و چند روز کاری پس از آن برمی‌گردد",
    Fate.NEVER: "هیچ‌گاه نتیجه‌اش گفته نمی‌شود",
    Fate.SLOW: "دو روز کاری دیرتر تسویه می‌شود",
    Fate.REFUSED: "از همان آغاز پذیرفته نمی‌شود",
    Fate.SILENT_AFTER: "در وب‌سرویس: گرفته می‌شود و بار نخست پاسخی نمی‌آید",
    Fate.SILENT_BEFORE: "در وب‌سرویس: بار نخست پاسخی نمی‌آید و گرفته هم نمی‌شود",
    Fate.GARBAGE: "در وب‌سرویس: گرفته می‌شود و بار نخست پاسخ نامفهوم است",
}


def page(book: Book, said: str = "") -> Response[bytes]:
    """All of it, the newest first."""
    now = book.clock()
    html = f"""<!doctype html>
<html lang="fa" dir="rtl"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>بانک مرکزی آزمایشی · Central bank simulator</title><style>{_STYLE}</style></head>
<body><main><h1>بانک مرکزی آزمایشی</h1>
<p class="note">هیچ پولی جابه‌جا نمی‌شود. فایل پایا این‌جا بارگذاری می‌شود و در چرخه‌های روزهای کاری انجام می‌گیرد.</p>
<p class="note" lang="en" dir="ltr">Central bank simulator: takes payout files and orders; no money moves.</p>
{f'<p class="said" role="status"><bdi>{escape(harmless(said))}</bdi></p>' if said else ""}
{_summary(book, now)}
<h2>بارگذاری فایل</h2>
<form method="post" action="/files" enctype="multipart/form-data">
<label>فایل ‎.ccti<input type="file" name="file" required></label>
<label>روش<select name="channel"><option value="paya">پایا</option><option value="satna">ساتنا</option></select></label>
<button>بارگذاری</button></form>
<h2>فایل‌ها</h2>{_files(book)}
<h2>دستورها</h2>{_orders(book, now)}
<h2>واریزها به حساب</h2>{_deposits(book)}
<h2>شباهای آزمایشی</h2>{_fates()}
</main></body></html>"""
    headers = {"Content-Security-Policy": _CSP, "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
    return Response(html.encode(), headers=headers, media_type="text/html")


def _summary(book: Book, now: datetime) -> str:
    balance = sum(one.rial for one in book.movements())
    links = " ".join(
        f'<a href="/statement?format={kind}">{title}</a>' for kind, title in (("camt053", "CAMT.053"), ("csv", "CSV"))
    )
    facts = (
        ("اکنون", f"<bdi>{persian_digits(jalali(now))}</bdi>"),
        ("حساب", f'<bdi dir="ltr">{book.account}</bdi>'),
        ("موجودی (ریال)", _money(balance)),
        ("صورت‌حساب", links),
    )
    return "<dl>" + "".join(f"<div><dt>{name}</dt><dd>{value}</dd></div>" for name, value in facts) + "</dl>"


def _files(book: Book) -> str:
    return _table(
        "فایل‌ها",
        ("نتیجه‌ها", "روش", "دستورها", "جمع (ریال)", "دریافت", "شناسهٔ فایل"),
        [_file(file) for file in list(book.files.values())[: -_SHOWN_MAX - 1 : -1]],
    )


def _file(file: File) -> tuple[str, ...]:
    results = f'<a href="/files/{file.id}/results">CSV</a> <a href="/files/{file.id}/results?format=xml">XML</a>'
    return (
        results,
        _CHANNELS[Channel(file.channel)],
        persian_digits(str(file.orders)),
        _money(file.rial),
        persian_digits(jalali(file.at)),
        f'<bdi dir="ltr">{file.id}</bdi>',
    )


def _orders(book: Book, now: datetime) -> str:
    shown = list(book.orders.values())[: -_SHOWN_MAX - 1 : -1]
    return _table(
        "دستورها",
        ("شناسه", "مبلغ (ریال)", "وضعیت", "زمان", "گیرنده", "شبا", "روش", "شمارهٔ پیگیری"),
        [_order(order, now) for order in shown],
    )


def _order(order: Order, now: datetime) -> tuple[str, ...]:
    state, reason = order.state(now), order.reason(now)
    moment = {"settled": order.carried_at, "came_back": order.back_at, "returned": order.back_at}.get(state) or order.at
    why = f" ({REASONS[reason]})" if reason else ""
    number = order.tracking_no if state in ("settled", "came_back") else ""
    # Of a file the serial number and the row: the account before them is always the same.
    own = order.own_id[-_SERIAL_DIGITS - len(str(order.row)) - 1 :] if order.file else order.own_id
    return (
        f'<bdi dir="ltr">{escape(own)}</bdi>',
        _money(order.rial),
        f'<span class="{state}">{_STATES[state]}{why}</span>',
        persian_digits(jalali(moment)),
        f"<bdi>{escape(harmless(order.name))}</bdi>",
        f'<bdi dir="ltr">{escape(order.iban)}</bdi>',
        _CHANNELS[Channel(order.channel)],
        f'<bdi dir="ltr">{number}</bdi>',
    )


def _deposits(book: Book) -> str:
    rows = [
        (
            persian_digits(jalali(movement.at)[:10]),
            _money(movement.rial),
            f"<bdi>{escape(harmless(movement.text))}</bdi>",
            f'<bdi dir="ltr">{escape(harmless(movement.reference))}</bdi>',
        )
        for movement in reversed(book.movements())
        if not movement.own_id
    ]
    return _table("واریزها", ("تاریخ", "مبلغ (ریال)", "شرح", "مرجع"), rows[:_SHOWN_MAX])


def _fates() -> str:
    rows = [(f'<bdi dir="ltr">...{digits}</bdi>', _FATES[fate]) for digits, fate in FATES.items()]
    return _table("شباهای آزمایشی", ("پایان شبا", "سرنوشت دستور"), rows, "words")


def _table(title: str, headings: tuple[str, ...], rows: Sequence[tuple[str, ...]], kind: str = "") -> str:
    if not rows:
        return '<p class="note">هنوز چیزی نیست.</p>'
    head = "".join(f'<th scope="col">{heading}</th>' for heading in headings)
    body = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{title}">'
        f'<table class="{kind}"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'
    )


def _money(rial: int) -> str:
    sign = "\u2212" if rial < 0 else ""
    return f'<bdi dir="ltr">{sign}{persian_digits(f"{abs(rial):,}").replace(",", "٬")}</bdi>'
