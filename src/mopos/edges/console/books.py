"""The books: trial balance now or as of a day, an account's statement, an entry and its correction."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

from litestar import Response

from mopos.actions.correct_entry import about_entry, propose_correction
from mopos.base.errors import Refused
from mopos.base.ids import with_check_digit
from mopos.domain.ledger import balances, corrections
from mopos.domain.ledger.balances import PAGE, Entry, Moved, Place
from mopos.domain.ledger.chart import GROWS_BY_DEBIT, OWNER, Kind
from mopos.domain.ledger.moments import read_end
from mopos.domain.operators import log, proposals
from mopos.domain.operators.model import Duty
from mopos.edges.console import show
from mopos.edges.web import render
from mopos.edges.web.ask import Ask, NotFound
from mopos.edges.web.routes import Route

_ACCOUNT = "/console/books/accounts/{book}"
_ENTRY = "/console/books/entries/{entry}"
_PLACE = re.compile(r"(\d{1,18})-(\d{1,18})")


async def show_books(ask: Ask) -> Response[Any]:
    """The trial balance; `?entry=` leads to an entry."""
    wanted = ask.query("entry")
    if wanted.isascii() and wanted.isdigit() and len(wanted) <= 18:
        return render.redirect(f"/console/books/entries/{int(wanted)}")
    refused, moment = None, None
    try:
        moment = _moment(ask.query("day"))
    except Refused as caught:
        refused = caught
    ask.form = {name: ask.query(name) for name in ("day", "effective") if ask.query(name)}
    db = ask.services.reports
    if moment is None:
        found = await balances.trial(db)
    else:
        found = await balances.as_of(db, moment, effective=bool(ask.query("effective")))
    return show.page(
        ask,
        "console/books.html",
        refused,
        title=ask.t["books.title"],
        found=found,
        names=await balances.owners(db, [one.account_id for one in found]),
        moment=moment,
        given=ask.form,
        debit=sum(one.debit_rial for one in found),
        credit=sum(one.credit_rial for one in found),
        number_of=number_of,
    )


def _moment(text: str) -> datetime | None:
    if not text:
        return None
    moment = read_end(text)
    if moment is None:
        raise Refused(["books_moment"])
    return moment


def number_of(kind: str, owner: int) -> str:
    """An owner's number as people know it; empty for the operator's own accounts."""
    match OWNER.get(Kind(kind), ""):
        case "gateway":
            return with_check_digit(owner)
        case "":
            return ""
        case _:
            return str(owner)


async def show_account(ask: Ask) -> Response[Any]:
    """An account's statement, the newest line first."""
    db = ask.services.reports
    account = await balances.account(db, ask.id("book"))
    if account is None:
        raise NotFound
    after = _PLACE.fullmatch(ask.query("after"))
    place = Place(int(after[1]), int(after[2])) if after else balances.NEWEST
    lines = await balances.statement(db, account.id, place, PAGE + 1)
    shown = lines[:PAGE]
    return show.page(
        ask,
        "console/book.html",
        title=f"{ask.t[f'books.kind.{account.kind}']} {account.name}".strip(),
        account=account,
        by_debit=account.kind in GROWS_BY_DEBIT,
        lines=shown,
        newer=ask.here(after=None) if after else None,
        older=ask.here(after=f"{shown[-1].entry_id}-{shown[-1].line_id}") if len(lines) > PAGE else None,
        about=_about,
        number_of=number_of,
    )


def _about(line: Moved) -> tuple[str, str, str | None]:
    noun, _, number = line.about.partition(" ")
    return _subject(noun, int(number or 0))


def _subject(noun: str, number: int) -> tuple[str, str, str | None]:
    """What something was booked for: its noun, its number as people know it, and its page if it has one."""
    shown = with_check_digit(number) if noun == "purchase" else str(number)
    pages = {
        "purchase": f"/console/purchases/{shown}",
        "batch": f"/console/batches/{shown}",
        "payout": f"/console/payouts/{shown}",
        "exception": f"/console/exceptions/{shown}",
    }
    return noun, shown, pages.get(noun)


async def show_entry(ask: Ask) -> Response[Any]:
    return await _page(ask)


async def _page(ask: Ask, refused: Refused | None = None) -> Response[Any]:
    entry = await balances.entry(ask.services.db, ask.id("entry"))
    if entry is None:
        raise NotFound
    subject = about_entry(entry.id)
    waiting = await proposals.about(ask.services.db, subject, ask.now)
    return show.page(
        ask,
        "console/book_entry.html",
        refused,
        title=f"{ask.t['books.entry']} {entry.id}: {ask.t[f'books.entry.{entry.entry}']}",
        entry=entry,
        subject=_subject(entry.noun, entry.subject_id),
        total=sum(line.rial for line in entry.lines),
        may_correct=_may_correct(ask, entry) and not waiting,
        waiting=waiting,
        entries=await log.about(ask.services.db, subject),
        number_of=number_of,
    )


def _may_correct(ask: Ask, entry: Entry) -> bool:
    return ask.may(Duty.RECONCILE) and corrections.why_not(entry) is None


async def correct(ask: Ask) -> Response[Any]:
    """Ask a second operator to take the entry back."""
    try:
        number = await propose_correction(ask.services, ask.operator, ask.id("entry"), show.form(ask, "reason"))
    except Refused as refused:
        return await _page(ask, refused)
    return render.redirect(f"/console/proposals/{number}", done="console_proposed")


ROUTES: list[Route] = [
    Route("GET", "/console/books", show_books, Duty.LOOK),
    Route("GET", _ACCOUNT, show_account, Duty.LOOK),
    Route("GET", _ENTRY, show_entry, Duty.LOOK),
    Route("POST", f"{_ENTRY}/correct", correct, Duty.RECONCILE),
]
