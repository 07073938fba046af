"""Attacks on purchases at the banks, before their simulators over real HTTP: what a browser may bring, from where, when
and how often. A receipt's bank (Saman), one that is asked by reference (Mellat), by token (Sadad), by GET (Zarinpal).

A bank's own book is the witness: what it keeps is paid here, once, and what is not paid here it has given back."""

import asyncio
import itertools
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import httpx2
import pytest
from pydantic import SecretStr
from tests.conftest import fresh_database, open_folder
from tests.stack import Shop, Stack, at_bank, eventually, heading, return_address, running

from mopos.actions.credentials import seal_credentials
from mopos.banks.catalogue import KINDS
from mopos.banks.sim.buyer import Form, pay_at_bank, way_to_bank
from mopos.banks.sim.cards import BY_SLUG
from mopos.banks.sims import SIMS
from mopos.base.config import Settings
from mopos.base.ids import unguessable
from mopos.base.text import persian_digits

BANKS = ("saman", "mellat", "sadad", "zarinpal")
# Where a browser's no is as good as the bank's, as nobody can be asked.
NOT_ASKED = ("saman", "mellat", "sadad")
# Whose reference only a browser brings.
BY_REF = ("saman", "mellat")
CARD = BY_SLUG["paid"].number
# What a bank holds for good, by its book.
KEPT = ("verified", "settled")
ROUNDS = 8
SHORT = {"session": 4.0, "verify_deadline": 4.0}


@dataclass(frozen=True)
class Standing:
    """A purchase whose buyer stands before the bank's page."""

    shop: Shop
    bank: str
    res: str
    way: Form
    address: str
    number: str
    token: str

    @property
    def stack(self) -> Stack:
        return self.shop.stack

    @property
    def state(self) -> str:
        return self.shop.state(self.res)

    @property
    def kept(self) -> tuple[str | None, str, str | None, str]:
        """What is kept of its latest attempt: hints, then evidence."""
        return self.stack.sql(
            "select a.returned_ref, a.returned_pan, a.bank_ref, a.masked_pan"
            " from attempt a join purchase p on p.attempt_id = a.id where a.id = %s",
            int(self.number),
        )[0]

    async def pay(self, web: httpx2.AsyncClient) -> Form:
        """Pay at the bank. Returns the way back, not yet gone."""
        way_back = await pay_at_bank(web, self.way)
        assert way_back is not None
        assert way_back.url == self.address
        return way_back

    def stage(self) -> str:
        """How the bank's own book says that it stands."""
        book = httpx2.get(f"{self.stack.banks[self.bank]}/book", params={"order": self.number}, trust_env=False)
        return book.json()["stage"]

    def calls(self, verb: str) -> int:
        """How often the bank was asked, as far as it is written by now."""
        rows = self.stack.sql(
            "select verb, request from transcript where attempt_id = %s and outcome <> 'not_connected'",
            int(self.number),
        )
        return sum(verb in f"{one} {request}".lower() for one, request in rows)


@pytest.fixture(scope="module")
def stack(postgres) -> Iterator[Stack]:
    with open_folder() as folder, fresh_database(postgres) as dsn:
        folder.mkdir(exist_ok=True)
        with running(dsn, folder, banks=BANKS) as stack:
            yield stack
        assert not stack.tracebacks()


@pytest.fixture(scope="module")
def shops(stack) -> dict[str, Shop]:
    """A shop for each bank whose buyers pay there; and one at a second terminal of ours at Saman."""
    stack.sql(
        "insert into terminal (bank, name, base_url, key_name, sealed, deadlines)"
        " values ('saman', 'twin', %s, %s, %s, '{}')",
        *(stack.banks["saman"], *sealed(stack, "saman", "twin", SIMS["saman"].credentials)),
    )
    return shops_at(stack)


@pytest.fixture(scope="module")
def short(postgres) -> Iterator[dict[str, Shop]]:
    """Shops at banks that are soon over with a payment."""
    with open_folder() as folder, fresh_database(postgres) as dsn:
        folder.mkdir(exist_ok=True)
        with running(dsn, folder, banks=NOT_ASKED, deadlines=SHORT) as stack:
            yield shops_at(stack)
        assert not stack.tracebacks()


