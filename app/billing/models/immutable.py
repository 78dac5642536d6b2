"""What the database itself refuses of invoices: lines that do not add up, and any change of what was issued.

An open invoice is only ever corrected by a credit note (SPEC BIL-4).
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import DDL, event

from app.billing.models.invoice import Invoice, InvoiceLine

CHECK_FUNCTION = """
create or replace function check_invoice_sums() returns trigger language plpgsql as $$
declare
  checked uuid := case when tg_table_name = 'invoice_line' then (to_jsonb(new) ->> 'invoice_id')::uuid else new.id end;
begin
  if exists (
    select from invoice i cross join lateral (
      select coalesce(sum(net_minor), 0) as net, coalesce(sum(share_minor), 0) as share,
        coalesce(sum(tax_minor), 0) as tax
      from invoice_line l where l.clinic_id = i.clinic_id and l.invoice_id = i.id
    ) as summed
    where i.id = checked
      and (i.subtotal_minor <> summed.net or i.discount_minor <> summed.share or i.tax_minor <> summed.tax)
  ) then
    raise exception 'the lines of invoice % do not add up to it', checked using errcode = '23514';
  end if;
  return null;
end $$
"""
KEEP_INVOICE_FUNCTION = """
create or replace function keep_invoice() returns trigger language plpgsql as $$
begin
  if tg_op = 'DELETE' or (
    old.number, old.currency, old.opened_at, old.due_on, old.appointment_id, old.subtotal_minor, old.discount_minor,
    old.tax_minor, old.total_minor, old.discount_reason
  ) is distinct from (
    new.number, new.currency, new.opened_at, new.due_on, new.appointment_id, new.subtotal_minor, new.discount_minor,
    new.tax_minor, new.total_minor, new.discount_reason
  ) then
    raise exception 'an issued invoice cannot be changed, only corrected by a credit note' using errcode = '23514';
  end if;
  return new;
end $$
"""
KEEP_LINE_FUNCTION = """
create or replace function keep_invoice_line() returns trigger language plpgsql as $$
begin
  if exists (select from invoice where id = old.invoice_id and status <> 'DRAFT') then
    raise exception 'a line of an issued invoice cannot be changed' using errcode = '23514';
  end if;
  return coalesce(new, old);
end $$
"""
KEEP_INVOICE = """
create trigger invoice_kept before update or delete on invoice
for each row when (old.status <> 'DRAFT') execute function keep_invoice()
"""
KEEP_LINE = """
create trigger invoice_line_kept before update or delete on invoice_line
for each row execute function keep_invoice_line()
"""
CHECK_INVOICE = """
create constraint trigger invoice_adds_up after insert or update of subtotal_minor, discount_minor, tax_minor on invoice
deferrable initially deferred for each row execute function check_invoice_sums()
"""
CHECK_LINE = """
create constraint trigger invoice_line_adds_up after insert or update on invoice_line
deferrable initially deferred for each row execute function check_invoice_sums()
"""

# What create_all and the migration execute beside the tables, in this order.
DATABASE_RULES: tuple[tuple[Any, tuple[str, ...]], ...] = (
    (Invoice.__table__, (CHECK_FUNCTION, KEEP_INVOICE_FUNCTION, CHECK_INVOICE, KEEP_INVOICE)),
    (InvoiceLine.__table__, (KEEP_LINE_FUNCTION, CHECK_LINE, KEEP_LINE)),
)
for _table, _statements in DATABASE_RULES:
    for _statement in _statements:
        event.listen(_table, "after_create", DDL(_statement.replace("%", "%%")))
