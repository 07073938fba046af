"""What a gateway is set to refuse, by the actions alone: the refusals' order, round trips, races, networks, old Rmz."""

import asyncio
from dataclasses import replace

import pytest

from mopos.actions import manage_credentials, set_gateway
from mopos.actions.manage_account import Credentials, create_account
from mopos.actions.manage_credentials import Holder
from mopos.actions.register_purchase import register_purchase
from mopos.actions.report_result import report_result
from mopos.base.db import Database
from mopos.base.errors import Refused
from mopos.base.ids import without_check_digit
from mopos.base.secret import Secret, unseal
from mopos.domain.accounts import gateways
from mopos.domain.accounts.gateways import sig_seal
from mopos.domain.payments.model import parse_form
from mopos.domain.payments.signature import sign, signed_text

from .conftest import Shop


@pytest.fixture
async def who(services) -> Holder:
    """The owner of an account."""
    db = services.db
    ((account_id,),) = await db.all("insert into account (created_at) values (now()) returning id")
    ((person_id,),) = await db.all(
        "insert into person (mobile, handle, created_at) values ('09121234567', sha256('x'), now()) returning id"
    )
    await db.one(
        "insert into member (account_id, person_id, role, since) values (%(a)s, %(p)s, 'owner', now())",
        {"a": account_id, "p": person_id},
    )
    return Holder(account_id, person_id, "192.0.2.1")


@pytest.fixture
async def own(services, shop, who):
    """The shop's gateway, which is the account's, with one domain."""
    gateway_id = without_check_digit(shop.id)
    await services.db.one(
        "update gateway set account_id = %(a)s, any_domain = false, domains = '{shop.test}' where id = %(id)s",
        {"a": who.account_id, "id": gateway_id},
    )
    return gateway_id


async def gateway(services, who, own):
    found = await gateways.one(services.db, who.account_id, own)
    assert found is not None
    return found


async def codes(shop, form) -> list[str]:
    """What a form is refused for; empty when it is taken."""
    try:
        await register_purchase(shop.services, parse_form(form), "192.0.2.7")
    except Refused as refused:
        return [problem.code for problem in refused.problems]
    return []


async def with_key(services, who, own) -> Secret:
    await manage_credentials.make_sig_key(services, await gateway(services, who, own), who, None)
    return await key_of(services, own)


async def key_of(services, own) -> Secret:
    ((sealed,),) = await services.db.all("select sig_key_sealed from gateway where id = %(id)s", {"id": own})
    return unseal(services.settings.rmz_key, sealed, sig_seal(own))


def signed(form, key):
    return form | {"Sig": sign(key, signed_text(form))}


async def test_refusals_come_in_the_catalogue_s_order(services, shop, who, own):
    key = await with_key(services, who, own)
    await set_gateway.set_hardening(services, await gateway(services, who, own), who, signed_only=True, limit="20000")
    away = {"RedirectURL": "https://evil.test/"}
    db = services.db
    assert await codes(shop, shop.form(**away) | {"Sig": "0" * 64}) == ["redirect_not_registered"]
    assert await codes(shop, shop.form() | {"Sig": "0" * 64}) == ["sig_wrong"]
    assert await codes(shop, shop.form()) == ["sig_missing"]
    assert await codes(shop, signed(shop.form(), key)) == []
    await set_gateway.set_hardening(services, await gateway(services, who, own), who, signed_only=False, limit="20000")
    assert await codes(shop, shop.form()) == ["unsigned_too_large"]
    await db.one("update gateway set suspended_at = now() where id = %(id)s", {"id": own})
    assert await codes(shop, shop.form(**away) | {"Sig": "0" * 64}) == ["gateway_suspended"]
    await db.one("update gateway set suspended_at = null, closed_at = now() where id = %(id)s", {"id": own})
    assert await codes(shop, shop.form(**away) | {"Sig": "0" * 64}) == ["gateway_closed"]
    assert await codes(shop, shop.form(ID="1000009", **away)) == ["id_unknown"]


async def test_a_used_res_is_looked_at_like_a_new_one(services, shop, who, own):
    form = shop.form()
    assert await codes(shop, form) == []
    assert await codes(shop, form) == [], "the same form again goes on"
    assert await codes(shop, form | {"RedirectURL": "https://evil.test/"}) == ["redirect_not_registered"]
    assert await codes(shop, form | {"RedirectURL": "https://pay.shop.test/"}) == ["res_used"]


class Counting(Database):
    """A database that counts its round trips."""

    asked = 0

    async def all(self, *args, **options):
        self.asked += 1
        return await super().all(*args, **options)


