"""The account's profile and its bank account, at /panel/{account}/profile. Documents are in `documents.py`."""

from __future__ import annotations

from typing import Any

from litestar import Response

from mopos.actions.check_iban import check_iban
from mopos.actions.edit_profile import change_iban, edit_profile
from mopos.base.errors import Refused
from mopos.domain.accounts import document_store, profiles
from mopos.domain.accounts.iban import BANKS, bank_code, in_fours
from mopos.domain.accounts.member_store import By
from mopos.domain.accounts.model import Allow
from mopos.domain.accounts.profile import ADDRESS_LENGTH_MAX, NAME_LENGTH_MAX, BankAccount, Kind
from mopos.edges.panel import documents
from mopos.edges.web import render
from mopos.edges.web.ask import Ask
from mopos.edges.web.routes import Route

_PROFILE = "/panel/{account}/profile"
TONES = {"open": "wait", "matches": "good", "other": "bad", "missing": "bad", "unclear": "wait"}


def by(ask: Ask) -> By:
    """Who asks, for the statements that change something."""
    return By(ask.account_id, ask.person.id, ask.ip, ask.now)


def bank_of(bank: BankAccount, t: Any) -> dict[str, Any]:
    """What a page says of a bank account: number in fours, the bank's name, and whose it is."""
    row = BANKS.get(bank_code(bank.iban))
    return {
        "iban": in_fours(bank.iban),
        "name": t[f"bank.{bank_code(bank.iban)}"] if row else "",
        "now": t[f"bank.{row.now}"] if row and row.now else "",
        "certain": row is None or row.certain,
        "standing": bank.standing,
        "tone": TONES.get(bank.standing, ""),
        "checked_at": bank.checked_at,
    }


async def _show(ask: Ask) -> Response[Any]:
    return await _page(ask)


async def _page(ask: Ask, refused: Refused | None = None) -> Response[Any]:
    account = await profiles.find(ask.services.db, ask.account_id)
    kept = await document_store.documents(ask.services.db, ask.account_id)
    wrong: dict[str, Any] = {"problems": render.problems_of(refused, ask.t), "values": ask.form} if refused else {}
    return render.page(
        ask,
        "panel/profile.html",
        status=refused.status if refused else 200,
        title=ask.t["profile.title"],
        url=f"{ask.panel}/profile",
        account=account,
        kinds=[(kind, ask.t[f"account_kind.{kind}"]) for kind in Kind],
        bounds={"name": NAME_LENGTH_MAX, "address": ADDRESS_LENGTH_MAX},
        bank=bank_of(account.bank, ask.t) if account.bank.iban else None,
        documents=len(kept),
        **wrong,
    )


async def _save(ask: Ask) -> Response[Any]:
    try:
        await edit_profile(ask.services, by(ask), ask.form)
    except Refused as refused:
        return await _page(ask, refused)
    return render.redirect(f"{ask.panel}/profile", done="saved")


async def _show_iban(ask: Ask) -> Response[Any]:
    return await _iban_page(ask)


async def _iban_page(ask: Ask, refused: Refused | None = None) -> Response[Any]:
    account = await profiles.find(ask.services.db, ask.account_id)
    wrong: dict[str, Any] = {"problems": render.problems_of(refused, ask.t), "values": ask.form} if refused else {}
    return render.page(
        ask,
        "panel/iban.html",
        status=refused.status if refused else 200,
        title=ask.t["iban.title"],
        url=f"{ask.panel}/profile",
        iban=in_fours(account.bank.iban),
        **wrong,
    )


async def _save_iban(ask: Ask) -> Response[Any]:
    try:
        await change_iban(ask.services, by(ask), ask.form.get("iban", ""), account_name=ask.membership.account_name)
    except Refused as refused:
        return await _iban_page(ask, refused)
    return render.redirect(f"{ask.panel}/profile", done="iban_saved")


async def _check_iban(ask: Ask) -> Response[Any]:
    answered = await check_iban(ask.services, ask.account_id)
    return render.redirect(f"{ask.panel}/profile", done="iban_asked" if answered else "iban_silent")


ROUTES: list[Route] = [
    Route("GET", _PROFILE, _show, Allow.APPLY),
    Route("POST", _PROFILE, _save, Allow.APPLY),
    # Where the money goes: who has only found an open browser may not turn it away.
    Route("GET", f"{_PROFILE}/iban", _show_iban, Allow.APPLY, fresh=True),
    Route("POST", f"{_PROFILE}/iban", _save_iban, Allow.APPLY, fresh=True),
    Route("POST", f"{_PROFILE}/iban/check", _check_iban, Allow.APPLY),
    *documents.ROUTES,
]
