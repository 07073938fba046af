"""The buyer's doors: the form, the way to the bank and back, and the page of a purchase."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qs, parse_qsl

from litestar import MediaType, Request, Response, get, post, route
from litestar.datastructures import State as AppState
from litestar.params import FromPath
from litestar.response import Redirect as SeeOther

from mopos.actions.finish_attempt import finish_attempt
from mopos.actions.register_purchase import AlreadyPaid, register_purchase
from mopos.actions.send_to_bank import BankUnavailable, send_to_bank
from mopos.actions.services import Services
from mopos.banks.port import Decline, Facts
from mopos.base.db import DatabaseUnavailable
from mopos.base.errors import Refused
from mopos.base.ids import looks_unguessable
from mopos.base.money import Rial
from mopos.domain.payments import store
from mopos.domain.payments.model import Purchase, parse_form, safe_back_to_shop, terminal_of_ref
from mopos.domain.payments.states import State
from mopos.edges.brand import logo_path, style_path
from mopos.edges.call_log import CallLog
from mopos.edges.form import FIELDS_MAX, read_body, read_form
from mopos.edges.http import CallerAddress
from mopos.edges.i18n import Lang, choose
from mopos.edges.pay import pages
from mopos.edges.pay.pages import BankChoice, Look, Page, PurchaseView

BuyerRequest = Request[Any, Any, AppState]


def lang_of(request: BuyerRequest) -> Lang:
    """The language of a page: the switch, else what the browser asks for."""
    return choose(request.query_params.get("lang"), request.headers.get("accept-language"))


def response(page: Page) -> Response[bytes]:
    """A page as Litestar sends it."""
    return Response(page.html, status_code=page.status, headers=dict(page.headers), media_type=MediaType.HTML)


def view_of(services: Services, purchase: Purchase, bank: Facts | None = None) -> PurchaseView:
    """What a purchase's page shows. `bank`: where it is just going, if that is not yet what the purchase says."""
    facts = bank or services.terminals.of(purchase.terminal_id).facts
    may_try = purchase.may_try_again(services.clock())
    return PurchaseView(
        state=purchase.state,
        merchant=purchase.brand_name or purchase.gateway_name,
        amount=purchase.amount,
        fee=Rial(purchase.fee_rial if purchase.fee_by_buyer else 0),
        asks_for_fee=purchase.asks_for_fee,
        number=purchase.number,
        res=purchase.res,
        nam=purchase.nam,
        dsc=purchase.dsc,
        registered_at=purchase.registered_at,
        paid_at=purchase.paid_at,
        masked_pan=purchase.masked_pan,
        bank_ref=purchase.bank_ref or "",
        trace=purchase.trace,
        bank_fa=facts.title_fa,
        bank_en=facts.title_en,
        decline=Decline(purchase.decline) if purchase.decline else None,
        late=purchase.late,
        address=f"/pay/{purchase.token}",
        back_url=purchase.back_url,
        try_again_path=f"/pay/{purchase.token}" if may_try else None,
        look=_look(purchase) if purchase.brand_colour or purchase.brand_logo_hash else None,
        given_back=Rial(purchase.refunded_rial),
        being_given_back=Rial(purchase.refund_rial - purchase.refunded_rial),
        banks=_banks(services, purchase, facts) if may_try and purchase.state in _MAY_CHOOSE else (),
    )


# Known to be unpaid, by a bank that the buyer has seen.
_MAY_CHOOSE = frozenset({State.DECLINED, State.CANCELLED})


def _banks(services: Services, purchase: Purchase, last: Facts) -> tuple[BankChoice, ...]:
    found = services.terminals.choices(purchase.gateway_id, purchase.charge)
    if len(found) < 2:
        return ()
    found.sort(key=lambda facts: facts.name != last.name)
    return tuple(BankChoice(one.name, one.title_fa, one.title_en, one.name == last.name) for one in found)


def _look(purchase: Purchase) -> Look:
    colour, logo = purchase.brand_colour, purchase.brand_logo_hash
    return Look(style_path(colour) if colour else "", logo_path(purchase.gateway_id, logo) if logo else "")


