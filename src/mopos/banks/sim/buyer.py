"""A buyer at a simulated bank, without a browser: what the demo's check, the load run and the benchmark pay with.

It does what a browser does with the bank's pages: it posts the forms that it finds, over plain HTTP.
"""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urljoin

import httpx2

from mopos.banks.port import Redirect
from mopos.banks.sim.cards import BY_SLUG, EXAMPLE_CVV2, EXAMPLE_MONTH, EXAMPLE_YEAR, STATIC_PASSWORD, Card

_FORM = re.compile(r"<form\b([^>]*)>(.*?)</form>", re.DOTALL | re.IGNORECASE)
_INPUT = re.compile(r"<input\b([^>]*)>", re.IGNORECASE)
_ATTRIBUTE = re.compile(r"""([a-zA-Z-]+)\s*=\s*(?:"([^"]*)"|'([^']*)')""")


class NoForm(Exception):
    """The page holds no form of the wanted kind."""


@dataclass(frozen=True, slots=True)
class Form:
    """A form as a browser would send it."""

    method: str
    """`GET` or `POST`."""
    url: str
    fields: Mapping[str, str]
    referer: str = ""
    """The origin of the page that it stands on, which browsers tell."""

    async def send(self, client: httpx2.AsyncClient, **more: str) -> httpx2.Response:
        """Send it, with `more` typed into its fields."""
        fields = {**self.fields, **more}
        headers = {"Referer": self.referer} if self.referer else {}
        if self.method == "GET":
            return await client.get(self.url, params=fields, headers=headers)
        return await client.post(self.url, data=fields, headers=headers)


def read_form(page: str, base_url: str, *, having: str = "", id: str = "") -> Form:
    """The first form of a page that has an input named `having` and the `id` (or any form), with the values that stand
    in it. Raises `NoForm`."""
    for found in _FORM.finditer(page):
        about = _attributes(found[1])
        inputs = [_attributes(one[1]) for one in _INPUT.finditer(found[2])]
        fields = {one["name"]: one.get("value", "") for one in inputs if "name" in one}
        if (not having or having in fields) and (not id or about.get("id") == id):
            method = about.get("method", "get").upper()
            return Form(method, urljoin(base_url, about.get("action", "")), fields, urljoin(base_url, "/"))
    raise NoForm(f"no form {id} with {having or 'anything'}")


def way_to_bank(page: httpx2.Response) -> Form:
    """The form of the gateway's page that takes the buyer to a bank, whichever it is. Raises `NoForm`."""
    return read_form(page.text, str(page.url), id="to-bank")


async def pay_at_bank(
    client: httpx2.AsyncClient,
    redirect: Redirect | Form,
    card: Card | str = "paid",
    *,
    password: str = STATIC_PASSWORD,
) -> Form | None:
    """Pay with a test card (or its name). Returns the form that takes the buyer back to the gateway; None: this buyer
    never returns. Raises `NoForm` when the bank shows another page than expected."""
    page = await enter(client, redirect)
    paying = read_form(page.text, str(page.url), having="card")
    plastic = BY_SLUG[card] if isinstance(card, str) else card
    receipt = await paying.send(
        client,
        card=plastic.number,
        cvv2=EXAMPLE_CVV2,
        month=EXAMPLE_MONTH,
        year=EXAMPLE_YEAR,
        password=password,
    )
    return _way_back(receipt)


async def cancel_at_bank(client: httpx2.AsyncClient, redirect: Redirect | Form) -> Form | None:
    """Press the cancel button. Returns the form that takes the buyer back."""
    page = await enter(client, redirect)
    paying = read_form(page.text, str(page.url), having="card")
    cancelling = Form("POST", urljoin(str(page.url), "/pay/cancel"), {"Token": paying.fields["Token"]})
    return _way_back(await cancelling.send(client))


async def enter(client: httpx2.AsyncClient, redirect: Redirect | Form) -> httpx2.Response:
    """Go to the bank as the gateway says. Returns the bank's page."""
    form = redirect if isinstance(redirect, Form) else Form(redirect.method, redirect.url, redirect.fields)
    return await form.send(client)


def _way_back(receipt: httpx2.Response) -> Form | None:
    try:
        return read_form(receipt.text, str(receipt.url), id="return")
    except NoForm:
        if 'class="receipt' in receipt.text:
            return None
        raise


def _attributes(tag: str) -> dict[str, str]:
    return {one[1].lower(): html.unescape(one[2] if one[2] is not None else one[3]) for one in _ATTRIBUTE.finditer(tag)}
