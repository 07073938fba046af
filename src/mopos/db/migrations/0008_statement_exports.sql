-- Members can have the statement of their account as a file, beside their purchases. The default keeps what waits.
-- depends: 0006_money

alter table export add kind text not null default 'purchases' check (kind in ('purchases', 'statement'));
comment on column export.kind is 'What stands in the file: purchases that a filter wants, or a gateway''s movements of a period.';

-- Lists call it for each purchase of a page, on connections that plan every statement anew: the plans in it are always
-- the same, and planning them took most of its time.
alter function settled_by(bigint, bigint, bigint) set plan_cache_mode = 'force_generic_plan';
