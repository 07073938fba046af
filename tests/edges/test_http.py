"""What every answer goes through on its way out."""

import pytest

from mopos.edges.http import Front


@pytest.mark.parametrize("tls", [True, False])
async def test_behind_tls_browsers_are_told_never_to_come_without_it(tls):
    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": [(b"x", b"y")]})
        await send({"type": "http.response.body", "body": b""})

    sent = []

    async def send(message):
        sent.append(message)

    scope = {"type": "http", "method": "GET", "path": "/healthz", "raw_path": b"/healthz"}
    await Front(app, tls=tls)(scope, None, send)
    headers = dict(sent[0]["headers"])
    assert headers[b"x"] == b"y"
    assert headers.get(b"strict-transport-security") == (b"max-age=31536000" if tls else None)