def sealed(stack: Stack, bank: str, name: str, credentials: Mapping[str, str]) -> tuple[str, bytes]:
    return seal_credentials(settings_of(stack), bank, name, KINDS[bank].check(dict(credentials)))


def settings_of(stack: Stack) -> Settings:
    environment = stack.environment
    return Settings(
        database_url=stack.dsn,
        secret_key=SecretStr(environment["MOPOS_SECRET_KEY"]),
        terminal_keys=SecretStr(environment.get("MOPOS_TERMINAL_KEYS", "")),
    )


def shops_at(stack: Stack) -> dict[str, Shop]:
    shops = {}
    for terminal, bank, name in stack.sql("select id, bank, name from terminal where disabled_at is null"):
        label = bank if name == "test" else name
        shops[label] = shop = stack.make_shop(label)
        stack.sql(
            "insert into routing_rule (terminal_id, gateway_id, created_at) values (%s, %s, now())",
            *(terminal, int(shop.id[:-1])),
        )
    # So that it need not be waited for until rules are read again.
    stack.stop("gateway")
    stack.start_gateway()
    return shops


async def standing(shop: Shop, web: httpx2.AsyncClient, **changed: str) -> Standing:
    form, way, address = await at_bank(shop, web, **changed)
    return of(shop, form["Res"], way, address)


def of(shop: Shop, res: str, way: Form, address: str) -> Standing:
    """The latest attempt of a purchase, as it stands in our books."""
    ((number, token, bank),) = shop.stack.sql(
        "select id, bank_token, bank from attempt where ref = %s", address.rpartition("/")[2]
    )
    return Standing(shop, bank, res, way, address, str(number), token)


async def try_again(first: Standing, web: httpx2.AsyncClient) -> httpx2.Response:
    ((token,),) = first.stack.sql("select token from purchase where attempt_id = %s", int(first.number))
    return await web.post(f"{first.stack.gateway}/pay/{token}")


async def bring(web, address: str, fields: Mapping[str, str], method: str = "POST") -> httpx2.Response:
    if method == "GET":
        return await web.get(address, params=dict(fields))
    return await web.post(address, data=dict(fields))


def usual(bank: str) -> str:
    return "GET" if bank == "zarinpal" else "POST"


def says_paid(one: Standing, ref: str, pan: str = "603799******0014") -> dict[str, str]:
    """A return that says "paid", as somebody makes it up who has seen one."""
    match one.bank:
        case "saman":
            told = {"State": "OK", "Status": "2", "RefNum": ref, "ResNum": one.number, "Token": one.token}
            return told | {"MID": "10000001", "TerminalId": "10000001", "TraceNo": "1", "SecurePan": pan}
        case "mellat":
            told = {"RefId": one.token, "ResCode": "0", "SaleOrderId": one.number, "SaleReferenceId": ref}
            return told | {"CardHolderPan": pan, "FinalAmount": "250000"}
        case "sadad":
            told = {"OrderId": one.number, "token": one.token, "ResCode": "0", "SwitchResCode": "00"}
            return told | {"PrimaryAccNo": pan, "RetrivalRefNo": ref}
        case _:
            return {"Authority": one.token, "Status": "OK", "RefID": ref, "CardPan": pan}


def says_no(one: Standing) -> dict[str, str]:
    """A return that says that the buyer has given up."""
    match one.bank:
        case "saman":
            told = {"State": "CanceledByUser", "Status": "1", "RefNum": "", "ResNum": one.number}
            return told | {"MID": "10000001", "Token": one.token}
        case "mellat":
            return {"RefId": one.token, "ResCode": "17", "SaleOrderId": one.number, "SaleReferenceId": ""}
        case "sadad":
            return {"OrderId": one.number, "token": one.token, "ResCode": "-1", "SwitchResCode": "17"}
        case _:
            return {"Authority": one.token, "Status": "NOK"}


def renamed(fields: Mapping[str, str], one: Standing, which: str = "both") -> dict[str, str]:
    """Somebody's return with our order number, our token, or both put in place of its own."""
    names = {
        "saman": ("ResNum", "Token"),
        "mellat": ("SaleOrderId", "RefId"),
        "sadad": ("OrderId", "token"),
        "zarinpal": (None, "Authority"),
    }
    number, token = names[one.bank]
    changed = {number: one.number} if number and which in ("number", "both") else {}
    return {**fields, **changed, **({token: one.token} if which in ("token", "both") else {})}


