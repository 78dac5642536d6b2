"""What the database itself refuses at the cash desk: changing a movement or a day close, and adding to a closed day."""

from __future__ import annotations

from typing import Any

from sqlalchemy import DDL, event

from app.billing.models.cash_desk import DayClose, MoneyMovement
from app.core.row_security import APP_ROLE, SYSTEM_ROLE

KEEP_MOVEMENT_FUNCTION = """
create or replace function keep_money_movement() returns trigger language plpgsql as $$
begin
  if tg_op <> 'INSERT' then
    raise exception 'money that moved stays moved' using errcode = '23514';
  end if;
  perform pg_advisory_xact_lock_shared(hashtextextended('ledger-period:' || new.clinic_id::text, 0));
  if exists (select from ledger_period where clinic_id = new.clinic_id and last_on >= new.business_on) then
    raise exception 'the day % is closed', new.business_on using errcode = '23514';
  end if;
  return new;
end $$
"""
KEEP_CLOSE_FUNCTION = """
create or replace function keep_day_close() returns trigger language plpgsql as $$
begin
  raise exception 'a closed day cannot be changed' using errcode = '23514';
end $$
"""
KEEP_MOVEMENT = """
create trigger money_movement_kept before insert or update or delete on money_movement
for each row execute function keep_money_movement()
"""
KEEP_CLOSE = """
create trigger day_close_kept before update or delete on day_close
for each row execute function keep_day_close()
"""
REVOKE_MOVEMENT = f"revoke update, delete, truncate on money_movement from {APP_ROLE}, {SYSTEM_ROLE}"
REVOKE_CLOSE = f"revoke update, delete, truncate on day_close from {APP_ROLE}, {SYSTEM_ROLE}"

# What create_all and the migration execute beside the tables, in this order.
DATABASE_RULES: tuple[tuple[Any, tuple[str, ...]], ...] = (
    (MoneyMovement.__table__, (KEEP_MOVEMENT_FUNCTION, KEEP_MOVEMENT, REVOKE_MOVEMENT)),
    (DayClose.__table__, (KEEP_CLOSE_FUNCTION, KEEP_CLOSE, REVOKE_CLOSE)),
)
for _table, _statements in DATABASE_RULES:
    for _statement in _statements:
        event.listen(_table, "after_create", DDL(_statement.replace("%", "%%")))
