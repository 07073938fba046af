"""How the buyer's pages of each gateway look: name, logo, colour, and a page to see it on before anybody else does."""

from __future__ import annotations

from base64 import b64encode
from datetime import timedelta
from typing import Any

from litestar import Response

from mopos.actions.set_brand import Look, read_look, set_brand
from mopos.base.errors import Refused
from mopos.base.ids import with_check_digit
from mopos.base.money import Rial
from mopos.base.text import persian_digits
from mopos.domain.accounts import brand_store
from mopos.domain.accounts.brand import (
    BLACK,
    CONTRAST_MIN,
    DARK_GROUNDS,
    LIGHT_GROUNDS,
    NAME_LENGTH_MAX,
    WHITE,
    contrast,
    palette,
)
from mopos.domain.accounts.brand_store import Brand
from mopos.domain.accounts.gateways import By
from mopos.domain.accounts.logo import UPLOAD_BYTES_MAX
from mopos.domain.accounts.model import Allow
from mopos.domain.payments.states import State
from mopos.edges.brand import logo_path, style_path
from mopos.edges.i18n.lang import Lang
from mopos.edges.pay import pages
from mopos.edges.pay.views import response
from mopos.edges.web import render
from mopos.edges.web.ask import Ask, NotFound
from mopos.edges.web.routes import Route

# Room for a logo that is a little too large, so that its sender is told so beside the field.
_BODY_BYTES_MAX = UPLOAD_BYTES_MAX + 1024 * 1024
# The sample purchase of the preview.
_AMOUNT = Rial(1_250_000)


async def overview(ask: Ask) -> Response[Any]:
    """The account's gateways and how each looks."""
    brands = await brand_store.of_account(ask.services.db, ask.account_id)
    looks = [(brand, _look(brand)) for brand in brands]
    return render.page(ask, "panel/settings.html", title=ask.t["menu.settings"], looks=looks, root=_root(ask))


async def show(ask: Ask) -> Response[Any]:
    """The look of one gateway, to be changed."""
    return _page(ask, await _own(ask))


async def save(ask: Ask) -> Response[Any]:
    """Keep a look."""
    brand = await _own(ask)
    try:
        look = await _read(ask)
    except Refused as refused:
        return _page(ask, brand, refused)
    kept = await set_brand(
        ask.services,
        ask.account_id,
        brand.gateway_id,
        look,
        without_logo=ask.form.get("without_logo") == "1",
        by=By(ask.person.id, ask.ip, ask.now),
    )
    if not kept:
        raise NotFound
    return render.redirect(_at(ask, brand), done="brand")


async def preview(ask: Ask) -> Response[Any]:
    """The page of a paid purchase, as buyers see it now."""
    brand = await _own(ask)
    return _preview(ask, brand, brand.name, _look(brand))


async def try_on(ask: Ask) -> Response[Any]:
    """The same with what stands in the form, without keeping it: a new logo travels inside the page."""
    brand = await _own(ask)
    try:
        look = await _read(ask)
    except Refused as refused:
        return _page(ask, brand, refused)
    kept = "" if ask.form.get("without_logo") == "1" else _look(brand).logo
    logo = f"data:image/png;base64,{b64encode(look.logo).decode()}" if look.logo else kept
    return _preview(ask, brand, look.name, pages.Look(style_path(look.colour) if look.colour else "", logo))


async def _own(ask: Ask) -> Brand:
    found = await brand_store.one(ask.services.db, ask.account_id, ask.number("gateway"))
    if found is None:
        raise NotFound
    return found


async def _read(ask: Ask) -> Look:
    file = ask.files.get("logo")
    return await read_look(ask.form.get("name", ""), ask.form.get("colour", ""), file.body if file else None)


def _page(ask: Ask, brand: Brand, refused: Refused | None = None) -> Response[Any]:
    return render.page(
        ask,
        "panel/settings_brand.html",
        status=refused.status if refused else 200,
        title=ask.t["settings.brand"],
        brand=brand,
        number=with_check_digit(brand.gateway_id),
        look=_look(brand),
        here=_at(ask, brand),
        root=_root(ask),
        contrasts=_contrasts(brand.colour) if brand.colour else [],
        contrast_min=CONTRAST_MIN,
        decimal=lambda ratio: _decimal(ratio, ask.lang),
        name_length_max=NAME_LENGTH_MAX,
        problems=render.problems_of(refused, ask.t) if refused else {},
        values=ask.form,
    )


def _decimal(ratio: float, lang: Lang) -> str:
    # Cut, not rounded: 4.49 must not read as enough.
    text = f"{int(ratio * 10) / 10:.1f}"
    return persian_digits(text).replace(".", "٫") if lang is Lang.FA else text


def _look(brand: Brand) -> pages.Look:
    return pages.Look(
        style_path(brand.colour) if brand.colour else "",
        logo_path(brand.gateway_id, brand.logo_hash) if brand.logo_hash else "",
    )


def _contrasts(colour: str) -> list[tuple[str, str, str, float]]:
    """What was made of a colour: where (a sentence's key), the text, what is behind it, their contrast."""
    made = palette(colour)
    light = min(LIGHT_GROUNDS, key=lambda ground: contrast(made.light, ground))
    dark = min(DARK_GROUNDS, key=lambda ground: contrast(made.dark, ground))
    return [
        (where, text, ground, contrast(text, ground))
        for where, text, ground in (
            ("contrast.button", made.on_fill, made.fill),
            ("contrast.light", made.light, light),
            ("contrast.dark", made.dark, dark),
            ("contrast.white", WHITE, colour),
            ("contrast.black", BLACK, colour),
        )
    ]


def _preview(ask: Ask, brand: Brand, name: str, look: pages.Look) -> Response[Any]:
    facts = next(iter(ask.services.terminals.all.values())).bank.facts
    view = pages.PurchaseView(
        state=State.PAID,
        merchant=name or brand.gateway_name,
        amount=_AMOUNT,
        number=with_check_digit(100_024),
        res="A-1001",
        nam=ask.t["preview.name"],
        dsc=ask.t["preview.what"],
        registered_at=ask.now - timedelta(minutes=2),
        paid_at=ask.now,
        masked_pan="603799******1234",
        bank_ref="402318765432",
        trace="123456",
        bank_fa=facts.title_fa,
        bank_en=facts.title_en,
        decline=None,
        late=False,
        address=f"{_at(ask, brand)}/preview",
        back_url=_at(ask, brand),
        try_again_path=None,
        look=look if look.style or look.logo else None,
    )
    return response(pages.purchase_page(view, ask.lang, stay=True))


def _root(ask: Ask) -> str:
    return f"{ask.panel}/settings"


def _at(ask: Ask, brand: Brand) -> str:
    return f"{_root(ask)}/{with_check_digit(brand.gateway_id)}"


_AT = "/panel/{account}/settings"
ROUTES: list[Route] = [
    Route("GET", _AT, overview, Allow.SET_GATEWAY),
    Route("GET", f"{_AT}/{{gateway}}", show, Allow.SET_GATEWAY),
    Route("POST", f"{_AT}/{{gateway}}", save, Allow.SET_GATEWAY, bytes_max=_BODY_BYTES_MAX),
    Route("GET", f"{_AT}/{{gateway}}/preview", preview, Allow.SET_GATEWAY),
    Route("POST", f"{_AT}/{{gateway}}/preview", try_on, Allow.SET_GATEWAY, bytes_max=_BODY_BYTES_MAX),
]
