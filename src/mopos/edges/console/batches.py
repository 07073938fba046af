"""Batches of payouts: approved by two, handed to the bank, and what the bank says became of them."""

from __future__ import annotations

from itertools import groupby
from typing import Any

from litestar import Response

from mopos.actions import decide_batch, submit_batch, take_result_file
from mopos.actions.decide_batch import about_batch
from mopos.base.errors import Refused
from mopos.domain.operators import log, proposals
from mopos.domain.operators.model import Duty
from mopos.domain.settlement import batch_views, batches, file_store
from mopos.domain.settlement.batch_views import BATCHES_PAGE, PAGE, Count
from mopos.domain.settlement.batches import Batch
from mopos.domain.settlement.calendar import tehran_day
from mopos.domain.settlement.channels import Channel
from mopos.domain.settlement.result_files import FILE_BYTES_MAX
from mopos.domain.settlement.states import BatchState, PayoutState
from mopos.edges.console import money, show
from mopos.edges.web import render
from mopos.edges.web.ask import Ask, NotFound
from mopos.edges.web.routes import Route

_BATCH = "/console/batches/{batch}"
_RESULTS = "/console/results"
# The form around a file.
_FORM_BYTES = 64 * 1024
# Rows of bad ones on a page: with more, the file as a whole is another one than we read.
BAD_SHOWN_MAX = 1_000
FILTERS = ("", *PayoutState, "overdue")


async def show_batches(ask: Ask) -> Response[Any]:
    found = await batches.latest(ask.services.db, show.before(ask))
    shown = found[:BATCHES_PAGE]
    return show.page(
        ask,
        "console/batches.html",
        title=ask.t["batches.title"],
        batches=shown,
        counts=await batch_views.counts(ask.services.reports, [batch.id for batch in shown]),
        older=show.go_on(ask, found, BATCHES_PAGE),
        tones=money.TONES,
    )


async def show_batch(ask: Ask) -> Response[Any]:
    return await _page(ask, await _found(ask))


async def _page(ask: Ask, batch: Batch, refused: Refused | None = None) -> Response[Any]:
    db, today = ask.services.db, tehran_day(ask.now)
    counts = (await batch_views.counts(db, [batch.id]))[batch.id]
    sums = await batches.sums(db, batch.id)
    settled_sums = await batch_views.settlement_sums(db, batch.id)
    settlements = await batch_views.settlements(db, batch.id, show.after(ask, "settlements"))
    state, channel = _filter(ask)
    orders = await batch_views.orders(
        db, batch.id, show.after(ask, "payouts"), state=state, channel=channel, today=today
    )
    files = await file_store.kept_files(db, batch.id)
    return show.page(
        ask,
        "console/batch.html",
        refused,
        title=f"{ask.t['batches.batch']} {batch.id}",
        batch=batch,
        events=await batch_views.events(db, "batch", batch.id),
        counts=counts,
        channels=_by_channel(counts),
        sums=sums,
        settled_sums=settled_sums,
        ties=_ties(batch, counts, sums),
        settlements=settlements[:PAGE],
        more_settlements=_more(ask, "settlements", settlements),
        orders=orders[:PAGE],
        more_orders=_more(ask, "payouts", orders),
        state=state,
        channel=channel,
        filters=FILTERS,
        today=today,
        files=dict(files),
        waiting=await proposals.about(db, about_batch(batch.id), ask.now),
        by_api=await batch_views.by_api(db, batch.id) if batch.way == "api" else None,
        has_service=ask.services.payouts is not None,
        entries=await log.about(db, about_batch(batch.id)),
        tones=money.TONES,
        may=_may(ask, batch, bool(files)),
    )


def _filter(ask: Ask) -> tuple[str, str]:
    state, channel = ask.query("state"), ask.query("channel")
    return (state if state in FILTERS else ""), (channel if channel in list(Channel) else "")


def _more(ask: Ask, name: str, rows: list[Any]) -> str | None:
    return f"{ask.here(**{name: rows[PAGE - 1].id})}#{name}" if len(rows) > PAGE else None


def _by_channel(counts: list[Count]) -> list[tuple[str, list[Count], int, int]]:
    """Each channel's states, with how many in all and what they come to."""
    grouped = [(channel, list(group)) for channel, group in groupby(counts, key=lambda count: count.channel)]
    return [(channel, group, sum(c.many for c in group), sum(int(c.rial) for c in group)) for channel, group in grouped]


def _ties(batch: Batch, counts: list[Count], sums: batches.Sums) -> bool:
    """Whether payouts, settlements and the batch's own sum say the same. A cancelled batch's payouts count as its."""
    orders = sum(int(count.rial) for count in counts)
    if batch.state is BatchState.CANCELLED:
        return orders == batch.total
    return orders == batch.total == int(sums.settlements) + int(sums.refunds)


