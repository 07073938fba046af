"""The service on a real socket, for real clients: `python served.py` prints its address and serves until it is ended.

It knows a few purchases of account 1000017: paid ones, an unpaid one, and one whose texts are hard to carry.
"""

import asyncio
import socket
from typing import Any

import uvicorn

from mopos.edges.soap.asmx import Asmx, AsmxRequest
from mopos.edges.soap.result import PayRepCall, PayRepResult

NAME, FOR_WHAT = "مریم می‌خواهد", "کتابِ «سووشون»، ۲ جلد"
HARD = "<b>&amp;</b> ]]> \"'\u200c é 𐎠 پایان"
PAID = PayRepResult(
    Nam=NAME,
    Dsc=FOR_WHAT,
    Amnt=9_007_199_254_740_991,  # the largest that JavaScript counts exactly; far beyond 32 bits
    Dat="1403/12/30 23:59:59",
    Err=0,
    ErrDsc="",
    DatTasvie="1404/01/05",
    NoTasvie="140401050001",
    IP="2001:db8::1",
)
RESULTS = {
    "paid": PAID,
    "unpaid": PayRepResult(NAME, FOR_WHAT, 1_250_000, None, 2, "پرداخت نشده است", None, None, "192.0.2.1"),
    "خرید-۱ & <۲>": PAID,
    "سلام": PAID,
    "hard": PayRepResult(HARD, "bell\a and null\0 go", 1, None, 2, HARD, None, None, None),
}
UNKNOWN = PayRepResult(None, None, 0, None, 91, "چنین خریدی نیست", None, None, None)
WRONG = PayRepResult(None, None, 0, None, 90, "شماره یا رمز نادرست است", None, None, None)


async def pay_rep(call: PayRepCall) -> PayRepResult:
    if call.res == "throw":
        raise RuntimeError(f"{call.rmz.reveal() if call.rmz else None} must not be told")
    if call.id != "1000017" or call.rmz is None or call.rmz.reveal() != "s3cret":
        return WRONG
    return RESULTS.get(call.res or "", UNKNOWN)


class App:
    """The least that puts the service under an ASGI server."""

    def __init__(self, address: str) -> None:
        self._asmx = Asmx(address, pay_rep)

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        headers = {name.decode(): value.decode("latin-1") for name, value in scope["headers"]}
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message["body"], message["more_body"]
        answer = await self._asmx.answer(
            AsmxRequest(
                method=scope["method"],
                path_info=scope["path"].removeprefix("/WebServiceMoPos.asmx"),
                query=scope["query_string"],
                content_type=headers.get("content-type"),
                soap_action=headers.get("soapaction"),
                body=body,
                source=scope["client"][0],
            )
        )
        length = ("Content-Length", str(len(answer.body)))
        lines = [(name.encode(), value.encode()) for name, value in (*answer.headers, length)]
        await send({"type": "http.response.start", "status": answer.status, "headers": lines})
        await send({"type": "http.response.body", "body": answer.body})


def main() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = f"http://127.0.0.1:{listener.getsockname()[1]}"
        config = uvicorn.Config(App(address), lifespan="off", log_level="warning")
        print(address, flush=True)
        asyncio.run(uvicorn.Server(config).serve(sockets=[listener]))


if __name__ == "__main__":
    main()
