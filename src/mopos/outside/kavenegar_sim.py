"""A simulator of Kavenegar: it takes messages as the provider does, strictly, and shows them instead of sending them.

`GET /` is the outbox for people, `GET /outbox?mobile=` for programs. Numbers of some ranges misbehave, for whoever
wants to see what MoPos does then (`FAULTS`).
"""

from __future__ import annotations

import asyncio
import hmac
import re
from collections import Counter, deque
from dataclasses import dataclass, field
from datetime import datetime
from html import escape
from typing import Any
from urllib.parse import parse_qsl

import msgspec
from litestar import Request, Response, get, post

from mopos.base.clock import Clock, jalali
from mopos.base.secret import Secret
from mopos.base.text import harmless, persian_digits

# The outbox forgets the oldest first.
OUTBOX_MAX = 500
# A long message is sent in parts; more than this the provider refuses.
MESSAGE_LENGTH_MAX = 900
_RECEPTOR = re.compile(r"09[0-9]{9}")

# The first seven digits of a number, and what happens to messages to it.
FAULTS: dict[str, str] = {
    "0999100": "slow",  # no answer until the caller has long given up
    "0999200": "error",  # HTTP 500
    "0999300": "refused",  # 411: the number is not valid
    "0999400": "once",  # HTTP 500 the first time, then all is well
    "0999500": "garbage",  # HTTP 200 with something that is no answer
    "0999600": "blocked",  # taken, but its receptor has blocked such messages
    "0999700": "poor",  # 418: our credit is not enough
}

AnyRequest = Request[Any, Any, Any]


class Message(msgspec.Struct, frozen=True):
    """A message that was taken."""

    id: int
    mobile: str
    sender: str
    text: str
    at: datetime


@dataclass(slots=True)
class Outbox:
    """What was sent, newest first. Lives as long as the process."""

    key: Secret
    clock: Clock
    slow_s: float
    messages: deque[Message] = field(default_factory=lambda: deque(maxlen=OUTBOX_MAX))
    calls: Counter[str] = field(default_factory=Counter)
    taken: int = 0

    def take(self, mobile: str, sender: str, text: str) -> Message:
        """Take a message."""
        self.taken += 1
        message = Message(8_000_000 + self.taken, mobile, sender, text, self.clock())
        self.messages.appendleft(message)
        return message

    def of(self, mobile: str) -> list[Message]:
        """Messages to a number; to all, if it is empty."""
        return [message for message in self.messages if mobile in ("", message.mobile)]


def routes(key: Secret, clock: Clock, *, slow_s: float) -> list[Any]:
    """The simulator's addresses, for `services_sim`."""
    outbox = Outbox(key, clock, slow_s)
    return [_sending(outbox), *_showing(outbox)]


def _sending(outbox: Outbox) -> Any:
    @post("/v1/{key:str}/sms/send.json", status_code=200)
    async def send(request: AnyRequest) -> Response[bytes]:
        """Take one message."""
        if not hmac.compare_digest(str(request.path_params["key"]).encode(), outbox.key.reveal().encode()):
            return _refuse(403, "کد شناسائی API-Key معتبر نمی باشد")
        fields = dict(parse_qsl((await request.body()).decode("utf-8", "replace")))
        mobile, text, sender = fields.get("receptor", ""), fields.get("message", ""), fields.get("sender", "")
        if not mobile or not text:
            return _refuse(400, "پارامترها ناقص هستند")
        fault = FAULTS.get(mobile[:7], "")
        if not _RECEPTOR.fullmatch(mobile) or fault == "refused":
            return _refuse(411, "دریافت کننده نامعتبر است")
        if len(text) > MESSAGE_LENGTH_MAX:
            return _refuse(413, "پیام خالی است و یا طول پیام بیش از حد مجاز می‌باشد")
        if sender and not sender.isdigit():
            return _refuse(412, "ارسال کننده نامعتبر است")
        return await _answer(outbox, fault, mobile, sender, text)

    return send


async def _answer(outbox: Outbox, fault: str, mobile: str, sender: str, text: str) -> Response[bytes]:
    outbox.calls[mobile] += 1
    match fault:
        case "slow":
            await asyncio.sleep(outbox.slow_s)
        case "error":
            return Response(b"Internal Server Error", status_code=500, media_type="text/plain")
        case "once" if outbox.calls[mobile] == 1:
            return Response(b"Bad Gateway", status_code=502, media_type="text/plain")
        case "garbage":
            return Response(b"<html>200</html>", status_code=200, media_type="text/html")
        case "poor":
            return _refuse(418, "اعتبار حساب شما کافی نیست")
        case _:
            pass
    message = outbox.take(mobile, sender, text)
    entry = {
        "messageid": message.id,
        "message": text,
        "status": 14 if fault == "blocked" else 1,
        "statustext": "در صف ارسال",
        "sender": sender or "10004346",
        "receptor": mobile,
        "date": int(message.at.timestamp()),
        "cost": 120,
    }
    return _say(200, "تایید شد", [entry])


