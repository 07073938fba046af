"""The worker hands an approved batch over by API, from one process to another, also when the service was away."""

import asyncio
from datetime import UTC, date, datetime, timedelta

import httpx2
import pytest
from pydantic import SecretStr
from tests.conftest import fresh_database, open_folder
from tests.sim.paid import merchants
from tests.stack import eventually, running, wait_for
from tests.web import make_operator

from mopos.actions.decide_batch import approve_batch, propose_approval
from mopos.actions.run_settlement import run_settlement
from mopos.actions.services import Services
from mopos.base.clock import system_clock
from mopos.base.config import Settings
from mopos.base.db import Database
from mopos.build import build_services
from mopos.domain.operators import proposals
from mopos.domain.operators.model import Operator, Post
from mopos.domain.settlement import rule_store
from mopos.edges.demo.check import free_ports
from mopos.outside.central_bank_sim import DEFAULT_KEY, DEFAULT_SECRET, PREFIX

KEY = "canary-payout-key-0123456789"
SECRET = "canary-payout-secret-0123456789"


@pytest.fixture(scope="module")
def stack(postgres):
    """Gateway, worker and sandbox bank, with a payout service that is not there yet."""
    central = f"http://127.0.0.1:{free_ports()[0]}"
    told = {"MOPOS_PAYOUT_URL": central + PREFIX, "MOPOS_PAYOUT_KEY": KEY, "MOPOS_PAYOUT_SECRET": SECRET}
    with open_folder() as folder, fresh_database(postgres) as dsn:
        folder.mkdir(exist_ok=True)
        with running(dsn, folder, **told) as stack:
            stack.central = central
            yield stack
        assert stack.tracebacks() == ""


async def approved(services: Services, operators: list[int]) -> int:
    """A batch of yesterday, to go by API, approved by two."""
    first, second = (Operator(number, f"op{number}", "", Post.FINANCE) for number in operators)
    reason = {"operator_id": None, "reason": "test", "now": services.clock()}
    await rule_store.set_rule(services.db, "way", date(2026, 1, 1), "api", **reason)
    ran = await run_settlement(services)
    assert ran.batch_id is not None, ran
    number = await propose_approval(services, first, ran.batch_id, "test")
    proposal = await proposals.find(services.db, number)
    assert proposal is not None
    await approve_batch(services, second, proposal, "")
    return ran.batch_id


async def test_the_worker_hands_over(stack):
    merchants(stack.dsn, 3, 2, datetime.now(UTC) - timedelta(days=2))
    settings = Settings(database_url=stack.dsn, secret_key=SecretStr("k" * 32), sandbox_url=stack.bank)
    async with Database(stack.dsn, pool_size=2, timeout_s=10) as db:
        services = build_services(settings, db, system_clock)
        batch_id = await approved(services, [make_operator(stack, "finance"), make_operator(stack, "finance")])
    count = "select count(*) from payout where batch_id = %s and "
    # Nobody is there: they are being handed over, and nobody believes that they were.
    silent = count + "state = 'SUBMITTED' and submitted_at is null and check_count > 0"
    await eventually(lambda: stack.sql(silent, batch_id) == [(3,)])
    stack.start("central-bank", "central-bank-sim", f"--port={stack.central.rpartition(':')[2]}")
    await asyncio.to_thread(wait_for, f"{stack.central}/healthz")
    sent = count + "state = 'SUBMITTED' and submitted_at is not null"
    await eventually(lambda: stack.sql(sent, batch_id) == [(3,)], patience_s=60)
    orders = httpx2.get(f"{stack.central}/orders", trust_env=False).json()
    assert sorted(order["rial"] for order in orders) == [198_000] * 3
    payouts = {f"api/{number}": iban for number, iban in stack.sql("select id, iban from payout")}
    assert {order["own_id"]: order["iban"] for order in orders} == payouts
    assert stack.sql("select state from settlement_batch where id = %s", batch_id) == [("SUBMITTED",)]
    # Calls are told in the log, and nothing secret with them.
    log = stack.logs()
    assert "payout_service.call" in log
    secrets = [KEY, SECRET, DEFAULT_KEY, DEFAULT_SECRET, "Bearer", *payouts.values()]
    assert [secret for secret in secrets if secret in log] == []
