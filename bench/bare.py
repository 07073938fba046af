"""The floor of HTTP: an ASGI application that reads each request and answers with the gateway's own bytes.

Where the gateway calls its bank, this makes a call of the same size with the leanest client there is (bench/http.py).
`python -m bench.bare PORT BANK_PORT ANSWERS` runs it on the settings of `mopos serve`; ANSWERS is a file as
`write_answers` writes it, and BANK_PORT 0 means that no bank is called.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import uvicorn

from bench.http import Client, request_bytes
from bench.purchases import Exchange

# How the gateway's addresses begin, by step; the first that fits is taken.
_STEPS = {
    "/Payment.aspx": "form",
    "/pay/return/": "return",
    "/pay/": "invoice",
    "/WebServiceMoPos.asmx": "PayRep again",
    "/api/verify": "bank",
}
_CALLING = ("form", "return")
# As long as the sandbox bank's token and verify calls are in the mean.
_CALL_BODY = b"x" * 190
_BANK_BODY = b"x" * 210
# uvicorn writes these itself.
_BY_SERVER = ("date", "server")


def write_answers(path: Path, exchanges: dict[str, Exchange]) -> None:
    """Keep the answers of all steps in a file."""
    answers = {
        step: {
            "status": exchange.answer.status,
            "headers": [pair for pair in exchange.answer.headers if pair[0] not in _BY_SERVER],
            "body": exchange.answer.text,
        }
        for step, exchange in exchanges.items()
    }
    bank = {"status": 200, "headers": [["content-length", str(len(_BANK_BODY))]], "body": _BANK_BODY.decode()}
    path.write_text(json.dumps(answers | {"bank": bank}))


class Bank:
    """The bank's side, with as many connections as there are calls at once."""

    def __init__(self, port: int) -> None:
        self._origin = f"127.0.0.1:{port}"
        headers = (("Content-Type", "application/json"), ("X-Signature", "0" * 64))
        self._request = request_bytes("POST", f"http://{self._origin}/api/verify", headers, _CALL_BODY)
        self._idle: list[Client] = []

    async def call(self) -> None:
        client = self._idle.pop() if self._idle else Client()
        async with asyncio.timeout(10):
            await client.exchange(self._origin, self._request)
        self._idle.append(client)


def create_app(bank: Bank | None, answers: dict[str, Any]) -> Any:
    """The application. It knows its answers by heart."""
    ready = {
        step: (
            {
                "type": "http.response.start",
                "status": answer["status"],
                "headers": [(name.encode(), value.encode("latin-1")) for name, value in answer["headers"]],
            },
            {"type": "http.response.body", "body": answer["body"].encode()},
        )
        for step, answer in answers.items()
    }

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await _lifespan(receive, send)
            return
        while (await receive()).get("more_body"):
            pass
        path = scope["path"]
        step = next((step for begin, step in _STEPS.items() if path.startswith(begin)), "bank")
        if bank and step in _CALLING:
            await bank.call()
        start, body = ready[step]
        await send(start)
        await send(body)

    return app


async def _lifespan(receive: Any, send: Any) -> None:
    await receive()
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await send({"type": "lifespan.shutdown.complete"})


def main() -> None:
    port, bank_port, answers = int(sys.argv[1]), int(sys.argv[2]), json.loads(Path(sys.argv[3]).read_text())
    bank = Bank(bank_port) if bank_port else None
    uvicorn.run(
        create_app(bank, answers),
        port=port,
        loop="uvloop",
        http="httptools",
        ws="none",
        proxy_headers=False,
        server_header=False,
        access_log=False,
        log_level="warning",
        timeout_keep_alive=15,
        backlog=4096,
    )


if __name__ == "__main__":
    main()
