"""Batches on their way: files made once and again, and orders by API through silence, kills and returns, against the
simulated central bank over real HTTP."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

import httpx2
import pytest
from tests.sim.paid import merchants

from mopos.actions.decide_batch import approve_batch, cancel_batch, propose_approval
from mopos.actions.run_settlement import run_settlement
from mopos.actions.services import Services
from mopos.actions.submit_batch import PAGE, ask_due, make_file, mark_submitted, submit_due
from mopos.actions.take_result_file import take_file
from mopos.base.errors import Refused
from mopos.base.iban import with_check_digits
from mopos.base.secret import Secret
from mopos.domain.operators import proposals
from mopos.domain.operators.model import Operator, Post
from mopos.domain.settlement import rule_store
from mopos.outside.central_bank_book import FATES, Fate
from mopos.outside.central_bank_sim import DEFAULT_KEY, DEFAULT_SECRET, PREFIX, build, serving
from mopos.outside.transferor import Transferor

PAYER = "IR750560000000001000000001"
DEADLINE_S = 0.4


@dataclass
class Office:
    """Merchants with money, two operators, and the central bank."""

    services: Services
    dsn: str
    clock: object
    first: Operator
    second: Operator

    async def rows(self, sql: str, **values) -> list[tuple]:
        return await self.services.db.all(sql, values)

    async def set(self, name: str, value) -> None:
        self.clock.pass_by(seconds=1)
        await rule_store.set_rule(
            self.services.db, name, date(2026, 1, 1), value, operator_id=None, reason="آزمون", now=self.clock()
        )

    async def sell(self, count: int, *fates: Fate | None, amount: int = 1_000_000) -> list[int]:
        """So many merchants with a paid purchase each; the first ones' accounts have these fates."""
        made = await asyncio.to_thread(merchants, self.dsn, count, 1, self.clock(), amount=amount, fee=0)
        numbers = [one.gateway_id for one in made]
        for number, fate in zip(numbers, fates, strict=False):
            ending = next((digits for digits, one in FATES.items() if one is fate), "0001")
            iban = with_check_digits(f"017{number:015}{ending}")
            await self.rows(
                """
                update account a set iban = %(iban)s, payee = a.payee || jsonb_build_object('iban', %(iban)s::text)
                from gateway g where g.id = %(gateway)s and a.id = g.account_id
                """,
                iban=iban,
                gateway=number,
            )
        return numbers

    async def approved(self) -> int:
        """The day's batch, run in the night and approved by two."""
        self.clock.now = self.clock.now.replace(hour=20, minute=5)
        ran = await run_settlement(self.services)
        assert ran.batch_id is not None, ran
        proposal_id = await propose_approval(self.services, self.first, ran.batch_id, "آزمون")
        proposal = await proposals.find(self.services.db, proposal_id)
        await approve_batch(self.services, self.second, proposal, "")
        return ran.batch_id

    async def batch(self, batch_id: int) -> str:
        return (await self.rows("select state from settlement_batch where id = %(id)s", id=batch_id))[0][0]

    async def states(self, batch_id: int) -> dict[str, int]:
        rows = await self.rows(
            "select state, count(*) from payout where batch_id = %(id)s group by 1 order by 1", id=batch_id
        )
        return dict(rows)

    async def balance(self, kind: str) -> int:
        ((rial,),) = await self.rows(
            """
            select coalesce(sum(b.credit_rial - b.debit_rial), 0)::bigint
            from ledger_account a join ledger_balance b on b.account_id = a.id where a.kind = %(kind)s
            """,
            kind=kind,
        )
        return rial


@pytest.fixture
async def office(services, dsn, clock) -> Office:
    rows = await services.db.all(
        """
        insert into operator (name, title, role, handle, password_hash, created_at)
        select name, '', 'finance', decode(md5(name) || md5(name), 'hex'), '', %(now)s
        from unnest(array['reza', 'sara']) name
        returning id, name
        """,
        {"now": clock()},
    )
    first, second = (Operator(number, name, "", Post.FINANCE) for number, name in rows)
    made = Office(services, dsn, clock, first, second)
    await made.set("payer_iban", PAYER)
    await made.set("payer_name", "شرکت پرداخت موپوز")
    await made.set("profile", "melli")
    return made


