"""Fills a database with purchases of a year, consistent down to the journal and the ledger, by set-based SQL.

Every value follows from the purchase's number by hashing, so the same size gives the same purchases. Spread: three
gateways of one account (85, 12 and 3 of a hundred), nine states, names and descriptions of a hundred words, round and
odd amounts, one buyer who comes back with the same card for every fiftieth purchase.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import datetime

import psycopg

from mopos.domain.reports.derive import SALES, TERMS_OF_CARD, TERMS_OF_FORM

# One statement's share: small enough that a killed run loses little, large enough that starting it costs nothing.
BATCH = 500_000
FIRST_PURCHASE = 100_001
FIRST_ATTEMPT = 1_000_001
ACCOUNT = 5001
GATEWAYS = (100_001, 100_002, 100_003)

_OWNER = """
    insert into account (id, name, created_at) overriding system value
    values (5001, 'فروشگاه بزرگ', %(since)s);
    insert into gateway (id, name, rmz_hash, created_at, account_id) overriding system value
    select 100000 + n, 'درگاه ' || n, decode(repeat('00', 32), 'hex'), %(since)s, 5001 from generate_series(1, 3) n;
    insert into ledger_account (kind, owner, floor_rial)
    select kind, 100000 + n, 0 from generate_series(1, 3) n, unnest(array['merchant_payable', 'merchant_held']) kind;
"""

_PURCHASES = """
    insert into purchase (id, gateway_id, res, amount_rial, nam, dsc, redirect_url, buyer_ip, token, state, last_event,
        version, attempt_id, next_check_at, registered_at, expires_at, paid_at, late, acknowledged_at)
    overriding system value
    select 100000 + i,
        case when a < 850 then 100001 when a < 970 then 100002 else 100003 end,
        'R' || i,
        case when b < 400
            then (array[150000, 250000, 490000, 1000000, 2500000, 3900000, 12000000, 30000000])[1 + b %% 8]
            else 1000 * round(20 * exp(c / 999.0 * 10)) + 10000 end,
        (array['علی', 'زهرا', 'محمد', 'فاطمه', 'رضا', 'مریم', 'حسین', 'نرگس', 'مهدی', 'لیلا', 'امیر', 'سارا', 'یاسر',
            'شیرین', 'کیان', 'پریسا', 'بهرام', 'نگار', 'آرش', 'ترانه'])[1 + d %% 20] || ' ' ||
        (array['رضایی', 'محمدی', 'احمدی', 'کریمی', 'موسوی', 'جعفری', 'صادقی', 'رحیمی', 'قاسمی', 'اکبری', 'نوری',
            'حیدری', 'مرادی', 'کاظمی', 'شریفی', 'عباسی', 'طاهری', 'یوسفی', 'نجفی', 'بهرامی', 'صالحی', 'رستمی',
            'فرهادی', 'سلطانی', 'ملکی', 'امینی', 'زارع', 'باقری', 'حسینی', 'کیانی'])[1 + d / 20 %% 30],
        case when i %% greatest(%(all)s / 20, 1) = 7 then 'سفارش ویژه زعفران ' || i else
        'سفارش ' || (array['کتاب', 'کفش', 'قهوه', 'عینک', 'کیف', 'ساعت', 'فرش', 'چای', 'پسته', 'لپ‌تاپ', 'هدفون',
            'لباس', 'عطر', 'شارژ', 'بلیت'])[1 + e %% 15] || ' ' || i end,
        'https://shop.example/back', ('10.1.' || e %% 256 || '.' || d %% 256)::inet, 't' || lpad(i::text, 21, '0'),
        s, case s when 'PAID' then 'bank_confirmed' when 'DECLINED' then 'bank_declined'
            when 'CANCELLED' then 'buyer_cancelled' when 'EXPIRED' then 'expired' when 'CONFLICTED' then 'bank_differs'
            when 'UNKNOWN' then 'bank_silent' when 'AT_BANK' then 'sent_to_bank' else 'registered' end,
        case s when 'REGISTERED' then 1 when 'AT_BANK' then 2 when 'EXPIRED' then 3 else 4 end,
        1000000 + i,
        case when s in ('REGISTERED', 'AT_BANK', 'UNKNOWN') then at + interval '20 minutes' end,
        at, at + interval '20 minutes',
        case when s = 'PAID' then at + interval '90 seconds' end,
        s = 'PAID' and b = 500,
        case when s = 'PAID' and e %% 100 <> 3 then at + interval '92 seconds' end
    from (
        select i, a, b, c, d, e,
            %(end)s::timestamptz - make_interval(secs => (%(all)s - i) * 31536000.0 / %(all)s) as at,
            case
                when i > %(all)s - 40 then case when i %% 2 = 0 then 'AT_BANK' else 'REGISTERED' end
                when i > %(all)s - 1300 and i %% 20 = 0 then 'UNKNOWN'
                when i %% greatest(%(all)s / 60, 1) = 5 then 'CONFLICTED'
                when f < 640 then 'PAID' when f < 760 then 'DECLINED' when f < 860 then 'CANCELLED' else 'EXPIRED'
            end as s
        from (
            select i, h %% 1000 as a, h / 1000 %% 1000 as b, h / 1000000 %% 1000 as c, h / 1000000000 %% 600 as d,
                h / 1000000000000 %% 7680 as e, k %% 1000 as f
            from (
                select i, hashint8extended(i, 1) & 9223372036854775807 as h,
                    hashint8extended(i, 2) & 9223372036854775807 as k
                from generate_series(%(from)s::bigint, %(upto)s::bigint) i
            ) hashed
        ) parts
    ) spread
