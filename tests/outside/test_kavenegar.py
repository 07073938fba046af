"""Kavenegar's connector against its simulator, over HTTP as in real life; and the worker that sends what is due."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from urllib.parse import parse_qs

import httpx2
import pytest
from tests.conftest import fresh_database, open_folder
from tests.stack import SMS_KEY, eventually, running, wait_for

from mopos.base.secret import Secret
from mopos.domain.people.messages import BATCH, FIRST_WAIT, TRIES_MAX, next_try
from mopos.edges.demo.check import free_ports
from mopos.outside.kavenegar import REFUSALS, Kavenegar
from mopos.outside.sms import NotSent, Sent

KEY = "canary key with?odd#letters"


@pytest.fixture(scope="module")
def simulator(tmp_path_factory):
    port = free_ports()[0]
    log = tmp_path_factory.mktemp("services") / "services.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "mopos", "services-sim", f"--port={port}"],
            env={"MOPOS_SMS_KEY": KEY, "MOPOS_BANK_DEADLINE_S": "2", "PATH": "", **pythonpath()},
            stdout=out,
            stderr=out,
        )
    address = f"http://127.0.0.1:{port}"
    try:
        wait_for(f"{address}/healthz")
        yield address
    finally:
        process.terminate()
        process.wait(30)
    assert "Traceback" not in log.read_text()
    assert KEY not in log.read_text()


def pythonpath() -> dict[str, str]:
    return {"PYTHONPATH": ":".join(sys.path)}


async def sent(address: str, mobile: str, text: str = "سلام", *, key: str = KEY, sender: str = ""):
    sms = Kavenegar(address, Secret(key), sender=sender, deadline_s=1.0)
    try:
        return await sms.send(mobile, text)
    finally:
        await sms.aclose()


async def outbox(address: str, mobile: str) -> list[dict]:
    async with httpx2.AsyncClient(trust_env=False) as client:
        return (await client.get(f"{address}/outbox", params={"mobile": mobile})).json()


async def test_a_message_arrives_as_it_was_written(simulator):
    text = "کد ورود: 123456\n\n@localhost #123456 & = % + ‌"
    answer = await sent(simulator, "09121110001", text, sender="10004346")
    assert isinstance(answer, Sent)
    (message,) = await outbox(simulator, "09121110001")
    assert (message["text"], message["sender"], str(message["id"])) == (text, "10004346", answer.provider_id)


@pytest.mark.parametrize(
    ("mobile", "why", "again"),
    [
        ("09991000001", "timeout", True),
        ("09992000001", "http_500", True),
        ("09993000001", "receptor_invalid", False),
        ("09995000001", "garbage", True),
        ("09996000001", "blocked_by_receptor", False),
        ("09997000001", "http_418", True),
        ("021", "receptor_invalid", False),
    ],
)
async def test_what_the_provider_does_is_an_answer(simulator, mobile, why, again):
    assert await sent(simulator, mobile) == NotSent(why, again=again)


async def test_a_wrong_key_is_a_matter_of_settings(simulator):
    assert await sent(simulator, "09121110002", key="another") == NotSent("wrong_key", again=True)
    assert await outbox(simulator, "09121110002") == []


async def test_a_long_text_and_a_strange_line_are_refused(simulator):
    assert await sent(simulator, "09121110003", "ب" * 901) == NotSent("message_invalid", again=False)
    assert await sent(simulator, "09121110003", sender="MoPos") == NotSent("sender_invalid", again=False)


async def test_nobody_listens():
    assert await sent(f"http://127.0.0.1:{free_ports()[0]}", "09121110004") == NotSent("not_connected", again=True)


@pytest.mark.parametrize(
    ("status", "body", "answer"),
    [
        (200, {"return": {"status": 200}, "entries": [{"messageid": 7, "status": 5}]}, Sent("7")),
        (200, {"return": {"status": 200}, "entries": []}, NotSent("garbage", again=True)),
        (200, {"return": {"status": 200}, "entries": None}, NotSent("garbage", again=True)),
        (200, {"return": {"status": 411}, "entries": None}, NotSent("receptor_invalid", again=False)),
        (200, {"return": {"status": 409}, "entries": None}, NotSent("status_409", again=True)),
        (200, {"entries": []}, NotSent("garbage", again=True)),
        (302, {}, NotSent("http_302", again=True)),
        (503, {}, NotSent("http_503", again=True)),
        *((code, {}, NotSent(why, again=code in (401, 402, 403, 407))) for code, why in REFUSALS.items()),
    ],
)
async def test_every_answer_has_its_meaning(status, body, answer):
    requests: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        requests.append(head + await reader.readexactly(length))
        text = json.dumps(body).encode()
        writer.write(b"HTTP/1.1 %d X\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" % (status, len(text)) + text)
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1") as server:
        port = server.sockets[0].getsockname()[1]
        assert await sent(f"http://127.0.0.1:{port}", "09121110005", "یک & دو", sender="1000") == answer
    head, _, form = requests[0].partition(b"\r\n\r\n")
    assert head.startswith(b"POST /v1/canary%20key%20with%3Fodd%23letters/sms/send.json HTTP/1.1")
    assert parse_qs(form.decode()) == {"receptor": ["09121110005"], "message": ["یک & دو"], "sender": ["1000"]}


async def test_the_outbox_is_a_page_for_people(simulator):
    await sent(simulator, "09121110006", "<script>alert(1)</script> سلام\u202e")
    async with httpx2.AsyncClient(trust_env=False) as client:
        page = await client.get(simulator, params={"mobile": "09121110006"})
    assert "&lt;script&gt;alert(1)&lt;/script&gt; سلام" in page.text
    assert "\u202e" not in page.text
    assert 'http-equiv="refresh"' in page.text
    assert "script" not in page.headers["content-security-policy"]


# --- the worker -------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def stack(postgres):
    with open_folder() as folder, fresh_database(postgres) as dsn:
        folder.mkdir(exist_ok=True)
        with running(dsn, folder, with_services=True) as stack:
            yield stack
        assert not stack.tracebacks()
        assert SMS_KEY not in stack.logs()


def enqueue(stack, mobile: str, text: str = "خبر") -> int:
    ((message_id,),) = stack.sql(
        """
        insert into message (mobile, template, text, created_at, next_try_at) values (%s, 'test', %s, now(), now())
        returning id
        """,
        mobile,
        text,
    )
    return message_id


def row(stack, message_id: int) -> tuple:
    return stack.sql(
        "select sent_at is not null, next_try_at is not null, tries, failure from message where id = %s", message_id
    )[0]


async def test_what_is_due_is_sent_once(stack):
    ids = [enqueue(stack, "09121120001", f"خبر {n}") for n in range(BATCH + 5)]
    await eventually(lambda: all(row(stack, message_id)[0] for message_id in ids))
    assert sorted(stack.texts_to("09121120001")) == sorted(f"خبر {n}" for n in range(BATCH + 5))
    assert {row(stack, message_id) for message_id in ids} == {(True, False, 1, "")}


async def test_a_refused_message_is_not_tried_again(stack):
    message_id = enqueue(stack, "09993000002")
    await eventually(lambda: row(stack, message_id) == (False, False, 1, "receptor_invalid"))


async def test_a_failed_message_comes_later_and_then_arrives(stack):
    message_id = enqueue(stack, "09994000001")
    await eventually(lambda: row(stack, message_id) == (False, True, 1, "http_502"))
    stack.sql("update message set next_try_at = now() where id = %s", message_id)
    await eventually(lambda: row(stack, message_id) == (True, False, 2, ""))
    assert stack.texts_to("09994000001") == ["خبر"]


async def test_after_some_tries_it_is_given_up(stack):
    message_id = enqueue(stack, "09992000002")
    stack.sql("update message set tries = %s where id = %s", TRIES_MAX - 1, message_id)
    await eventually(lambda: row(stack, message_id) == (False, False, TRIES_MAX, "http_500"))


async def test_a_slow_number_does_not_hold_the_others_back(stack):
    slow = enqueue(stack, "09991000002")
    began = time.monotonic()
    quick = enqueue(stack, "09121120002")
    await eventually(lambda: row(stack, quick)[0])
    assert time.monotonic() - began < 15
    await eventually(lambda: row(stack, slow)[3] == "timeout")


def test_waits_double_and_end():
    from datetime import UTC, datetime

    now = datetime(2026, 1, 1, tzinfo=UTC)
    waits = [next_try(tries, now) for tries in range(1, TRIES_MAX + 1)]
    assert [wait - now for wait in waits[:-1]] == [FIRST_WAIT * 2**n for n in range(TRIES_MAX - 1)]
    assert waits[-1] is None
