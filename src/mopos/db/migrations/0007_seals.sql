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
