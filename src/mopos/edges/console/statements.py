"""Statements of the operator's bank account: taken in as files, and each movement with what it was recognised as."""

from __future__ import annotations

import io
from typing import Any

from litestar import Response

from mopos.actions.import_statement import StatementRefused, import_statement
from mopos.actions.reconcile import reconcile
from mopos.base.errors import Refused
from mopos.base.iban import read_iban
from mopos.domain.operators.model import Duty
from mopos.domain.settlement import statement_store
from mopos.domain.settlement.statement_store import PAGE
from mopos.domain.settlement.statements import BadRow
from mopos.edges.console import show
from mopos.edges.web import render
from mopos.edges.web.ask import Ask, NotFound
from mopos.edges.web.routes import Route

# Some twenty thousand movements. Longer files are for `mopos statement import`: they are read in seconds, not at once.
FILE_BYTES_MAX = 10 * 1024 * 1024


async def show_statements(ask: Ask) -> Response[Any]:
    return await _page(ask)


async def _page(ask: Ask, refused: Refused | None = None) -> Response[Any]:
    found = await statement_store.statements(ask.services.db, show.before(ask))
    rows: list[BadRow] = refused.rows if isinstance(refused, StatementRefused) else []
    return show.page(
        ask,
        "console/statements.html",
        refused,
        title=ask.t["recon.statements"],
        statements=found[:PAGE],
        older=show.go_on(ask, found, PAGE),
        bad=rows,
        bad_more=refused.count - len(rows) if isinstance(refused, StatementRefused) else 0,
    )


async def take_in(ask: Ask) -> Response[Any]:
    """Import the file that was sent, and look at once what its movements are."""
    file = ask.files.get("file")
    if file is None or not file.body:
        return await _page(ask, Refused(["statement_missing"]))
    try:
        taken = await import_statement(
            ask.services,
            io.BytesIO(file.body),
            operator_id=ask.operator.id,
            iban=read_iban(show.form(ask, "iban")),
            new_account=bool(ask.form.get("new_account")),
        )
    except Refused as refused:
        return await _page(ask, refused)
    await reconcile(ask.services)
    url = f"/console/statements/{taken.statement_id}?new={taken.new}&known={taken.known}"
    return render.redirect(url, done="statement_known" if taken.same_file else "statement_taken")


async def show_statement(ask: Ask) -> Response[Any]:
    found = await statement_store.find(ask.services.db, ask.id("statement"))
    if found is None:
        raise NotFound
    text = ask.query("after")
    after = int(text) if text.isascii() and text.isdigit() and len(text) <= 18 else 0
    lines = await statement_store.lines(ask.services.db, found.id, after)
    return show.page(
        ask,
        "console/statement.html",
        title=f"{ask.t['recon.statement']} {found.id}",
        statement=found,
        lines=lines[:PAGE],
        following=ask.here(after=lines[PAGE - 1].id) if len(lines) > PAGE else None,
        tones={"MATCHED": "good", "SUSPENSE": "bad", "CLOSED": "ended", "NEW": "wait"},
    )


ROUTES: list[Route] = [
    Route("GET", "/console/statements", show_statements, Duty.LOOK),
    Route("POST", "/console/statements", take_in, Duty.RECONCILE, fresh=True, bytes_max=FILE_BYTES_MAX),
    Route("GET", "/console/statements/{statement}", show_statement, Duty.LOOK),
]
