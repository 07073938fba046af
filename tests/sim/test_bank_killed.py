"""One of two banks is killed under load, or hangs, and comes back after a while. New buyers must not notice: they are
sent to the other bank. Who had paid, was paying, or came back just then must not lose anything.

How long each thing took is printed: the times are those of this machine, what is asserted is the promise.
"""

import asyncio
import random
import signal
import time
from collections import Counter
from typing import NamedTuple

import httpx2
import pytest
from tests.conftest import fresh_database, open_folder
from tests.sim.test_storm import all_differences, kept_twice, told_by_bank, until_nothing_waits
from tests.stack import Shop, Stack, browser, heading, process_of, running

from mopos.banks.sim.buyer import Form, NoForm, cancel_at_bank, pay_at_bank, way_to_bank

BUYERS_A_SECOND = 20
# Before the kill, without the bank, and after its start.
BEFORE_S, AWAY_S, AFTER_S = 5.0, 8.0, 8.0
KINDS_OF_BUYERS = ("paid", "paid", "paid", "insufficient_funds", "paid", "cancel", "paid", "returns_twice")
# A buyer whose bank is gone waits and goes on where he was, longer than the bank is away.
TRIES, TRY_AGAIN_S = 8, 2.5
# So long a buyer looks for his card, and then at the bank's receipt: at any moment some are on their way.
AT_BANK_S, AT_RECEIPT_S = 3.0, 2.0
# Longer than the bank is away: who had paid there before is still confirmed.
DEADLINES = {"session": 30.0, "verify_deadline": 30.0}
SETTINGS = {"MOPOS_SANDBOX_SESSION_S": "30", "MOPOS_SANDBOX_GIVE_BACK_S": "30", "MOPOS_PURCHASE_LIFETIME_S": "60"}
# A call to a bank that is gone fails at once, one to a bank that hangs after its deadline; a few in a row make it sick.
# Some buyers are sent there in between: those who ask just as it falls.
NOTICED_S = {"killed": 1.0, "hangs": 4.0}
# A sick one is asked every two seconds.
BACK_AGAIN_S = 7.0


class Seen(NamedTuple):
    """The page that answered one form."""

    at: float
    bank: str
    """Where its way leads; empty: to no bank."""
    took_s: float
    what: str


class Rush:
    """A steady stream of buyers, and what each of them saw."""

    def __init__(self, stack: Stack) -> None:
        self.stack, self.shop, self.chance = stack, stack.make_shop(), random.Random(1)
        self.seen: list[Seen] = []
        self.ends: Counter[str] = Counter()
        self.trouble: Counter[str] = Counter()

    async def run(self, seconds: float) -> None:
        async with browser() as client, asyncio.TaskGroup() as buyers:
            began = time.monotonic()
            number = 0
            while (passed := time.monotonic() - began) < seconds:
                if number <= passed * BUYERS_A_SECOND:
                    kind = KINDS_OF_BUYERS[number % len(KINDS_OF_BUYERS)]
                    buyers.create_task(self.buyer(client, f"K{number}", kind, self.chance.random()))
                    number += 1
                else:
                    await asyncio.sleep(0.01)

    async def buyer(self, client: httpx2.AsyncClient, res: str, kind: str, patience: float) -> None:
        form = self.shop.form(Res=res)
        for attempt in range(TRIES):
            try:
                to_bank = await self.press_pay(client, self.shop, form, is_new=attempt == 0)
                if to_bank is not None:
                    await asyncio.sleep(AT_BANK_S * patience)
                    await self.at_bank(client, to_bank, kind, AT_RECEIPT_S * patience)
                break
            except httpx2.HTTPError as error:
                self.trouble[type(error).__name__] += 1
                await asyncio.sleep(TRY_AGAIN_S)
            except NoForm:
                # The bank has forgotten who had come in; he comes in again.
                self.trouble["NoForm"] += 1

    async def at_bank(self, client: httpx2.AsyncClient, to_bank: Form, kind: str, receipt_s: float) -> None:
        cancels = kind == "cancel"
        way_back = await (cancel_at_bank(client, to_bank) if cancels else pay_at_bank(client, to_bank, kind))
        assert way_back is not None
        await asyncio.sleep(receipt_s)
        answer = await way_back.send(client)
        self.ends[heading(await client.get(answer.headers["location"]))] += 1

    async def press_pay(
        self, client: httpx2.AsyncClient, shop: Shop, form: dict[str, str], *, is_new: bool
    ) -> Form | None:
        began = time.monotonic()
        page = await shop.post(client, form)
        try:
            to_bank: Form | None = way_to_bank(page)
        except NoForm:
            to_bank = None
        if is_new:
            bank = next((name for name, url in self.stack.banks.items() if to_bank and to_bank.url.startswith(url)), "")
            now = time.monotonic()
            self.seen.append(Seen(now, bank, now - began, f"{page.status_code} {heading(page)}"))
        return to_bank


