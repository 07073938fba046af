"""What the pages of a gateway begin with: the gateway of the address, and who is there."""

from __future__ import annotations

from mopos.actions.manage_credentials import Holder
from mopos.base.ids import with_check_digit
from mopos.domain.accounts import gateways
from mopos.domain.accounts.gateways import Gateway
from mopos.edges.web.ask import Ask, NotFound


async def own_gateway(ask: Ask) -> Gateway:
    """The gateway of the address, which must be this account's. Raises `NotFound`."""
    found = await gateways.one(ask.services.db, ask.account_id, ask.number("gateway"))
    if found is None:
        raise NotFound
    return found


def holder(ask: Ask) -> Holder:
    """Who changes it."""
    return Holder(ask.account_id, ask.person.id, ask.ip)


def root_of(ask: Ask, gateway: Gateway) -> str:
    """The address of its page."""
    return f"{ask.panel}/gateways/{with_check_digit(gateway.id)}"
