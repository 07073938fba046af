"""The SQL of purchases, attempts and the journal.

Every change of state is ONE statement: the purchase's row with its next due time, its attempt, its event in the journal
and, where money moved, its ledger lines. It is atomic by itself and costs one round trip. Who loses a race changes
nothing and gets None: the version in the `where` is the guard, the table `move` in PostgreSQL the second one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from enum import StrEnum
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any, NamedTuple

from psycopg.errors import UniqueViolation
from psycopg.types.json import Jsonb

from mopos.base.db import Database, Row
from mopos.base.money import Rial
from mopos.domain.payments.model import VERSION_MAX, NewPurchase, Purchase
from mopos.domain.payments.states import TAKEN, Move, State
from mopos.domain.payments.told import TOLD, Told

_PURCHASE = """
    p.id, p.gateway_id, g.name, p.res, p.amount_rial, p.nam, p.dsc, p.redirect_url, p.buyer_ip, p.token, p.state,
    p.version, p.attempt_count, p.check_count, p.registered_at, p.expires_at, p.paid_at, p.late, p.acknowledged_at,
    a.id, a.terminal_id, a.state, a.started_at, a.ended_at, a.ref, a.bank_token, a.bank_redirect, a.bank_ref, a.trace,
    a.masked_pan, a.decline, a.returned_ref, a.returned_pan, p.fee_rial, p.fee_by_buyer, p.refund_rial,
    p.refunded_rial, a.entry_id,
    g.brand_name, g.brand_colour, g.brand_logo_hash
"""
_JOINED = "purchase p join gateway g on g.id = p.gateway_id join attempt a on a.id = p.attempt_id"


def _purchase(row: Row) -> Purchase:
    purchase_id, gateway_id, name, res, amount, nam, dsc, url, ip, token, state, *rest = row
    return Purchase(purchase_id, gateway_id, name, res, Rial(amount), nam, dsc, url, ip, token, State(state), *rest)


class Registered(NamedTuple):
    """What became of a form: a new purchase; or none, because there is one already, or because the gateway refuses."""

    purchase: Purchase | None
    refusal: str | None
    """A code of the catalogue."""


class Signature(StrEnum):
    """What a form's `Sig` was found to be. On a gateway without a key there is nothing to find: ABSENT."""

    ABSENT = "absent"
    RIGHT = "right"
    WRONG = "wrong"


async def sig_key(db: Database, gateway_id: int) -> bytes | None:
    """A gateway's signing key, sealed. None: it has none, or there is no such gateway."""
    row = await db.one("select sig_key_sealed from gateway where id = %(id)s", {"id": gateway_id})
    return row[0] if row else None