@asynccontextmanager
async def central_bank(office: Office) -> AsyncIterator[httpx2.AsyncClient]:
    """The simulator with the office's clock, and the office's services with a client of it."""
    app = build(office.clock, deadline_s=DEADLINE_S)
    async with serving(app) as url, httpx2.AsyncClient(base_url=url, trust_env=False, timeout=10) as client:
        bank = Transferor(
            url + PREFIX,
            Secret(DEFAULT_KEY),
            Secret(DEFAULT_SECRET),
            deadline_s=DEADLINE_S,
            clock=office.clock,
        )
        settings = office.services.settings.model_copy(update={"bank_deadline_s": DEADLINE_S})
        office.services = replace(office.services, payouts=bank, settings=settings)
        try:
            yield client
        finally:
            await bank.aclose()


async def refused(work) -> str:
    with pytest.raises(Refused) as error:
        await work
    return error.value.problems[0].code


# --- files ------------------------------------------------------------------------------------------------------------


async def test_a_file_is_made_once_and_again_byte_for_byte(office):
    await office.sell(3)
    batch_id = await office.approved()
    file = await make_file(office.services, office.first, batch_id, "paya")
    assert file.name == f"{PAYER}000000001.ccti"
    assert (file.paper.orders, file.paper.total, file.paper.length_bytes) == (3, 3_000_000, len(file.body))
    # Days later, after a change of the rules: what the bank has stays what it is.
    await office.set("payer_name", "نام تازه")
    await office.set("profile", "mehr_iran")
    office.clock.pass_by(days=3)
    assert await make_file(office.services, office.second, batch_id, "paya") == file
    assert await mark_submitted(office.services, office.first, batch_id) == 3
    assert await make_file(office.services, office.second, batch_id, "paya") == file
    kept = await office.rows("select id, payouts, total_rial, bytes from payout_file")
    assert kept == [(file.name.removesuffix(".ccti"), 3, 3_000_000, len(file.body))]
    acts = await office.rows(
        "select act, subject from audit_log where act in ('make_payout_file', 'mark_batch_submitted')"
    )
    assert acts == [("make_payout_file", f"batch {batch_id}"), ("mark_batch_submitted", f"batch {batch_id}")]


async def test_many_who_ask_at_once_get_the_same_file(office):
    await office.sell(5)
    batch_id = await office.approved()
    asked = [make_file(office.services, office.first, batch_id, "paya") for _ in range(8)]
    (file,) = set(await asyncio.gather(*asked))
    assert await office.rows("select count(*) from payout_file") == [(1,)]
    assert await make_file(office.services, office.first, batch_id, "paya") == file


async def test_large_sums_go_by_satna_in_a_file_of_their_own(office):
    await office.sell(1)
    await office.sell(1, amount=3_000_000_000)
    batch_id = await office.approved()
    paya = await make_file(office.services, office.first, batch_id, "paya")
    assert await refused(mark_submitted(office.services, office.first, batch_id)) == "payout_file_not_made"
    satna = await make_file(office.services, office.first, batch_id, "satna")
    assert (paya.paper.total, satna.paper.total) == (1_000_000, 3_000_000_000)
    assert paya.name != satna.name
    assert await mark_submitted(office.services, office.first, batch_id) == 2


