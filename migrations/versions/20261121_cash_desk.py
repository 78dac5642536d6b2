"""Drawers, handovers, money movements, the day close and closed periods of the ledger."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from migrations.statements import run_statements

revision = "20261121_cash_desk"
down_revision = "20261121_invoicing"
branch_labels = None
depends_on = None

TABLES = ("day_close", "money_movement", "drawer_handover", "cash_drawer", "ledger_period")
FUNCTIONS = ("keep_closed_days", "keep_ledger_period", "keep_money_movement", "keep_day_close")

KEEP_CLOSED_FUNCTION = """
create or replace function keep_closed_days() returns trigger language plpgsql as $$
begin
  perform pg_advisory_xact_lock_shared(hashtextextended('ledger-period:' || new.clinic_id::text, 0));
  if exists (select from ledger_period where clinic_id = new.clinic_id and last_on >= new.booked_on) then
    raise exception 'the books of % are closed', new.booked_on using errcode = '23514';
  end if;
  return new;
end $$
"""
KEEP_CLOSED = """
create trigger journal_entry_in_open_day before insert on journal_entry
for each row execute function keep_closed_days()
"""
# What was taken before: the day is that of its journal entry.
FILL_TENDERS = """
insert into money_movement (id, clinic_id, business_on, kind, channel, currency, amount_minor, payment_id, person_id,
  counter, reason, source_key, created_at, updated_at)
select gen_random_uuid(), e.clinic_id, e.booked_on, 'TENDER', case when p.provider = 'desk' then p.method else p.provider end,
  l.currency, sum(l.debit_minor), p.id, p.recorded_by_id, '', '', e.source_key || ':' || a.id, e.booked_at, e.booked_at
from journal_entry e
join journal_line l on l.clinic_id = e.clinic_id and l.entry_id = e.id and l.debit_minor > 0
join payment_attempt a on a.clinic_id = e.clinic_id and a.id = e.source_id
join payment p on p.clinic_id = a.clinic_id and p.id = a.payment_id
where e.kind = 'payment.captured'
group by e.id, l.currency, p.id, a.id
"""
FILL_REFUNDS = """
insert into money_movement (id, clinic_id, business_on, kind, channel, currency, amount_minor, payment_id, refund_id,
  person_id, counter, reason, source_key, created_at, updated_at)
select gen_random_uuid(), e.clinic_id, e.booked_on, 'REFUND',
  case when r.destination <> 'ORIGINAL' then r.destination when p.provider = 'desk' then p.method else p.provider end,
  r.currency, -r.amount_minor, p.id, r.id, r.decided_by_id, '', '', '', e.booked_at, e.booked_at
from journal_entry e
join refund r on r.clinic_id = e.clinic_id and r.id = e.source_id
join payment p on p.clinic_id = r.clinic_id and p.id = r.payment_id
where e.kind = 'refund.settled' and r.status = 'SETTLED'
"""


def upgrade() -> None:
    """New columns are empty, which PostgreSQL adds without rewriting the table; the index is made beside writers."""
    run_statements(__file__)
    op.execute(KEEP_CLOSED_FUNCTION)
    op.execute(KEEP_CLOSED)
    op.add_column("payment", sa.Column("split_id", sa.Uuid(as_uuid=False), nullable=True))
    op.add_column("payment", sa.Column("tendered_minor", sa.BigInteger(), nullable=True))
    # The tables' owner is held by the policies; this role sees all clinics.
    op.execute("set local role clinic_console_system")
    op.execute(FILL_TENDERS)
    op.execute(FILL_REFUNDS)
    op.execute("reset role")
    with op.get_context().autocommit_block():
        op.execute(
            "create index concurrently ix_payment_split on payment (clinic_id, split_id) where split_id is not null"
        )


def downgrade() -> None:
    op.drop_index("ix_payment_split", "payment")
    op.drop_column("payment", "tendered_minor")
    op.drop_column("payment", "split_id")
    op.execute("drop trigger journal_entry_in_open_day on journal_entry")
    for table in TABLES:
        op.drop_table(table)
    for function in FUNCTIONS:
        op.execute(f"drop function {function}()")
