"""The SQL of documents. The files themselves are kept by `outside/document_files.py`."""

from __future__ import annotations

from typing import Any, NamedTuple

from mopos.base.db import Database
from mopos.domain.accounts.documents import EVER_MAX, KEPT_MAX, Document, DocumentKind
from mopos.domain.accounts.member_store import By

_COLUMNS = """
    d.id, d.kind, d.name, d.media_type, d.bytes, d.sha256, d.path, coalesce(nullif(p.name, ''), p.mobile),
    d.uploaded_at, d.removed_at
"""


class NewDocument(NamedTuple):
    """A file that was looked at and written down."""

    kind: DocumentKind
    name: str
    media_type: str
    size_bytes: int
    sha256: bytes
    path: str


class Added(NamedTuple):
    """What became of a new document. `known`: the same file is there already."""

    done: bool
    known: bool


async def documents(db: Database, account_id: int, *, removed_too: bool = False) -> list[Document]:
    """An account's documents, the latest first. `removed_too`: for operators, who may have decided on them."""
    rows = await db.all(
        f"""
        select {_COLUMNS} from document d join person p on p.id = d.uploaded_by
        where d.account_id = %(account_id)s and (d.removed_at is null or %(removed_too)s)
        order by d.id desc limit %(limit)s
        """,  # noqa: S608
        {"account_id": account_id, "removed_too": removed_too, "limit": EVER_MAX},
    )
    return [_document(row) for row in rows]


async def document(db: Database, account_id: int, document_id: int, *, removed_too: bool = False) -> Document | None:
    """One document of an account."""
    row = await db.one(
        f"""
        select {_COLUMNS} from document d join person p on p.id = d.uploaded_by
        where d.account_id = %(account_id)s and d.id = %(id)s and (d.removed_at is null or %(removed_too)s)
        """,  # noqa: S608
        {"account_id": account_id, "id": document_id, "removed_too": removed_too},
    )
    return _document(row) if row else None


async def add(db: Database, by: By, new: NewDocument) -> Added:
    """Keep a document. Not done: the same file is there (`known`), or there are too many."""
    row = await db.one(
        """
        with a as (select id from account where id = %(account_id)s for update),
        state as (
            select count(*) filter (where removed_at is null) >= %(kept_max)s or count(*) >= %(ever_max)s as full,
                coalesce(bool_or(removed_at is null and sha256 = %(sha256)s), false) as known
            from document where account_id = %(account_id)s
        ),
        made as (
            insert into document (account_id, kind, name, media_type, bytes, sha256, path, uploaded_by, uploaded_at)
            select a.id, %(kind)s, %(name)s, %(media_type)s, %(size_bytes)s, %(sha256)s, %(path)s, %(person_id)s,
                %(now)s
            from a, state where not (state.full or state.known)
            returning account_id
        ),
        noted as (
            insert into activity (account_id, person_id, at, act, subject, data, ip)
            select account_id, %(person_id)s, %(now)s, 'document_added', %(name)s,
                jsonb_build_object('kind', 'document.' || %(kind)s::text), %(ip)s
            from made
        )
        select exists (select from made), known from state
        """,
        by.with_(**new._asdict(), kept_max=KEPT_MAX, ever_max=EVER_MAX),
    )
    return Added(*row) if row else Added(False, False)


async def remove(db: Database, by: By, document_id: int) -> bool:
    """A document is not shown any more; its file stays, as somebody may have decided on it. False: no such document."""
    row = await db.one(
        """
        with gone as (
            update document set removed_at = %(now)s
            where id = %(id)s and account_id = %(account_id)s and removed_at is null returning name, kind
        )
        insert into activity (account_id, person_id, at, act, subject, data, ip)
        select %(account_id)s, %(person_id)s, %(now)s, 'document_removed', name,
            jsonb_build_object('kind', 'document.' || kind), %(ip)s
        from gone returning 1
        """,
        by.with_(id=document_id),
    )
    return row is not None


def _document(row: tuple[Any, ...]) -> Document:
    return Document(row[0], DocumentKind(row[1]), *row[2:])
