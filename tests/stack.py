"""The real processes, for tests that speak HTTP: simulated banks (the sandbox bank unless a test says otherwise),
gateway and worker over a database of their own."""

import asyncio
import json
import os
import re
import signal
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from urllib.parse import quote

import httpx2
import psycopg
from psycopg.types.json import Jsonb
from pydantic import SecretStr

from mopos.actions.credentials import seal_credentials
from mopos.banks.catalogue import KINDS
from mopos.banks.sim.buyer import Form, NoForm, pay_at_bank, way_to_bank
from mopos.banks.sims import SIMS
from mopos.base.config import Settings
from mopos.edges.demo.check import free_ports

KEY = "canary-secret-key-0123456789abcdef0123456789"
SMS_KEY = "canary-sms-key-0123456789"
# Short enough that a test need not wait, long enough for a slow machine.
QUICK = {
    "MOPOS_BANK_DEADLINE_S": "2",
    "MOPOS_ASK_AGAIN_S": "1",
    "MOPOS_SWEEP_EVERY_S": "1",
}


@dataclass
class Stack:
    """Running processes, and what a shop and a buyer need of them."""

    dsn: str
    folder: Path
    gateway: str
    bank: str
    environment: dict[str, str]
    services: str = ""
    """Where the simulators of SMS and inquiries listen, if they run."""
    banks: Mapping[str, str] = field(default_factory=dict)
    """Where each bank listens, by its name."""
    deadlines: Mapping[str, float] = field(default_factory=dict)
    """The banks' times: `session`, `verify_deadline`, `reverse_within`. The sandbox bank's stand in its settings."""
    processes: dict[str, subprocess.Popen] = field(default_factory=dict)

    def start(self, name: str, *arguments: str) -> None:
        log = (self.folder / f"{name}.log").open("ab")
        with log:
            self.processes[name] = subprocess.Popen(
                [sys.executable, "-m", "mopos", *arguments], env=self.environment, stdout=log, stderr=log
            )

    def start_gateway(self) -> None:
        self.start("gateway", "serve", f"--port={self.gateway.rpartition(':')[2]}")
        wait_for(f"{self.gateway}/readyz")

    def start_worker(self) -> None:
        self.start("worker", "worker")

    def start_bank(self, name: str = "") -> None:
        """Start a bank; without a name the first one."""
        name = name or next(iter(self.banks))
        book = self.folder / f"{process_of(name)}-book.jsonl"
        options = {"session": "session", "verify_deadline": "give-back", "reverse_within": "reverse"}
        times = [f"--{options[time]}={seconds}" for time, seconds in self.deadlines.items() if name != "sandbox"]
        port = self.banks[name].rpartition(":")[2]
        self.start(process_of(name), "bank-sim", name, f"--port={port}", f"--book={book}", *times)
        wait_for(f"{self.banks[name]}/healthz")

    def kill_bank(self, name: str) -> None:
        self.kill(process_of(name))

    def start_services(self) -> None:
        self.start("services", "services-sim", f"--port={self.services.rpartition(':')[2]}")
        wait_for(f"{self.services}/healthz")

    def texts_to(self, mobile: str) -> list[str]:
        """What was sent to a phone, newest first."""
        sent = httpx2.get(f"{self.services}/outbox", params={"mobile": mobile}, trust_env=False).json()
        return [message["text"] for message in sent]

    def kill(self, name: str) -> None:
        process = self.processes.pop(name)
        process.send_signal(signal.SIGKILL)
        process.wait()

    def stop(self, name: str) -> int:
        process = self.processes.pop(name)
        process.terminate()
        return process.wait(60)

    def run(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run `mopos ARGUMENTS` to its end, with some settings changed."""
        return subprocess.run(
            [sys.executable, "-m", "mopos", *arguments],
            env=self.environment | environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def make_shop(self, name: str = "فروشگاه آزمون") -> "Shop":
        made = json.loads(self.run("account", "create", f"--name={name}", "--json").stdout)
        return Shop(self, made["ID"], made["Rmz"])

    def sql(self, statement: str, *parameters: object) -> list[tuple]:
        with psycopg.connect(self.dsn, autocommit=True) as connection:
            cursor = connection.execute(statement, parameters)
            return cursor.fetchall() if cursor.description else []

    def logs(self) -> str:
        return "".join(path.read_text(errors="replace") for path in sorted(self.folder.glob("*.log")))

    def tracebacks(self) -> str:
        """Every traceback in the logs, from the line before it to its error, with the log's name; empty when none."""
        found = []
        for path in sorted(self.folder.glob("*.log")):
            lines = path.read_text(errors="replace").splitlines()
            for at in (number for number, line in enumerate(lines) if line.startswith("Traceback")):
                end = next((n for n in range(at + 1, len(lines)) if not lines[n].startswith(" ")), at)
                found.append("\n".join([path.name, *lines[max(0, at - 1) : end + 3]]))
        return "\n\n".join(found)

    def tables(self) -> str:
        """Every row of every table, as text."""
        names = self.sql("select quote_ident(tablename) from pg_tables where schemaname = 'public'")
        return "".join(str(self.sql(f"select t::text from {name} t")) for (name,) in names)

    def add_terminals(self) -> None:
        """A terminal at each bank. The sandbox bank's is there from the first migration on, and goes when the stack
        has no such bank."""
        keys = {"database_url": self.dsn, "secret_key": SecretStr(self.environment["MOPOS_SECRET_KEY"])}
        keys["terminal_keys"] = SecretStr(self.environment.get("MOPOS_TERMINAL_KEYS", ""))
        for bank, address in self.banks.items():
            if bank == "sandbox":
                continue
            credentials = KINDS[bank].check(dict(SIMS[bank].credentials))
            key_name, sealed = seal_credentials(Settings(**keys), bank, "test", credentials)
            self.sql(
                "insert into terminal (bank, name, base_url, key_name, sealed, deadlines)"
                " values (%s, 'test', %s, %s, %s, %s)",
                *(bank, address, key_name, sealed, Jsonb(dict(self.deadlines))),
            )
        if "sandbox" not in self.banks:
            self.sql("update terminal set disabled_at = now(), disabled_reason = 'not here' where bank = 'sandbox'")

    def book_of(self, attempt_id: int) -> dict:
        """What the bank's own book says of one order: its stage and its lines."""
        return httpx2.get(f"{self.bank}/book", params={"order": str(attempt_id)}, trust_env=False).json()

    def memory_mb(self, name: str) -> float:
        """What a process holds in memory now."""
        status = Path(f"/proc/{self.processes[name].pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+) kB", status)[1]) / 1024