def payments_by(stack: Stack, ref: str) -> int:
    """How many purchases a reference has paid, in the books too."""
    ((attempts, lines),) = stack.sql(
        """
        select count(distinct a.id), count(distinct l.journal_id)
        from attempt a join journal j on j.attempt_id = a.id left join ledger_line l on l.journal_id = j.id
        where a.bank_ref = %s and a.state = 'CONFIRMED'
        """,
        ref,
    )
    assert attempts == lines
    return attempts


async def plan(one: Standing, call: str, *faults: str) -> None:
    async with httpx2.AsyncClient(trust_env=False) as client:
        answer = await client.post(
            f"{one.stack.banks[one.bank]}/faults", content=json.dumps({"call": call, "faults": faults})
        )
    assert answer.json() == {"ok": True}


# --- 1: one reference pays one purchase -------------------------------------------------------------------------------


def ref_in(fields: Mapping[str, str]) -> str:
    return fields.get("RefNum") or fields["SaleReferenceId"]


@pytest.mark.parametrize("thief_shop", ["saman", "twin"])
@pytest.mark.parametrize("thief_comes", ["first", "last"])
async def test_a_receipt_pays_one_purchase(shops, web, thief_shop, thief_comes):
    payer, thief = await standing(shops["saman"], web), await standing(shops[thief_shop], web)
    assert payer.address.rpartition("/")[2].split("-")[0] != thief.address.rpartition("/")[2].split("-")[0] or (
        thief_shop == "saman"
    )
    back = await payer.pay(web)
    both = [back.send(web), bring(web, thief.address, renamed(back.fields, thief))]
    for coming in both if thief_comes == "last" else reversed(both):
        assert (await coming).status_code == 303
    first, last = (payer, thief) if thief_comes == "last" else (thief, payer)
    assert (first.state, last.state) == ("PAID", "CONFLICTED")
    assert payments_by(payer.stack, back.fields["RefNum"]) == 1
    # The bank keeps what one payment took, and no more.
    assert {payer.stage(), thief.stage()} == {"verified", "open"}


@pytest.mark.parametrize("thief_shop", ["saman", "twin"])
async def test_a_receipt_posted_twice_at_once_pays_one_purchase(shops, web, thief_shop):
    async def one_round() -> None:
        payer, thief = await standing(shops["saman"], web), await standing(shops[thief_shop], web)
        back = await payer.pay(web)
        await asyncio.gather(back.send(web), bring(web, thief.address, renamed(back.fields, thief)))
        assert sorted((payer.state, thief.state)) == ["CONFLICTED", "PAID"]
        assert payments_by(payer.stack, back.fields["RefNum"]) == 1

    for _ in range(ROUNDS):
        await one_round()


async def test_mellat_itself_says_whose_a_reference_is(shops, web):
    for _ in range(ROUNDS):
        payer, thief = await standing(shops["mellat"], web), await standing(shops["mellat"], web)
        back = await payer.pay(web)
        await asyncio.gather(bring(web, thief.address, renamed(back.fields, thief)), back.send(web))
        assert (payer.state, thief.state) == ("PAID", "AT_BANK")
        assert payments_by(payer.stack, back.fields["SaleReferenceId"]) == 1
    # What was stolen last is a hint no longer, once the thief pays himself.
    own = await thief.pay(web)
    await own.send(web)
    assert thief.state == "PAID"
    assert thief.kept[0] == thief.kept[2] == own.fields["SaleReferenceId"]


