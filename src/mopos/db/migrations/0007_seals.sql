-- What seals the books: a hash chain over the journals and the ledger, and how entries are found by number and by time.
-- depends: 0006_money

-- One entry's page, and the balances of a past moment: rows lie in the order in which they were written, so a few bytes
-- for every sixteen pages find them, and cost a payment nothing.
create index ledger_line_place on ledger_line using brin (entry_id, booked_at, effective_at)
    with (pages_per_range = 16, autosummarize = on);

-- Whose an account is, in words; empty: the operator's own.
create function owner_name(kind_ text, owner_ bigint) returns text language sql stable as $$
    select coalesce(case
        when kind_ in ('merchant_payable', 'merchant_held') then (select name from gateway where id = owner_)
        when kind_ in ('acquirer_receivable', 'acquirer_cost') then (
            select bank || ' ' || name from terminal where id = owner_
        )
    end, '')
$$;

alter table ledger_seal add rows int8multirange not null default '{}';
alter table ledger_seal alter rows drop default;
comment on column ledger_seal.rows is 'The numbers of the rows: those of statements that failed are missing from the first.';

-- One text for one row, whoever reads it and whatever the server's settings: a JSON array, moments in microseconds.
create function seal_text(row_ journal) returns text language sql immutable as $$
    select jsonb_build_array(row_.id, row_.purchase_id, row_.version, row_.attempt_id, row_.event, row_.from_state,
        row_.to_state, row_.actor, (extract(epoch from row_.at) * 1000000)::bigint, row_.data)::text
$$;
create function seal_text(row_ ledger_line) returns text language sql immutable as $$
    select jsonb_build_array(row_.id, row_.entry_id, row_.journal_id, row_.event_id, row_.entry, row_.debit_id,
        row_.credit_id, row_.amount_rial, (extract(epoch from row_.booked_at) * 1000000)::bigint,
        (extract(epoch from row_.effective_at) * 1000000)::bigint, row_.corrects)::text
$$;
create function seal_text(row_ money_event) returns text language sql immutable as $$
    select jsonb_build_array(row_.id, row_.noun, row_.subject_id, row_.version, row_.event, row_.from_state,
        row_.to_state, row_.actor, row_.operator_id, row_.person_id,
        (extract(epoch from row_.at) * 1000000)::bigint, row_.reason, row_.data)::text
$$;
create function seal_hash(row_ journal) returns bytea language sql immutable as $$
    select sha256(convert_to(seal_text(row_), 'UTF8'))
$$;
create function seal_hash(row_ ledger_line) returns bytea language sql immutable as $$
    select sha256(convert_to(seal_text(row_), 'UTF8'))
$$;
create function seal_hash(row_ money_event) returns bytea language sql immutable as $$
    select sha256(convert_to(seal_text(row_), 'UTF8'))
$$;
comment on function seal_hash(journal) is 'A row''s hash. A stretch''s: sha256 of the hash before it and of its rows'' in order. Before the first stand 32 zero bytes.';

-- How far each of them is sealed, and how far it is certain that nothing can appear any more.
insert into progress (name, position, seen, seen_xid, at) values
    ('seal journal', 0, 0, '0', now()), ('seal ledger_line', 0, 0, '0', now()), ('seal money_event', 0, 0, '0', now());

-- Take back what the closing of an exception booked, all of it, by entries that name the old ones; the exception is open
-- again, and so is its line of the bank account. Returns the last of the entries; null: the entry is of something else,
-- or was taken back already.
create function take_back(entry_ bigint, operator_ bigint, reason_ text, data_ jsonb, now_ timestamptz)
returns bigint language plpgsql volatile as $$
declare
    closing money_event;
    x recon_exception;
    event bigint;
    old bigint;
    number bigint;
begin
    select e.* into closing from ledger_line l join money_event e on e.id = l.event_id where l.entry_id = entry_ limit 1;
    if not found or closing.noun <> 'exception' or closing.event <> 'closed' then return null; end if;
    update recon_exception set state = 'OPEN', last_event = 'reopened', version = version + 1, closed_at = null
    where id = closing.subject_id and state = 'CLOSED' and version = closing.version returning * into x;
    if not found then return null; end if;
    insert into money_event
        (noun, subject_id, version, event, from_state, to_state, actor, operator_id, at, reason, data)
    values ('exception', x.id, x.version, 'reopened', 'CLOSED', 'OPEN', 'operator', operator_, now_, reason_, data_)
    returning id into event;
    for old in select distinct entry_id from ledger_line where event_id = closing.id order by entry_id loop
        number := nextval('ledger_entry_seq');
        insert into ledger_line
            (entry_id, event_id, entry, debit_id, credit_id, amount_rial, booked_at, effective_at, corrects)
        select number, event, 'correction', credit_id, debit_id, amount_rial, now_, effective_at, old
        from ledger_line where event_id = closing.id and entry_id = old;
    end loop;
    -- A deposit that was written down by this very act; one that the worker recognised has its line MATCHED.
    delete from psp_deposit d using statement_line l
    where l.id = x.statement_line_id and l.state = 'CLOSED' and d.statement_line_id = l.id;
    update statement_line set state = 'SUSPENSE', matched_as = '' where id = x.statement_line_id and state = 'CLOSED';
    return number;
end $$;
