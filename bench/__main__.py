"""`make bench`: complete purchases through real processes, and the floor below which nothing can go, in one run."""

from __future__ import annotations

import argparse
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import uvloop
from pydantic import SecretStr

from bench import report
from bench.bare import write_answers
from bench.http import Client
from bench.machine import cpu_s, spent
from bench.postgres import Server
from bench.purchases import GATEWAY_STEPS, STEPS, Driver, at_once
from bench.report import Figures
from bench.statements import as_look, as_script, record
from mopos.base import embedded
from mopos.base.config import Settings
from mopos.db.migrate import migrate
from mopos.edges.demo.check import free_ports

KEY = "k" * 40
MOPOS = [sys.executable, "-m", "mopos"]
ROUNDS = 3
# Enough for psycopg to have prepared each statement on each connection, and for Python to have specialised its code.
WARM_UP = 200
# PayRep and the floors are cheap: more of them, so that the kernel's 10 ms of counting do not show.
MORE = 3
# A process that has not answered by then has failed; its log says why.
START_DEADLINE_S = 30.0


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--purchases", type=int, default=600, help="in each round")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--concurrency", type=int, default=16)
    parser.add_argument("--no-floor", action="store_true", help="the gateway only")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="mopos-bench-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o755)  # an embedded server that was started by root runs as somebody else
        preload = {"shared_preload_libraries": "pg_stat_statements"}
        with embedded.start(folder / "postgresql", settings=preload) as started:
            server = Server(started.dsn, folder / "postgresql" / "cluster")
            migrate(server.dsn)
            bench = Bench(server, folder, options.purchases, options.concurrency)
            result = uvloop.run(bench.run(options.rounds, with_floor=not options.no_floor))
    print(json.dumps(result, indent=2) if options.json else report.as_text(result))


