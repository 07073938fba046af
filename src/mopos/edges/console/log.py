"""The audit log: what operators did, in a chain that shows when a row was changed."""

from __future__ import annotations

from typing import Any

from litestar import Response

from mopos.domain.operators import log, store
from mopos.domain.operators.log import PAGE
from mopos.domain.operators.model import Duty
from mopos.edges.console import show
from mopos.edges.web.ask import Ask
from mopos.edges.web.routes import Route


async def show_log(ask: Ask) -> Response[Any]:
    """The newest acts, of one operator or of one kind if wanted."""
    db = ask.services.reports
    who = ask.query("who")
    operator_id = int(who) if who.isascii() and who.isdigit() and len(who) <= 18 else None
    entries = await log.page(
        db,
        before=show.before(ask),
        operator_id=operator_id,
        act=ask.query("act")[:40],
        subject=ask.query("subject")[:100],
    )
    operators = await store.everybody(db)
    return show.page(
        ask,
        "console/log.html",
        title=ask.t["console.log"],
        entries=entries[:PAGE],
        older=show.go_on(ask, entries, PAGE),
        people=[("", ask.t["console.everybody"]), *((str(one.id), one.shown) for one in operators)],
        acts=[("", ask.t["console.every_act"]), *((act, show.did(act, ask)) for act in await log.acts(db))],
        subject=ask.query("subject"),
        who=who,
        act=ask.query("act"),
    )


ROUTES: list[Route] = [Route("GET", "/console/log", show_log, Duty.LOOK)]