class Buyer:
    """The handlers, around the services that they call."""

    def __init__(self, services: Services, callers: CallerAddress, calls: CallLog) -> None:
        self._services = services
        self._calls = calls
        self._callers = callers
        self._origin = services.settings.public_url

    def routes(self) -> list[Callable[..., Any]]:
        """Litestar's handlers for all of these doors."""

        @get("/", include_in_schema=False)
        async def home(request: BuyerRequest) -> Response[bytes]:
            return response(pages.home_page(lang_of(request), self._origin))

        @get("/Payment.aspx")
        async def explain(request: BuyerRequest) -> Response[bytes]:
            return response(pages.explain_page(lang_of(request), self._origin))

        @post("/Payment.aspx")
        async def form(request: BuyerRequest) -> Response[Any]:
            return await self.form(request)

        @get("/pay/{token:str}")
        async def show(request: BuyerRequest, token: FromPath[str]) -> Response[Any]:
            return await self.show(request, token)

        @post("/pay/{token:str}")
        async def pay(request: BuyerRequest, token: FromPath[str]) -> Response[Any]:
            return await self.pay(request, token)

        @route("/pay/return/{ref:str}", http_method=["GET", "POST"])
        async def back(request: BuyerRequest, ref: FromPath[str]) -> Response[Any]:
            return await self.back(request, ref)

        return [home, explain, form, show, pay, back]

    async def form(self, request: BuyerRequest) -> Response[Any]:
        """A shop's form: register the purchase, then send the browser to the bank."""
        lang = lang_of(request)
        fields: Mapping[str, str] = {}
        try:
            fields = read_form(request.headers.get("content-type", ""), await read_body(request.receive))
            posted = await register_purchase(self._services, parse_form(fields), self._callers.of(request.scope))
        except Refused as refused:
            self._calls.form(fields, "refused", [(problem.code, problem.field) for problem in refused.problems])
            # Not even a link leads to where the gateway's merchant has not said that his shop is.
            foreign = any(problem.code == "redirect_not_registered" for problem in refused.problems)
            back_url = None if foreign else safe_back_to_shop(fields)
            return response(pages.refused_page(refused, lang, back_url=back_url, values=fields))
        except AlreadyPaid as paid:
            self._calls.form(fields, "paid", [("res_paid", "Res")])
            return response(pages.already_paid_page(view_of(self._services, paid.purchase), lang))
        except DatabaseUnavailable:
            return response(pages.error_page("out_of_order", lang))
        self._calls.form(fields, "registered" if posted.is_new else "continued")
        if posted.purchase.asks_for_fee:
            # The buyer sees the fee, and what it comes to, before any bank does.
            return self._to_page(request, posted.purchase)
        return await self._to_bank(request, posted.purchase, is_new=posted.is_new)

    async def pay(self, request: BuyerRequest, token: str) -> Response[Any]:
        """The buyer presses "continue" or "try again" on the purchase's page, perhaps with a bank of his choice."""
        lang = lang_of(request)
        try:
            bank = parse_qs(await _text(request), max_num_fields=FIELDS_MAX).get("bank", [""])[0]
            purchase = await self._find(token)
        except (Refused, ValueError):
            return response(pages.error_page("form_unreadable", lang))
        except DatabaseUnavailable:
            return response(pages.error_page("out_of_order", lang))
        if purchase is None:
            return response(pages.error_page("page_not_found", lang))
        return await self._to_bank(request, purchase, bank=bank)

    async def _to_bank(
        self, request: BuyerRequest, purchase: Purchase, *, is_new: bool = False, bank: str = ""
    ) -> Response[Any]:
        lang = lang_of(request)
        try:
            redirect = await send_to_bank(self._services, purchase, is_new=is_new, bank=bank)
        except BankUnavailable as unavailable:
            return response(pages.bank_unavailable_page(view_of(self._services, unavailable.purchase), lang))
        except DatabaseUnavailable:
            return response(pages.error_page("out_of_order", lang))
        if redirect is None:
            return self._to_page(request, purchase)
        return response(pages.to_bank_page(redirect, view_of(self._services, purchase, redirect.facts), lang))

    async def back(self, request: BuyerRequest, ref: str) -> Response[Any]:
        """The browser is back from the bank, by whatever method the bank uses."""
        lang = lang_of(request)
        try:
            fields = await _returned_fields(request)
            purchase = await finish_attempt(self._services, ref, fields) if terminal_of_ref(ref) else None
        except Refused as refused:
            return response(pages.refused_page(refused, lang, back_url=None, values={}))
        except DatabaseUnavailable:
            # The claim, if there was one, comes due by itself; the same address may simply be opened again.
            return response(pages.error_page("out_of_order", lang))
        return self._to_page(request, purchase) if purchase else response(pages.error_page("page_not_found", lang))

    async def show(self, request: BuyerRequest, token: str) -> Response[Any]:
        """A purchase's page: what became of it, for ever at this address."""
        lang = lang_of(request)
        try:
            purchase = await self._find(token)
        except DatabaseUnavailable:
            return response(pages.error_page("out_of_order", lang))
        if purchase is None:
            return response(pages.error_page("page_not_found", lang))
        stay = request.query_params.get("stay") == "1"
        return response(pages.purchase_page(view_of(self._services, purchase), lang, stay=stay))

    async def _find(self, token: str) -> Purchase | None:
        return await store.by_token(self._services.db, token) if looks_unguessable(token) else None

    def _to_page(self, request: BuyerRequest, purchase: Purchase) -> Response[Any]:
        # After a POST the browser is led to a page that can be refreshed without posting anything again.
        chosen = f"?lang={lang_of(request)}" if "lang" in request.query_params else ""
        return SeeOther(f"{self._origin}/pay/{purchase.token}{chosen}", status_code=303)


async def _returned_fields(request: BuyerRequest) -> dict[str, str]:
    """Query and form fields that a bank's page sent; a field of the form wins, as it is the bank's usual way."""
    query = request.scope["query_string"].decode("latin-1")
    body = await _text(request)
    try:
        return {
            # PostgreSQL's text cannot hold a NUL; its picture stands for it.
            name: value.replace("\0", "\u2400")
            for text in (query, body)
            for name, value in parse_qsl(text, keep_blank_values=True, max_num_fields=FIELDS_MAX)
        }
    except ValueError:
        raise Refused(["form_unreadable"]) from None


async def _text(request: BuyerRequest) -> str:
    return (await read_body(request.receive)).decode("latin-1")
