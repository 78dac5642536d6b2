"""The second wall: PostgreSQL row-level security and the two roles it knows.

`clinic_console_app` sees the rows of the clinic in `app.clinic_id`; `clinic_console_system` sees all rows; any
other role that is no superuser sees none. Both are entered with SET ROLE, so that one DATABASE_URL is enough.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import text

APP_ROLE = "clinic_console_app"
SYSTEM_ROLE = "clinic_console_system"

CLINIC_IN_SCOPE = "clinic_id = nullif(current_setting('app.clinic_id', true), '')::uuid"

CREATE_ROLES = f"""
do $$
begin
  perform pg_advisory_xact_lock(7260417);
  if not exists (select from pg_roles where rolname = '{APP_ROLE}') then create role {APP_ROLE} nologin; end if;
  if not exists (select from pg_roles where rolname = '{SYSTEM_ROLE}') then create role {SYSTEM_ROLE} nologin; end if;
end $$;
"""  # noqa: S608 constants of this file

# Default privileges only: a grant on all tables would give back what a table's own rules revoke (audit trail, journal).
GRANTS = f"""
grant {APP_ROLE}, {SYSTEM_ROLE} to current_user;
grant usage on schema public to {APP_ROLE}, {SYSTEM_ROLE};
alter default privileges in schema public grant select, insert, update, delete on tables to {APP_ROLE}, {SYSTEM_ROLE};
alter default privileges in schema public grant usage on sequences to {APP_ROLE}, {SYSTEM_ROLE};
"""


def policy_statements(table: str, *, clinic_optional: bool = False) -> list[str]:
    """DDL that puts a table behind the wall. With `clinic_optional`, rows of no clinic may be written but not read."""
    check = f"({CLINIC_IN_SCOPE}) or clinic_id is null" if clinic_optional else CLINIC_IN_SCOPE
    name = f'"{table}"'
    return [
        f"alter table {name} enable row level security",
        f"alter table {name} force row level security",
        f"create policy clinic_wall on {name} to {APP_ROLE} using ({CLINIC_IN_SCOPE}) with check ({check})",
        f"create policy system_access on {name} to {SYSTEM_ROLE} using (true) with check (true)",
    ]


def prepare_database(connection: Any) -> None:
    """Create the two roles and their grants; safe to repeat."""
    connection.execute(text(CREATE_ROLES))
    connection.execute(text(GRANTS))