@pytest.fixture
def stack(request, postgres):
    with open_folder() as folder, fresh_database(postgres) as dsn:
        folder.mkdir(exist_ok=True)
        log = {"MOPOS_LOG_LEVEL": "warning"}
        with running(dsn, folder, banks=request.param, deadlines=DEADLINES, **SETTINGS, **log) as stack:
            yield stack


@pytest.mark.parametrize(
    ("stack", "how"),
    [(("saman", "sandbox"), "killed"), (("mellat", "zarinpal"), "hangs")],
    ids=["saman-killed", "mellat-hangs"],
    indirect=["stack"],
)
async def test_a_bank_falls_under_load_and_no_new_buyer_notices(stack, how, capsys):
    bank = next(iter(stack.banks))
    rush = Rush(stack)
    fallen, back = await fall_amid(rush, stack, bank, how)
    settled = await until_nothing_waits(stack)
    states = states_of(rush)
    with capsys.disabled():
        print(report(rush, bank, how, fallen, back))
        print(f"  {states}, nothing waits {settled:.0f} s after the last buyer; {dict(rush.trouble)}")
        print("\n".join((f"  pages at the end: {dict(rush.ends)}", *told_by_bank(stack))))
    expect_promises(rush, bank, how, fallen, back)
    # Every form that was answered is a purchase, and each of them ended as the bank's own book has it.
    assert sum(states.values()) == len(rush.seen)
    assert set(states) <= {"PAID", "DECLINED", "CANCELLED", "EXPIRED"}
    assert states["PAID"] >= len(rush.seen) / 2
    assert all_differences(stack) == []
    assert kept_twice(stack) == []
    audit = stack.run("audit")
    assert audit.returncode == 0, audit.stdout
    tracebacks = stack.tracebacks()
    assert not tracebacks, tracebacks


async def fall_amid(rush: Rush, stack: Stack, bank: str, how: str) -> tuple[float, float]:
    """Returns when it fell, and when it was back."""
    rushing = asyncio.create_task(rush.run(BEFORE_S + AWAY_S + AFTER_S))
    await asyncio.sleep(BEFORE_S)
    process = stack.processes[process_of(bank)]
    fallen = time.monotonic()
    if how == "killed":
        stack.kill_bank(bank)
        await asyncio.sleep(AWAY_S)
        await asyncio.to_thread(stack.start_bank, bank)
    else:
        process.send_signal(signal.SIGSTOP)
        await asyncio.sleep(AWAY_S)
        process.send_signal(signal.SIGCONT)
    back = time.monotonic()
    await rushing
    return fallen, back


def states_of(rush: Rush) -> dict[str, int]:
    found = rush.stack.sql(
        "select state, count(*) from purchase where gateway_id = %s group by state", int(rush.shop.id[:-1])
    )
    return dict(found)


def expect_promises(rush: Rush, bank: str, how: str, fallen: float, back: float) -> None:
    assert {one.bank for one in rush.seen if one.at < fallen} == set(rush.stack.banks), "both took part before"
    # No buyer was turned away, before, without, and after the bank.
    assert [one for one in rush.seen if not one.bank] == []
    sent_there = [one.at for one in rush.seen if one.bank == bank]
    assert [at - fallen for at in sent_there if fallen + NOTICED_S[how] < at < back - 1.5] == []
    assert min((at - back for at in sent_there if at > back), default=AFTER_S) < BACK_AGAIN_S


def report(rush: Rush, bank: str, how: str, fallen: float, back: float) -> str:
    """The figures, for a person to read."""
    away = [one for one in rush.seen if fallen < one.at < back]
    refused = [one.at - fallen for one in rush.seen if not one.bank]
    there = [one.at for one in rush.seen if one.bank == bank]
    last = max((at - fallen for at in there if at < back), default=0.0)
    again = min((at - back for at in there if at > back), default=float("nan"))
    return "\n".join(
        (
            f"\n{bank} {how} for {back - fallen:.1f} s amid {len(rush.seen)} buyers, {BUYERS_A_SECOND} a second:",
            f"  turned away: {len(refused)}" + (f", the last one {max(refused):.1f} s later" if refused else ""),
            f"  {len(away)} buyers meanwhile, waited longer than a second: {sum(one.took_s > 1 for one in away)},"
            f" the longest {max((one.took_s for one in away), default=0.0):.2f} s",
            f"  the last one sent there {last:+.2f} s from its fall, the first again {again:+.1f} s from its return",
        )
    )