# --- 2: addresses -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("bank", BANKS)
async def test_an_address_with_another_prefix_is_none(shops, web, bank):
    one = await standing(shops[bank], web)
    back = await one.pay(web)
    root, _, ref = one.address.rpartition("/")
    terminal, _, secret = ref.partition("-")
    others = [str(number) for (number,) in one.stack.sql("select id from terminal") if str(number) != terminal]
    strange = ["999999", "9" * 9, "9" * 40, f"0{terminal}", f"+{terminal}", persian_digits(terminal), f"-{terminal}"]
    strange += [f" {terminal}", f"{terminal} ", f"{terminal}-", f"{terminal}.0", f"{terminal}e0", "0", "", "%00", "x"]
    strange += [f"{terminal}\N{ARABIC-INDIC DIGIT ONE}", f"{terminal}_0", "'"]
    refs = [f"{prefix}-{secret}" for prefix in [*others, *strange]]
    refs += [secret, f"{terminal}-{unguessable()}", f"{terminal}-{secret[:-1]}", f"{terminal}-{secret}x"]
    for address, method in itertools.product((f"{root}/{ref}" for ref in refs), ("GET", "POST")):
        answer = await bring(web, address, back.fields, method)
        assert answer.status_code == 404, address
        assert heading(answer)
        assert secret not in answer.text
    # Nobody was asked: the bank waits for us as before.
    assert (one.state, one.stage()) == ("AT_BANK", "taken")
    assert one.kept == (None, "", None, "")
    await back.send(web)
    assert one.state == "PAID"


# --- 3: returns of another purchase -----------------------------------------------------------------------------------


@pytest.mark.parametrize("which", ["none", "number", "token"])
@pytest.mark.parametrize("bank", BANKS)
async def test_a_return_of_another_purchase_is_nothing_to_this_one(shops, web, bank, which):
    one, other = await standing(shops[bank], web), await standing(shops[bank], web)
    others = await other.pay(web)
    said = renamed(others.fields, one, which)
    for method in ("GET", "POST"):
        if bank == "zarinpal" and which == "token":
            # All that it tells is the token, so it is no other purchase's return any more.
            said = renamed(others.fields, one, "none")
        assert (await bring(web, one.address, said, method)).status_code == 303
        assert one.state == "AT_BANK"
        assert one.kept == (None, "", None, "")
    back = await one.pay(web)
    # Also not in place of the true one, nor after it.
    await bring(web, one.address, said)
    assert (one.state, one.stage()) == ("AT_BANK", "taken")
    await back.send(web)
    await bring(web, one.address, said)
    assert (one.state, other.state) == ("PAID", "AT_BANK")
    assert one.kept[2] not in others.fields.values()
    await others.send(web)
    assert other.state == "PAID"


# --- 4: made-up returns -----------------------------------------------------------------------------------------------

MADE_UP = "MadeUpMadeUpMadeUpMadeUpMadeUp"
SHAPES = (
    ("", ""),
    (MADE_UP, "603799****0014"),
    ("A" * 51, "6" * 500),
    ("9" * 30, "603799******0014' or '1'='1"),
    ("1' or '1'='1", "'; drop table attempt; --"),
    ("<script>alert(1)</script>", "<img src=x onerror=alert(1)>"),
    ("\0", "\0"),
    (f"{MADE_UP}\0", "603799******0014\0"),
    (persian_digits("123456789012"), persian_digits("603799") + "******" + persian_digits("0014")),
    ("1 2\r\n3", "603799\r\n******0014"),
    ("-1", "603799000000*0014"),
    (CARD, CARD),
    (" ".join((CARD[:4], CARD[4:8], CARD[8:12], CARD[12:])), f"{CARD[:6]}******{CARD[-4:]}{CARD}"),
    ("\ud7ff\U0010ffff\ufffe", "%s%s%n{0}"),
    ("123456789012", "603799*****0014"),
)


@pytest.mark.parametrize("bank", BANKS)
async def test_a_made_up_return_pays_nothing_and_leaves_no_card_number(shops, web, bank):
    one = await standing(shops[bank], web)
    for (ref, pan), method in itertools.product(SHAPES, ("GET", "POST")):
        answer = await bring(web, one.address, says_paid(one, ref, pan), method)
        assert answer.status_code == 303, (ref, pan)
        assert one.state == "AT_BANK", (ref, pan)
    # The names of the order and the token may be anything as well.
    for number, token in (("\0", "\0"), ("", ""), ("' or ''='", "x" * 5_000), (one.number, f"{one.token}\0")):
        named = says_paid(one, "123456789012")
        swapped = {name: {one.number: number, one.token: token}.get(value, value) for name, value in named.items()}
        assert (await bring(web, one.address, swapped, usual(bank))).status_code == 303
        assert one.state == "AT_BANK"
    assert (await one.shop.pay_rep(web, one.res))["Err"] == "2"
    assert CARD not in one.stack.tables()
    assert CARD not in one.stack.logs()

    back = await one.pay(web)
    await back.send(web)
    assert one.state == "PAID"
    # Nothing that was made up stands where the bank's own word, or the true return's, belongs.
    returned_ref, returned_pan, bank_ref, masked_pan = one.kept
    shown = {"saman": "603799****0014", "mellat": "603799*****0014"}.get(bank, "603799******0014")
    assert masked_pan in ("", shown)
    if bank in BY_REF:
        assert returned_ref == bank_ref == ref_in(back.fields)
    assert returned_pan in ("", shown)


