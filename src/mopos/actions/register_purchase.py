"""A merchant's form becomes a purchase (guide sections 2 and 3)."""

from __future__ import annotations

from datetime import timedelta
from typing import NamedTuple

from mopos.actions.services import Services
from mopos.base.errors import Refused
from mopos.base.ids import unguessable
from mopos.domain.payments import store
from mopos.domain.payments.model import NewPurchase, Purchase
from mopos.domain.payments.states import State


class AlreadyPaid(Exception):
    """The same form again, after it was paid: the buyer is shown so, and charged nothing."""

    def __init__(self, purchase: Purchase) -> None:
        super().__init__("already paid")
        self.purchase = purchase


class Posted(NamedTuple):
    """What a form came to. `is_new`: this very post registered the purchase, so nobody else is sending its buyer."""

    purchase: Purchase
    is_new: bool


async def register_purchase(services: Services, new: NewPurchase, buyer_ip: str) -> Posted:
    """Register a new purchase, or find the one that the same form registered before (refresh, back button).

    From here on it can be seen in the merchant's reports; no bank has been called yet. Refusals: `id_unknown`,
    `gateway_suspended`, `res_used` (another form with a used Res), and `AlreadyPaid`."""
    now = services.clock()
    expires_at = now + timedelta(seconds=services.settings.purchase_lifetime_s)
    registered = await store.register(
        services.db,
        new,
        buyer_ip=buyer_ip,
        token=unguessable(),
        ref=unguessable(),
        terminal_id=services.terminal_id,
        now=now,
        expires_at=expires_at,
        next_check_at=expires_at,
    )
    if registered is None:
        raise Refused(["id_unknown"])
    if registered.suspended:
        raise Refused(["gateway_suspended"])
    if registered.purchase:
        return Posted(registered.purchase, is_new=True)
    return Posted(await _posted_before(services, new), is_new=False)


async def _posted_before(services: Services, new: NewPurchase) -> Purchase:
    purchase = await store.by_res(services.db, new.gateway_id, new.res)
    if purchase is None or not purchase.is_same_form(new):
        raise Refused(["res_used"])
    if purchase.state is State.PAID:
        raise AlreadyPaid(purchase)
    return purchase