@dataclass
class Shop:
    """A merchant's site: it posts forms and asks PayRep."""

    stack: Stack
    id: str
    rmz: str
    count: int = 0

    def form(self, **changed: str) -> dict[str, str]:
        self.count += 1
        fields = {"ID": self.id, "Res": f"R{self.count}", "Amnt": "250000", "Nam": "علی رضایی", "Dsc": "کتاب"}
        return fields | {"RedirectURL": "http://shop.test/back"} | changed

    async def post(self, client: httpx2.AsyncClient, form: dict[str, str], **more) -> httpx2.Response:
        return await client.post(f"{self.stack.gateway}/Payment.aspx", data=form, **more)

    async def buy(self, client: httpx2.AsyncClient, card: str = "paid", **changed: str) -> "Bought":
        """One purchase, from the form to the page that the buyer sees in the end."""
        form = self.form(**changed)
        page = await self.post(client, form)
        way_back = await pay_at_bank(client, way_to_bank(page), card)
        if way_back is None:
            return Bought(form["Res"], None, None)
        answer = await way_back.send(client)
        assert answer.status_code == 303, f"HTTP {answer.status_code}"
        return Bought(form["Res"], way_back, await client.get(answer.headers["location"]))

    async def pay_rep(self, client: httpx2.AsyncClient, res: str, rmz: str | None = None) -> dict[str, str]:
        query = f"ID={self.id}&Rmz={rmz or self.rmz}&Res={quote(res)}"
        answer = await client.get(f"{self.stack.gateway}/WebServiceMoPos.asmx/PayRep?{query}")
        assert answer.status_code == 200, f"HTTP {answer.status_code}"
        return dict(re.findall(r"<(\w+)>([^<]*)</\1>", answer.text))

    def state(self, res: str) -> str:
        rows = self.stack.sql("select state from purchase where gateway_id = %s and res = %s", int(self.id[:-1]), res)
        return rows[0][0]


@dataclass
class Bought:
    res: str
    way_back: Form | None
    page: httpx2.Response | None


def process_of(bank: str) -> str:
    """What the process of a bank is called."""
    return "bank" if bank == "sandbox" else f"bank-{bank}"


def heading(page: httpx2.Response) -> str:
    """The page's first heading, as text."""
    found = re.search(r"<h1[^>]*>(.*?)</h1>", page.text, re.DOTALL)
    return re.sub(r"<[^>]*>", "", found[1]).strip() if found else ""


