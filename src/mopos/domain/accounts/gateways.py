"""The SQL of an account's gateways: what they are set to, their `Rmz` and their signing key.

A gateway is always looked up with the account that it must belong to, so that another account's number is no number.
Every change writes its row of activity in the same statement, and the SMS of those that a thief would make.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Any, NamedTuple

from psycopg.types.json import Jsonb

from mopos.base.db import Database
from mopos.base.money import Rial

Network = IPv4Network | IPv6Network


@dataclass(frozen=True, slots=True)
class Gateway:
    """A gateway as its own account sees it; no secret is in it."""

    id: int
    name: str
    created_at: datetime
    suspended_at: datetime | None
    closed_at: datetime | None
    any_domain: bool
    domains: list[str]
    sources: list[Network]
    has_sig_key: bool
    signed_only: bool
    unsigned_max: Rial | None
    rmz_shown_at: datetime | None
    rmz_mark: str
    """Changes with the `Rmz` and tells nothing of it: a form that was sent for an older one is noticed."""
    old_rmz_until: datetime | None
    old_rmz_used_at: datetime | None
    old_rmz_used_from: IPv4Address | IPv6Address | None

    def state(self) -> str:
        """`open`, `suspended` or `closed`."""
        return "closed" if self.closed_at else "suspended" if self.suspended_at else "open"


class By(NamedTuple):
    """Who changes something, when and from where: for the activity log, and whom to tell by SMS of what."""

    person_id: int
    ip: str
    now: datetime
    mobiles: Sequence[str] = ()
    text: str = ""


_COLUMNS = """
    g.id, g.name, g.created_at, g.suspended_at, g.closed_at, g.any_domain, g.domains, g.sources,
    g.sig_key_sealed is not null, g.signed_only, g.unsigned_rial_max, g.rmz_shown_at,
    left(encode(sha256(g.rmz_hash), 'hex'), 16), g.old_rmz_until, g.old_rmz_used_at, g.old_rmz_used_from
"""
_NOTED = """,
    noted as (
        insert into activity (account_id, person_id, at, act, subject, data, ip)
        select account_id, %(person_id)s, %(now)s, %(act)s, %(subject)s, %(data)s, %(ip)s from changed
    ),
    told as (
        insert into message (mobile, template, text, created_at, next_try_at)
        select mobile, %(act)s, %(text)s, %(now)s, %(now)s from changed, unnest(%(mobiles)s::text[]) mobile
    )
    select 1 from changed
"""
# A closed gateway stays as it was.
_MINE = "id = %(id)s and account_id = %(account_id)s and closed_at is null"
# An account has a handful; hundreds would be read page by page.
LISTED_MAX = 200


def sig_seal(gateway_id: int) -> str:
    """What a gateway's signing key is sealed about: it opens in its own row only."""
    return f"gateway {gateway_id} sig"


def _gateway(row: Sequence[Any]) -> Gateway:
    limit = row[10]
    values = (*row[:10], Rial(limit) if limit is not None else None, *row[11:])
    return Gateway(*values)


async def of_account(db: Database, account_id: int) -> list[Gateway]:
    """An account's gateways, the oldest first."""
    rows = await db.all(
        f"select {_COLUMNS} from gateway g where g.account_id = %(account_id)s order by g.id limit %(limit)s",
        {"account_id": account_id, "limit": LISTED_MAX},
    )
    return [_gateway(row) for row in rows]


async def one(db: Database, account_id: int, gateway_id: int) -> Gateway | None:
    """An account's gateway. None: no such gateway, or another account's."""
    row = await db.one(
        f"select {_COLUMNS} from gateway g where g.account_id = %(account_id)s and g.id = %(id)s",
        {"account_id": account_id, "id": gateway_id},
    )
    return _gateway(row) if row else None


async def _change(
    db: Database,
    statement: str,
    account_id: int,
    gateway_id: int,
    by: By,
    act: str,
    *,
    subject: str,
    data: Mapping[str, Any] | None = None,
    **values: Any,
) -> bool:
    """Run a change that names what it did `changed`. False: it found nothing to change."""
    params = {
        "id": gateway_id,
        "account_id": account_id,
        "person_id": by.person_id,
        "ip": by.ip,
        "now": by.now,
        "mobiles": list(by.mobiles),
        "text": by.text,
        "act": act,
        "subject": subject,
        "data": Jsonb(dict(data or {})),
    }
    return await db.one(statement + _NOTED, params | values) is not None