async def register(
    db: Database,
    new: NewPurchase,
    *,
    signature: Signature = Signature.ABSENT,
    buyer_ip: str,
    token: str,
    ref: str,
    terminal_id: int | None,
    now: datetime,
    expires_at: datetime,
    next_check_at: datetime,
) -> Registered | None:
    """Write a new purchase with its first attempt and its first event. None: there is no such gateway. `terminal_id`
    None: no terminal takes it, which is refused when nothing else is (`no_terminal`).

    What the gateway is set to is looked at in the same statement, in the catalogue's order: a form costs one round trip
    whether or not it is refused."""
    row = await db.one(
        """
        with t as (select bank, disabled_at is not null as off from terminal where id = %(terminal_id)s),
        g as (
            select id, name, brand_name, brand_colour, brand_logo_hash, coalesce(case
                when suspended_at is not null then 'gateway_suspended'
                when closed_at is not null then 'gateway_closed'
                when not any_domain and not domains && %(hosts)s::text[] then 'redirect_not_registered'
                when %(signature)s::text = 'wrong' then 'sig_wrong'
                when %(signature)s::text = 'right' then null
                when signed_only then 'sig_missing'
                when %(amount)s > unsigned_rial_max then 'unsigned_too_large'
            end, case when %(terminal_id)s::bigint is null then 'no_terminal' end) as refusal
            from gateway where id = %(gateway_id)s
        ),
        fee as (select * from fee_of(%(gateway_id)s, %(amount)s, %(now)s)),
        ids as (select nextval('purchase_id_seq') as purchase_id, nextval('attempt_id_seq') as attempt_id),
        p as (
            insert into purchase (id, gateway_id, res, amount_rial, nam, dsc, redirect_url, buyer_ip, token, state,
                last_event, version, attempt_id, next_check_at, registered_at, expires_at, fee_rial, fee_by_buyer)
            overriding system value
            select ids.purchase_id, g.id, %(res)s, %(amount)s, %(nam)s, %(dsc)s, %(redirect_url)s, %(buyer_ip)s,
                %(token)s, 'REGISTERED', 'registered', 1, ids.attempt_id, %(next_check_at)s, %(now)s, %(expires_at)s,
                coalesce(fee.fee_rial, 0), coalesce(fee.by_buyer, false)
            from ids, g left join fee on true where g.refusal is null
            on conflict (gateway_id, res) do nothing
            returning id, attempt_id, fee_rial, fee_by_buyer
        ),
        a as (
            insert into attempt (id, purchase_id, terminal_id, bank, ref, state, started_at)
            overriding system value
            select p.attempt_id, p.id, %(terminal_id)s, t.bank, %(ref)s, 'LIVE', %(now)s from p, t
        ),
        j as (
            insert into journal (purchase_id, version, attempt_id, event, from_state, to_state, actor, at, data)
            select p.id, 1, p.attempt_id, 'registered', '', 'REGISTERED', 'merchant', %(now)s, %(data)s::jsonb from p
        )
        select g.refusal, p.id, p.attempt_id, p.fee_rial, p.fee_by_buyer, g.name, g.brand_name, g.brand_colour,
            g.brand_logo_hash, t.off
        from g left join t on true left join p on true
        """,
        {
            "gateway_id": new.gateway_id,
            "res": new.res,
            "amount": int(new.amount),
            "nam": new.nam,
            "dsc": new.dsc,
            "redirect_url": new.redirect_url,
            "hosts": new.hosts,
            "signature": signature,
            # A clean form, which almost all are, costs no making of JSON.
            "data": Jsonb({"raw": new.raw}) if new.raw else "{}",
            "buyer_ip": buyer_ip,
            "token": token,
            "ref": ref,
            "terminal_id": terminal_id,
            "now": now,
            "expires_at": expires_at,
            "next_check_at": next_check_at,
        },
    )
    if row is None:
        return None
    refusal, purchase_id, *facts = row
    if purchase_id is None or terminal_id is None:
        return Registered(None, refusal)
    attempt = NewAttempt(ref, terminal_id, ip_address(buyer_ip), token, now, expires_at)
    return Registered(_just_registered(new, purchase_id, attempt, facts), refusal)


class NewAttempt(NamedTuple):
    """What a new purchase's first attempt was given."""

    ref: str
    terminal_id: int
    buyer_ip: IPv4Address | IPv6Address
    token: str
    now: datetime
    expires_at: datetime


def _just_registered(new: NewPurchase, purchase_id: int, first: NewAttempt, facts: Sequence[Any]) -> Purchase:
    attempt_id, fee_rial, fee_by_buyer, name, brand_name, brand_colour, brand_logo_hash, terminal_off = facts
    return Purchase(
        id=purchase_id,
        gateway_id=new.gateway_id,
        gateway_name=name,
        res=new.res,
        amount=new.amount,
        nam=new.nam,
        dsc=new.dsc,
        redirect_url=new.redirect_url,
        buyer_ip=first.buyer_ip,
        token=first.token,
        state=State.REGISTERED,
        version=1,
        attempt_count=1,
        check_count=0,
        registered_at=first.now,
        expires_at=first.expires_at,
        paid_at=None,
        late=False,
        acknowledged_at=None,
        attempt_id=attempt_id,
        terminal_id=first.terminal_id,
        attempt_state="LIVE",
        attempt_started_at=first.now,
        attempt_ended_at=None,
        ref=first.ref,
        bank_token=None,
        bank_redirect=None,
        bank_ref=None,
        trace="",
        masked_pan="",
        decline=None,
        fee_rial=fee_rial,
        fee_by_buyer=fee_by_buyer,
        brand_name=brand_name,
        brand_colour=brand_colour,
        brand_logo_hash=brand_logo_hash,
        terminal_off=terminal_off,
    )


