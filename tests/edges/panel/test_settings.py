"""A gateway's look: who may change it, what a logo may be, what becomes of a colour, and the buyer's pages with it."""

import asyncio
import struct
import zlib
from io import BytesIO
from pathlib import Path

import httpx2
import pytest
from PIL import Image
from tests.browser import PHONE, scrolls_sideways, violations
from tests.stack import running
from tests.web import give_gateway, make_account, make_member, signed_in

from mopos.base.errors import Refused
from mopos.domain.accounts.brand import (
    CONTRAST_MIN,
    DARK_GROUNDS,
    LIGHT_GROUNDS,
    contrast,
    named_style,
    palette,
    read_colour,
    style_name,
)
from mopos.domain.accounts.logo import HEIGHT_MAX, PNG_BYTES_MAX, WIDTH_MAX, logo_of

COLOURS = ["#ffd400", "#000000", "#ffffff", "#e91e63", "#0b5c58", "#777777", "#1e90ff", "#00ff00", "#7f7f00", "#123456"]


def picture(form: str = "PNG", size=(400, 300), mode: str = "RGB", colour="#c02040") -> bytes:
    out = BytesIO()
    Image.new(mode, size, colour).save(out, form)
    return out.getvalue()


def claimed_png(width: int, height: int) -> bytes:
    """A few bytes that claim to be a picture of any size."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0" * 100)) + chunk(b"IEND", b"")
    )


# --- Rules ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("colour", COLOURS)
def test_every_text_that_is_made_of_a_colour_can_be_read(colour):
    made = palette(colour)
    assert made.fill == colour
    assert contrast(made.fill, made.on_fill) >= CONTRAST_MIN
    assert min(contrast(made.light, ground) for ground in LIGHT_GROUNDS) >= CONTRAST_MIN
    assert min(contrast(made.dark, ground) for ground in DARK_GROUNDS) >= CONTRAST_MIN


@pytest.mark.parametrize(
    ("one", "other", "ratio"),
    [
        ("#ffffff", "#000000", 21.0),
        ("#ffffff", "#ffffff", 1.0),
        ("#777777", "#ffffff", 4.48),
        ("#767676", "#ffffff", 4.54),
        ("#0000ff", "#ffffff", 8.59),
        ("#ffd400", "#ffffff", 1.43),
    ],
)
def test_contrast_is_the_one_of_wcag(one, other, ratio):
    assert contrast(one, other) == pytest.approx(ratio, abs=0.005)


def test_the_grounds_are_those_of_the_stylesheet():
    style = (Path(__file__).parents[3] / "src/mopos/edges/pay/static/style.css").read_text()
    light, _, dark = style.partition("prefers-color-scheme: dark")
    assert all(ground in light for ground in LIGHT_GROUNDS)
    assert all(ground in dark for ground in DARK_GROUNDS)


@pytest.mark.parametrize(
    ("text", "colour"), [("#ABCDEF", "#abcdef"), ("abcdef", "#abcdef"), (" #fa0 ", "#ffaa00"), ("", ""), ("  ", "")]
)
def test_colours_that_are_understood(text, colour):
    assert read_colour(text) == colour


@pytest.mark.parametrize(
    "text", ["red", "#ggg", "#12345", "rgb(1,2,3)", "#fff;}body{display:none", "#ｆｆｆ", "url(x)"]
)
def test_colours_that_are_not(text):
    with pytest.raises(Refused, match="brand_colour_malformed"):
        read_colour(text)


def test_a_stylesheet_s_name_is_of_its_colour_and_its_bytes():
    name = style_name("#ffd400")
    assert "#ffd400" in (named_style(name) or "")
    for wrong in ("", "ffd400", "ffd400-00000000", "../../etc", "zzzzzz-12345678", name.upper(), name + "x"):
        assert named_style(wrong) is None


# --- Logos ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP"])
@pytest.mark.parametrize("size", [(16, 16), (320, 160), (2000, 1500), (1900, 40), (40, 1900)])
def test_a_logo_becomes_a_small_png(form, size):
    made = logo_of(picture(form, size))
    with Image.open(BytesIO(made)) as image:
        assert image.format == "PNG"
        assert image.width <= WIDTH_MAX
        assert image.height <= HEIGHT_MAX
    assert len(made) <= PNG_BYTES_MAX


def test_noise_fits_too():
    noise = Image.effect_noise((800, 800), 255).convert("RGB")
    out = BytesIO()
    Image.merge("RGB", [noise.getchannel(0), noise.getchannel(1).rotate(90), noise.getchannel(2).rotate(180)]).save(
        out, "PNG"
    )
    assert len(logo_of(out.getvalue())) <= PNG_BYTES_MAX


def test_nothing_of_the_file_itself_is_kept():
    out = BytesIO()
    exif = Image.Exif()
    exif[0x010E] = "SECRET-PLACE <script>"
    Image.new("RGB", (64, 64)).save(out, "JPEG", exif=exif, comment=b"SECRET-PLACE")
    polyglot = out.getvalue() + b"<html><script>alert(1)</script>"
    made = logo_of(polyglot)
    assert b"SECRET" not in made
    assert b"script" not in made


@pytest.mark.parametrize(("ink", "ground"), [("#ffffff", (28, 37, 38)), ("#101010", (255, 255, 255))])
def test_a_see_through_logo_gets_a_ground_on_which_it_is_seen(ink, ground):
    image = Image.new("RGBA", (100, 100), (0, 0, 0, 0))
    image.paste(Image.new("RGBA", (60, 60), ink), (20, 20))
    out = BytesIO()
    image.save(out, "PNG")
    with Image.open(BytesIO(logo_of(out.getvalue()))) as made:
        assert made.convert("RGB").getpixel((1, 1)) == ground


SVG = b'<svg xmlns="http://www.w3.org/2000/svg" width="64" height="64"><script>alert(1)</script></svg>'


def gif_bomb() -> bytes:
    out = BytesIO()
    frames = [Image.new("P", (64, 64), number) for number in range(50)]
    frames[0].save(out, "GIF", save_all=True, append_images=frames[1:])
    return out.getvalue()


HOSTILE = {
    "svg": (SVG, "brand_logo_unreadable"),
    "html": (b"<!doctype html><script>alert(1)</script>", "brand_logo_unreadable"),
    "gif": (gif_bomb(), "brand_logo_unreadable"),
    "huge": (claimed_png(60_000, 60_000), "brand_logo_dimensions"),
    "wide": (claimed_png(4_000_001, 1), "brand_logo_dimensions"),
    "dot": (picture(size=(1, 1)), "brand_logo_dimensions"),
    "cut": (picture("JPEG", (900, 900))[:500], "brand_logo_unreadable"),
    "short of pixels": (claimed_png(1_000, 1_000), "brand_logo_unreadable"),
    "nothing of a picture": (b"\x89PNG\r\n\x1a\n" + b"\xff" * 200, "brand_logo_unreadable"),
    "too large": (picture() + b"\0" * 2 * 1024 * 1024, "brand_logo_too_large"),
    "bmp": (picture("BMP"), "brand_logo_unreadable"),
    "tiff": (picture("TIFF"), "brand_logo_unreadable"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_logo_is_refused(name):
    body, code = HOSTILE[name]
    with pytest.raises(Refused, match=code):
        logo_of(body)


# --- The pages --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def shop(stack):
    made = stack.make_shop()
    give_gateway(stack, make_account(stack), made.id)
    return made


@pytest.fixture(scope="module")
def owner(stack, shop):
    ((account_id,),) = stack.sql("select account_id from gateway where id = %s", int(shop.id[:-1]))
    return make_member(stack, "owner", account_id)


def at(member, shop, rest: str = "") -> str:
    return f"{member.panel}/settings/{shop.id}{rest}"


@pytest.mark.parametrize(
    ("role", "may"), [("admin", True), ("accountant", False), ("developer", False), ("viewer", False)]
)
async def test_who_may_set_a_look(stack, shop, owner, role, may):
    member = make_member(stack, role, owner.account_id)
    async with signed_in(stack, member) as visitor:
        for path in (f"{member.panel}/settings", at(member, shop), at(member, shop, "/preview")):
            assert (await visitor.get(path)).status == (200 if may else 403), path


async def test_another_account_s_gateway_is_not_there(stack, shop, owner):
    stranger = make_member(stack, "owner")
    async with signed_in(stack, stranger) as visitor:
        token = (await visitor.get("/app")).tree.xpath("//input[@name='_csrf']/@value")[0]
        for rest in ("", "/preview"):
            assert (await visitor.get(at(stranger, shop, rest))).status == 404
            assert (await visitor.post(at(stranger, shop, rest), _csrf=token, name="mine now")).status == 404
            assert (await visitor.post(at(owner, shop, rest), _csrf=token, name="mine now")).status == 404
    assert "mine now" not in stack.tables()


async def test_a_look_is_set_and_seen_by_buyers(stack, shop, owner, web):
    async with signed_in(stack, owner) as visitor:
        form = await visitor.get(at(owner, shop))
        saved = await visitor.send(
            form,
            shop.id,
            name="کتاب‌فروشی نارنج",
            colour="#FFD400",
            files={"logo": ("x.svg.html", picture(), "text/html")},
        )
        assert saved.status == 200, saved.text
        assert "buyers see it from now on" in saved.text
    bought = await shop.buy(web)
    tree = bought.page.text
    assert "کتاب‌فروشی نارنج" in tree
    style = f"/brand/{style_name('#ffd400')}.css"
    assert f'href="{style}"' in tree
    served = await web.get(stack.gateway + style)
    assert served.headers["content-type"].startswith("text/css")
    assert "#ffd400" in served.text
    ((logo_hash,),) = stack.sql("select brand_logo_hash from gateway where id = %s", int(shop.id[:-1]))
    assert f'src="/brand/{shop.id}/{logo_hash}.png"' in tree
    logo = await web.get(f"{stack.gateway}/brand/{shop.id}/{logo_hash}.png")
    assert logo.headers["content-type"] == "image/png"
    for answer in (served, logo):
        assert answer.status_code == 200
        assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert answer.headers["x-content-type-options"] == "nosniff"
    for wrong in (
        f"{shop.id}/{'0' * 12}.png",
        f"{shop.id}/../x.png",
        f"9{shop.id}/{logo_hash}.png",
        f"{shop.id}/x.png",
    ):
        assert (await web.get(f"{stack.gateway}/brand/{wrong}")).status_code == 404


async def test_each_change_is_in_the_activity_log_once(stack, owner):
    shop = stack.make_shop()
    give_gateway(stack, owner.account_id, shop.id)

    def acts():
        return stack.sql(
            "select act, data from activity where account_id = %s and subject = %s order by id",
            owner.account_id,
            shop.id,
        )

    async with signed_in(stack, owner) as visitor:
        form = await visitor.get(at(owner, shop))
        await visitor.send(form, shop.id, name="A", colour="")
        await visitor.send(form, shop.id, name="A", colour="")
        assert acts() == [("brand_changed", {"name": "A", "colour": ""})]
        await visitor.send(form, shop.id, name="A", colour="", files={"logo": ("l.png", picture(), "image/png")})
        assert len(acts()) == 2
        form = await visitor.get(at(owner, shop))
        await visitor.send(form, shop.id, without_logo="1")
        assert stack.sql("select brand_logo, brand_logo_hash from gateway where id = %s", int(shop.id[:-1])) == [
            (None, "")
        ]


async def test_what_is_wrong_is_said_beside_its_field_and_nothing_typed_is_lost(stack, shop, owner):
    async with signed_in(stack, owner) as visitor:
        form = await visitor.get(at(owner, shop))
        before = stack.sql("select brand_name, brand_colour, brand_logo_hash from gateway order by id")
        refused = await visitor.send(
            form, shop.id, name="ن" * 61, colour="red", files={"logo": ("logo.svg", SVG, "image/svg+xml")}
        )
        assert refused.status == 400
        assert [len(refused.tree.xpath(f"//*[@id='f-{name}']")) for name in ("name", "colour", "logo")] == [1, 1, 1]
        assert len(refused.tree.xpath("//p[@class='error']")) == 3
        assert refused.tree.xpath("//input[@name='colour']/@value") == ["red"]
        assert stack.sql("select brand_name, brand_colour, brand_logo_hash from gateway order by id") == before


@pytest.mark.parametrize("name", HOSTILE)
async def test_hostile_logos_change_nothing_at_the_running_gateway(stack, shop, owner, name):
    async with signed_in(stack, owner) as visitor:
        form = await visitor.get(at(owner, shop))
        before = stack.sql("select brand_logo_hash from gateway order by id")
        answer = await visitor.send(form, shop.id, files={"logo": ("logo.png", HOSTILE[name][0], "image/png")})
        assert answer.status in (400, 413)
        assert answer.heading == "Look of the pay pages"
    assert stack.sql("select brand_logo_hash from gateway order by id") == before


async def test_a_look_is_seen_before_it_is_saved(stack, shop, owner):
    async with signed_in(stack, owner) as visitor:
        form = await visitor.get(at(owner, shop))
        before = stack.sql("select brand_name, brand_colour, brand_logo_hash from gateway order by id")
        tried = await visitor.client.post(
            at(owner, shop, "/preview"),
            data={
                "_csrf": form.tree.xpath("//main//input[@name='_csrf']/@value")[0],
                "name": "Tried <b>",
                "colour": "#123456",
            },
            files={"logo": ("l.webp", picture("WEBP"), "image/webp")},
            headers={"Origin": stack.gateway},
        )
        assert tried.status_code == 200
        assert "Tried &lt;b&gt;" in tried.text
        assert f"/brand/{style_name('#123456')}.css" in tried.text
        assert "data:image/png;base64," in tried.text
        assert "frame-ancestors 'none'" in tried.headers["content-security-policy"]
        assert stack.sql("select brand_name, brand_colour, brand_logo_hash from gateway order by id") == before


async def test_an_unbranded_page_has_nothing_of_it(stack, web):
    shop = stack.make_shop()
    bought = await shop.buy(web)
    assert "/brand/" not in bought.page.text
    assert 'class="shop"' not in bought.page.text


@pytest.mark.parametrize("colour", ["#ffd400", "#000080", "#ffffff"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_a_branded_invoice_in_a_browser(stack, web, chromium, colour, scheme):
    shop = stack.make_shop("Shop of many colours")
    logo = logo_of(picture())
    stack.sql(
        "update gateway set brand_colour = %s, brand_logo = %s, brand_name = %s where id = %s",
        *(colour, logo, "فروشگاه رنگ", int(shop.id[:-1])),
    )
    bought = await shop.buy(web)
    to_pay = shop.form()
    page_to_bank = await shop.post(web, to_pay)
    assert page_to_bank.status_code == 200
    ((token,),) = stack.sql(
        "select token from purchase where res = %s and gateway_id = %s", to_pay["Res"], int(shop.id[:-1])
    )
    page = await (await chromium.new_context(viewport=PHONE, color_scheme=scheme)).new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    for url in (f"{bought.page.url}?stay=1", f"{stack.gateway}/pay/{token}?stay=1"):
        await page.goto(str(url))
        assert await page.locator(".shop img").evaluate("e => e.complete && e.naturalWidth > 0")
        assert await violations(page) == []
        fill = await page.locator(".first").first.evaluate("e => getComputedStyle(e).backgroundColor")
        assert fill == f"rgb({int(colour[1:3], 16)}, {int(colour[3:5], 16)}, {int(colour[5:], 16)})"
    assert complaints == []


@pytest.mark.parametrize(("lang", "scheme", "width"), [("fa", "light", 320), ("en", "dark", 1280)])
async def test_axe_finds_nothing_on_the_panel_s_pages(stack, shop, owner, web, chromium, lang, scheme, width):
    await shop.post(web, shop.form(Amnt="1"))
    await shop.pay_rep(web, "x", rmz="wrong")
    bought = await shop.buy(web)
    await asyncio.sleep(1.5)
    root = f"{owner.panel}/integration"
    paths = [
        *(f"{owner.panel}/settings", at(owner, shop), root, f"{root}/help", f"{root}/{shop.id}"),
        *(f"{root}/{shop.id}/log?stay=1", f"{root}/{shop.id}/try?res={bought.res}"),
    ]
    visitor = signed_in(stack, owner, lang=lang)
    found = {}
    context = await chromium.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme, locale=lang)
    await context.add_cookies([{"name": "mopos", "value": visitor.client.cookies["mopos"], "url": stack.gateway}])
    page = await context.new_page()
    page.on("console", lambda message: found.setdefault("console", []).append(message.text))
    for path in paths:
        await page.goto(f"{stack.gateway}{path}")
        for summary in await page.locator("main summary").all():
            await summary.click()
        if wrong := await violations(page):
            found[path] = wrong
        if await scrolls_sideways(page):
            found[f"{path} {width}"] = ["scrolls sideways"]
    await visitor.client.aclose()
    assert found == {}


# --- What machines look for -------------------------------------------------------------------------------------------


async def test_robots_are_let_to_the_two_pages_for_everybody(stack, web):
    text = (await web.get(f"{stack.gateway}/robots.txt")).text
    assert text.splitlines() == ["User-agent: *", "Allow: /$", "Allow: /Payment.aspx$", "Disallow: /"]


async def test_without_a_contact_there_is_no_security_txt(stack, web):
    assert (await web.get(f"{stack.gateway}/.well-known/security.txt")).status_code == 404


def test_security_txt_says_whom_to_tell_and_until_when(dsn, tmp_path):
    from datetime import UTC, datetime, timedelta

    with running(dsn, tmp_path, MOPOS_SECURITY_CONTACT="mailto:security@pay.test") as stack:
        answer = httpx2.get(f"{stack.gateway}/.well-known/security.txt", trust_env=False)
    assert answer.headers["content-type"].startswith("text/plain")
    fields = dict(line.split(": ", 1) for line in answer.text.splitlines())
    assert fields["Contact"] == "mailto:security@pay.test"
    assert fields["Canonical"] == f"{stack.gateway}/.well-known/security.txt"
    expires = datetime.strptime(fields["Expires"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    assert timedelta(days=30) < expires - datetime.now(UTC) < timedelta(days=365)