@pytest.mark.parametrize("bank", BY_REF)
async def test_a_made_up_reference_that_comes_with_the_true_one_pays_nothing(shops, web, bank):
    """Whichever is asked about: the true one counts when it is brought again."""
    for _ in range(ROUNDS // 2):
        one = await standing(shops[bank], web)
        back = await one.pay(web)
        made_up = says_paid(one, "123456789012")
        await asyncio.gather(*(bring(web, one.address, made_up) for _ in range(3)), back.send(web))
        await eventually(lambda one=one: one.state in ("PAID", "AT_BANK", "DECLINED"), step_s=0.05)
        await back.send(web)
        assert one.state == "PAID"
        assert one.kept[2] == ref_in(back.fields)
        assert one.stage() in KEPT


@pytest.mark.parametrize("bank", BY_REF)
async def test_a_made_up_reference_while_the_bank_is_silent_does_not_win(shops, web, bank):
    """The bank does not answer to the true one; then somebody brings another."""
    one = await standing(shops[bank], web)
    back = await one.pay(web)
    await plan(one, "verify", "error")
    await back.send(web)
    assert one.state == "UNKNOWN"
    await bring(web, one.address, says_paid(one, "123456789012"))
    await eventually(lambda: one.state == "PAID")
    assert one.kept[2] == ref_in(back.fields)


# --- 5: a forged no ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("bank", BANKS)
async def test_a_true_return_counts_after_a_forged_no(shops, web, bank, method):
    one = await standing(shops[bank], web)
    await bring(web, one.address, says_no(one), method)
    # Zarinpal is asked, and says that the buyer is still there.
    assert one.state == ("CANCELLED" if bank in NOT_ASKED else "AT_BANK")
    back = await one.pay(web)
    await bring(web, one.address, says_no(one), method)
    await back.send(web)
    assert one.state == "PAID"
    ((late,),) = one.stack.sql("select late from purchase where attempt_id = %s", int(one.number))
    assert late is (bank in NOT_ASKED)
    assert (await one.shop.pay_rep(web, one.res))["Err"] == "0"


@pytest.mark.parametrize("fault", ["late", "garbage", "error"])
@pytest.mark.parametrize("bank", NOT_ASKED)
async def test_a_true_return_after_a_forged_no_is_asked_about_until_the_bank_answers(shops, web, bank, fault):
    """The bank may have taken the money for good while its answer was lost: then nobody gives it back."""
    one = await standing(shops[bank], web)
    await bring(web, one.address, says_no(one))
    assert one.state == "CANCELLED"
    back = await one.pay(web)
    await plan(one, "verify", fault)
    await back.send(web)
    await eventually(lambda: one.state == "PAID")
    assert one.stage() in KEPT


@pytest.mark.parametrize("bank", NOT_ASKED)
async def test_a_true_return_of_the_first_try_and_the_second_try_at_once(shops, web, bank):
    """Whichever wins: the bank keeps nothing that is not paid here."""
    for _ in range(ROUNDS):
        first = await standing(shops[bank], web)
        await bring(web, first.address, says_no(first))
        back = await first.pay(web)
        _, again = await asyncio.gather(back.send(web), try_again(first, web))
        if again.status_code == 303:
            assert first.state == "PAID"
        else:
            assert first.state == "AT_BANK"
            assert first.stage() == "taken"


@pytest.mark.parametrize("bank", NOT_ASKED)
async def test_after_a_second_try_began_the_first_is_never_confirmed(short, web, bank):
    first = await standing(short[bank], web)
    await bring(web, first.address, says_no(first))
    back = await first.pay(web)
    page = await try_again(first, web)
    second = of(first.shop, first.res, way_to_bank(page), return_address(first.shop, first.res))
    assert second.number != first.number
    await asyncio.gather(*(back.send(web) for _ in range(5)))
    assert second.state == "AT_BANK"
    own = await second.pay(web)
    await asyncio.gather(own.send(web), *(back.send(web) for _ in range(5)))
    assert second.state == "PAID"
    # The first one's fields at the second one's address.
    await bring(web, second.address, back.fields)
    assert (second.state, second.stage() in KEPT) == ("PAID", True)
    await eventually(lambda: first.stage() == "given_back")
    await back.send(web)
    assert second.state == "PAID"
    ((captures,),) = first.stack.sql(
        "select count(*) from attempt a join purchase p on p.id = a.purchase_id"
        " where p.attempt_id = %s and a.state = 'CONFIRMED'",
        int(second.number),
    )
    assert captures == 1


# --- 6: again and again -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("bank", BANKS)
async def test_a_return_replayed_fifty_times_asks_the_bank_once(shops, web, bank):
    one = await standing(shops[bank], web)
    back = await one.pay(web)
    methods = itertools.cycle(("GET", "POST"))
    told = await asyncio.gather(*(bring(web, one.address, back.fields, next(methods)) for _ in range(50)))
    assert {answer.status_code for answer in told} == {303}
    assert one.state == "PAID"
    told = await asyncio.gather(*(bring(web, one.address, back.fields, next(methods)) for _ in range(50)))
    assert len({answer.headers["location"] for answer in told}) == 1
    assert one.state == "PAID"
    assert one.stack.sql(
        "select count(*) from ledger_line l join journal j on j.id = l.journal_id where j.attempt_id = %s",
        int(one.number),
    ) == [(1,)]
    # Another purchase's call is written after all of these.
    after = await standing(shops[bank], web)
    await (await after.pay(web)).send(web)
    await eventually(lambda: after.calls("verify") > 0)
    assert one.calls("verify") == 1


@pytest.mark.parametrize("bank", BANKS)
async def test_a_return_by_the_other_method_counts_as_well(shops, web, bank):
    one = await standing(shops[bank], web)
    back = await one.pay(web)
    other = "POST" if usual(bank) == "GET" else "GET"
    assert (await bring(web, one.address, back.fields, other)).status_code == 303
    assert one.state == "PAID"
    assert one.stage() in KEPT


# --- 7: nobody returns ------------------------------------------------------------------------------------------------


async def test_who_never_returns_gets_the_money_back_before_the_purchase_ends(short, web):
    """At Saman there is nothing to ask by."""
    one = await standing(short["saman"], web)
    assert await pay_at_bank(web, one.way, "never_returns") is None
    ended = []

    def is_over() -> bool:
        ended.append((one.state, one.stage()))
        return one.state == "EXPIRED"

    await eventually(is_over, step_s=0.1)
    assert {state for state, _ in ended[:-1]} <= {"AT_BANK", "EXPIRED"}
    assert one.stage() == "given_back"
    ((lasted,),) = one.stack.sql(
        "select extract(epoch from ended_at - started_at) from attempt where id = %s", int(one.number)
    )
    assert lasted >= SHORT["session"] + SHORT["verify_deadline"]


@pytest.mark.parametrize("bank", NOT_ASKED)
async def test_a_gateway_killed_between_return_and_answer_leaves_a_hint_that_confirms(shops, web, bank):
    one = await standing(shops[bank], web)
    back = await one.pay(web)
    await plan(one, "verify", "late")
    coming = asyncio.create_task(back.send(web))
    await eventually(lambda: one.stage() in KEPT, step_s=0.05)
    one.stack.kill("gateway")
    with pytest.raises(httpx2.TransportError):
        await coming
    assert one.state == "VERIFYING"
    one.stack.start_gateway()
    # The dead process's lease, over before its time.
    one.stack.sql("update purchase set next_check_at = now() where attempt_id = %s", int(one.number))
    await eventually(lambda: one.state == "PAID")
    assert one.stage() in KEPT