async def by_res(db: Database, gateway_id: int, res: str) -> Purchase | None:
    """The purchase that a gateway's shop knows as `res`."""
    row = await db.one(
        f"select {_PURCHASE} from {_JOINED} where p.gateway_id = %(gateway_id)s and p.res = %(res)s",  # noqa: S608
        {"gateway_id": gateway_id, "res": res},
    )
    return _purchase(row) if row else None


async def by_id(db: Database, purchase_id: int) -> Purchase | None:
    """The purchase with a number, whoever's it is: for operators."""
    row = await db.one(f"select {_PURCHASE} from {_JOINED} where p.id = %(id)s", {"id": purchase_id})  # noqa: S608
    return _purchase(row) if row else None


async def by_token(db: Database, token: str) -> Purchase | None:
    """The purchase behind a buyer's page address."""
    row = await db.one(f"select {_PURCHASE} from {_JOINED} where p.token = %(token)s", {"token": token})  # noqa: S608
    return _purchase(row) if row else None


@dataclass(frozen=True, slots=True)
class AttemptEnd:
    """What is written on the attempt when a move ends it. `state`: CONFIRMED, FAILED or CONFLICTED."""

    state: str
    bank_ref: str | None = None
    trace: str = ""
    masked_pan: str = ""
    decline: str | None = None
    bank_code: str = ""


@dataclass(frozen=True, slots=True)
class AttemptOpening:
    """What is written on the attempt when the bank has opened it: its token, and how the browser gets there."""

    bank_token: str
    redirect: Mapping[str, Any]


class ByTwo(NamedTuple):
    """A proposal of one operator that another one approves by this very change."""

    proposal_id: int
    operator_id: int
    note: str


@dataclass(frozen=True, slots=True)
class Change:
    """One change of state to write: the move, and everything that goes with it."""

    move: Move
    now: datetime
    actor: str
    next_check_at: datetime | None = None
    attempt: AttemptEnd | AttemptOpening | Hint | None = None
    late: bool = False
    booking: Mapping[str, Any] | None = None
    """The entry that the ledger's room decided on, as parameters: `entry`, `debit_kinds`, `debit_owners`,
    `credit_kinds`, `credit_owners`, `amounts`."""
    data: Mapping[str, Any] = field(default_factory=dict)
    by_two: ByTwo | None = None
    told: Told | None = None
    """Where a person did it: what the activity or the audit log tells."""


class BankRefUsed(Exception):
    """The bank's reference has already paid another attempt. Nothing was written."""