class Bench:
    """One run: where everything is, and how much of it."""

    def __init__(self, server: Server, folder: Path, purchases: int, concurrency: int) -> None:
        self.server = server
        self.folder = folder
        self.purchases = purchases
        self.concurrency = concurrency
        self.port, self.bank_port, *_ = free_ports()
        gateway = f"http://127.0.0.1:{self.port}"
        self.settings = Settings(database_url=server.dsn, secret_key=SecretStr(KEY), public_url=gateway)
        self.environment = os.environ | {
            "MOPOS_DATABASE_URL": server.dsn,
            "MOPOS_SECRET_KEY": KEY,
            "MOPOS_PUBLIC_URL": gateway,
            "MOPOS_SANDBOX_URL": f"http://127.0.0.1:{self.bank_port}",
        }
        create = [*MOPOS, "account", "create", "--name=bench", "--json"]
        account = json.loads(subprocess.run(create, env=self.environment, capture_output=True, check=True).stdout)
        self.driver = Driver(gateway, account["ID"], account["Rmz"])

    async def run(self, rounds: int, *, with_floor: bool) -> Figures:
        """All figures."""
        self.clients = [Client() for _ in range(self.concurrency)]
        result: Figures = {"purchases": self.purchases, "concurrency": self.concurrency, "processors": os.cpu_count()}
        with ExitStack() as stack:
            bank, serve = ([*MOPOS, verb] for verb in ("bank-sim", "serve"))
            stack.enter_context(self._process([*bank, f"--port={self.bank_port}"], self.bank_port))
            pid = stack.enter_context(self._process([*serve, f"--port={self.port}"], self.port))
            await at_once(self.clients, range(WARM_UP), lambda client, n: self.driver.purchase(client, f"warm-{n}"))
            if with_floor:
                write_answers(self.folder / "answers.json", self.driver.exchanges)
                asked = await record(self.settings, self.driver.id, self.driver.rmz)
                self.script, self.look = as_script(asked), as_look(asked[-1], "p0-", self.purchases)

            measured = []
            for number in range(rounds):
                figures = await self._gateway(pid, number)
                if with_floor:
                    figures = report.with_ratios(figures | await self._floor())
                measured.append(figures)
                print(f"round {number + 1} of {rounds}", file=sys.stderr, flush=True)
            self.driver.times.clear()
            result |= await self._statements()
            result["steps_ms"] = {step: report.quantiles(self.driver.times[step]) for step in STEPS}
            result["steps_cpu_ms"] = await self._steps(pid)

        result["rounds"] = measured
        middle = report.median(measured)
        result["cpu_ms"] = report.with_ratios(middle) if with_floor else middle
        result["purchases_per_s"] = result["cpu_ms"].pop("purchases_per_s")
        if with_floor:
            result["floor_sql_at_our_pace_ms"] = self._pgbench(self.script, self.purchases, result["purchases_per_s"])
        return result

    # --- the gateway --------------------------------------------------------------------------------------------------

    async def _gateway(self, pid: int, number: int) -> Figures:
        """CPU of gateway and PostgreSQL for each purchase, then for each PayRep of a paid purchase."""
        self.server.settle()
        with spent(lambda: cpu_s(pid)) as gateway, spent(self.server.cpu_s) as postgres:
            took_s = await at_once(
                self.clients, range(self.purchases), lambda client, n: self.driver.purchase(client, f"p{number}-{n}")
            )
        calls = MORE * self.purchases
        with spent(lambda: cpu_s(pid)) as asking, spent(self.server.cpu_s) as looking:
            await at_once(
                self.clients,
                range(calls),
                lambda client, n: self.driver.pay_rep(client, f"p{number}-{n % self.purchases}"),
            )
        return {
            "purchases_per_s": self.purchases / took_s,
            "gateway": gateway.per_ms(self.purchases),
            "postgres": postgres.per_ms(self.purchases),
            "pay_rep_gateway": asking.per_ms(calls),
            "pay_rep_postgres": looking.per_ms(calls),
        }

    async def _statements(self) -> Figures:
        """Which statements and how much WAL; and, in the driver, how long each step takes."""
        self.server.settle()
        self.server.count_statements()
        before = self.server.wal_position()
        await at_once(self.clients, range(self.purchases), lambda client, n: self.driver.purchase(client, f"asked-{n}"))
        wal = self.server.wal_position() - before
        return {"statements": self.server.statements(self.purchases), "wal_bytes": wal / self.purchases}

    async def _steps(self, pid: int) -> dict[str, Figures]:
        """The CPU of each step: all purchases take it before any takes the next one."""
        costs: dict[str, Figures] = {}
        for step in STEPS:
            with spent(lambda: cpu_s(pid)) as gateway, spent(self.server.cpu_s) as postgres:
                await at_once(
                    self.clients,
                    range(self.purchases),
                    lambda client, n, step=step: self.driver.step(step, client, f"step-{n}"),  # type: ignore[misc]
                )
            if step in GATEWAY_STEPS:
                costs[step] = {"gateway": gateway.per_ms(self.purchases), "postgres": postgres.per_ms(self.purchases)}
        return costs

    # --- the floor ----------------------------------------------------------------------------------------------------

    async def _floor(self) -> Figures:
        times = MORE * self.purchases
        with_bank = await self._bare(GATEWAY_STEPS, times, with_bank=True)
        without_bank = await self._bare(GATEWAY_STEPS, times, with_bank=False)
        pay_rep = await self._bare(("PayRep again",), times, with_bank=False)
        self.server.settle()
        before = self._acknowledged()
        sql = self._pgbench(self.script, times)
        assert self._acknowledged() - before >= times, "pgbench's purchases did not come to their end"
        return {
            "floor_http": with_bank,
            "floor_http_without_bank": without_bank,
            "floor_sql": sql,
            "floor_pay_rep_http": pay_rep,
            "floor_pay_rep_sql": self._pgbench(self.look, MORE * times),
        }

    def _pgbench(self, script: str, times: int, rate: float = 0.0) -> float:
        connections = min(self.concurrency, self.settings.database_pool)
        return self.server.pgbench_ms(script, self.folder, times=times, connections=connections, rate=rate)

    def _acknowledged(self) -> int:
        return int(self.server.ask("select count(*) from purchase where acknowledged_at is not null")[0][0])

    async def _bare(self, steps: tuple[str, ...], times: int, *, with_bank: bool) -> float:
        """CPU of the bare application for these steps of one purchase, in milliseconds."""
        requests = [self.driver.exchanges[step].request for step in steps]
        port, bank_port, *_ = free_ports()

        async def purchase(client: Client, _: int) -> None:
            for request in requests:
                await client.exchange(f"127.0.0.1:{port}", request)

        with ExitStack() as stack:
            if with_bank:
                stack.enter_context(self._bare_process(bank_port, 0))
            pid = stack.enter_context(self._bare_process(port, bank_port if with_bank else 0))
            await at_once(self.clients, range(WARM_UP), purchase)
            with spent(lambda: cpu_s(pid)) as cpu:
                await at_once(self.clients, range(times), purchase)
        return cpu.per_ms(times)

    @contextmanager
    def _bare_process(self, port: int, bank_port: int) -> Iterator[int]:
        command = [sys.executable, "-m", "bench.bare", str(port), str(bank_port), str(self.folder / "answers.json")]
        with self._process(command, port) as pid:
            yield pid

    # --- processes ----------------------------------------------------------------------------------------------------

    @contextmanager
    def _process(self, command: list[str], port: int) -> Iterator[int]:
        """A process that listens on `port`, until the end of the block. Its log goes to a file, as in production."""
        path = self.folder / f"{port}.log"
        with path.open("ab") as log:
            running = subprocess.Popen(command, env=self.environment, stdout=log, stderr=log)
        try:
            give_up = time.monotonic() + START_DEADLINE_S
            while True:
                with suppress(ConnectionRefusedError), socket.create_connection(("127.0.0.1", port)):
                    break
                assert time.monotonic() < give_up, path.read_text()
                time.sleep(0.05)
            yield running.pid
        finally:
            running.terminate()
            running.wait()


def _show(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
