"""Limits per address, with the usual bound: what a proxy claims is not believed, and IPv6 counts by the line."""

from __future__ import annotations

import pytest
from tests.conftest import fresh_database, open_folder
from tests.phones import new_mobile
from tests.stack import running
from tests.web import Visitor

from mopos.domain.people.model import address_block


@pytest.fixture(scope="module")
def stack(postgres):
    with open_folder() as folder, fresh_database(postgres) as dsn:
        folder.mkdir(exist_ok=True)
        with running(dsn, folder, with_services=True, MOPOS_OTP_PER_ADDRESS_MAX="5") as stack:
            yield stack


async def ask(visitor: Visitor, by: str):
    return await visitor.send(await visitor.get("/sign-in"), "/sign-in", mobile=new_mobile(), by=by)


@pytest.mark.parametrize("by", ["code", "phone"])
async def test_an_address_gets_so_many_an_hour_whatever_it_claims_to_be(stack, by):
    table = "otp" if by == "code" else "sign_in_request"
    for number in range(5):
        async with Visitor(stack) as visitor:
            visitor.client.headers["X-Forwarded-For"] = f"203.0.113.{number}"
            assert (await ask(visitor, by)).status == 200
    async with Visitor(stack) as visitor:
        visitor.client.headers["X-Forwarded-For"] = "203.0.113.99"
        assert (await ask(visitor, by)).status == 429
        stack.sql(f"update {table} set created_at = created_at - interval '61 minutes'")
        assert (await ask(visitor, by)).status == 200


@pytest.mark.parametrize(
    ("address", "block"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ("2001:db8:1:2::1", "2001:db8:1:2::"),
        ("::1", "::"),
    ],
)
def test_what_counts_as_one_address(address, block):
    assert address_block(address) == block