async def record(db: Database, purchase: Purchase, change: Change) -> bool:
    """Write one change of state with its event, its attempt's end and its ledger lines. False: somebody was faster."""
    params: dict[str, Any] = {
        "id": purchase.id,
        "version": purchase.version,
        "attempt_id": purchase.attempt_id,
        "from_state": change.move.start,
        "to_state": change.move.end,
        "event": change.move.event,
        "actor": change.actor,
        "now": change.now,
        "next_check_at": change.next_check_at,
        "late": change.late,
        "taken": _TAKEN,
        "data": Jsonb(dict(change.data)),
    }
    statement = _MOVED
    if change.booking:
        statement += _BOOKED
        params |= change.booking
    match change.attempt:
        case AttemptOpening(bank_token, redirect):
            statement += _OPENED
            params |= {"bank_token": bank_token, "redirect": Jsonb(dict(redirect))}
        case AttemptEnd() as end:
            statement += _ENDED_PAID if change.booking else _ENDED
            params |= {
                "attempt_state": end.state,
                "bank_ref": end.bank_ref,
                "trace": end.trace,
                "masked_pan": end.masked_pan,
                "decline": end.decline,
                "bank_code": end.bank_code,
            }
        case Hint() as hint:
            statement += _HINTED
            params |= hint._asdict()
    if change.told:
        statement += TOLD
        params |= change.told.params | {"told_gateway_id": purchase.gateway_id}
    if change.by_two:
        params |= change.by_two._asdict()
    try:
        return await db.one(statement + (_APPROVED if change.by_two else _WON), params) is not None
    except UniqueViolation as error:
        if error.diag.constraint_name != "attempt_bank_ref":
            raise
        raise BankRefUsed from error


_WON = "select 1 from moved"
# Fails, and the whole change with it, when the proposal is not open to this operator (any more).
_APPROVED = "select approve(%(proposal_id)s, %(operator_id)s, %(note)s, %(now)s) from moved"


_MOVED = """
    with moved as (
        update purchase set state = %(to_state)s, last_event = %(event)s, version = version + 1,
            next_check_at = %(next_check_at)s, late = late or %(late)s,
            check_count = case when %(to_state)s = 'UNKNOWN' then check_count else 0 end,
            paid_at = case when %(to_state)s = any (%(taken)s::text[]) then coalesce(paid_at, %(now)s::timestamptz) end
        where id = %(id)s and version = %(version)s and state = %(from_state)s and attempt_id = %(attempt_id)s
        returning id, version, attempt_id, gateway_id
    ),
    event as (
        insert into journal (purchase_id, version, attempt_id, event, from_state, to_state, actor, at, data)
        select id, version, attempt_id, %(event)s, %(from_state)s, %(to_state)s, %(actor)s, %(now)s, %(data)s from moved
        returning id
    )
"""
_OPENED = """,
    opened as (
        update attempt a set bank_token = %(bank_token)s, bank_redirect = %(redirect)s
        from moved where a.id = moved.attempt_id and a.state = 'LIVE'
    )
"""
_SET_END = """,
    ended as (
        update attempt a set state = %(attempt_state)s, bank_ref = coalesce(%(bank_ref)s, a.bank_ref),
            trace = %(trace)s, masked_pan = %(masked_pan)s, decline = %(decline)s, bank_code = %(bank_code)s,
            ended_at = %(now)s, entry_id = ENTRY
        from moved where a.id = moved.attempt_id
    )
"""
_ENDED = _SET_END.replace("ENTRY", "a.entry_id")
# The entry is written first, and the attempt knows it: its place in the gateway's statement.
_ENDED_PAID = _SET_END.replace("ENTRY", "(select max(entry_id) from booked)")
_TAKEN = [str(state) for state in TAKEN]
_BOOKED = """,
    booked as (
        insert into ledger_line
            (entry_id, journal_id, entry, debit_id, credit_id, amount_rial, booked_at, effective_at)
        select numbered.entry_id, numbered.id, %(entry)s, debit.id, credit.id, line.amount, %(now)s, %(now)s
        from (select id, nextval('ledger_entry_seq') as entry_id from event) numbered,
            unnest(%(debit_kinds)s::text[], %(debit_owners)s::bigint[], %(credit_kinds)s::text[],
                %(credit_owners)s::bigint[], %(amounts)s::bigint[])
            as line (debit_kind, debit_owner, credit_kind, credit_owner, amount)
        left join ledger_account debit on debit.kind = line.debit_kind and debit.owner = line.debit_owner
        left join ledger_account credit on credit.kind = line.credit_kind and credit.owner = line.credit_owner
        returning entry_id
    )
"""


class TerminalOff(Exception):
    """Operators have switched the terminal off: no attempt begins there. Nothing was written."""


