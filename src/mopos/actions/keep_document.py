"""A member uploads a document of his account; he and the operators read it again."""

from __future__ import annotations

import asyncio
import hashlib

from mopos.actions.services import Services
from mopos.base.errors import Refused
from mopos.domain.accounts import document_store
from mopos.domain.accounts.document_store import NewDocument
from mopos.domain.accounts.documents import Document, read_document, read_kind, shown_name
from mopos.domain.accounts.member_store import By
from mopos.outside.document_files import DocumentFiles

# A picture unpacks to far more than it weighs: one at a time in a process.
_decoding = asyncio.Semaphore(1)


async def keep_document(services: Services, by: By, *, kind: str, name: str, body: bytes) -> None:
    """Look at a file, write it to disk, then down in the account. Refuses what `read_document` refuses,
    `document_kind_unknown`, `document_known` and `too_many_documents`.

    The file is written first: a row without its file would be a document that nobody can read, a file without its row
    is only a file too many, and it is taken away again."""
    wanted = read_kind(kind)
    async with _decoding:
        media_type = await asyncio.to_thread(read_document, body)
    files = DocumentFiles(services.settings.data_dir)
    path = await asyncio.to_thread(files.write, body)
    new = NewDocument(wanted, shown_name(name), media_type, len(body), hashlib.sha256(body).digest(), path)
    added = await document_store.add(services.db, by, new)
    if not added.done:
        await asyncio.to_thread(files.drop, path)
        raise Refused(["document_known" if added.known else "too_many_documents"])


async def read_kept(services: Services, document: Document) -> bytes:
    """A document's file, for a member or an operator who may see it. Raises `LookupError` when the file is gone or is
    not what was uploaded."""
    try:
        body = await asyncio.to_thread(DocumentFiles(services.settings.data_dir).read, document.path)
    except OSError as error:
        raise LookupError(document.id) from error
    if hashlib.sha256(body).digest() != document.sha256:
        raise LookupError(document.id)
    return body