def _refuse(status: int, why: str) -> Response[bytes]:
    return _say(status, why, None)


def _say(status: int, message: str, entries: list[dict[str, Any]] | None) -> Response[bytes]:
    body = msgspec.json.encode({"return": {"status": status, "message": message}, "entries": entries})
    return Response(body, status_code=status, media_type="application/json")


# --- the outbox -------------------------------------------------------------------------------------------------------


def _showing(outbox: Outbox) -> list[Any]:
    @get("/outbox")
    async def as_json(request: AnyRequest) -> Response[bytes]:
        """What was sent, newest first; `?mobile=`: to one number."""
        found = outbox.of(str(request.query_params.get("mobile", "")))
        return Response(msgspec.json.encode(found), media_type="application/json")

    @get("/")
    async def as_page(request: AnyRequest) -> Response[bytes]:
        """The same for people."""
        mobile = str(request.query_params.get("mobile", ""))[:11]
        return _page(outbox.of(mobile), mobile)

    return [as_json, as_page]


_STYLE = """
:root{color-scheme:light dark;--p:#f3f1ec;--c:#fff;--i:#1c2526;--s:#5a6567;--b:#0b5c58}
@media(prefers-color-scheme:dark){:root{--p:#111717;--c:#1a2222;--i:#eaf0ef;--s:#a9b6b5;--b:#7fd6cc}}
*{box-sizing:border-box}
body{margin:0;background:var(--p);color:var(--i)}
body{font:1rem/1.8 Vazirmatn,"Segoe UI","Noto Sans Arabic",Tahoma,sans-serif}
main{max-inline-size:40rem;margin-inline:auto;padding:1rem}
h1{font-size:1.375rem;margin:0}h1~p,time,.none{color:var(--s)}
p{margin:0 0 1rem}ol{list-style:none;margin:0;padding:0}
li{background:var(--c);border-radius:1rem;padding:1rem 1.25rem;margin-block-end:.75rem}
header{display:flex;flex-wrap:wrap;justify-content:space-between;gap:0 1rem}
header a{color:var(--b);font-weight:700;display:inline-flex;align-items:center;min-block-size:1.75rem}
time{font-size:.875rem}
pre{margin:.5rem 0 0;font:inherit;white-space:pre-wrap;overflow-wrap:anywhere}
form{display:flex;flex-wrap:wrap;gap:.5rem;margin-block-end:1rem;align-items:end}
label{flex:1 1 12rem}
input,button{font:inherit;min-block-size:2.75rem;padding:.25rem .75rem}
input,button{border-radius:.625rem;border:2px solid var(--s)}
input{inline-size:100%;background:var(--c);color:var(--i)}
button{background:var(--b);color:var(--c);border-color:var(--b);font-weight:700}
"""
_CSP = "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"


def _page(messages: list[Message], mobile: str) -> Response[bytes]:
    items = (
        "".join(map(_item, messages))
        or '<li class="none">هنوز پیامکی نیست. <span lang="en">No messages yet.</span></li>'
    )
    html = f"""<!doctype html>
<html lang="fa" dir="rtl"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="refresh" content="5"><title>صندوق پیامک‌های آزمایشی · SMS outbox</title><style>{_STYLE}</style></head>
<body><main><h1>صندوق پیامک‌های آزمایشی</h1>
<p>هیچ پیامکی واقعاً فرستاده نمی‌شود؛ همه این‌جا می‌آیند، تازه‌ترین اول. این صفحه خودبه‌خود تازه می‌شود.</p>
<p lang="en" dir="ltr">SMS outbox: nothing is really sent; newest first, refreshed by itself.</p>
<form><label>شماره · Number
<input name="mobile" inputmode="numeric" dir="ltr" value="{escape(mobile)}"></label>
<button>نشان بده · Show</button></form>
<ol>{items}</ol></main></body></html>"""
    headers = {"Content-Security-Policy": _CSP, "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
    return Response(html.encode(), headers=headers, media_type="text/html")


def _item(message: Message) -> str:
    lines = "\n".join(harmless(line) for line in message.text.splitlines())
    return (
        f'<li><header><a href="/?mobile={message.mobile}"><bdi dir="ltr">{message.mobile}</bdi></a>'
        f'<time datetime="{message.at.isoformat()}">{persian_digits(jalali(message.at))}</time></header>'
        f'<pre dir="auto">{escape(lines)}</pre></li>'
    )
