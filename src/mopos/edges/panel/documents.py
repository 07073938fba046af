"""Documents of an account, at /panel/{account}/profile/documents: sent, listed, downloaded, removed; never shown."""

from __future__ import annotations

from typing import Any

from litestar import Response

from mopos.actions.keep_document import keep_document, read_kept
from mopos.actions.services import Services
from mopos.base.errors import Refused
from mopos.domain.accounts import document_store
from mopos.domain.accounts.documents import UPLOAD_BYTES_MAX, DocumentKind
from mopos.domain.accounts.member_store import By
from mopos.domain.accounts.model import Allow
from mopos.edges.web import render
from mopos.edges.web.ask import Ask, File, NotFound
from mopos.edges.web.routes import Route

_DOCUMENTS = "/panel/{account}/profile/documents"


async def download_document(
    services: Services, account_id: int, document_id: int, *, removed_too: bool = False
) -> Response[Any]:
    """A document as an attachment: for members, and for operators (`removed_too`). Raises `NotFound`."""
    found = await document_store.document(services.db, account_id, document_id, removed_too=removed_too)
    if found is None:
        raise NotFound
    try:
        body = await read_kept(services, found)
    except LookupError as error:
        raise NotFound from error
    return render.download(body, name=found.download_name, media_type=found.media_type)


def _url(ask: Ask) -> str:
    return f"{ask.panel}/profile/documents"


def _by(ask: Ask) -> By:
    return By(ask.account_id, ask.person.id, ask.ip, ask.now)


async def _list(ask: Ask) -> Response[Any]:
    return await _page(ask)


async def _page(ask: Ask, refused: Refused | None = None) -> Response[Any]:
    wrong: dict[str, Any] = {"problems": render.problems_of(refused, ask.t), "values": ask.form} if refused else {}
    return render.page(
        ask,
        "panel/documents.html",
        status=refused.status if refused else 200,
        title=ask.t["documents.title"],
        url=_url(ask),
        documents=await document_store.documents(ask.services.db, ask.account_id),
        kinds=[(kind, ask.t[f"document.{kind}"]) for kind in DocumentKind],
        **wrong,
    )


async def _add(ask: Ask) -> Response[Any]:
    sent = ask.files.get("file", File("", b""))
    try:
        await keep_document(ask.services, _by(ask), kind=ask.form.get("document", ""), name=sent.name, body=sent.body)
    except Refused as refused:
        return await _page(ask, refused)
    return render.redirect(_url(ask), done="document_added")


async def _get(ask: Ask) -> Response[Any]:
    return await download_document(ask.services, ask.account_id, ask.id("document"))


async def _remove(ask: Ask) -> Response[Any]:
    if not await document_store.remove(ask.services.db, _by(ask), ask.id("document")):
        raise NotFound
    return render.redirect(_url(ask), done="document_removed")


ROUTES: list[Route] = [
    Route("GET", _DOCUMENTS, _list, Allow.APPLY),
    Route("POST", _DOCUMENTS, _add, Allow.APPLY, bytes_max=UPLOAD_BYTES_MAX),
    Route("GET", f"{_DOCUMENTS}/{{document}}", _get, Allow.APPLY),
    Route("POST", f"{_DOCUMENTS}/{{document}}/remove", _remove, Allow.APPLY),
]
