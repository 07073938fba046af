"""`mopos demo`: everything on this machine, each part a process of its own, spoken to over HTTP as in real life."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from urllib.parse import urlsplit

from rich.console import Console
from rich.table import Table

from mopos.actions import manage_account
from mopos.banks.sim.cards import CARDS
from mopos.base.clock import system_clock
from mopos.base.config import Settings
from mopos.base.db import Database
from mopos.base.secret import Secret
from mopos.db.migrate import migrate
from mopos.edges.demo.banks import arguments_of, point_at, ports_of, title_of
from mopos.edges.demo.parts import Parts, alone, refuse_taken
from mopos.edges.demo.people import OWNER_MOBILE, Build, make_people
from mopos.edges.running import ready

_MERCHANT = "فروشگاه نمونه"

# The demo's simulators and the gateway agree on it; it opens nothing else.
SIMULATORS_KEY = "demo-key"

Ports = tuple[int, ...]
"""Of the gateway, the first bank, the shop, and SMS; then those of further banks."""

out = Console(highlight=False)


@dataclass(frozen=True, slots=True)
class Demo:
    """A demo that runs: where its parts are, the sample shop's credentials, the settings and folder of its data."""

    gateway: str
    bank: str
    """The first of the banks."""
    shop: str
    services: str
    id: str
    rmz: Secret
    settings: Settings
    folder: Path
    banks: Mapping[str, str]
    """Where each bank is, by its name."""

    @property
    def dsn(self) -> str:
        return self.settings.database_url or ""


def run_demo(host: str, port: int, banks: Sequence[str], build: Build) -> int:
    """Start everything, say where to click, wait for Ctrl-C, stop everything. Returns the exit status."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    try:
        with started(host, ports_of(port, banks), banks) as demo:
            _say_where(demo, make_people(demo.settings, demo.folder, demo.id, build))
            while True:
                time.sleep(3600)
    except KeyboardInterrupt:
        out.print("\nstopped; the data is kept, `mopos demo` goes on with it")
        return 0


@contextmanager
def started(
    host: str,
    ports: Ports,
    banks: Sequence[str] = ("sandbox",),
    *,
    prepare: Callable[[Settings], None] | None = None,
    **environment: str,
) -> Iterator[Demo]:
    """All parts of the demo, stopped in reverse order at the end. `prepare` may put more into the database before the
    gateway begins. `environment` sets more `MOPOS_*`."""
    gateway, bank, shop, services = (f"http://{host}:{port}" for port in ports[:4])
    addresses = dict(zip(banks, [bank, *(f"http://{host}:{port}" for port in ports[4:])], strict=True))
    # Browsers know passkeys for names only, not for addresses in digits.
    gateway = gateway.replace("127.0.0.1", "localhost")
    for port in ports:
        refuse_taken(host, port)
    os.environ |= {
        "MOPOS_PUBLIC_URL": gateway,
        **({"MOPOS_SANDBOX_URL": addresses["sandbox"]} if "sandbox" in addresses else {}),
        "MOPOS_SMS_URL": services,
        "MOPOS_SMS_KEY": SIMULATORS_KEY,
        "MOPOS_INQUIRY_URL": f"{services}/inquiry",
        "MOPOS_INQUIRY_KEY": SIMULATORS_KEY,
        **environment,
    }
    asked = Settings()
    folder = asked.data_dir / "demo"
    with ExitStack() as stack:
        stack.enter_context(alone(folder))
        out.print("starting PostgreSQL ...")
        settings = stack.enter_context(ready(asked.model_copy(update={"data_dir": folder})))
        migrate(settings.database_url or "")
        number, rmz = _account(settings, folder)
        asyncio.run(_point_at(settings, addresses))
        if prepare is not None:
            prepare(settings)
        domain = urlsplit(settings.public_url).hostname or ""
        parts = Parts(folder)
        stack.callback(parts.stop)
        for word, arguments, address in chain(
            (
                (f"simulator of {title_of(name)}", arguments_of(name, port, folder, domain), addresses[name])
                for name, port in zip(banks, [ports[1], *ports[4:]], strict=True)
            ),
            (
                ("SMS provider", ["services-sim", f"--port={ports[3]}"], services),
                ("gateway", ["serve", f"--port={ports[0]}"], gateway),
                ("worker", ["worker"], None),
                ("sample shop", ["demo-shop", f"--port={ports[2]}", f"--account={number}"], shop),
            ),
        ):
            out.print(f"starting the {word} ...")
            listen = [f"--host={host}"] if address else []
            parts.start([*arguments, *listen], address, {"MOPOS_DEMO_RMZ": rmz.reveal()})
        yield Demo(gateway, bank, shop, services, number, rmz, settings, folder, addresses)


async def _point_at(settings: Settings, addresses: Mapping[str, str]) -> None:
    async with Database(settings.database_url or "", pool_size=1, timeout_s=settings.database_timeout_s) as db:
        await point_at(db, settings, addresses)


def _account(settings: Settings, folder: Path) -> manage_account.Credentials:
    """The sample shop's gateway. Its Rmz is kept beside the demo's data, as any shop keeps its own."""
    path = folder / "shop.json"
    if path.exists():
        kept = json.loads(path.read_text())
        return manage_account.Credentials(kept["ID"], Secret(kept["Rmz"]))

    async def create() -> manage_account.Credentials:
        async with Database(settings.database_url or "", pool_size=1, timeout_s=settings.database_timeout_s) as db:
            return await manage_account.create_account(db, system_clock, settings, _MERCHANT)

    made = asyncio.run(create())
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump({"ID": made.id, "Rmz": made.rmz.reveal()}, file)
    return made


def _say_where(demo: Demo, passwords: dict[str, str]) -> None:
    cards = Table(title="Test cards (any CVV2 and expiry; ask the bank's page for the dynamic password)")
    for heading in ("card", "what happens"):
        cards.add_column(heading)
    for card in CARDS:
        cards.add_row(card.number, card.en)
    out.print(cards)
    out.print(f"Buy something:   {demo.shop}")
    out.print(f"The gateway:     {demo.gateway}")
    out.print(f"Its WSDL:        {demo.gateway}/WebServiceMoPos.asmx?WSDL")
    for bank, address in demo.banks.items():
        out.print(f"The bank's book: {address}/book   {title_of(bank)}")
    out.print(f"Demo account:    ID {demo.id}   Rmz {demo.rmz.reveal()}")
    out.print(f"Merchant's side: {demo.gateway}/sign-in   mobile {OWNER_MOBILE}; codes by SMS: {demo.services}")
    out.print(f"Console:         {demo.gateway}/console   codes: `mopos demo-code NAME`")
    for name, password in passwords.items():
        out.print(f"  {name:<8} password {password}")
    out.print("Ctrl-C stops everything.")
