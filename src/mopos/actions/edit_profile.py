"""A merchant says who he is and where his money goes."""

from __future__ import annotations

from collections.abc import Mapping

from mopos.actions.account_notices import notice
from mopos.actions.check_iban import check_iban
from mopos.actions.services import Services
from mopos.base.errors import Refused
from mopos.domain.accounts import notify, profiles
from mopos.domain.accounts.member_store import By
from mopos.domain.accounts.notify import Event
from mopos.domain.accounts.profile import read_bank_account, read_profile


async def edit_profile(services: Services, by: By, form: Mapping[str, str]) -> bool:
    """Keep what was typed in. Another national id takes back what was known about the bank account, so the bank is
    asked again. Refuses what `read_profile` refuses. False: nothing was changed."""
    profile = read_profile(form)
    changed = await profiles.save(services.db, by.account_id, profile, person_id=by.person_id, ip=by.ip, now=by.now)
    if changed:
        await _check_when_open(services, by.account_id)
    return changed


async def change_iban(services: Services, by: By, text: str, *, account_name: str) -> bool:
    """Keep another bank account, tell the owner, and ask the bank whose it is. Refuses `iban_malformed`,
    `iban_wrong_digits` and `iban_changed_too_often`. False: it was this one already."""
    iban = read_bank_account(text)
    changed = await profiles.save_iban(
        services.db,
        by.account_id,
        iban,
        shown=f"{iban[:4]}…{iban[-4:]}",
        told=await notify.whom_to_tell(services.db, by.account_id, Event.BANK_ACCOUNT),
        text=notice("iban_changed", account=account_name),
        person_id=by.person_id,
        ip=by.ip,
        now=by.now,
    )
    if changed is None:
        raise Refused(["iban_changed_too_often"])
    if changed:
        await check_iban(services, by.account_id)
    return changed


async def _check_when_open(services: Services, account_id: int) -> None:
    account = await profiles.find(services.db, account_id)
    if account.bank.standing == "open":
        await check_iban(services, account_id)
