"""The floor of HTTP: an ASGI application that reads each request and answers as many bytes as the gateway did.

Where the gateway calls its bank, this makes the same call with the leanest client there is: one socket that is kept
open, a request written, an answer read. `python -m bench.bare PORT BANK_PORT SIZES` runs it.
"""

import asyncio
import json
import sys

import uvicorn

CALL = (
    b"POST /api/verify HTTP/1.1\r\nHost: bank\r\nContent-Type: application/json\r\nX-Signature: "
    + b"0" * 64
    + b"\r\nContent-Length: 150\r\n\r\n"
    + b"x" * 150
)


class Bank:
    """Connections to the bank's side, kept open."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def call(self) -> None:
        reader, writer = self.idle.pop() if self.idle else await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(CALL)
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
        await reader.readexactly(length)
        self.idle.append((reader, writer))


def create_app(bank: Bank | None, sizes: dict[str, int]):
    pages = {path: b"x" * size for path, size in sizes.items()}
    calls = {"/Payment.aspx", "/pay/return"} if bank else set()

    async def app(scope, receive, send):
        if scope["type"] == "lifespan":
            await receive()
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await send({"type": "lifespan.shutdown.complete"})
            return
        more = True
        while more:
            more = (await receive()).get("more_body", False)
        path = scope["path"]
        if path in calls:
            await bank.call()
        body = pages.get(path, b"{}" * 100)
        headers = [(b"content-type", b"text/html; charset=utf-8"), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    return app


def main() -> None:
    port, bank_port, sizes = int(sys.argv[1]), int(sys.argv[2]), json.loads(sys.argv[3])
    bank = Bank(bank_port) if bank_port else None
    # The settings of `mopos serve`.
    options = {"loop": "uvloop", "http": "httptools", "ws": "none", "proxy_headers": False, "server_header": False}
    uvicorn.run(create_app(bank, sizes), port=port, log_level="warning", access_log=False, **options)


if __name__ == "__main__":
    main()
