"""The demo plays with the banks that it is told to: its terminals lead to their simulators and nowhere else."""

import asyncio
import os
import socket
import subprocess
import sys

import pytest
from pydantic import SecretStr
from tests.conftest import open_folder
from tests.stack import KEY, wait_for

from mopos.actions.credentials import open_credentials
from mopos.banks.catalogue import KINDS
from mopos.banks.kind import Access
from mopos.banks.port import Decline, Declined, Opened, Order, Silent
from mopos.banks.sims import SIMS
from mopos.base.config import Settings
from mopos.base.db import Database
from mopos.base.money import Rial
from mopos.domain.routing import store
from mopos.domain.routing.model import Terminal
from mopos.edges.demo.banks import BankUnknown, chosen, point_at, ports_of, title_of
from mopos.edges.demo.check import free_ports
from mopos.edges.demo.run import started

EVERY = tuple(SIMS)


def addresses(banks: tuple[str, ...], first_port: int = 8001) -> dict[str, str]:
    return {bank: f"http://127.0.0.1:{first_port + number}" for number, bank in enumerate(banks)}


async def taking_part(dsn: str, settings: Settings, banks: tuple[str, ...], first_port: int) -> dict[str, Terminal]:
    """Point the demo at banks. Returns the terminals that take purchases then."""
    async with Database(dsn, pool_size=1, timeout_s=10) as db:
        await point_at(db, settings, addresses(banks, first_port))
        terminals = (await store.routing(db)).terminals
    assert len(terminals) == len({(one.bank, one.name) for one in terminals})
    return {one.bank: one for one in terminals if one.disabled_at is None}


async def test_purchases_go_to_the_chosen_banks_and_nowhere_else(dsn):
    settings = Settings(database_url=dsn, secret_key=SecretStr(KEY))
    assert set(await taking_part(dsn, settings, ("sandbox",), 8001)) == {"sandbox"}

    only = await taking_part(dsn, settings, ("mellat",), 8001)
    assert set(only) == {"mellat"}
    assert only["mellat"].base_url == "http://127.0.0.1:8001"

    every = await taking_part(dsn, settings, EVERY, 9001)
    assert set(every) == set(EVERY) == set(KINDS)
    # The same terminals, at their new addresses, and with what their simulators know them by.
    assert every["mellat"].id == only["mellat"].id
    for bank, address in addresses(EVERY, 9001).items():
        if bank != "sandbox":  # the sandbox bank's address and key are settings
            assert every[bank].base_url == address
            known = {name: secret.reveal() for name, secret in open_credentials(settings, every[bank]).items()}
            assert known == SIMS[bank].credentials

    assert set(await taking_part(dsn, settings, ("sandbox",), 8001)) == {"sandbox"}


async def test_a_key_that_was_lost_with_the_data_is_no_hindrance(dsn):
    """A demo whose key was made anew seals its terminals anew."""
    await taking_part(dsn, Settings(database_url=dsn, secret_key=SecretStr(KEY)), ("saman",), 8001)
    settings = Settings(database_url=dsn, secret_key=SecretStr(KEY[::-1]))
    found = await taking_part(dsn, settings, ("saman",), 8001)
    assert open_credentials(settings, found["saman"])["terminal"].reveal() == SIMS["saman"].credentials["terminal"]


def test_one_bank_is_chosen_or_all():
    assert chosen("saman") == ("saman",)
    assert set(chosen("all")) == set(KINDS)
    with pytest.raises(BankUnknown, match="one of sandbox, mellat"):
        chosen("parsian")


def test_no_two_parts_share_a_port():
    assert ports_of(8000, ("mellat",)) == (8000, 8001, 8002, 8003)
    every = ports_of(8000, EVERY)
    assert len(set(every)) == len(every) == 4 + len(EVERY) - 1
    assert 8004 not in every, "there the central bank's simulator listens"


def mopos(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "mopos", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)


@pytest.mark.parametrize("arguments", [("demo", "--bank", "parsian"), ("bank-sim", "parsian")], ids=" ".join)
def test_an_unknown_bank_is_refused(arguments):
    done = mopos(*arguments)
    assert done.returncode == 2
    assert "parsian" in done.stderr or "none of this name" in done.stderr
    assert "Traceback" not in done.stderr