# ruff: noqa: S608  # put together from named constants of this module only
_DOMAIN_ADDED = f"""
    with changed as (
        update gateway set domains = domains || %(domain)s::text
        where {_MINE} and not %(domain)s = any (domains) and cardinality(domains) < %(most)s
        returning account_id
    )
"""
_DOMAIN_REMOVED = f"""
    with changed as (
        update gateway set domains = array_remove(domains, %(domain)s)
        where {_MINE} and %(domain)s = any (domains) returning account_id
    )
"""
_ANY_DOMAIN = f"""
    with changed as (
        update gateway set any_domain = %(on)s where {_MINE} and any_domain <> %(on)s returning account_id
    )
"""
_SOURCES = f"""
    with changed as (
        update gateway set sources = %(sources)s::inet[]
        where {_MINE} and sources <> %(sources)s::inet[] returning account_id
    )
"""
_HARDENING = f"""
    with changed as (
        update gateway set signed_only = %(signed_only)s, unsigned_rial_max = %(unsigned_max)s
        where {_MINE} and (sig_key_sealed is not null or not %(signed_only)s)
            and (signed_only, unsigned_rial_max) is distinct from (%(signed_only)s, %(unsigned_max)s::bigint)
        returning account_id
    )
"""
_SIG_KEY = f"""
    with changed as (
        update gateway set sig_key_sealed = %(sealed)s, signed_only = signed_only and %(sealed)s::bytea is not null
        where {_MINE} and (encode(sha256(sig_key_sealed), 'hex') is not distinct from %(mark)s) returning account_id
    )
"""
_FETCHED = f"""
    with changed as (
        update gateway set rmz_hash = %(rmz_hash)s, rmz_shown_at = %(now)s
        where {_MINE} and rmz_shown_at is null returning account_id
    )
"""
_ROTATED = f"""
    with changed as (
        update gateway set rmz_hash = %(rmz_hash)s, rmz_shown_at = %(now)s,
            old_rmz_hash = case when %(old_until)s::timestamptz is not null then rmz_hash end,
            old_rmz_until = %(old_until)s, old_rmz_used_at = null, old_rmz_used_from = null
        where {_MINE} and rmz_shown_at is not null
            and left(encode(sha256(rmz_hash), 'hex'), 16) = %(mark)s
        returning account_id
    )
"""
_REVOKED = f"""
    with changed as (
        update gateway set old_rmz_hash = null, old_rmz_until = null
        where {_MINE} and old_rmz_hash is not null returning account_id
    )
"""


async def add_domain(
    db: Database, account_id: int, gateway_id: int, domain: str, *, most: int, subject: str, by: By
) -> bool:
    """One more domain. False: it is there already, or there are `most`."""
    return await _change(
        db,
        _DOMAIN_ADDED,
        account_id,
        gateway_id,
        by,
        "domain_added",
        subject=subject,
        data={"domain": domain},
        domain=domain,
        most=most,
    )


async def remove_domain(db: Database, account_id: int, gateway_id: int, domain: str, *, subject: str, by: By) -> bool:
    """One domain less. False: it was not there."""
    data = {"domain": domain}
    return await _change(
        db, _DOMAIN_REMOVED, account_id, gateway_id, by, "domain_removed", subject=subject, data=data, domain=domain
    )


async def set_any_domain(db: Database, account_id: int, gateway_id: int, on: bool, *, subject: str, by: By) -> bool:
    """Whether `RedirectURL` may lie anywhere."""
    act = "any_domain_on" if on else "any_domain_off"
    return await _change(db, _ANY_DOMAIN, account_id, gateway_id, by, act, subject=subject, on=on)


async def set_sources(
    db: Database, account_id: int, gateway_id: int, sources: Sequence[Network], *, subject: str, by: By
) -> bool:
    """The networks from which `PayRep` may be called; none: from everywhere."""
    listed = [str(network) for network in sources]
    data = {"networks": "، ".join(listed)}
    return await _change(
        db, _SOURCES, account_id, gateway_id, by, "sources_changed", subject=subject, data=data, sources=listed
    )