async def test_what_stands_in_the_way_of_a_file(office):
    (gateway,) = await office.sell(1)
    assert await refused(make_file(office.services, office.first, 1, "paya")) == "batch_not_approved"
    batch_id = await office.approved()
    assert await refused(make_file(office.services, office.first, batch_id, "pol")) == "channel_unknown"
    assert await refused(make_file(office.services, office.first, batch_id, "satna")) == "batch_empty"
    await office.set("profile", "nobody")
    assert await refused(make_file(office.services, office.first, batch_id, "paya")) == "profile_unknown"
    await office.set("profile", "melli")
    await office.set("payer_name", "")
    assert await refused(make_file(office.services, office.first, batch_id, "paya")) == "payer_not_set"
    await office.set("payer_name", "موپوز")
    hold = "update gateway set payouts_held_at = %(now)s, payouts_held_reason = 'x' where id = %(id)s"
    await office.rows(hold, now=office.clock(), id=gateway)
    assert await refused(make_file(office.services, office.first, batch_id, "paya")) == "batch_has_stopped"
    await cancel_batch(office.services, office.first, batch_id, "آزمون")
    assert await refused(make_file(office.services, office.first, batch_id, "paya")) == "batch_not_approved"
    assert await refused(mark_submitted(office.services, office.first, batch_id)) == "batch_not_approved"


async def test_a_file_that_would_come_out_differently_is_not_given(office):
    await office.sell(1)
    batch_id = await office.approved()
    await make_file(office.services, office.first, batch_id, "paya")
    await office.rows("update payout set payee = 'دیگری' where batch_id = %(id)s", id=batch_id)
    assert await refused(make_file(office.services, office.first, batch_id, "paya")) == "payout_file_differs"


async def test_marking_twice_moves_once(office):
    await office.sell(2)
    batch_id = await office.approved()
    await make_file(office.services, office.first, batch_id, "paya")
    marked = [mark_submitted(office.services, office.first, batch_id) for _ in range(4)]
    found = await asyncio.gather(*marked, return_exceptions=True)
    assert sorted(one for one in found if isinstance(one, int)) == [2]
    assert await office.states(batch_id) == {"SUBMITTED": 2}
    events = await office.rows("select noun, count(*) from money_event where event = 'submitted' group by 1 order by 1")
    assert events == [("batch", 1), ("payout", 2)]


async def test_a_file_and_a_cancellation_at_once(office):
    """Whoever comes first wins, and the other one is told: no file of a cancelled batch, no batch cancelled whose file
    is out."""
    won = []
    for round_ in range(8):
        await office.sell(2)
        batch_id = await office.approved()
        rivals = [
            make_file(office.services, office.first, batch_id, "paya"),
            cancel_batch(office.services, office.second, batch_id, "آزمون"),
            make_file(office.services, office.second, batch_id, "paya"),
        ]
        found = await asyncio.gather(*(rivals if round_ % 2 else rivals[::-1]), return_exceptions=True)
        assert all(not isinstance(one, BaseException) or isinstance(one, Refused) for one in found)
        files = await office.rows("select id from payout_file where batch_id = %(id)s", id=batch_id)
        state = await office.batch(batch_id)
        assert (state, len(files)) in {("CANCELLED", 0), ("APPROVED", 1)}
        named = await office.rows("select distinct file_id from payout where batch_id = %(id)s", id=batch_id)
        assert named == (files or [(None,)])
        if files:
            await mark_submitted(office.services, office.first, batch_id)
        won.append(state)
        office.clock.now = (office.clock.now + timedelta(days=1)).replace(hour=8)
    assert len(won) == 8


async def test_an_api_batch_and_its_cancellation_at_once(api):
    office, bank = api
    handed = 0
    for _ in range(6):
        await office.sell(2)
        batch_id = await office.approved()
        rivals = [submit_due(office.services), cancel_batch(office.services, office.first, batch_id, "آزمون")]
        found = await asyncio.gather(*rivals, return_exceptions=True)
        assert all(not isinstance(one, BaseException) or isinstance(one, Refused) for one in found)
        state = await office.batch(batch_id)
        planned = await office.states(batch_id)
        assert state in ("SUBMITTED", "CANCELLED")
        assert planned.keys() == {state}
        handed += planned.get("SUBMITTED", 0)
        while await submit_due(office.services):
            pass
        assert len(await orders(bank)) == handed
        office.clock.now = (office.clock.now + timedelta(days=1)).replace(hour=8)