"""
_ATTEMPTS = """
    insert into attempt (id, purchase_id, terminal_id, bank, ref, state, bank_token, bank_ref, trace, masked_pan,
        decline, bank_code, started_at, ended_at)
    overriding system value
    select p.attempt_id, p.id, 1, 'sandbox', 'a' || lpad(p.id::text, 21, '0'),
        case when p.state = 'PAID' then 'CONFIRMED' when p.state = 'CONFLICTED' then 'CONFLICTED'
            when p.state in ('DECLINED', 'CANCELLED', 'EXPIRED') then 'FAILED' else 'LIVE' end,
        'token' || p.id,
        case when p.state in ('PAID', 'CONFLICTED') then (700000000000 + p.id)::text end,
        case when p.state in ('PAID', 'CONFLICTED') then lpad((p.id %% 1000000)::text, 6, '0') else '' end,
        case when p.state not in ('PAID', 'CONFLICTED') then ''
            when p.id %% 50 = 0 then '603799******1234'
            else (array['603799', '610433', '627353', '589210', '502229'])[1 + k %% 5] || '******' ||
                lpad((k / 5 %% 10000)::text, 4, '0') end,
        case p.state when 'DECLINED' then (array['insufficient_funds', 'insufficient_funds', 'insufficient_funds',
            'wrong_pin', 'wrong_pin', 'wrong_card', 'expired_card', 'limit_exceeded', 'issuer_down', 'other'
            ])[1 + k %% 10]
            when 'CANCELLED' then 'cancelled' when 'EXPIRED' then 'session_expired' end,
        case p.state when 'DECLINED' then '51' else '' end,
        p.registered_at,
        case when p.state in ('PAID', 'CONFLICTED', 'DECLINED', 'CANCELLED')
            then p.registered_at + interval '90 seconds' when p.state = 'EXPIRED' then p.expires_at end
    from purchase p, lateral (select hashint8extended(p.id, 3) & 9223372036854775807 as k) hashed
    where p.id between %(first)s and %(last)s order by p.id
"""
_JOURNAL = """
    insert into journal (purchase_id, version, attempt_id, event, from_state, to_state, actor, at, data)
    select p.id, m.version, p.attempt_id, m.event, m.start, m.ends, m.actor, p.registered_at + m.later,
        case when m.event in ('bank_confirmed', 'bank_differs') then jsonb_build_object('bank_ref', a.bank_ref)
            when m.event = 'bank_declined' then jsonb_build_object('reason', a.decline, 'code', '51') else '{}' end
    from purchase p join attempt a on a.id = p.attempt_id
    cross join lateral (values
        (1, 'registered', '', 'REGISTERED', 'merchant', interval '0'),
        (2, 'sent_to_bank', 'REGISTERED', 'AT_BANK', 'system', interval '1 second'),
        (3, case when p.state = 'EXPIRED' then 'expired' else 'returned' end, 'AT_BANK',
            case when p.state = 'EXPIRED' then 'EXPIRED' else 'VERIFYING' end,
            case when p.state = 'EXPIRED' then 'worker' else 'buyer' end,
            case when p.state = 'EXPIRED' then interval '20 minutes' else interval '89 seconds' end),
        (4, p.last_event, 'VERIFYING', p.state, 'system', interval '90 seconds')
    ) m (version, event, start, ends, actor, later)
    where p.id between %(first)s and %(last)s and m.version <= p.version order by p.id, m.version