async def agree_to_fee(db: Database, purchase: Purchase, now: datetime) -> Purchase | None:
    """The buyer has seen the fee and goes on with the first attempt, which nobody has sent to a bank before. None:
    somebody was faster."""
    row = await db.one(
        """
        with moved as (
            update purchase set last_event = 'fee_agreed', version = 2
            where id = %(id)s and version = 1 and state = 'REGISTERED'
            returning id, version, attempt_id, amount_rial, fee_rial
        ),
        event as (
            insert into journal (purchase_id, version, attempt_id, event, from_state, to_state, actor, at, data)
            select id, version, attempt_id, 'fee_agreed', 'REGISTERED', 'REGISTERED', 'buyer', %(now)s,
                jsonb_build_object('fee', fee_rial, 'charge', amount_rial + fee_rial)
            from moved
        )
        select version, exists (select from terminal where id = %(terminal_id)s and disabled_at is not null) from moved
        """,
        {"id": purchase.id, "terminal_id": purchase.terminal_id, "now": now},
    )
    if row is None:
        return None
    version, terminal_off = row
    return replace(purchase, version=version, terminal_off=terminal_off)


async def start_attempt(
    db: Database, purchase: Purchase, *, ref: str, terminal_id: int, now: datetime, next_check_at: datetime
) -> Purchase | None:
    """A new attempt, the purchase back to REGISTERED. An attempt that was opened but never shown to the buyer makes
    room for it. None: somebody was faster. Raises `TerminalOff`."""
    row = await db.one(
        """
        with terminal_off as (select from terminal where id = %(terminal_id)s and disabled_at is not null),
        locked as (
            select id from purchase
            where id = %(id)s and version = %(version)s and state = %(from_state)s
                and not exists (select from terminal_off)
            for update
        ),
        closed as (
            update attempt a set state = 'FAILED', ended_at = %(now)s, bank_code = 'superseded'
            from locked where a.id = %(attempt_id)s and a.state = 'LIVE' and a.bank_token is null
            returning a.id
        ),
        next_id as (select nextval('attempt_id_seq') as id),
        moved as (
            update purchase p set state = 'REGISTERED', last_event = 'tried_again', version = p.version + 1,
                attempt_id = next_id.id, attempt_count = p.attempt_count + 1, check_count = 0,
                next_check_at = %(next_check_at)s
            -- The old attempt is closed first: two live ones are refused by an index.
            from locked, next_id, (select count(*) from closed) as closed_first
            where p.id = locked.id
            returning p.id, p.version, p.attempt_id
        ),
        started as (
            insert into attempt (id, purchase_id, terminal_id, bank, ref, state, started_at)
            overriding system value
            select moved.attempt_id, moved.id, %(terminal_id)s, t.bank, %(ref)s, 'LIVE', %(now)s
            from moved, terminal t where t.id = %(terminal_id)s
        ),
        event as (
            insert into journal (purchase_id, version, attempt_id, event, from_state, to_state, actor, at)
            select id, version, attempt_id, 'tried_again', %(from_state)s, 'REGISTERED', 'buyer', %(now)s from moved
        )
        select version, attempt_id from moved
        union all select null, null from terminal_off
        """,
        {
            "id": purchase.id,
            "version": purchase.version,
            "attempt_id": purchase.attempt_id,
            "from_state": purchase.state,
            "ref": ref,
            "terminal_id": terminal_id,
            "now": now,
            "next_check_at": next_check_at,
        },
    )
    if row is None:
        return None
    version, attempt_id = row
    if version is None:
        raise TerminalOff
    again = replace(purchase, attempt_count=purchase.attempt_count + 1)
    return _with_attempt(again, version, attempt_id, ref, terminal_id, now)