@pytest.mark.parametrize("query", ["", "?format=xml"])
async def test_a_file_s_whole_life(office, query):
    """Made, uploaded, carried, its results brought back, also of what came back after it was settled."""
    await office.sell(4, None, Fate.CAME_BACK, Fate.REFUSED, Fate.NEVER)
    batch_id = await office.approved()
    async with central_bank(office) as bank:
        file = await make_file(office.services, office.first, batch_id, "paya")
        answer = await bank.post(f"/files?name={file.name}", content=file.body)
        assert answer.json()["accepted"] == 3
        await mark_submitted(office.services, office.first, batch_id)
        number = file.name.removesuffix(".ccti")

        async def results() -> bytes:
            return (await bank.get(f"/files/{number}/results{query}")).content

        office.clock.pass_by(hours=14)
        body = await results()
        taken = await take_file(office.services, office.first, body)
        assert (taken.rows, taken.pending, taken.bad, taken.ties) == (4, 1, [], True)
        assert (taken.settled, taken.returned) == ((2, 2_000_000), (1, 1_000_000))
        assert await office.states(batch_id) == {"RETURNED": 1, "SETTLED": 2, "SUBMITTED": 1}
        assert await office.balance("operator_bank") == 2_000_000
        again = await take_file(office.services, office.first, body)
        assert (again.settled.rows, again.returned.rows, again.already) == (0, 0, 3)
        office.clock.pass_by(days=7)
        later = await take_file(office.services, office.first, await results())
        assert (later.settled.rows, later.returned.rows, later.bad) == (0, 1, [])
        assert await office.states(batch_id) == {"RETURNED": 2, "SETTLED": 1, "SUBMITTED": 1}
        assert await office.balance("operator_bank") == 1_000_000
        assert await office.balance("merchant_payable") == 2_000_000


async def test_rows_are_bound_strictly(office):
    await office.sell(3)
    batch_id = await office.approved()
    file = await make_file(office.services, office.first, batch_id, "paya")
    await mark_submitted(office.services, office.first, batch_id)
    number = file.name.removesuffix(".ccti")
    rows = await office.rows("select id, iban from payout where batch_id = %(id)s order by id", id=batch_id)
    (one, iban1), (two, iban2), (three, iban3) = rows
    day = (office.clock() + timedelta(hours=3, minutes=30)).date().isoformat()
    lines = [
        "payout,message_id,row,iban,amount,outcome,tracking_no,date,reason",
        f"{one},{number},1,{iban1},1000000,settled,77,{day},",
        f"{two},{number},3,{iban2},1000000,settled,78,{day},",
        f"{two},,,{iban2},999999,settled,78,{day},",
        f",{number},2,{iban1},1000000,settled,78,{day},",
        f",{number},9,{iban2},1000000,settled,78,{day},",
        f"999,,,{iban2},1000000,settled,78,{day},",
        f"{three},{number[:-1]}9,,{iban3},1000000,settled,79,{day},",
        f",{number},2,{iban2},1000000,returned,,2027-01-01,",
        f"{three},{number},,{iban3},1000000,returned,,{day},حساب بسته",
    ]
    taken = await take_file(office.services, office.first, "\n".join(lines).encode())
    assert (taken.rows, taken.settled.rows, taken.returned.rows, taken.ties) == (9, 1, 1, True)
    assert [(bad.line, bad.code) for bad in taken.bad] == [
        (3, "result_payout_unknown"),
        (4, "result_payout_differs"),
        (5, "result_payout_differs"),
        (6, "result_payout_unknown"),
        (7, "result_payout_unknown"),
        (8, "result_payout_unknown"),
        (9, "result_date_wrong"),
    ]
    assert await office.states(batch_id) == {"RETURNED": 1, "SETTLED": 1, "SUBMITTED": 1}


# --- by API -----------------------------------------------------------------------------------------------------------


@pytest.fixture
async def api(office) -> AsyncIterator[tuple[Office, httpx2.AsyncClient]]:
    await office.set("way", "api")
    async with central_bank(office) as bank:
        yield office, bank