def wait_for(address: str, patience_s: float = 30) -> None:
    give_up = time.monotonic() + patience_s
    while True:
        try:
            if httpx2.get(address, trust_env=False, timeout=5).status_code == 200:
                return
        except httpx2.TransportError:
            pass
        assert time.monotonic() < give_up, f"{address} does not answer"
        time.sleep(0.05)


async def at_bank(shop: Shop, web: httpx2.AsyncClient, **changed: str) -> tuple[dict[str, str], Form, str]:
    """A purchase whose buyer stands before the bank's page: its form, the way there, the return address."""
    form = shop.form(**changed)
    page = await shop.post(web, form)
    return form, way_to_bank(page), return_address(shop, form["Res"])


def return_address(shop: Shop, res: str) -> str:
    """Where the bank will send the buyer of a purchase back to."""
    ((ref,),) = shop.stack.sql(
        "select a.ref from attempt a join purchase p on p.attempt_id = a.id where p.gateway_id = %s and p.res = %s",
        int(shop.id[:-1]),
        res,
    )
    return f"{shop.stack.gateway}/pay/return/{ref}"


async def eventually(is_so, patience_s: float = 30, step_s: float = 0.2) -> None:
    """Wait until `is_so()` is true. Raises `TimeoutError`."""
    give_up = time.monotonic() + patience_s
    while not is_so():
        if time.monotonic() > give_up:
            raise TimeoutError("it did not come to be")
        await asyncio.sleep(step_s)


# Reading all certificates takes 20 ms, and tests make thousands of clients.
_TLS = ssl.create_default_context()


def browser(**options) -> httpx2.AsyncClient:
    """A client without proxies that follows nothing by itself."""
    limits = httpx2.Limits(max_connections=200, max_keepalive_connections=200)
    return httpx2.AsyncClient(trust_env=False, timeout=60, limits=limits, verify=_TLS, **options)


@contextmanager
def running(
    dsn: str,
    folder: Path,
    *,
    host: str = "127.0.0.1",
    with_worker: bool = True,
    with_services: bool = False,
    banks: Sequence[str] = ("sandbox",),
    deadlines: Mapping[str, float] | None = None,
    **environment: str,
) -> Iterator[Stack]:
    """A stack, started and stopped. Each process must end cleanly, without a traceback in its log. `host`: the
    gateway's name (passkeys need `localhost`). `with_services`: the simulators of SMS and inquiries beside it.
    `banks`: which run, each with a terminal of ours; `deadlines`: their times, both sides'."""
    ports = free_ports(len(banks) - 1)
    gateway, bank, services = f"http://{host}:{ports[0]}", *(f"http://127.0.0.1:{port}" for port in ports[1:3])
    addresses = dict(zip(banks, [bank, *(f"http://127.0.0.1:{port}" for port in ports[4:])], strict=True))
    beside = {
        "MOPOS_SMS_URL": services,
        "MOPOS_SMS_KEY": SMS_KEY,
        "MOPOS_INQUIRY_URL": f"{services}/inquiry",
        "MOPOS_INQUIRY_KEY": SMS_KEY,
        "MOPOS_OTP_PER_ADDRESS_MAX": "1000",
    }
    names = {
        "MOPOS_DATABASE_URL": dsn,
        "MOPOS_SECRET_KEY": KEY,
        "MOPOS_PUBLIC_URL": gateway,
        "MOPOS_SANDBOX_URL": addresses.get("sandbox", bank),
        "MOPOS_DATA_DIR": str(folder / "data"),
        **QUICK,
        **(beside if with_services else {}),
        **environment,
    }
    stack = Stack(
        dsn,
        folder,
        gateway,
        bank,
        os.environ | names,
        services=services if with_services else "",
        banks=addresses,
        deadlines=deadlines or {},
    )
    stack.add_terminals()
    try:
        starts = [*(partial(stack.start_bank, name) for name in banks), stack.start_gateway]
        starts += [stack.start_worker] if with_worker else []
        starts += [stack.start_services] if with_services else []
        with ThreadPoolExecutor() as pool:
            for started in [pool.submit(start) for start in starts]:
                started.result()
        yield stack
        for process in stack.processes.values():
            process.terminate()
        codes = {name: process.wait(60) for name, process in stack.processes.items()}
        assert set(codes.values()) <= {0, -signal.SIGTERM}, codes
    finally:
        for process in stack.processes.values():
            process.kill()
            process.wait()


__all__ = ["NoForm", "Stack", "browser", "eventually", "heading", "running"]
