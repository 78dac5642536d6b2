"""Patients that are one person: who was merged into whom, and rows that follow by themselves."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from migrations.statements import run_statements

revision = "20261121_patient_merge"
down_revision = "20261121_queue"
branch_labels = None
depends_on = None

FUNCTION = """
create or replace function resolve_merged_patient() returns trigger language plpgsql as $$
declare
  survivor uuid;
begin
  loop
    select merged_into_id into survivor from patient where id = new.patient_id for key share;
    exit when survivor is null;
    new.patient_id := survivor;
  end loop;
  return new;
end $$
"""
# By both columns of the index: without the clinic each line looked through all of them.
CHECK_JOURNAL = """
create or replace function check_journal_entry() returns trigger language plpgsql as $$
declare
  checked uuid := case when tg_table_name = 'journal_line' then (to_jsonb(new) ->> 'entry_id')::uuid else new.id end;
  expected integer;
  given bigint;
  found integer;
begin
  select line_count, number into expected, given from journal_entry where id = checked;
  select count(*) into found from journal_line where clinic_id = new.clinic_id and entry_id = checked;
  if expected is distinct from found then
    raise exception 'journal entry % has % lines instead of %', checked, found, expected using errcode = '23514';
  end if;
  if given is null then
    raise exception 'journal entry % has no number', checked using errcode = '23514';
  end if;
  if exists (select from journal_line where clinic_id = new.clinic_id and entry_id = checked group by currency
             having sum(debit_minor) <> sum(credit_minor)) then
    raise exception 'journal entry % is not balanced', checked using errcode = '23514';
  end if;
  return null;
end $$
"""
# Whatever refers to a patient by then.
WITH_PATIENTS = """
select conrelid::regclass::text from pg_constraint join pg_attribute on attrelid = conrelid and attnum = any(conkey)
where contype = 'f' and confrelid = 'patient'::regclass and attname = 'patient_id' order by 1
"""


def upgrade() -> None:
    """Online on the large tables: a column without a value, a key checked apart, an index built beside the readers."""
    op.add_column("patient", sa.Column("merged_into_id", sa.Uuid(as_uuid=False)))
    op.execute(
        "alter table patient add constraint fk_patient_merged_into_id "
        "foreign key (clinic_id, merged_into_id) references patient (clinic_id, id) not valid"
    )
    op.execute(CHECK_JOURNAL)
    op.execute(FUNCTION)
    for table in _tables():
        op.execute(
            f"create trigger {table}_patient before insert on {table} "
            "for each row when (new.patient_id is not null) execute function resolve_merged_patient()"
        )
    run_statements(__file__)
    with op.get_context().autocommit_block():
        op.execute("alter table patient validate constraint fk_patient_merged_into_id")
        op.execute(
            "create index concurrently if not exists ix_patient_merged_into_id on patient (clinic_id, merged_into_id)"
        )


def downgrade() -> None:
    """Merged records stand alone again, with what came back to them; the history of merges is gone."""
    for table in _tables():
        op.execute(f"drop trigger if exists {table}_patient on {table}")
    op.execute("drop function resolve_merged_patient()")
    op.execute(CHECK_JOURNAL.replace("where clinic_id = new.clinic_id and entry_id", "where entry_id"))
    op.drop_table("patient_merge_row")
    op.drop_table("patient_merge")
    op.drop_index("ix_patient_merged_into_id", "patient")
    op.drop_constraint("fk_patient_merged_into_id", "patient")
    op.drop_column("patient", "merged_into_id")


def _tables() -> list[str]:
    return [row[0] for row in op.get_bind().exec_driver_sql(WITH_PATIENTS)]