async def orders(bank: httpx2.AsyncClient) -> list[dict]:
    return (await bank.get("/orders")).json()


async def ask_until(office: Office, until: datetime, step: timedelta = timedelta(minutes=30)) -> None:
    """The worker's rounds, up to a moment."""
    while office.clock.now < until:
        office.clock.now += step
        for work in (submit_due, ask_due):
            for _ in range(20):
                if not await work(office.services):
                    break


async def test_a_batch_goes_order_by_order(api):
    office, bank = api
    await office.sell(PAGE + 10)
    batch_id = await office.approved()
    assert await refused(make_file(office.services, office.first, batch_id, "paya")) == "batch_goes_by_api"
    assert await submit_due(office.services) == PAGE
    assert await submit_due(office.services) == 10
    assert await submit_due(office.services) == 0
    assert await office.batch(batch_id) == "SUBMITTED"
    assert len(await orders(bank)) == PAGE + 10
    await ask_until(office, office.clock.now + timedelta(hours=14))
    assert await office.states(batch_id) == {"SETTLED": PAGE + 10}
    assert await office.batch(batch_id) == "SETTLED"
    told = await office.rows("select distinct settled_on, length(tracking_no) from payout")
    assert told == [(date(2026, 11, 25), 20)]
    assert await office.balance("operator_bank") == (PAGE + 10) * 1_000_000


async def test_two_workers_hand_over_once(api):
    office, bank = api
    await office.sell(30)
    batch_id = await office.approved()
    await asyncio.gather(*(submit_due(office.services) for _ in range(4)))
    assert len(await orders(bank)) == 30
    office.clock.pass_by(hours=14)
    await asyncio.gather(*(ask_due(office.services) for _ in range(4)))
    assert await office.states(batch_id) == {"SETTLED": 30}
    assert await office.balance("operator_bank") == 30_000_000


@pytest.mark.parametrize("fate", [Fate.SILENT_AFTER, Fate.SILENT_BEFORE, Fate.GARBAGE])
async def test_silence_is_handed_over_again(api, fate):
    office, bank = api
    await office.sell(3, fate)
    batch_id = await office.approved()
    assert await submit_due(office.services) == 3
    assert await office.states(batch_id) == {"SUBMITTED": 3}
    assert await office.rows("select count(*) from payout where submitted_at is null") == [(3,)]
    assert await submit_due(office.services) == 0, "not before its time"
    await asyncio.sleep(DEADLINE_S)
    await ask_until(office, office.clock.now + timedelta(hours=14))
    assert len(await orders(bank)) == 3
    assert await office.states(batch_id) == {"SETTLED": 3}


class Killed(Exception):
    """Whoever worked is gone."""


@dataclass
class Dying:
    """A payout service whose caller dies once, after the call and before anything is recorded."""

    bank: Transferor
    left: int = 1

    async def submit(self, orders):
        answers = await self.bank.submit(orders)
        self._die()
        return answers

    async def ask(self, order):
        answer = await self.bank.ask(order)
        self._die()
        return answer

    def _die(self):
        if self.left:
            self.left -= 1
            raise Killed


async def test_a_kill_between_call_and_record_pays_once(api):
    office, bank = api
    await office.sell(5)
    batch_id = await office.approved()
    service = office.services.payouts
    office.services = replace(office.services, payouts=Dying(service))
    with pytest.raises(Killed):
        await submit_due(office.services)
    assert len(await orders(bank)) == 5
    assert await office.states(batch_id) == {"SUBMITTED": 5}
    assert await submit_due(office.services) == 0, "somebody may be at it still"
    office.clock.pass_by(minutes=5)
    assert await submit_due(office.services) == 5
    assert len(await orders(bank)) == 5
    office.clock.pass_by(hours=14)
    office.services = replace(office.services, payouts=Dying(service))
    with pytest.raises(Killed):
        await ask_due(office.services)
    await ask_until(office, office.clock.now + timedelta(hours=2))
    assert await office.states(batch_id) == {"SETTLED": 5}
    assert await office.balance("operator_bank") == 5_000_000
    assert await office.balance("settlement_in_transit") == 0