async def reroute(
    db: Database,
    purchase: Purchase,
    *,
    bank_code: str,
    ref: str,
    terminal_id: int,
    now: datetime,
    next_check_at: datetime,
) -> Purchase | None:
    """The bank did not open the attempt (`bank_code`), and no buyer was sent there: it ends, and the next one begins at
    another terminal, two events in one statement. It is our doing, so the buyer's count of tries stays as it is. None:
    somebody was faster. Raises `TerminalOff`."""
    row = await db.one(
        """
        with terminal_off as (select from terminal where id = %(terminal_id)s and disabled_at is not null),
        locked as (
            select id from purchase
            where id = %(id)s and version = %(version)s and state = 'REGISTERED' and attempt_id = %(attempt_id)s
                and not exists (select from terminal_off)
            for update
        ),
        closed as (
            update attempt a set state = 'FAILED', ended_at = %(now)s, bank_code = %(bank_code)s
            from locked where a.id = %(attempt_id)s
            returning a.id
        ),
        next_id as (select nextval('attempt_id_seq') as id),
        moved as (
            update purchase p set last_event = 'rerouted', version = p.version + 2, attempt_id = next_id.id,
                next_check_at = %(next_check_at)s
            -- The old attempt is closed first: two live ones are refused by an index.
            from locked, next_id, (select count(*) from closed) as closed_first
            where p.id = locked.id
            returning p.id, p.version, p.attempt_id
        ),
        started as (
            insert into attempt (id, purchase_id, terminal_id, bank, ref, state, started_at)
            overriding system value
            select moved.attempt_id, moved.id, %(terminal_id)s, t.bank, %(ref)s, 'LIVE', %(now)s
            from moved, terminal t where t.id = %(terminal_id)s
        ),
        events as (
            insert into journal (purchase_id, version, attempt_id, event, from_state, to_state, actor, at, data)
            select id, version - 1, %(attempt_id)s, 'bank_unavailable', 'REGISTERED', 'REGISTERED', 'system', %(now)s,
                jsonb_build_object('bank', %(bank_code)s::text) from moved
            union all
            select id, version, attempt_id, 'rerouted', 'REGISTERED', 'REGISTERED', 'system', %(now)s, '{}' from moved
        )
        select version, attempt_id from moved
        union all select null, null from terminal_off
        """,
        {
            "id": purchase.id,
            "version": purchase.version,
            "attempt_id": purchase.attempt_id,
            "bank_code": bank_code,
            "ref": ref,
            "terminal_id": terminal_id,
            "now": now,
            "next_check_at": next_check_at,
        },
    )
    if row is None:
        return None
    version, attempt_id = row
    if version is None:
        raise TerminalOff
    return _with_attempt(purchase, version, attempt_id, ref, terminal_id, now)


def _with_attempt(
    purchase: Purchase, version: int, attempt_id: int, ref: str, terminal_id: int, now: datetime
) -> Purchase:
    """With a new attempt, as the statement left it: read again, it could already be a rival's newer one."""
    return replace(
        purchase,
        state=State.REGISTERED,
        version=version,
        check_count=0,
        attempt_id=attempt_id,
        terminal_id=terminal_id,
        attempt_state="LIVE",
        attempt_started_at=now,
        attempt_ended_at=None,
        ref=ref,
        bank_token=None,
        bank_redirect=None,
        bank_ref=None,
        trace="",
        masked_pan="",
        decline=None,
        returned_ref=None,
        returned_pan="",
        terminal_off=False,
    )


class Hint(NamedTuple):
    """What the browser brought that the bank itself will not tell, or has to be asked by."""

    bank_ref: str | None
    masked_pan: str
    order_number: str | None
    """Whose return it claims to be, where the bank's returns say it: kept for no other."""
    token: str | None


class Claimed(NamedTuple):
    """Who came back to a return address: the purchase, and whether this caller won the move to VERIFYING."""

    purchase: Purchase
    won: bool


