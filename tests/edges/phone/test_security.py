"""A person's own security pages: devices, authenticator, sessions; a fresh proof before what weakens them."""

from __future__ import annotations

import secrets

import pytest
from tests.phones import forget_step, grow_old, half_in, new_mobile, sign_up
from tests.stack import Stack, eventually
from tests.web import Visitor


def add_device(stack: Stack, mobile: str, name: str = "Pixel") -> int:
    ((device_id,),) = stack.sql(
        """
        insert into device (person_id, credential_id, public_key, sign_count, name, is_phone, created_at)
        select id, %s, '', 0, %s, true, now() from person where mobile = %s returning id
        """,
        secrets.token_bytes(16),
        name,
        mobile,
    )
    return device_id


@pytest.fixture
async def person(stack):
    async with Visitor(stack) as visitor:
        mobile = new_mobile()
        totp = await sign_up(visitor, mobile)
        yield visitor, mobile, totp


def csrf(seen) -> str:
    return seen.tree.xpath("//input[@name='_csrf']/@value")[0]


async def test_a_revoked_device_s_sessions_end_and_its_owner_is_told(stack, person):
    visitor, mobile, totp = person
    device_id = add_device(stack, mobile)
    async with Visitor(stack) as phone:
        forget_step(stack, mobile)
        await phone.send(await half_in(phone, mobile), "/second", code=totp.now())
        stack.sql(
            """
            update session set device_id = %s where token_hash = (
                select token_hash from session where ended_at is null order by created_at desc limit 1
            )
            """,
            device_id,
        )
        assert (await phone.get("/app")).path == "/app"
        page = await visitor.get(f"/app/security/devices/{device_id}")
        seen = await visitor.send(page, "/revoke")
        assert "The device is removed" in seen.text
        assert (await phone.get("/app")).path == "/sign-in"
    await eventually(lambda: any("برداشته شد" in text for text in stack.texts_to(mobile)))


async def test_a_device_has_a_name(stack, person):
    visitor, mobile, _ = person
    device_id = add_device(stack, mobile)
    page = await visitor.get(f"/app/security/devices/{device_id}")
    assert (await visitor.send(page, "/name", name="  ")).status == 400
    assert (await visitor.send(page, "/name", name="x" * 101)).status == 400
    seen = await visitor.send(page, "/name", name="گوشی <b>من</b>\u202e")
    assert "گوشی <b>من</b>" in seen.text
    assert "\u202e" not in seen.response.text


async def test_another_s_device_is_not_there(stack, person):
    visitor, _, _ = person
    async with Visitor(stack) as other:
        mobile = new_mobile()
        await sign_up(other, mobile)
        device_id = add_device(stack, mobile)
    token = csrf(await visitor.get("/app/security"))
    assert (await visitor.get(f"/app/security/devices/{device_id}")).status == 404
    for act in ("name", "revoke"):
        path = f"/app/security/devices/{device_id}/{act}"
        assert (await visitor.post(path, name="mine", _csrf=token)).status == 404
    assert stack.sql("select name, revoked_at from device where id = %s", device_id) == [("Pixel", None)]


async def test_the_last_factor_stays(stack, person):
    visitor, mobile, _ = person
    page = await visitor.get("/app/security/totp")
    seen = await visitor.send(page, "/off")
    assert seen.status == 409
    assert "last second factor" in seen.text

    device_id = add_device(stack, mobile)
    seen = await visitor.send(await visitor.get("/app/security/totp"), "/off")
    assert "The authenticator is off" in seen.text
    seen = await visitor.send(await visitor.get(f"/app/security/devices/{device_id}"), "/revoke")
    assert seen.status == 409

    other_id = add_device(stack, mobile, "iPad")
    seen = await visitor.send(await visitor.get(f"/app/security/devices/{device_id}"), "/revoke")
    assert seen.path == "/app/security"
    assert (await visitor.send(await visitor.get(f"/app/security/devices/{other_id}"), "/revoke")).status == 409


async def test_signing_out_everywhere_else(stack, person):
    visitor, mobile, totp = person
    async with Visitor(stack) as other:
        forget_step(stack, mobile)
        await other.send(await half_in(other, mobile), "/second", code=totp.now())
        assert (await other.get("/app")).path == "/app"
        seen = await visitor.send(await visitor.get("/app/security"), "/sign-out-elsewhere")
        assert "signed out everywhere else" in seen.text
        assert (await other.get("/app")).path == "/sign-in"
    assert (await visitor.get("/app")).path == "/app"


@pytest.mark.parametrize(
    "path", ["/app/recovery", "/app/security/totp", "/app/security/devices/new", "/app/security/devices/1"]
)
async def test_what_weakens_asks_for_a_fresh_proof(stack, person, path):
    visitor, mobile, _ = person
    grow_old(stack, mobile)
    seen = await visitor.get(path)
    assert seen.path == "/confirm"
    assert seen.response.url.params["next"] == path
    answer = await visitor.client.post(
        path,
        data={"_csrf": csrf(seen)},
        headers={"Origin": stack.gateway, "Referer": f"{stack.gateway}{path}"},
        follow_redirects=False,
    )
    if path != "/app/security/devices/1":  # its acts stand below it
        assert answer.status_code == 303
        assert answer.headers["location"].startswith("/confirm?next=")


async def test_a_name_for_fellow_members(stack, person):
    visitor, _, _ = person
    seen = await visitor.send(await visitor.get("/app"), "/name", name="سارا رضایی")
    assert seen.heading == "سارا رضایی"


async def test_the_app_can_be_installed(stack):
    async with Visitor(stack, "fa") as visitor:
        page = await visitor.get("/sign-in")
        (manifest,) = page.tree.xpath("//link[@rel='manifest']/@href")
        answer = await visitor.client.get(manifest)
        described = answer.json()
        assert (described["lang"], described["dir"], described["display"]) == ("fa", "rtl", "standalone")
        assert described["name"].startswith("موپوز")
        assert answer.headers["content-type"].startswith("application/manifest+json")
        for icon in described["icons"]:
            drawn = await visitor.client.get(icon["src"])
            assert (drawn.status_code, drawn.headers["content-type"]) == (200, icon["type"])
        assert {icon["purpose"] for icon in described["icons"]} == {"any", "maskable"}
        worker = await visitor.client.get("/app/sw.js")
        assert worker.headers["cache-control"] == "no-cache"
        assert worker.headers["service-worker-allowed"] == "/app"
        for path in ("/app/icon/any-999.png", "/app/icon/x-192.png", "/app/icon/any-192"):
            assert (await visitor.client.get(path)).status_code == 404


async def test_the_offline_page_knows_nobody(stack, person):
    visitor, mobile, _ = person
    page = await visitor.get("/app/offline")
    assert mobile not in page.response.text
    assert page.tree.xpath("//form") == []
