"""Whose an IBAN is: the connector against the simulator, over real HTTP."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest
from tests.stack import wait_for

from mopos.base.secret import Secret
from mopos.domain.accounts.iban import with_check_digits
from mopos.edges.demo.check import free_ports
from mopos.outside.iban_inquiry_sim import COMPANY, COMPANY_OTHERWISE, OTHER_PERSON, PERSON, PREFIX
from mopos.outside.inquiry import NoAnswer, NoSuchAccount, Owner
from mopos.outside.services_sim import DEFAULT_KEY
from mopos.outside.zibal_inquiry import ZibalInquiry

PERSON_ID, COMPANY_ID = "0076229645", "10380284790"


@pytest.fixture(scope="module")
def service() -> Iterator[str]:
    """The simulators as a process of their own."""
    port = free_ports()[0]
    process = subprocess.Popen([sys.executable, "-m", "mopos", "services-sim", f"--port={port}"], env=os.environ)
    try:
        wait_for(f"http://127.0.0.1:{port}/healthz")
        yield f"http://127.0.0.1:{port}{PREFIX}"
    finally:
        process.terminate()
        process.wait(20)


def iban(ending: str) -> str:
    return with_check_digits("012".ljust(20, "0") + ending)


async def ask(url: str, ending: str, national_id: str = PERSON_ID, key: str = DEFAULT_KEY, deadline_s: float = 5.0):
    inquiry = ZibalInquiry(url, Secret(key), deadline_s=deadline_s)
    try:
        return await inquiry.owner_of(iban(ending), national_id)
    finally:
        await inquiry.aclose()


@pytest.mark.parametrize(
    ("ending", "national_id", "answer"),
    [
        ("01", PERSON_ID, Owner(PERSON, True)),
        ("02", PERSON_ID, Owner(OTHER_PERSON, False)),
        ("03", PERSON_ID, NoSuchAccount()),
        ("03", COMPANY_ID, NoSuchAccount()),
        ("05", PERSON_ID, NoAnswer("garbage")),
        ("06", PERSON_ID, NoAnswer("result_29")),
        ("06", COMPANY_ID, NoAnswer("result_29")),
        ("07", PERSON_ID, NoAnswer("http_500")),
        ("11", PERSON_ID, Owner(COMPANY, False)),
        ("11", COMPANY_ID, Owner(COMPANY, True)),
        ("12", COMPANY_ID, Owner(COMPANY_OTHERWISE, None)),
        ("01", COMPANY_ID, Owner(PERSON, None)),
    ],
)
async def test_what_the_service_says(service, ending, national_id, answer):
    assert await ask(service, ending, national_id) == answer


async def test_a_service_that_is_slow_has_not_answered(service):
    assert await ask(service, "04", deadline_s=0.3) == NoAnswer("timeout")


async def test_a_wrong_key_is_our_own_trouble(service):
    assert await ask(service, "01", key="wrong") == NoAnswer("http_401")


async def test_nobody_there():
    assert await ask("http://127.0.0.1:9", "01") == NoAnswer("not_connected")