async def claim_return(
    db: Database,
    ref: str,
    *,
    now: datetime,
    next_check_at: datetime,
    data: Mapping[str, Any],
    hint: Hint | None = None,
) -> Claimed | None:
    """AT_BANK to VERIFYING, for the one caller who wins it. None: nobody was ever sent to a bank with this reference.

    The purchase of a loser is told as it was before the race; whoever needs the present reads it again."""
    row = await db.one(
        _CLAIM + (_HINTED if hint else "") + _CLAIMED,
        {
            "ref": ref,
            "now": now,
            "next_check_at": next_check_at,
            "data": Jsonb(dict(data)),
            "version_max": VERSION_MAX,
        }
        | (hint._asdict() if hint else {}),
    )
    if row is None:
        return None
    version, *columns = row
    purchase = _purchase(tuple(columns))
    if version is None:
        return Claimed(purchase, won=False)
    return Claimed(_moved(purchase, State.VERIFYING, version), won=True)


_CLAIM = """
    with moved as (
        update purchase p set state = 'VERIFYING', last_event = 'returned', version = p.version + 1,
            next_check_at = %(next_check_at)s
        from attempt a
        where a.ref = %(ref)s and a.state = 'LIVE' and p.id = a.purchase_id and p.attempt_id = a.id
            and p.state = 'AT_BANK' and p.version < %(version_max)s
        returning p.id, p.version, p.attempt_id
    ),
    event as (
        insert into journal (purchase_id, version, attempt_id, event, from_state, to_state, actor, at, data)
        select id, version, attempt_id, 'returned', 'AT_BANK', 'VERIFYING', 'buyer', %(now)s, %(data)s from moved
    )
"""
_CLAIMED = f"""
    select moved.version, {_PURCHASE}
    from attempt mine join purchase p on p.id = mine.purchase_id join gateway g on g.id = p.gateway_id
    join attempt a on a.id = p.attempt_id left join moved on moved.id = p.id
    where mine.ref = %(ref)s
"""  # noqa: S608
_HINTED = """,
    hinted as (
        update attempt a set returned_ref = coalesce(%(bank_ref)s, a.returned_ref),
            returned_pan = coalesce(nullif(%(masked_pan)s, ''), a.returned_pan)
        from moved where a.id = moved.attempt_id
            and coalesce(%(order_number)s, a.id::text) = a.id::text
            and coalesce(%(token)s, a.bank_token) is not distinct from a.bank_token
    )
"""


def _moved(purchase: Purchase, state: State, version: int) -> Purchase:
    # dataclasses.replace on a class with slots costs ten times as much, and this is on every payment's way.
    values = [getattr(purchase, name) for name in Purchase.__slots__]
    values[_STATE], values[_VERSION] = state, version
    return Purchase(*values)


_STATE, _VERSION = Purchase.__slots__.index("state"), Purchase.__slots__.index("version")


async def claim_due(db: Database, *, now: datetime, lease_until: datetime, limit: int) -> list[Purchase]:
    """Take purchases that are due, the longest waiting first, and lease them: two workers never get the same one, and
    when a worker dies its purchases come due again."""
    rows = await db.all(
        f"""
        with due as (
            select id from purchase where next_check_at <= %(now)s
            order by next_check_at limit %(limit)s for update skip locked
        ),
        leased as (
            update purchase p set next_check_at = %(lease_until)s, check_count = p.check_count + 1
            from due where p.id = due.id
            returning p.*
        )
        select {_PURCHASE}
        from leased p join gateway g on g.id = p.gateway_id join attempt a on a.id = p.attempt_id
        """,  # noqa: S608
        {"now": now, "lease_until": lease_until, "limit": limit},
    )
    return [_purchase(row) for row in rows]


async def was_silent_of_return(db: Database, purchase: Purchase) -> bool:
    """Whether the latest attempt's buyer came back without the bank's no, and the bank was silent after that."""
    row = await db.one(
        """
        select 1 from journal r join journal s on s.purchase_id = r.purchase_id and s.version > r.version
        where r.purchase_id = %(id)s and r.attempt_id = %(attempt)s and r.event = 'returned'
            and not r.data ? 'code' and s.event = 'bank_silent' and s.attempt_id = r.attempt_id limit 1
        """,
        {"id": purchase.id, "attempt": purchase.attempt_id},
    )
    return row is not None


