"""A merchant's form becomes a purchase (guide sections 2 and 3)."""

from __future__ import annotations

from datetime import timedelta
from typing import NamedTuple

from mopos.actions.services import Services
from mopos.actions.terminals import NoTerminal
from mopos.actions.warn_of_amount import warn_of_amount
from mopos.base.errors import Refused
from mopos.base.ids import unguessable
from mopos.base.secret import unseal
from mopos.domain.accounts.gateways import sig_seal
from mopos.domain.payments import store
from mopos.domain.payments.model import NewPurchase, Purchase, new_ref
from mopos.domain.payments.signature import is_right
from mopos.domain.payments.states import TAKEN
from mopos.domain.payments.store import Signature


class AlreadyPaid(Exception):
    """The same form again, after it was paid (and perhaps given back): the buyer is shown so, and charged nothing."""

    def __init__(self, purchase: Purchase) -> None:
        super().__init__("already paid")
        self.purchase = purchase


class Posted(NamedTuple):
    """What a form came to. `is_new`: this very post registered the purchase, so nobody else is sending its buyer."""

    purchase: Purchase
    is_new: bool


async def register_purchase(services: Services, new: NewPurchase, buyer_ip: str) -> Posted:
    """Register a new purchase, or find the one that the same form registered before (refresh, back button).

    From here on it can be seen in the merchant's reports; no bank has been called yet. Refusals: `id_unknown`, what the
    gateway is set to refuse (`gateway_suspended`, `redirect_not_registered`, `sig_wrong`...), `res_used` (another form
    with a used Res), `no_terminal` (no terminal takes it: nothing is registered, as nothing could be paid; or,
    once it is registered, none takes it with the fee that its buyer bears), and `AlreadyPaid`. The merchant is told of
    amounts that look changed on the way."""
    now = services.clock()
    expires_at = now + timedelta(seconds=services.settings.purchase_lifetime_s)
    terminal_id = _terminal(services, new)
    registered = await store.register(
        services.db,
        new,
        signature=await _signature(services, new) if new.sig else Signature.ABSENT,
        buyer_ip=buyer_ip,
        token=unguessable(),
        ref=new_ref(terminal_id or 0),
        terminal_id=terminal_id,
        now=now,
        expires_at=expires_at,
        next_check_at=expires_at,
    )
    if registered is None:
        raise Refused(["id_unknown"])
    if registered.refusal == "no_terminal":
        # Whose form was registered while one took it still sees what became of it.
        return Posted(await _posted_before(services, new, buyer_ip, otherwise="no_terminal"), is_new=False)
    if registered.refusal:
        if registered.refusal == "unsigned_too_large":
            await warn_of_amount(services, new, "unsigned_too_large", buyer_ip)
        raise Refused([registered.refusal])
    if registered.purchase:
        return Posted(_payable(services, registered.purchase), is_new=True)
    return Posted(await _posted_before(services, new, buyer_ip), is_new=False)


def _terminal(services: Services, new: NewPurchase) -> int | None:
    try:
        return services.terminals.choose(new.gateway_id, new.amount).id
    except NoTerminal:
        return None


async def _signature(services: Services, new: NewPurchase) -> Signature:
    sealed = await store.sig_key(services.db, new.gateway_id)
    if sealed is None:
        return Signature.ABSENT
    key = unseal(services.settings.rmz_key, sealed, sig_seal(new.gateway_id))
    return Signature.RIGHT if is_right(new.sig, key, new.signed) else Signature.WRONG


async def _posted_before(
    services: Services, new: NewPurchase, buyer_ip: str, *, otherwise: str = "res_used"
) -> Purchase:
    """The purchase that this form registered before. `otherwise`: the refusal when there is none with its Res."""
    purchase = await store.by_res(services.db, new.gateway_id, new.res)
    if purchase is not None and purchase.amount != new.amount:
        await warn_of_amount(services, new, "res_other_amount", buyer_ip, registered=purchase.amount)
    if purchase is None:
        raise Refused([otherwise])
    if not purchase.is_same_form(new):
        raise Refused(["res_used"])
    if purchase.state in TAKEN:
        raise AlreadyPaid(purchase)
    return _payable(services, purchase)


def _payable(services: Services, purchase: Purchase) -> Purchase:
    """A purchase whose buyer is to be asked for a fee, if he can pay what it comes to. It stays registered when he
    cannot: the same form finds it again, once a terminal takes it."""
    if purchase.asks_for_fee and not services.terminals.takes(purchase.terminal_id, purchase.charge):
        try:
            services.terminals.choose(purchase.gateway_id, purchase.charge)
        except NoTerminal:
            raise Refused(["no_terminal"]) from None
    return purchase
