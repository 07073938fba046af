"""Exports of an account: asked for with a filter, made by the worker, downloaded while they are kept."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from typing import Any

from litestar import Response

from mopos.actions.export_purchases import KEPT
from mopos.base.clock import jalali
from mopos.base.errors import Refused
from mopos.domain.accounts.model import Allow
from mopos.domain.reports import exports, one
from mopos.domain.reports.exports import Export
from mopos.domain.reports.model import QUERY_LENGTH_MAX, fields_of, query_of
from mopos.edges.panel.purchases import asked_fields, read_filter
from mopos.edges.panel.told_filter import told
from mopos.edges.web import render
from mopos.edges.web.ask import Ask, NotFound
from mopos.edges.web.routes import Route
from mopos.outside.export_files import ExportFiles

FORMATS = ("xlsx", "csv")
_MEDIA_TYPES = {
    "csv": "text/csv",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
# Often enough to be watched, seldom enough to be nothing.
_LOOK_AGAIN_S = 3


async def _list(ask: Ask) -> Response[Any]:
    return await _shown(ask, asked_fields(ask))


async def _shown(ask: Ask, fields: Mapping[str, Sequence[str]], refused: Refused | None = None) -> Response[Any]:
    found = await exports.all_of(ask.services.db, ask.account_id)
    moving = any(export.state in ("waiting", "running") for export in found)
    # Not while somebody may be filling in the form after a refusal: a POST's answer is never fetched again.
    refresh = moving and refused is None
    return render.page(
        ask,
        "panel/exports.html",
        status=refused.status if refused else 200,
        more={"Refresh": f"{_LOOK_AGAIN_S}"} if refresh else {},
        title=ask.t["exports.title"],
        problems=render.problems_of(refused, ask.t) if refused else {},
        values={"format": ask.form.get("format", "")},
        panel=ask.panel,
        url=f"{ask.panel}/exports",
        query=query_of(fields),
        told=told(fields, ask.t, ask.lang),
        formats=FORMATS,
        exports=[(export, told(fields_of(export.query), ask.t, ask.lang)) for export in found],
        refresh=refresh,
    )


async def _make(ask: Ask) -> Response[Any]:
    fields = fields_of(ask.form.get("query", ""))
    try:
        await _ask_for(ask, fields)
    except Refused as refused:
        return await _shown(ask, fields, refused)
    return render.redirect(f"{ask.panel}/exports", done="export_asked")


async def _ask_for(ask: Ask, fields: Mapping[str, Sequence[str]]) -> None:
    read_filter(fields, await one.gateways(ask.services.reports, ask.account_id))
    await ask_for(ask, "purchases", query_of(fields)[:QUERY_LENGTH_MAX])


async def ask_for(ask: Ask, kind: str, query: str) -> None:
    """Ask the worker for a file in the form's `format`. Raises `Refused`: `export_format`, `export_too_many`."""
    chosen = ask.form.get("format", "")
    if chosen not in FORMATS:
        raise Refused(["export_format"])
    asked = await exports.ask(
        ask.services.db,
        account_id=ask.account_id,
        person_id=ask.person.id,
        format=chosen,
        kind=kind,
        query=query,
        lang=ask.lang,
        ip=ask.ip,
        now=ask.now,
        # Also one that never succeeds is forgotten.
        expires_at=ask.now + 2 * KEPT,
    )
    if asked is None:
        raise Refused(["export_too_many"])


async def _download(ask: Ask) -> Response[Any]:
    export = await exports.one(ask.services.db, ask.account_id, ask.id("export"))
    files = ExportFiles(ask.services.settings.data_dir)
    if export is None or export.path is None or export.expires_at <= ask.now:
        raise NotFound
    if not await asyncio.to_thread(files.is_there, export.path):
        raise NotFound
    body = _streamed(files.chunks(export.path))
    return render.download(body, name=_name(export), media_type=_MEDIA_TYPES[export.format])


def _name(export: Export) -> str:
    day = jalali(export.created_at)[:10].replace("/", "-")
    return f"{export.kind}-{day}-{export.id}.{export.format}"


async def _streamed(chunks: Iterator[bytes]) -> AsyncIterator[bytes]:
    while chunk := await asyncio.to_thread(next, chunks, b""):
        yield chunk


ROUTES: list[Route] = [
    Route("GET", "/panel/{account}/exports", _list, Allow.EXPORT),
    Route("POST", "/panel/{account}/exports", _make, Allow.EXPORT),
    Route("GET", "/panel/{account}/exports/{export}", _download, Allow.EXPORT),
]
