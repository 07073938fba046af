"""Attack 20: unique secrets go every way, every layer fails once, then all that was written is searched for them."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.conftest import fresh_database, open_folder
from tests.stack import KEY, at_bank, eventually, running

from mopos.banks.sim.buyer import enter, pay_at_bank, read_form

PAN, CVV2, PASSWORD = "6104337777777775", "7391", "84736251"
WRONG_RMZ = "canary-of-a-wrong-rmz"
# Short enough that the worker soon meets a purchase whose buyer has left.
SESSION = {"MOPOS_SANDBOX_SESSION_S": "4", "MOPOS_PURCHASE_LIFETIME_S": "4"}


@pytest.fixture
def stack(postgres):
    with open_folder() as folder, fresh_database(postgres) as dsn:
        folder.mkdir(exist_ok=True)
        with running(dsn, folder, **SESSION) as stack:
            yield stack


@contextmanager
def missing(stack, table: str) -> Iterator[None]:
    """A table is gone for a while, so that whatever needs it fails."""
    stack.sql(f"alter table {table} rename to missing")
    try:
        yield
    finally:
        stack.sql(f"alter table missing rename to {table}")


async def type_canaries(web, to_bank):
    """A buyer who types all secrets of a card into the bank's page; and asks for a dynamic password."""
    page = await enter(web, to_bank)
    paying = read_form(page.text, str(page.url), having="card")
    typed = {"card": PAN, "cvv2": CVV2, "password": PASSWORD, "month": "12", "year": "10"}
    for card in (PAN, "6037990000000014"):
        await paying.send(web, **(typed | {"card": card}))


async def ask_every_way(shop, web, rmz, res):
    service = f"{shop.stack.gateway}/WebServiceMoPos.asmx"
    call = f'<PayRep xmlns="http://tempuri.org/"><ID>{shop.id}</ID><Rmz>{rmz}</Rmz><Res>{res}</Res></PayRep>'
    soap = f'<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>{call}</s:Body></s:Envelope>'
    action = {"Content-Type": "text/xml", "SOAPAction": '"http://tempuri.org/PayRep"'}
    asked = {"ID": shop.id, "Rmz": rmz, "Res": res}
    return [
        await web.get(f"{service}/PayRep", params=asked),
        await web.post(f"{service}/PayRep", data=asked),
        await web.post(service, content=soap.encode(), headers=action),
        await web.post(service, content=soap[:-9].encode(), headers=action),
        await web.get(f"{service}/Nothing", params=asked),
        await web.post(f"{shop.stack.gateway}/Payment.aspx", data=asked),
    ]


def server_log_file(stack) -> Path:
    return Path(stack.sql("show data_directory")[0][0]).parent / "server.log"


def server_log(stack, since: int = 0) -> str:
    """What PostgreSQL itself wrote, of the embedded server that the tests run on, after its first `since` characters;
    without the numbers of its processes, one of which may be the CVV2's."""
    log = server_log_file(stack).read_text(errors="replace")
    return re.sub(r"\[\d+\]", "", log[since:])


async def test_attack_20_no_secret_is_written_anywhere(stack, web):
    shop = stack.make_shop()
    # Other tests share the server, and send it things that it quotes.
    since = len(server_log_file(stack).read_text(errors="replace"))
    told = []
    for rmz in (shop.rmz, WRONG_RMZ):
        bought = await shop.buy(web)
        told += await ask_every_way(shop, web, rmz, bought.res)
    _, to_bank, _ = await at_bank(shop, web)
    await type_canaries(web, to_bank)

    # Now every layer fails: the books, the purchases, the accounts, the worker's round.
    _, to_bank, _ = await at_bank(shop, web)
    way_back = await pay_at_bank(web, to_bank)
    with missing(stack, "ledger_line"):
        told.append(await way_back.send(web))
    _, to_bank, _ = await at_bank(shop, web)
    with missing(stack, "purchase"):
        told.append(await shop.post(web, shop.form()))
        told.append(await web.get(str(bought.page.url)))
        told += await ask_every_way(shop, web, shop.rmz, bought.res)
        await eventually(lambda: "UndefinedTable" in (stack.folder / "worker.log").read_text())
    with missing(stack, "gateway"):
        told += await ask_every_way(shop, web, WRONG_RMZ, bought.res)
    failed = [answer for answer in told if answer.status_code >= 500]
    assert len(failed) >= 10, "the layers did fail"
    assert stack.run("rotate").returncode == 2
    assert stack.run("audit", MOPOS_SECRET_KEY="too-short-canary").returncode == 1

    places = {
        "log": stack.logs(),
        "database": stack.tables(),
        "bank's book": (stack.folder / "bank-book.jsonl").read_text(),
        "answer": "".join(answer.text for answer in told),
        "PostgreSQL's log": server_log(stack, since),
    }
    secrets = [PAN, CVV2, PASSWORD, WRONG_RMZ, shop.rmz, KEY, "sandbox-key", "6037990000000014"]
    found = [
        (secret, place)
        for place, text in places.items()
        for secret in secrets
        if re.search(rf"(?<![0-9A-Za-z]){re.escape(secret)}(?![0-9A-Za-z])", text)
    ]
    assert found == []
    # Who reads a log can open no buyer's page, and post no return.
    for column, table in (("token", "purchase"), ("ref", "attempt")):
        for (unguessable,) in stack.sql(f"select {column} from {table}"):
            assert unguessable not in places["log"]
    assert "UndefinedTable" in places["log"], "failures are told"


async def test_attack_20_the_search_would_find_a_secret(stack, web):
    """Sabotage: what stands in a table is in what is searched, and so is what a process logs."""
    shop = stack.make_shop(f"shop {PAN}")
    await shop.buy(web, Dsc=f"rmz {WRONG_RMZ}")
    assert PAN in stack.tables()
    assert WRONG_RMZ in stack.tables()
    assert "worker.started" in stack.logs()


async def test_attack_20_a_failed_job_tells_nothing_of_its_purchase(stack, web):
    """What a constraint refuses, PostgreSQL quotes whole: the buyer's name and the page's address with it."""
    shop = stack.make_shop()
    form, _, _ = await at_bank(shop, web, Nam="canary-of-a-buyer")
    ((token,),) = stack.sql("select token from purchase where res = %s", form["Res"])
    stack.sql("alter table purchase add constraint refused check (state <> 'EXPIRED')")
    await eventually(lambda: "CheckViolation" in (stack.folder / "worker.log").read_text())
    log = (stack.folder / "worker.log").read_text()
    assert [secret for secret in ("canary-of-a-buyer", token) if secret in log] == []


async def test_attack_20_the_banks_log_holds_no_return_address(stack, web):
    bought = await stack.make_shop().buy(web, "returns_twice")
    assert bought.page is not None
    ref = bought.way_back.url.rpartition("/")[2]
    assert ref not in (stack.folder / "bank.log").read_text()
