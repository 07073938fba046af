"""To whom money is paid: accounts whose IBAN, name or national id are not those to which an operator agreed, the old
and the new side by side, with what the IBAN inquiry said."""

from __future__ import annotations

from typing import Any

from litestar import Response

from mopos.actions.confirm_payee import confirm_payee
from mopos.base.errors import Refused
from mopos.base.ids import with_check_digit
from mopos.domain.operators import log
from mopos.domain.operators.model import Duty
from mopos.domain.settlement import outlook, payees
from mopos.domain.settlement.payees import Payee
from mopos.edges.console import show
from mopos.edges.web import render
from mopos.edges.web.ask import Ask, NotFound
from mopos.edges.web.routes import Route

_PAYEE = "/console/payees/{account}"
FIELDS = ("iban", "name", "national_id")


async def show_payees(ask: Ask) -> Response[Any]:
    return show.page(
        ask,
        "console/payees.html",
        title=ask.t["payees.title"],
        rows=await payees.waiting(ask.services.db),
        differs=differs,
    )


def differs(payee: Payee) -> list[str]:
    """Which of the three are not as they were agreed to."""
    if payee.agreed is None:
        return list(FIELDS)
    return [name for name in FIELDS if payee.agreed.get(name, "") != getattr(payee, name)]


async def show_payee(ask: Ask) -> Response[Any]:
    return await _page(ask, await _found(ask))


async def _page(ask: Ask, payee: Payee, refused: Refused | None = None) -> Response[Any]:
    return show.page(
        ask,
        "console/payee.html",
        refused,
        title=f"{ask.t['payees.payee']} {with_check_digit(payee.account_id)}",
        payee=payee,
        number=with_check_digit(payee.account_id),
        fields=FIELDS,
        differs=differs(payee),
        entries=[
            one for one in await log.about(ask.services.db, f"account {payee.account_id}") if one.act == "confirm_payee"
        ],
    )


async def _found(ask: Ask) -> Payee:
    found = await outlook.payee(ask.services.db, ask.number("account"))
    if found is None:
        raise NotFound
    return found


async def confirm(ask: Ask) -> Response[Any]:
    """Agree to exactly what the page showed."""
    payee = await _found(ask)
    shown = {name: ask.form.get(name, "") for name in FIELDS}
    try:
        ask.must_be_sure()
        await confirm_payee(ask.services, ask.operator, payee.account_id, shown, show.form(ask, "reason"))
    except Refused as refused:
        return await _page(ask, await _found(ask), refused)
    return render.redirect("/console/payees", done="payee_confirmed")


ROUTES: list[Route] = [
    Route("GET", "/console/payees", show_payees, Duty.LOOK),
    Route("GET", _PAYEE, show_payee, Duty.LOOK),
    Route("POST", f"{_PAYEE}/confirm", confirm, Duty.SETTLE, fresh=True),
]
