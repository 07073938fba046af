"""A gateway's secrets: its `Rmz` and its signing key. Each is shown once, to who may hold it; only a keyed hash, or a
sealed text, is kept."""

from __future__ import annotations

from datetime import timedelta
from typing import NamedTuple

from mopos.actions.notices import NOTICES
from mopos.actions.services import Services
from mopos.base.errors import Refused
from mopos.base.ids import with_check_digit
from mopos.base.secret import Secret, keyed_hash, new_rmz, seal
from mopos.base.text import persian_digits
from mopos.domain.accounts import gateways, notify
from mopos.domain.accounts.gateways import By, Gateway, sig_seal
from mopos.domain.payments.signature import new_sig_key


class Holder(NamedTuple):
    """Who does it, for which account, and from where."""

    account_id: int
    person_id: int
    ip: str


async def fetch_rmz(services: Services, gateway: Gateway, who: Holder) -> Secret:
    """The first `Rmz` of an approved gateway: from now on somebody knows one. Refusals: `gateway_moved` when it was
    fetched before."""
    rmz = new_rmz()
    by = await by_with_sms(services, who, gateway.id, "rmz_fetched", notify.Event.CREDENTIALS)
    hashed = keyed_hash(services.settings.rmz_key, rmz.reveal())
    _only_if(await gateways.fetch_rmz(services.db, who.account_id, gateway.id, hashed, subject=_name(gateway), by=by))
    return rmz


async def rotate_rmz(services: Services, gateway: Gateway, who: Holder, *, mark: str, at_once: bool) -> Secret:
    """A new `Rmz` instead of the one that the page with `mark` was about. The old one works for the grace time, so that
    the shop can be changed, or (`at_once`) no longer. Refusals: `gateway_moved`, such as for a page that is sent
    again."""
    rmz = new_rmz()
    by = await by_with_sms(services, who, gateway.id, "rmz_rotated", notify.Event.CREDENTIALS)
    old_until = None if at_once else by.now + timedelta(seconds=services.settings.rmz_grace_s)
    hashed = keyed_hash(services.settings.rmz_key, rmz.reveal())
    _only_if(
        await gateways.rotate_rmz(
            services.db,
            who.account_id,
            gateway.id,
            hashed,
            mark=mark,
            old_until=old_until,
            subject=_name(gateway),
            by=by,
        )
    )
    return rmz


async def revoke_old_rmz(services: Services, gateway: Gateway, who: Holder) -> None:
    """The old `Rmz` works no longer. Refusals: `gateway_moved` when there is none."""
    by = await by_with_sms(services, who, gateway.id, "rmz_revoked", notify.Event.CREDENTIALS)
    _only_if(await gateways.revoke_old_rmz(services.db, who.account_id, gateway.id, subject=_name(gateway), by=by))


async def make_sig_key(services: Services, gateway: Gateway, who: Holder, mark: str | None) -> Secret:
    """A new signing key, at once instead of the one that `mark` was of. Refusals: `gateway_moved`."""
    key = new_sig_key()
    sealed = seal(services.settings.rmz_key, key.reveal(), sig_seal(gateway.id))
    by = await by_with_sms(services, who, gateway.id, "sig_key_made", notify.Event.CREDENTIALS)
    _only_if(
        await gateways.set_sig_key(
            services.db, who.account_id, gateway.id, sealed, mark=mark, subject=_name(gateway), by=by
        )
    )
    return key


async def remove_sig_key(services: Services, gateway: Gateway, who: Holder, mark: str | None) -> None:
    """Forms are no longer signed, and need not be. Refusals: `gateway_moved`."""
    by = await by_with_sms(services, who, gateway.id, "sig_key_removed", notify.Event.CREDENTIALS)
    _only_if(
        await gateways.set_sig_key(
            services.db, who.account_id, gateway.id, None, mark=mark, subject=_name(gateway), by=by
        )
    )


async def by_with_sms(services: Services, who: Holder, gateway_id: int, notice: str, event: notify.Event) -> By:
    """Who changes a gateway, and the SMS that tells of it to whom the account wants to be told."""
    text = NOTICES[notice].format(gateway=persian_digits(with_check_digit(gateway_id)))
    mobiles = await notify.whom_to_tell(services.db, who.account_id, event)
    return By(who.person_id, who.ip, services.clock(), mobiles, text)


def _name(gateway: Gateway) -> str:
    return with_check_digit(gateway.id)


def _only_if(done: bool) -> None:
    if not done:
        raise Refused(["gateway_moved"])
