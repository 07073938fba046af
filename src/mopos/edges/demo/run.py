"""`mopos demo`: everything on this machine, each part a process of its own, spoken to over HTTP as in real life."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from mopos.actions import manage_account
from mopos.banks.sandbox_cards import CARDS
from mopos.base.clock import system_clock
from mopos.base.config import Settings
from mopos.base.db import Database
from mopos.base.secret import Secret
from mopos.db.migrate import migrate
from mopos.edges.demo.parts import Parts, alone, refuse_taken
from mopos.edges.running import ready

_MERCHANT = "فروشگاه نمونه"

out = Console(highlight=False)


@dataclass(frozen=True, slots=True)
class Demo:
    """A demo that runs: where its parts are, and the sample shop's credentials."""

    gateway: str
    bank: str
    shop: str
    id: str
    rmz: Secret
    dsn: str


def run_demo(host: str, port: int) -> int:
    """Start everything, say where to click, wait for Ctrl-C, stop everything. Returns the exit status."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    try:
        with started(host, (port, port + 1, port + 2)) as demo:
            _say_where(demo)
            while True:
                time.sleep(3600)
    except KeyboardInterrupt:
        out.print("\nstopped; the data is kept, `mopos demo` goes on with it")
        return 0


@contextmanager
def started(host: str, ports: tuple[int, int, int], **environment: str) -> Iterator[Demo]:
    """All parts of the demo, stopped in reverse order at the end. `environment` sets more `MOPOS_*`."""
    gateway, bank, shop = (f"http://{host}:{port}" for port in ports)
    for port in ports:
        refuse_taken(host, port)
    os.environ |= {"MOPOS_PUBLIC_URL": gateway, "MOPOS_SANDBOX_URL": bank, **environment}
    asked = Settings()
    folder = asked.data_dir / "demo"
    with ExitStack() as stack:
        stack.enter_context(alone(folder))
        out.print("starting PostgreSQL ...")
        settings = stack.enter_context(ready(asked.model_copy(update={"data_dir": folder})))
        migrate(settings.database_url or "")
        number, rmz = _account(settings, folder)
        parts = Parts(folder)
        stack.callback(parts.stop)
        for word, arguments, address in (
            ("sandbox bank", ["bank-sim", f"--port={ports[1]}", f"--book={folder / 'bank-book.jsonl'}"], bank),
            ("gateway", ["serve", f"--port={ports[0]}"], gateway),
            ("worker", ["worker"], None),
            ("sample shop", ["demo-shop", f"--port={ports[2]}", f"--account={number}"], shop),
        ):
            out.print(f"starting the {word} ...")
            listen = [f"--host={host}"] if address else []
            parts.start([*arguments, *listen], address, {"MOPOS_DEMO_RMZ": rmz.reveal()})
        yield Demo(gateway, bank, shop, number, rmz, settings.database_url or "")


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


def _say_where(demo: Demo) -> None:
    cards = Table(title="Test cards (any CVV2 and expiry; ask the bank's page for the dynamic password)")
    for heading in ("card", "what happens"):
        cards.add_column(heading)
    for card in CARDS:
        cards.add_row(card.number, card.en)
    out.print(cards)
    out.print(f"Buy something:   {demo.shop}")
    out.print(f"The gateway:     {demo.gateway}")
    out.print(f"Its WSDL:        {demo.gateway}/WebServiceMoPos.asmx?WSDL")
    out.print(f"The bank's book: {demo.bank}/book")
    out.print(f"Demo account:    ID {demo.id}   Rmz {demo.rmz.reveal()}")
    out.print("Ctrl-C stops everything.")