def _may(ask: Ask, batch: Batch, has_files: bool) -> set[str]:
    """What the one who looks can do with the batch as it stands."""
    if not ask.may(Duty.SETTLE):
        return set()
    found: set[str] = set()
    if batch.state is BatchState.DRAFT:
        found |= {"propose", "cancel"}
    if batch.state is BatchState.APPROVED:
        found |= set() if has_files else {"cancel"}
        found |= {"files", "submit"} if batch.way == "file" else set()
    if has_files and batch.state is not BatchState.CANCELLED:
        found |= {"files"}
    if batch.state in (BatchState.SUBMITTED, BatchState.PARTLY_SETTLED, BatchState.SETTLED):
        found |= {"results"}
    return found


async def _found(ask: Ask) -> Batch:
    found = await batches.find(ask.services.db, ask.id("batch"))
    if found is None:
        raise NotFound
    return found


async def propose(ask: Ask) -> Response[Any]:
    """Another operator approves it."""
    batch = await _found(ask)
    try:
        number = await decide_batch.propose_approval(ask.services, ask.operator, batch.id, show.form(ask, "reason"))
    except Refused as refused:
        return await _page(ask, await _found(ask), refused)
    return render.redirect(f"/console/proposals/{number}", done="console_proposed")


async def cancel(ask: Ask) -> Response[Any]:
    batch = await _found(ask)
    try:
        ask.must_be_sure()
        await decide_batch.cancel_batch(ask.services, ask.operator, batch.id, show.form(ask, "reason"))
    except Refused as refused:
        return await _page(ask, await _found(ask), refused)
    return render.redirect(f"/console/batches/{batch.id}", done="batch_cancelled")


async def get_file(ask: Ask) -> Response[Any]:
    """The file of a channel: made when it is first asked for, which is why this is no GET."""
    batch = await _found(ask)
    try:
        made = await submit_batch.make_file(ask.services, ask.operator, batch.id, ask.part("channel"))
    except Refused as refused:
        return await _page(ask, await _found(ask), refused)
    return render.download(made.body, name=made.name, media_type=made.media_type)


async def submit(ask: Ask) -> Response[Any]:
    """The bank has the files."""
    batch = await _found(ask)
    try:
        ask.must_be_sure()
        await submit_batch.mark_submitted(ask.services, ask.operator, batch.id)
    except Refused as refused:
        return await _page(ask, await _found(ask), refused)
    return render.redirect(f"/console/batches/{batch.id}", done="batch_submitted")


async def show_results(ask: Ask) -> Response[Any]:
    """Where a bank's file of results is sent in."""
    return _results_page(ask)


def _results_page(ask: Ask, refused: Refused | None = None, **values: Any) -> Response[Any]:
    empty = {"report": None, "name": "", "taken": False}
    return show.page(
        ask,
        "console/results.html",
        refused,
        title=ask.t["results.title"],
        bytes_max=FILE_BYTES_MAX // 1024**2,
        bad_max=BAD_SHOWN_MAX,
        **(empty | values),
    )


async def take_results(ask: Ask) -> Response[Any]:
    """Check a file, or take it. Its report is the answer: the same file may be sent again, so nothing is lost by a
    page that is loaded twice."""
    sent = ask.files.get("file")
    body = sent.body if sent else b""
    taken = ask.form.get("take") == "1"
    try:
        if taken:
            report = await take_result_file.take_file(ask.services, ask.operator, body)
        else:
            report = await take_result_file.check_file(ask.services, body)
    except Refused as refused:
        return _results_page(ask, refused)
    return _results_page(ask, report=report, name=sent.name if sent else "", taken=taken)


ROUTES: list[Route] = [
    Route("GET", "/console/batches", show_batches, Duty.LOOK),
    Route("GET", _BATCH, show_batch, Duty.LOOK),
    Route("POST", f"{_BATCH}/propose", propose, Duty.SETTLE, fresh=True),
    Route("POST", f"{_BATCH}/cancel", cancel, Duty.SETTLE, fresh=True),
    Route("POST", f"{_BATCH}/files/{{channel}}", get_file, Duty.SETTLE, fresh=True),
    Route("POST", f"{_BATCH}/submit", submit, Duty.SETTLE, fresh=True),
    # Fresh already here: a file that was chosen would be lost on the way through the second factor.
    Route("GET", _RESULTS, show_results, Duty.SETTLE, fresh=True),
    Route("POST", _RESULTS, take_results, Duty.SETTLE, fresh=True, bytes_max=FILE_BYTES_MAX + _FORM_BYTES),
]