async def set_hardening(
    db: Database,
    account_id: int,
    gateway_id: int,
    *,
    signed_only: bool,
    unsigned_max: Rial | None,
    subject: str,
    by: By,
) -> bool:
    """Whether forms must be signed, and the largest amount of an unsigned one. False: nothing changed; `signed_only`
    without a key is refused, as no form could be sent."""
    return await _change(
        db,
        _HARDENING,
        account_id,
        gateway_id,
        by,
        "hardening_changed",
        subject=subject,
        signed_only=signed_only,
        unsigned_max=int(unsigned_max) if unsigned_max is not None else None,
    )


async def sig_key_mark(db: Database, account_id: int, gateway_id: int) -> str | None:
    """Changes with the signing key and tells nothing of it. None: there is no key."""
    row = await db.one(
        """
        select encode(sha256(sig_key_sealed), 'hex') from gateway
        where id = %(id)s and account_id = %(account_id)s
        """,
        {"id": gateway_id, "account_id": account_id},
    )
    return row[0] if row else None


async def set_sig_key(
    db: Database, account_id: int, gateway_id: int, sealed: bytes | None, *, mark: str | None, subject: str, by: By
) -> bool:
    """A new signing key instead of the one that `mark` was of, or none. Without a key nothing is signed only."""
    act = "sig_key_made" if sealed else "sig_key_removed"
    return await _change(db, _SIG_KEY, account_id, gateway_id, by, act, subject=subject, sealed=sealed, mark=mark)


async def fetch_rmz(db: Database, account_id: int, gateway_id: int, rmz_hash: bytes, *, subject: str, by: By) -> bool:
    """The first `Rmz` that anybody knows. False: it was fetched before."""
    return await _change(db, _FETCHED, account_id, gateway_id, by, "rmz_fetched", subject=subject, rmz_hash=rmz_hash)


async def rotate_rmz(
    db: Database,
    account_id: int,
    gateway_id: int,
    rmz_hash: bytes,
    *,
    mark: str,
    old_until: datetime | None,
    subject: str,
    by: By,
) -> bool:
    """A new `Rmz` instead of the one that `mark` was of; that one works until `old_until` (None: no longer)."""
    return await _change(
        db,
        _ROTATED,
        account_id,
        gateway_id,
        by,
        "rmz_rotated",
        subject=subject,
        rmz_hash=rmz_hash,
        mark=mark,
        old_until=old_until,
    )


async def revoke_old_rmz(db: Database, account_id: int, gateway_id: int, *, subject: str, by: By) -> bool:
    """The old `Rmz` works no longer. False: there is none."""
    return await _change(db, _REVOKED, account_id, gateway_id, by, "rmz_revoked", subject=subject)


async def account_of(db: Database, gateway_id: int) -> int | None:
    """Whose gateway it is; None: nobody's."""
    row = await db.one("select account_id from gateway where id = %(id)s", {"id": gateway_id})
    return row[0] if row else None


async def account_to_warn(db: Database, gateway_id: int, *, before: datetime) -> int | None:
    """Whose gateway it is, when nobody was warned of it since `before`."""
    row = await db.one(
        """
        select account_id from gateway
        where id = %(id)s and account_id is not null and (warned_at is null or warned_at <= %(before)s)
        """,
        {"id": gateway_id, "before": before},
    )
    return row[0] if row else None


async def warn(
    db: Database,
    gateway_id: int,
    *,
    before: datetime,
    now: datetime,
    act: str,
    data: Mapping[str, Any],
    ip: str,
    mobiles: Sequence[str],
    text: str,
) -> bool:
    """Tell an account of something wrong with forms to its gateway. False: somebody did so since `before`."""
    row = await db.one(
        """
        with changed as (
            update gateway set warned_at = %(now)s
            where id = %(id)s and account_id is not null and (warned_at is null or warned_at <= %(before)s)
            returning account_id
        ),
        noted as (
            insert into activity (account_id, at, act, subject, data, ip)
            select account_id, %(now)s, %(act)s, %(subject)s, %(data)s, %(ip)s from changed
        ),
        told as (
            insert into message (mobile, template, text, created_at, next_try_at)
            select mobile, %(act)s, %(text)s, %(now)s, %(now)s from changed, unnest(%(mobiles)s::text[]) mobile
        )
        select 1 from changed
        """,
        {
            "id": gateway_id,
            "before": before,
            "now": now,
            "act": act,
            "subject": data.get("gateway", ""),
            "data": Jsonb(dict(data)),
            "ip": ip,
            "mobiles": list(mobiles),
            "text": text,
        },
    )
    return row is not None