async def test_a_form_costs_one_round_trip_and_a_signed_one_two(services, dsn, shop, who, own):
    key = await with_key(services, who, own)
    async with Counting(dsn, pool_size=1, timeout_s=10) as db:
        counted = Shop(replace(services, db=db), Credentials(shop.id, shop.rmz))
        for form, round_trips in (
            (counted.form(Res="a"), 1),
            (counted.form(Res="b", RedirectURL="https://evil.test/"), 1),
            (signed(counted.form(Res="c"), key), 2),
        ):
            db.asked = 0
            await codes(counted, form)
            assert db.asked == round_trips
        db.asked = 0
        await report_result(counted.services, shop.id, shop.rmz, "a", "192.0.2.9")
        assert db.asked == 1


@pytest.mark.parametrize(
    ("listed", "source", "err"),
    [
        ("", "192.0.2.9", 1),
        ("192.0.2.0/24", "192.0.2.9", 1),
        ("192.0.2.0/24", "::ffff:192.0.2.9", 1),
        ("192.0.2.0/24", "::FFFF:C000:209", 1),
        ("192.0.2.0/24", "192.0.3.9", 92),
        ("192.0.2.0/24", "2001:db8::1", 92),
        ("2001:db8::/32", "2001:db8:ffff::1", 1),
        ("2001:db8::/32", "2001:db9::1", 92),
        ("0.0.0.0/0", "2001:db8::1", 92),
        ("::/0", "192.0.2.9", 92),
        ("192.0.2.9\n198.51.100.0/24", "198.51.100.77", 1),
        ("192.0.2.0/24", None, 1),  # ourselves, from the merchant's own panel
    ],
)
async def test_who_may_call_pay_rep(services, shop, who, own, listed, source, err):
    form = shop.form()
    await codes(shop, form)
    await set_gateway.set_sources(services, await gateway(services, who, own), who, listed)
    assert (await report_result(services, shop.id, shop.rmz, form["Res"], source)).err == err
    assert (await report_result(services, shop.id, Secret("wrong"), form["Res"], source)).err == 90


async def test_the_old_rmz_is_noted_once_a_minute_and_works_until_its_time(services, shop, who, own, clock):
    form = shop.form()
    await codes(shop, form)
    mark = (await gateway(services, who, own)).rmz_mark
    new = await manage_credentials.rotate_rmz(
        services, await gateway(services, who, own), who, mark=mark, at_once=False
    )

    async def used():
        found = await gateway(services, who, own)
        return found.old_rmz_used_at, str(found.old_rmz_used_from)

    await report_result(services, shop.id, new, form["Res"], "192.0.2.1")
    assert await used() == (None, "None")
    first = clock.now
    await report_result(services, shop.id, shop.rmz, form["Res"], "192.0.2.2")
    clock.pass_by(seconds=59)
    await report_result(services, shop.id, shop.rmz, form["Res"], "192.0.2.3")
    assert await used() == (first, "192.0.2.2")
    clock.pass_by(seconds=1)
    await report_result(services, shop.id, shop.rmz, form["Res"], "192.0.2.3")
    assert await used() == (clock.now, "192.0.2.3")
    clock.pass_by(days=1)
    assert (await report_result(services, shop.id, shop.rmz, form["Res"])).err == 90
    assert (await report_result(services, shop.id, new, form["Res"])).err == 1


async def test_two_who_rotate_at_once_get_one_new_rmz(services, who, own):
    found = await gateway(services, who, own)
    tries = [manage_credentials.rotate_rmz(services, found, who, mark=found.rmz_mark, at_once=False) for _ in range(5)]
    made = [rmz for rmz in await asyncio.gather(*tries, return_exceptions=True) if isinstance(rmz, Secret)]
    assert len(made) == 1


async def test_one_warning_however_many_play_at_once(services, shop, who, own, clock):
    form = shop.form()
    await codes(shop, form)
    await asyncio.gather(*(codes(shop, form | {"Amnt": str(20_000 + n)}) for n in range(20)))
    count = "select count(*) from activity where act = 'res_other_amount'"
    assert await services.db.all(count) == [(1,)]
    clock.pass_by(minutes=59)
    await codes(shop, form | {"Amnt": "20000"})
    assert await services.db.all(count) == [(1,)]
    clock.pass_by(minutes=1)
    await codes(shop, form | {"Amnt": "20000"})
    assert await services.db.all(count) == [(2,)]


async def test_a_sealed_key_opens_in_its_own_row_only(services, shop, who, own):
    key = await with_key(services, who, own)
    ((sealed,),) = await services.db.all("select sig_key_sealed from gateway where id = %(id)s", {"id": own})
    assert key.reveal().encode() not in sealed
    with pytest.raises(ValueError):
        unseal(services.settings.rmz_key, sealed, sig_seal(own + 1))


async def test_the_command_line_s_gateways_take_any_address(services):
    made = Shop(services, await create_account(services.db, services.clock, services.settings, "قدیمی"))
    assert await codes(made, made.form(RedirectURL="https://anywhere.test/") | {"Sig": "its own"}) == []