async def test_what_the_service_refuses_is_the_merchant_s_again(api):
    office, _ = api
    await office.sell(2, Fate.REFUSED)
    batch_id = await office.approved()
    await submit_due(office.services)
    assert await office.states(batch_id) == {"RETURNED": 1, "SUBMITTED": 1}
    (reason,) = (await office.rows("select return_reason from payout where state = 'RETURNED'"))[0]
    assert reason == "transfers.0.destination.blocked"
    assert await office.balance("merchant_payable") == 1_000_000


async def test_what_was_transferred_is_watched_and_comes_back(api):
    office, _ = api
    await office.sell(3, Fate.CAME_BACK, Fate.RETURNED, Fate.SLOW)
    batch_id = await office.approved()
    await ask_until(office, office.clock.now + timedelta(hours=14))
    assert await office.states(batch_id) == {"RETURNED": 1, "SETTLED": 1, "SUBMITTED": 1}
    await ask_until(office, office.clock.now + timedelta(days=6), timedelta(hours=3))
    assert await office.states(batch_id) == {"RETURNED": 2, "SETTLED": 1}
    assert await office.batch(batch_id) == "SETTLED"
    assert await office.balance("merchant_payable") == 2_000_000
    assert await office.balance("operator_bank") == 1_000_000
    # In the end nobody is asked about any more.
    await ask_until(office, office.clock.now + timedelta(days=22), timedelta(days=1))
    assert await office.rows("select count(*) from payout where next_check_at is not null") == [(0,)]


async def test_waits_double_while_nobody_knows(api):
    office, bank = api
    await office.sell(1)
    await office.approved()
    await bank.post("/faults", json=[{"call": "transfers", "what": "error", "times": 5}])
    waits = []
    for _ in range(5):
        assert await submit_due(office.services) == 1
        ((at,),) = await office.rows("select next_check_at from payout")
        waits.append((at - office.clock()).total_seconds())
        office.clock.now = at
    assert waits == [15, 30, 60, 120, 240]
    assert await submit_due(office.services) == 1
    assert len(await orders(bank)) == 1


async def test_an_order_that_the_service_forgets_is_not_handed_over_again(api):
    office, _ = api
    await office.sell(1)
    batch_id = await office.approved()
    await submit_due(office.services)
    office.clock.pass_by(minutes=1)
    async with serving(build(office.clock)) as url:
        elsewhere = Transferor(
            url + PREFIX, Secret(DEFAULT_KEY), Secret(DEFAULT_SECRET), deadline_s=1, clock=office.clock
        )
        services = replace(office.services, payouts=elsewhere)
        assert await ask_due(services) == 1
        assert await submit_due(services) == 0
        await elsewhere.aclose()
    assert await office.states(batch_id) == {"SUBMITTED": 1}
    office.clock.pass_by(hours=14)
    assert await ask_due(office.services) == 1
    assert await office.states(batch_id) == {"SETTLED": 1}


async def test_a_stopped_merchant_s_batch_waits_for_a_person(api):
    office, bank = api
    (gateway,) = await office.sell(1)
    batch_id = await office.approved()
    hold = "update gateway set payouts_held_at = %(at)s, payouts_held_reason = %(why)s where id = %(id)s"
    await office.rows(hold, at=office.clock(), why="x", id=gateway)
    assert await submit_due(office.services) == 0
    assert await office.batch(batch_id) == "APPROVED"
    await office.rows(hold, at=None, why="", id=gateway)
    assert await submit_due(office.services) == 1
    assert len(await orders(bank)) == 1


async def test_without_a_service_nothing_happens(office):
    await office.set("way", "api")
    await office.sell(1)
    batch_id = await office.approved()
    assert (await submit_due(office.services), await ask_due(office.services)) == (0, 0)
    assert await office.batch(batch_id) == "APPROVED"