"""
_LEDGER = """
    with paid as (
        insert into ledger_line (entry_id, journal_id, entry, debit_id, credit_id, amount_rial, booked_at, effective_at)
        select p.id, j.id, 'purchase_paid', d.id, c.id, p.amount_rial, j.at, j.at
        from purchase p join journal j on j.purchase_id = p.id and j.version = p.version
        join ledger_account d on d.kind = 'acquirer_receivable'
        join ledger_account c on c.kind = 'merchant_payable' and c.owner = p.gateway_id
        where p.id between %(first)s and %(last)s and p.state = 'PAID'
        returning entry_id
    )
    update attempt a set entry_id = paid.entry_id from paid join purchase p on p.id = paid.entry_id
    where a.id = p.attempt_id
"""
_AFTER = (
    "select setval('purchase_id_seq', (select max(id) from purchase))",
    "select setval('attempt_id_seq', (select max(id) from attempt))",
    "select setval('ledger_entry_seq', (select max(entry_id) from ledger_line))",
    """
    insert into ledger_balance (account_id, slot, debit_rial, credit_rial)
    select account_id, 0, sum(debit), sum(credit) from (
        select debit_id as account_id, amount_rial as debit, 0 as credit from ledger_line
        union all select credit_id, 0, amount_rial from ledger_line
    ) moved group by account_id
    """,
)


def fill(dsn: str, purchases: int, end: datetime) -> None:
    """Write so many purchases, the last of them just before `end`. The database must be migrated and empty."""
    began = time.monotonic()
    with psycopg.connect(dsn, autocommit=True) as connection:
        # Neither triggers nor foreign keys: what is written is right by the way it is made, and checked in the end.
        connection.execute("set session_replication_role = replica")
        for statement in _OWNER.split(";")[:-1]:
            connection.execute(statement, {"since": end} if "%(since)s" in statement else None)
        for start in range(1, purchases + 1, BATCH):
            upto = min(start + BATCH - 1, purchases)
            _write(connection, (_PURCHASES, _ATTEMPTS, _JOURNAL, _LEDGER), start, upto, purchases, end)
            print(f"{upto:>12,} purchases after {time.monotonic() - began:.0f} s", flush=True)
        for statement in _AFTER:
            connection.execute(statement)


def _write(
    connection: psycopg.Connection, statements: Sequence[str], start: int, upto: int, purchases: int, end: datetime
) -> None:
    values = {
        "from": start,
        "upto": upto,
        "all": purchases,
        "end": end,
        "first": FIRST_PURCHASE - 1 + start,
        "last": FIRST_PURCHASE - 1 + upto,
    }
    with connection.transaction():
        for statement in statements:
            connection.execute(statement, {name: value for name, value in values.items() if f"%({name})s" in statement})


_WORDS = f"""
    insert into purchase_word (gateway_id, word, purchase_id)
    select p.gateway_id, term.word, p.id from purchase p cross join lateral ({TERMS_OF_FORM}) term (word)
    where p.id between %(first)s and %(last)s
    union all
    select p.gateway_id, term.word, p.id from purchase p join attempt a on a.id = p.attempt_id
    cross join lateral ({TERMS_OF_CARD}) term (word)
    where p.id between %(first)s and %(last)s and a.masked_pan <> ''
"""
_SALES = f"""
    with batch as materialized (
        select j.event, j.to_state, j.at, j.data, p.gateway_id, p.amount_rial
        from journal j join purchase p on p.id = j.purchase_id where p.id between %(first)s and %(last)s
    ),
    {SALES}
    select 1
"""


def derive(dsn: str, purchases: int) -> None:
    """What the worker derives, by its own expressions, in large steps and with the words' index made last."""
    began = time.monotonic()
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("analyze purchase, attempt, journal")
        connection.execute("alter table purchase_word drop constraint purchase_word_pkey")
        for start in range(1, purchases + 1, BATCH):
            upto = min(start + BATCH - 1, purchases)
            values = {"first": FIRST_PURCHASE - 1 + start, "last": FIRST_PURCHASE - 1 + upto}
            connection.execute(_WORDS, values)
            connection.execute(_SALES, values)
            print(f"{upto:>12,} purchases derived after {time.monotonic() - began:.0f} s", flush=True)
        connection.execute("alter table purchase_word add primary key (gateway_id, word, purchase_id)")
        connection.execute(
            "update progress set position = j.id, seen = j.id from (select max(id) as id from journal) j"
        )
        # As autovacuum would: indexes alone then tell what is there.
        connection.execute("vacuum analyze")
        print(f"index and statistics after {time.monotonic() - began:.0f} s", flush=True)
