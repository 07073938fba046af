"""Payments that a shop never asks about: its account hears of them once a day, and of nothing else."""

from mopos.actions.finish_attempt import finish_attempt
from mopos.actions.report_result import report_result
from mopos.actions.warn_of_unasked import warn_of_unasked

OK = {"State": "OK", "RefNum": "123456789012"}


async def sold(shop, bank):
    purchase = await shop.at_bank()
    bank.buyer_pays(purchase.order_number)
    await finish_attempt(shop.services, purchase.ref, OK)
    return purchase


async def give_developer(services, shop) -> None:
    await services.db.one(
        """
        with p as (
            insert into person (mobile, handle, created_at) values ('09120000001', %(handle)s, now()) returning id
        ),
        a as (insert into account (name, created_at) values ('x', now()) returning id),
        m as (
            insert into member (account_id, person_id, role, since) select a.id, p.id, 'developer', now() from a, p
        )
        update gateway set account_id = a.id from a where gateway.id = %(id)s
        """,
        {"id": int(shop.id[:-1]), "handle": bytes(32)},
    )


async def texts(services) -> list[str]:
    return [row[0] for row in await services.db.all("select text from message order by id")]


async def test_an_account_hears_of_them_once_a_day(services, shop, bank, clock):
    await give_developer(services, shop)
    await sold(shop, bank)
    await sold(shop, bank)
    assert await warn_of_unasked(services) == 0, "a shop has an hour to ask"
    clock.pass_by(hours=2)
    assert await warn_of_unasked(services) == 1
    assert await warn_of_unasked(services) == 0
    (text,) = await texts(services)
    assert "۲ پرداخت" in text
    ((act, data),) = await services.db.all("select act, data from activity")
    assert (act, data) == ("unacknowledged", {"count": 2})

    clock.pass_by(hours=25)
    assert await warn_of_unasked(services) == 0, "it was told of these"
    await sold(shop, bank)
    clock.pass_by(hours=2)
    assert await warn_of_unasked(services) == 1
    assert "۱ پرداخت" in (await texts(services))[-1]


async def test_what_was_asked_about_is_not_told(services, shop, bank, clock):
    await give_developer(services, shop)
    purchase = await sold(shop, bank)
    await report_result(services, shop.id, shop.rmz, purchase.res)
    await shop.at_bank()
    clock.pass_by(hours=2)
    assert await warn_of_unasked(services) == 0


async def test_a_gateway_of_the_command_line_has_nobody_to_tell(services, shop, bank, clock):
    await sold(shop, bank)
    clock.pass_by(hours=2)
    assert await warn_of_unasked(services) == 0
