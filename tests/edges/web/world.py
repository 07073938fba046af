"""One account that has one of everything, and one of everything else that an address may name."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass, field

from tests.settled import make_shop, settle
from tests.stack import Stack, browser
from tests.web import Member, give_gateway, make_account, make_member, make_operator

from mopos.base.ids import with_check_digit
from mopos.edges.web.routes import Route


@dataclass
class World:
    """`parts`: what stands in addresses for `{gateway}`, `{purchase}` and the like, all of one account."""

    stack: Stack
    account_id: int
    owner: Member
    parts: dict[str, str] = field(default_factory=dict)

    def path(self, row: Route, **instead: str) -> str:
        """A row's address with this account's things in it."""
        parts = self.parts | instead
        return re.sub(r"\{(\w+)\}", lambda found: parts[found[1]], row.path)

    def again(self) -> World:
        """The same account with things that no other test has used up, and its owner still the owner."""
        self.stack.sql(
            "update member set role = 'viewer' where role = 'owner' and account_id = %s and person_id <> %s",
            *_ids(self),
        )
        self.stack.sql(
            """
            insert into member (account_id, person_id, role, since) values (%s, %s, 'owner', now())
            on conflict (account_id, person_id) do update set role = 'owner'
            """,
            *_ids(self),
        )
        return World(self.stack, self.account_id, self.owner, self.parts | _perishable(self.stack, self))


async def make_world(stack: Stack) -> World:
    """An account with an owner, a shop that has sold something, an application, and what else `_perishable` makes."""
    account_id = make_account(stack)
    world = World(stack, account_id, make_member(stack, "owner", account_id))
    shop = stack.make_shop()
    give_gateway(stack, account_id, shop.id)
    # Refunds, holds and batches of this world take more than it has sold.
    stack.sql("update ledger_account set floor_rial = -1000000000 where owner = %s", int(shop.id[:-1]))
    async with browser() as web:
        bought = await shop.buy(web)
    ((purchase_id,),) = stack.sql("select id from purchase where res = %s", bought.res)
    ((terminal_id,),) = stack.sql("select min(id) from terminal")
    ((book_id, entry_id),) = stack.sql("select max(credit_id), max(entry_id) from ledger_line")
    world.parts = {
        "account": with_check_digit(account_id),
        "gateway": shop.id,
        "purchase": with_check_digit(purchase_id),
        "terminal": str(terminal_id),
        "book": str(book_id),
        "entry": str(entry_id),
        "ref": secrets.token_urlsafe(16),
        "name": "icon-192.png",
        "kind": "sales",
    } | _settled(stack, account_id)
    return world.again()


def _settled(stack: Stack, account_id: int) -> dict[str, str]:
    """A settlement of the account that was paid by a deposit."""
    made = make_shop(stack, 1, account_id=account_id)
    iban = "IR062960000000100324200001"
    stack.sql(
        """
        update account set iban = %s, name = %s, national_id = %s,
            payee = jsonb_build_object('iban', %s::text, 'name', %s::text, 'national_id', %s::text)
        where id = %s
        """,
        *(iban, "فروشگاه آزمون", "", iban, "فروشگاه آزمون", "", account_id),
    )
    settlement, payouts = settle(made)
    ((batch,),) = stack.sql("select batch_id from settlement where id = %s", settlement)
    return {
        "settlement": str(settlement),
        "payout": str(payouts[0]),
        "batch": str(batch),
        "channel": "paya",
        "rule": "cut_off",
    }


def _perishable(stack: Stack, world: World) -> dict[str, str]:
    """What a POST may use up."""
    operator_id = make_operator(stack, "support")
    made = {name: str(stack.sql(sql, *values(world))[0][0]) for name, (sql, values) in _MADE.items()}
    stack.sql(
        """
        update application set state = 'submitted', last_event = 'submitted', version = 2, submitted_at = now()
        where id = %s
        """,
        int(made["application"]),
    )
    for name in _WITH_CHECK_DIGIT & made.keys():
        made[name] = with_check_digit(int(made[name]))
    made["operator"] = str(operator_id)
    made["member"] = made["person"] = str(make_member(stack, "viewer", world.account_id).person_id)
    return made


def _ids(world: World) -> tuple[int, int]:
    return world.account_id, world.owner.person_id


_WITH_CHECK_DIGIT = {"application", "refund"}
_MADE = {
    "exception": (
        """
        with made as (
            insert into recon_exception (source, kind, key, day, amount_rial, purchase_id, terminal_id, state,
                last_event, found_at)
            select 'psp', 'missing_here', gen_random_uuid()::text, current_date - 1, 1, %s, min(id), 'OPEN', 'found',
                now()
            from terminal returning id
        )
        insert into money_event (noun, subject_id, version, event, from_state, to_state, actor, at)
        select 'exception', id, 1, 'found', '', 'OPEN', 'worker', now() from made returning subject_id
        """,
        lambda world: (int(world.parts["purchase"][:-1]),),
    ),
    "statement": (
        """
        insert into bank_statement (iban, format, sha256, lines, imported_at)
        values ('IR430120000000000000000001', 'csv', sha256(gen_random_uuid()::text::bytea), 0, now()) returning id
        """,
        lambda _: (),
    ),
    "split": (
        """
        insert into split (gateway_id, valid_from, parts, at)
        select g.id, clock_timestamp(),
            '{"fee_from": "all", "parts": [{"payee": "x", "iban": "IR430120000000000000000001"}]}', now()
        from gateway g where g.account_id = %s limit 1 returning id
        """,
        lambda world: (world.account_id,),
    ),
    "application": (
        "insert into application (account_id, created_at) values (%s, now()) returning id",
        lambda world: (world.account_id,),
    ),
    "refund": (
        """
        with taken as (
            update purchase set refund_rial = refund_rial + 1 where id = %s returning id, gateway_id
        ),
        made as (
            insert into refund (purchase_id, gateway_id, amount_rial, method, reason, state, last_event, created_at)
            select id, gateway_id, 1, 'bank', 'test', 'REQUESTED', 'requested', now() from taken
            returning id, gateway_id
        ),
        event as (
            insert into money_event (noun, subject_id, version, event, from_state, to_state, actor, at)
            select 'refund', id, 1, 'requested', '', 'REQUESTED', 'merchant', now() from made returning id, subject_id
        )
        select subject_id, book(event.id, 'refund_requested', now(), now(), '{merchant_payable}', array[gateway_id],
            '{refunds_in_flight}', '{0}', '{1}')
        from event, made
        """,
        lambda world: (int(world.parts["purchase"][:-1]),),
    ),
    "invitation": (
        """
        insert into invitation (account_id, mobile, role, invited_by, created_at, expires_at)
        values (%s, '0935' || lpad((random() * 9999999)::int::text, 7, '0'), 'viewer', %s, now(),
            now() + interval '1 day')
        returning id
        """,
        _ids,
    ),
    "document": (
        """
        insert into document (account_id, kind, name, media_type, bytes, sha256, path, uploaded_by, uploaded_at)
        values (%s, 'other', 'x.pdf', 'application/pdf', 1, '\\x00', gen_random_uuid()::text, %s, now()) returning id
        """,
        _ids,
    ),
    "saved": (
        """
        insert into saved_filter (account_id, person_id, name, query, created_at)
        values (%s, %s, gen_random_uuid()::text, 'state=PAID', now()) returning id
        """,
        _ids,
    ),
    "export": (
        """
        insert into export (account_id, person_id, format, query, lang, created_at, expires_at)
        values (%s, %s, 'csv', '', 'fa', now(), now() + interval '1 day') returning id
        """,
        _ids,
    ),
    "device": (
        """
        insert into device (person_id, credential_id, public_key, sign_count, name, is_phone, created_at)
        values (%s, decode(md5(random()::text), 'hex'), '\\x00', 0, 'x', false, now()) returning id
        """,
        lambda world: (world.owner.person_id,),
    ),
    "sign_in": (
        """
        insert into sign_in_request (browser_hash, mobile, number, choices, ip, agent, created_at, expires_at)
        values (decode(md5(random()::text), 'hex'), %s, 10, '{10,20,30}', '127.0.0.1', '', now(),
            now() + interval '1 day')
        returning id
        """,
        lambda world: (world.owner.mobile,),
    ),
    "passkey": (
        """
        insert into operator_device (operator_id, credential_id, public_key, sign_count, name, created_at)
        values ((select min(id) from operator), decode(md5(random()::text), 'hex'), '\\x00', 0, 'x', now()) returning id
        """,
        lambda _: (),
    ),
    "proposal": (
        """
        insert into proposal (act, subject, data, reason, proposed_by, proposed_at, expires_at)
        values ('revoke_rmz', %s, '{}', 'test', (select min(id) from operator), now(), now() + interval '1 day')
        on conflict (act, subject) where decided_at is null do update set reason = 'test' returning id
        """,
        lambda world: (world.parts["gateway"],),
    ),
    "fee_plan": (
        """
        with plan as (
            insert into fee_plan (name, bearer, created_at)
            values (gen_random_uuid()::text, 'merchant', now()) returning id
        ),
        bracket as (
            insert into fee_bracket (plan_id, valid_from, above_rial, ppm) select id, now(), 0, 200 from plan
        )
        select id from plan
        """,
        lambda _: (),
    ),
    "hold": (
        """
        insert into hold (gateway_id, amount_rial, reason, state, last_event, placed_at)
        values (%s, 1000, 'test', 'HELD', 'placed', now()) returning id
        """,
        lambda world: (int(world.parts["gateway"][:-1]),),
    ),
    "job": (
        """
        insert into procrastinate_jobs (queue_name, task_name, status)
        values ('nowhere', 'nothing', 'failed') returning id
        """,
        lambda _: (),
    ),
}