async def postpone(db: Database, purchase: Purchase, next_check_at: datetime) -> None:
    """The bank had nothing new to say: look again later."""
    await db.one(
        "update purchase set next_check_at = %(next_check_at)s where id = %(id)s and version = %(version)s",
        {"next_check_at": next_check_at, "id": purchase.id, "version": purchase.version},
    )


class ForPayRep(NamedTuple):
    """What `PayRep` needs in one look: the gateway's password hashes and settings, and the purchase if there is one."""

    rmz_hash: bytes
    old_rmz_hash: bytes | None
    old_rmz_until: datetime | None
    stopped: bool
    """Suspended or closed: what was sold is still answered for."""
    source_is_allowed: bool
    settled_upto: int
    """No ledger entry after it has been settled."""
    purchase: Purchase | None


async def for_pay_rep(db: Database, gateway_id: int, res: str, source: str | None) -> ForPayRep | None:
    """The gateway, and its purchase `res` where it has one, for a caller at `source` (None: ourselves). None: no such
    gateway."""
    row = await db.one(
        f"""
        select g.rmz_hash, g.old_rmz_hash, g.old_rmz_until, g.suspended_at is not null or g.closed_at is not null,
            g.sources = '{{}}' or %(source)s::inet is null or %(source)s::inet <<= any (g.sources),
            g.settled_upto, {_PURCHASE}
        from gateway g left join purchase p on p.gateway_id = g.id and p.res = %(res)s
        left join attempt a on a.id = p.attempt_id
        where g.id = %(gateway_id)s
        """,  # noqa: S608
        {"gateway_id": gateway_id, "res": res, "source": source},
    )
    if row is None:
        return None
    rmz_hash, old_rmz_hash, old_rmz_until, stopped, allowed, settled_upto, *columns = row
    purchase = _purchase(tuple(columns)) if columns[0] else None
    return ForPayRep(rmz_hash, old_rmz_hash, old_rmz_until, stopped, allowed, settled_upto, purchase)


class Settled(NamedTuple):
    """How a payment reached its merchant: the central bank's day and tracking number."""

    on: date
    tracking_no: str


async def settled_by(db: Database, purchase: Purchase) -> Settled | None:
    """The payout by which a payment reached its merchant. None: it has not (yet)."""
    row = await db.one(
        "select settled_on, tracking_no from settled_by(%(id)s, %(gateway_id)s, %(entry_id)s)",
        {"id": purchase.id, "gateway_id": purchase.gateway_id, "entry_id": purchase.entry_id},
    )
    return Settled(*row) if row else None


async def settled_upto(db: Database, gateway_id: int) -> int:
    """The last ledger entry of a gateway that may have been settled."""
    row = await db.one("select settled_upto from gateway where id = %(id)s", {"id": gateway_id})
    return int(row[0]) if row else 0


async def note_old_rmz(db: Database, gateway_id: int, *, source: str | None, now: datetime) -> None:
    """A caller used the old `Rmz`: its owner wants to know what has not been changed yet. Written once a minute."""
    await db.one(
        """
        update gateway set old_rmz_used_at = %(now)s, old_rmz_used_from = coalesce(%(source)s, old_rmz_used_from)
        where id = %(id)s and (old_rmz_used_at is null or old_rmz_used_at <= %(now)s - interval '1 minute')
        """,
        {"id": gateway_id, "source": source, "now": now},
    )


async def acknowledge(db: Database, purchase: Purchase, now: datetime) -> None:
    """The merchant has been told Err 0 for the first time: the only thing that `PayRep` ever writes."""
    await db.one(
        """
        update purchase set acknowledged_at = %(now)s
        where id = %(id)s and acknowledged_at is null and state = 'PAID'
        """,
        {"now": now, "id": purchase.id},
    )
