"""Attacks that want to use us up: 10 (XML) and 27 (large, slow, many), while other buyers and shops are served."""

import asyncio
import contextlib
import gzip
import socket
import time

import httpx2
import pytest

from mopos.edges.form import BODY_DEADLINE_S

# Python and its allocators keep a little of what a busy minute needed; a bomb that went off would be hundreds.
MEMORY_SLACK_MB = 40
# One PayRep takes some ten milliseconds; what waits longer than this waits for the attacker.
OTHERS_S = 2.0
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
XML = {"Content-Type": "text/xml"}


@contextlib.asynccontextmanager
async def others_are_served(shop, web):
    """PayRep is asked all the time; each answer must come soon."""
    bought = await shop.buy(web)
    times = []

    async def ask():
        while True:
            asked = time.monotonic()
            assert (await shop.pay_rep(web, bought.res))["Err"] == "0"
            times.append(time.monotonic() - asked)
            await asyncio.sleep(0.05)

    asking = asyncio.create_task(ask())
    try:
        yield
    finally:
        asking.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await asking
    assert times
    assert max(times) < OTHERS_S


def hostile_xml():
    """Bombs of entities, depth, attributes, elements and references; each as large as the door lets in."""
    nested = "".join(f'<!ENTITY b{n} "{f"&b{n - 1};" * 10 if n else "x"}">' for n in range(20))
    attributes = " ".join(f"a{n}='1'" for n in range(6_000))
    yield f"<!DOCTYPE x [{nested}]><x>&b19;</x>"
    yield f'<!DOCTYPE x [<!ENTITY a "{"a" * 20_000}">]><x>{"&a;" * 10_000}</x>'
    yield "<a>" * 21_000
    yield f"<x {attributes}/>"
    yield f"<x>{'<y/>' * 15_000}</x>"
    yield f"<x>{'&#x41;' * 10_000}</x>"


async def test_attack_10_and_27_hostile_xml_leaves_memory_flat(shop, web):
    service = f"{shop.stack.gateway}/WebServiceMoPos.asmx"
    for warm_up in hostile_xml():
        await web.post(service, content=warm_up.encode(), headers=XML)
    before = shop.stack.memory_mb("gateway")
    async with others_are_served(shop, web):
        for _ in range(10):
            answers = await asyncio.gather(
                *(web.post(service, content=xml.encode(), headers=XML) for xml in hostile_xml())
            )
            assert {answer.status_code for answer in answers} <= {400, 413, 500}
    assert shop.stack.memory_mb("gateway") - before < MEMORY_SLACK_MB


async def endless():
    for _ in range(10_000):
        yield b"Nam=" + b"x" * 10_000


async def test_attack_27_large_bodies_are_refused_and_cost_no_memory(shop, web):
    address = f"{shop.stack.gateway}/Payment.aspx"
    zipped = FORM | {"Content-Encoding": "gzip"}
    many = [(f"a{n}", (None, "x")) for n in range(500)]
    before = shop.stack.memory_mb("gateway")
    async with others_are_served(shop, web):
        for send, status, code in (
            ({"content": b"Nam=" + b"x" * 10_000_000, "headers": FORM}, 413, "form_too_large"),
            ({"content": endless(), "headers": FORM}, 413, "form_too_large"),
            ({"content": b"&".join(b"a%d=1" % n for n in range(100_000)), "headers": FORM}, 413, "form_too_large"),
            ({"content": b"&".join(b"a=1" for _ in range(16_000)), "headers": FORM}, 400, "form_unreadable"),
            ({"files": many}, 400, "form_unreadable"),
            ({"content": gzip.compress(b"Nam=" + b"x" * 50_000_000), "headers": zipped}, 400, None),
            ({"content": gzip.compress(b"Nam=" + b"x" * 500_000), "headers": zipped}, 400, None),
        ):
            try:
                answer = await web.post(address, **send)
            except (httpx2.WriteError, httpx2.ReadError):
                assert status == 413, "the door was shut while we were still sending"
                continue
            assert answer.status_code in (status, 413)
            assert code is None or answer.status_code != status or code in answer.text
    assert shop.stack.memory_mb("gateway") - before < MEMORY_SLACK_MB


async def test_attack_27_slow_senders_hold_nobody_up(shop, web, half_a_head):
    host, port = "127.0.0.1", int(shop.stack.gateway.rpartition(":")[2])
    head = b"POST /Payment.aspx HTTP/1.1\r\nHost: x\r\nContent-Length: 60000\r\n\r\n"
    opened = await asyncio.gather(*(asyncio.open_connection(host, port) for _ in range(500)))
    for _, writer in opened[:300]:
        writer.write(head + b"x")
    for _, writer in opened[300:400]:
        writer.write(head[:20])
    reader, writer = opened[0]
    drip = asyncio.create_task(_drip(writer))
    async with others_are_served(shop, web):
        await asyncio.gather(*(shop.buy(web) for _ in range(5)))
        answer = await asyncio.wait_for(reader.read(2000), BODY_DEADLINE_S + 10)
    drip.cancel()
    assert b" 408 " in answer.split(b"\r\n")[0]
    for _, one in opened:
        one.close()


async def _drip(writer) -> None:
    with contextlib.suppress(ConnectionError):
        while True:
            writer.write(b"x")
            await asyncio.sleep(1)


@pytest.fixture(scope="module")
def half_a_head(stack):
    """A socket with a request's first line on it, and no more; opened before this module's slowest test."""
    port = int(stack.gateway.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(b"POST /Payment.aspx HTTP/1.1\r\nHost: x\r\n")
        yield connection, time.monotonic()


def test_attack_27_a_head_that_never_ends_is_not_waited_for(half_a_head):
    """Each such socket costs the attacker nothing and us a descriptor, until none is left for buyers."""
    connection, began = half_a_head
    connection.settimeout(max(1.0, began + BODY_DEADLINE_S + 5 - time.monotonic()))
    answer = connection.recv(1000)
    assert answer == b"" or b" 408 " in answer.split(b"\r\n")[0]
