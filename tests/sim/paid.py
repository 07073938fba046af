"""Merchants with payments that banks have confirmed, written by statements that PostgreSQL's own rules let through."""

from dataclasses import dataclass
from datetime import datetime

import psycopg

AMOUNT = 100_000
FEE = 1_000

_GATEWAYS = """
    with fresh as (select nextval('account_id_seq') as account, n from generate_series(1, %(gateways)s) n),
    numbered as (select account, n, '012' || lpad(account::text, 19, '0') as bban from fresh),
    merchant as (
        select account, n,
            'IR' || lpad((98 - (bban || '182700')::numeric %% 97)::text, 2, '0') || bban as iban from numbered
    ),
    a as (
        insert into account (id, name, national_id, iban, payee, created_at) overriding system value
        select account, 'فروشگاه', '0013542419', iban,
            jsonb_build_object('iban', iban, 'name', 'فروشگاه', 'national_id', '0013542419'), %(now)s from merchant
        returning id
    )
    insert into gateway (name, rmz_hash, created_at, account_id)
    select 'درگاه', decode(repeat('00', 32), 'hex'), %(now)s, id from a returning id
"""
_REGISTERED = """
    with fresh as (
        select nextval('purchase_id_seq') as purchase, nextval('attempt_id_seq') as attempt, g as gateway
        from unnest(%(gateways)s::bigint[]) g, generate_series(1, %(each)s)
    ),
    p as (
        insert into purchase (id, gateway_id, res, amount_rial, nam, dsc, redirect_url, buyer_ip, token, state,
            last_event, version, attempt_id, next_check_at, registered_at, expires_at, fee_rial)
        overriding system value
        select purchase, gateway, 'R' || purchase, %(amount)s, '', '', 'https://shop.test/', '192.0.2.7',
            't' || purchase, 'REGISTERED', 'registered', 1, attempt, %(now)s, %(now)s, %(now)s, %(fee)s from fresh
    ),
    a as (
        insert into attempt (id, purchase_id, terminal_id, bank, ref, state, bank_token, started_at)
        overriding system value
        select attempt, purchase, 1, 'sandbox', 'a' || attempt, 'LIVE', 'T' || attempt, %(now)s from fresh
    ),
    j as (
        insert into journal (purchase_id, version, attempt_id, event, from_state, to_state, actor, at)
        select purchase, 1, attempt, 'registered', '', 'REGISTERED', 'merchant', %(now)s from fresh
    )
    select purchase from fresh
"""
_AT_BANK = """
    with moved as (
        update purchase set state = 'AT_BANK', last_event = 'sent_to_bank', version = 2
        where id = any(%(purchases)s) returning id, attempt_id
    )
    insert into journal (purchase_id, version, attempt_id, event, from_state, to_state, actor, at)
    select id, 2, attempt_id, 'sent_to_bank', 'REGISTERED', 'AT_BANK', 'system', %(now)s from moved
"""
_PAID = """
    with moved as (
        update purchase set state = 'PAID', last_event = 'bank_confirmed', version = 3, next_check_at = null,
            paid_at = %(now)s where id = any(%(purchases)s) returning id, attempt_id, gateway_id, amount_rial, fee_rial
    ),
    event as (
        insert into journal (purchase_id, version, attempt_id, event, from_state, to_state, actor, at)
        select id, 3, attempt_id, 'bank_confirmed', 'AT_BANK', 'PAID', 'worker', %(now)s from moved
        returning id, purchase_id
    ),
    numbered as (
        select e.id as journal_id, nextval('ledger_entry_seq') as entry, m.*
        from event e join moved m on m.id = e.purchase_id
    ),
    line as (
        insert into ledger_line
            (entry_id, journal_id, entry, debit_id, credit_id, amount_rial, booked_at, effective_at)
        select n.entry, n.journal_id, 'purchase_paid', line.debit, line.credit, line.rial, %(now)s, %(now)s
        from numbered n join ledger_account m on m.kind = 'merchant_payable' and m.owner = n.gateway_id
        join ledger_account t on t.kind = 'acquirer_receivable' and t.owner = 1
        join ledger_account f on f.kind = 'fee_income'
        cross join lateral (values (t.id, m.id, n.amount_rial), (m.id, f.id, n.fee_rial)) line (debit, credit, rial)
        where line.rial > 0
    )
    update attempt a set state = 'CONFIRMED', bank_ref = a.id::text, ended_at = %(now)s, entry_id = n.entry
    from numbered n where a.id = n.attempt_id
    returning n.gateway_id, n.id, a.id
"""


@dataclass(frozen=True)
class Merchant:
    """A gateway and its paid purchases: id to the number under which the bank knows the payment."""

    gateway_id: int
    purchases: dict[int, str]


def merchants(
    dsn: str, gateways: int, each: int, now: datetime, *, amount: int = AMOUNT, fee: int = FEE
) -> list[Merchant]:
    """So many gateways, each with so many paid purchases of `amount` Rial."""
    with psycopg.connect(dsn) as connection:
        numbers = [row[0] for row in connection.execute(_GATEWAYS, {"gateways": gateways, "now": now}).fetchall()]
        values = {"gateways": numbers, "each": each, "now": now, "amount": amount, "fee": fee}
        values["purchases"] = [row[0] for row in connection.execute(_REGISTERED, values).fetchall()]
        connection.execute(_AT_BANK, values)
        paid = connection.execute(_PAID, values).fetchall()
    found: dict[int, dict[int, str]] = {number: {} for number in numbers}
    for gateway, purchase, attempt in paid:
        found[gateway][purchase] = str(attempt)
    return [Merchant(number, purchases) for number, purchases in found.items()]