NO_BOOK = {
    "bank-sim": "{folder}/{book} is no book of a simulated bank",
    "central-bank-sim": "the book {folder}/{book} cannot be read",
}


@pytest.mark.parametrize("simulator", NO_BOOK)
def test_a_simulator_that_cannot_begin_says_so_in_one_line(tmp_path, simulator):
    (tmp_path / "broken").write_text("{no line of a book}\n")
    (tmp_path / "bytes").write_bytes(b"\xff\n")
    no_book = NO_BOOK[simulator].format(folder=tmp_path, book="{}")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        busy = taken.getsockname()[1]
        for said, *arguments in (
            (f"127.0.0.1 port {busy} cannot be used: Address already in use", f"--port={busy}"),
            ("nowhere.invalid port 0 cannot be used: ", "--port=0", "--host=nowhere.invalid"),
            (f"the book {tmp_path}/none/book cannot be used: No such file", "--port=0", f"--book={tmp_path}/none/book"),
            (no_book.format("broken"), "--port=0", f"--book={tmp_path}/broken"),
            (no_book.format("bytes"), "--port=0", f"--book={tmp_path}/bytes"),
        ):
            done = mopos(simulator, *arguments)
            (line,) = done.stderr.splitlines()
            assert (done.returncode, line[: len(said) + 7]) == (1, f"mopos: {said}")


@pytest.mark.parametrize("verb", ["bank-sim", "services-sim", "central-bank-sim", "serve"])
def test_a_port_that_is_none_is_refused(verb):
    done = mopos(verb, "--port=70000")
    assert (done.returncode, "Traceback" in done.stderr) == (2, False)
    assert "65535" in done.stderr


async def inside_and_outside(url: str, domain: str) -> list[Opened | Declined | Silent]:
    """What a simulated Mellat says to a return address inside of a domain, and to one outside of it."""
    kind = KINDS["mellat"]
    bank = kind.make(Access(url, kind.check(dict(SIMS["mellat"].credentials)), kind.facts))
    try:
        addresses = (f"https://{domain}/pay/return/1", "https://elsewhere.test/pay/return/2")
        return [await bank.open(Order(f"90{n}", Rial(250_000), address)) for n, address in enumerate(addresses)]
    finally:
        await bank.aclose()


NOT_REGISTERED = Declined(Decline.NOT_ACCEPTED, "62")


def test_a_simulator_lets_nobody_come_back_to_a_domain_that_is_not_registered():
    port = free_ports()[0]
    command = [sys.executable, "-m", "mopos", "bank-sim", "mellat", f"--port={port}", "--domain=Pay.Test"]
    running = subprocess.Popen(command)
    try:
        wait_for(f"http://127.0.0.1:{port}/healthz")
        opened, refused = asyncio.run(inside_and_outside(f"http://127.0.0.1:{port}", "www.pay.test"))
    finally:
        running.terminate()
        running.wait()
    assert isinstance(opened, Opened)
    assert refused == NOT_REGISTERED


def test_at_the_demo_s_banks_the_gateway_s_host_is_registered():
    kept = dict(os.environ)
    try:
        with (
            open_folder() as folder,
            started("127.0.0.1", free_ports(), ("mellat",), MOPOS_DATA_DIR=str(folder)) as demo,
        ):
            opened, refused = asyncio.run(inside_and_outside(demo.banks["mellat"], "localhost"))
    finally:
        os.environ.clear()
        os.environ.update(kept)
    assert isinstance(opened, Opened)
    assert refused == NOT_REGISTERED


def test_the_demo_buys_something_at_each_bank_by_itself():
    """`mopos demo --check --bank all`: every bank a process of its own, one whole purchase through each."""
    done = mopos("demo", "--check", "--bank", "all")
    assert done.returncode == 0, done.stdout + done.stderr
    for bank in EVERY:
        assert f"starting the simulator of {title_of(bank)} ..." in done.stdout
        assert f"a whole purchase at {title_of(bank)}: PAID" in done.stdout
    assert "PAID and balanced" in done.stdout
