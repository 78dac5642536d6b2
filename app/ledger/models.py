"""Accounts, journal entries and their lines: written once, never changed.

What makes them true lives in the database: a deferred trigger refuses, at commit, an entry whose debits and credits
differ in any currency, that has other lines than it was written with, or no number; and the application's roles can
neither delete nor change anything but give that number, once.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import (
    DDL,
    BigInteger,
    Boolean,
    CheckConstraint,
    Date,
    Index,
    Integer,
    String,
    UniqueConstraint,
    Uuid,
    event,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.core import clock
from app.core.models import (
    AwareTime,
    TenantModel,
    currency_column,
    minor_column,
    one_of,
    tenant_reference,
    tenant_relationship,
)
from app.core.money import Money
from app.core.row_security import APP_ROLE, SYSTEM_ROLE
from app.core.vocabulary import booking_name
from app.ledger.accounts import DEBIT_KINDS, AccountKind


class LedgerAccount(TenantModel):
    """One account of the clinic's chart. `code` is what the console books on."""

    __tablename__ = "ledger_account"
    __table_args__ = (
        UniqueConstraint("clinic_id", "code", name="uq_ledger_account_code"),
        one_of("kind", AccountKind, "ck_ledger_account_kind"),
    )

    code: Mapped[str] = mapped_column(String(40), nullable=False)
    name: Mapped[str] = mapped_column(String(80), nullable=False)
    kind: Mapped[str] = mapped_column(String(10), nullable=False)
    active: Mapped[bool] = mapped_column(Boolean, nullable=False, default=True)

    @property
    def grows_with_debit(self) -> bool:
        return self.kind in DEBIT_KINDS

    def __str__(self) -> str:
        return self.name


class JournalEntry(TenantModel):
    """One money fact. (`kind`, source) is unique, so that a fact is booked once; `booked_on` is the clinic's date.

    `number` is gapless and given last in the transaction (DESIGN 9: serial points), so it is None until the commit.
    """

    __tablename__ = "journal_entry"
    __table_args__ = (
        UniqueConstraint("clinic_id", "number", name="uq_journal_entry_number"),
        UniqueConstraint(
            "clinic_id", "kind", "source_table", "source_id", "source_key", name="uq_journal_entry_source"
        ),
        UniqueConstraint("clinic_id", "reverses_id", name="uq_journal_entry_reverses"),
        Index("ix_journal_entry_booked_on", "clinic_id", "booked_on", "number"),
        Index("ix_journal_entry_unnumbered", "clinic_id", postgresql_where=text("number is null")),
        CheckConstraint("line_count >= 2", name="ck_journal_entry_line_count"),
    )

    number: Mapped[int | None] = mapped_column(BigInteger)
    kind: Mapped[str] = mapped_column(String(40), nullable=False)
    source_table: Mapped[str] = mapped_column(String(60), nullable=False)
    source_id: Mapped[str] = mapped_column(Uuid(as_uuid=False), nullable=False)
    # Tells several facts of one kind about one row apart: a second partial capture, for one.
    source_key: Mapped[str] = mapped_column(String(80), nullable=False, default="")
    memo: Mapped[str] = mapped_column(String(200), nullable=False, default="")
    booked_at: Mapped[datetime] = mapped_column(AwareTime, nullable=False, default=clock.now)
    booked_on: Mapped[date] = mapped_column(Date, nullable=False)
    reverses_id: Mapped[str | None] = tenant_reference("journal_entry", nullable=True)
    line_count: Mapped[int] = mapped_column(Integer, nullable=False)

    lines: Mapped[list[JournalLine]] = relationship(
        primaryjoin="foreign(JournalLine.entry_id) == JournalEntry.id",
        order_by="JournalLine.position",
        back_populates="entry",
    )

    def __str__(self) -> str:
        return f"{self.number} {booking_name(self.kind)}"


class JournalLine(TenantModel):
    """A debit or a credit on one account, in one currency; `patient_id` where the account is kept per patient."""

    __tablename__ = "journal_line"
    __table_args__ = (
        UniqueConstraint("clinic_id", "entry_id", "position", name="uq_journal_line_position"),
        Index("ix_journal_line_balance", "clinic_id", "account_id", "patient_id", "currency"),
        CheckConstraint(
            "(debit_minor > 0 and credit_minor = 0) or (credit_minor > 0 and debit_minor = 0)",
            name="ck_journal_line_one_side",
        ),
    )
    __audited__ = False  # written with its entry, which is in the trail, and never changed

    entry_id: Mapped[str] = tenant_reference("journal_entry")
    position: Mapped[int] = mapped_column(Integer, nullable=False)
    account_id: Mapped[str] = tenant_reference("ledger_account")
    patient_id: Mapped[str | None] = tenant_reference("patient", nullable=True)
    currency: Mapped[str] = currency_column()
    debit_minor: Mapped[int] = minor_column()
    credit_minor: Mapped[int] = minor_column()

    entry: Mapped[JournalEntry] = tenant_relationship("JournalEntry", "JournalLine.entry_id", back_populates="lines")
    account: Mapped[LedgerAccount] = tenant_relationship("LedgerAccount", "JournalLine.account_id", viewonly=True)
    patient: Mapped[Any] = tenant_relationship("Patient", "JournalLine.patient_id", viewonly=True)

    @property
    def debit(self) -> Money | None:
        return Money(self.debit_minor, self.currency) if self.debit_minor else None

    @property
    def credit(self) -> Money | None:
        return Money(self.credit_minor, self.currency) if self.credit_minor else None

    def __str__(self) -> str:
        return f"{self.account} {self.debit_minor - self.credit_minor} {self.currency}"


class LedgerPeriod(TenantModel):
    """Days whose books are closed, `last_on` included; whatever is older is closed with them. Never opened again."""

    __tablename__ = "ledger_period"
    __table_args__ = (
        UniqueConstraint("clinic_id", "last_on", name="uq_ledger_period_last_on"),
        CheckConstraint("first_on <= last_on", name="ck_ledger_period_days"),
    )

    first_on: Mapped[date] = mapped_column(Date, nullable=False)
    last_on: Mapped[date] = mapped_column(Date, nullable=False)
    closed_at: Mapped[datetime] = mapped_column(AwareTime, nullable=False, default=clock.now)
    closed_by_id: Mapped[str | None] = mapped_column(Uuid(as_uuid=False))

    def __str__(self) -> str:
        return str(self.last_on)


CHECK_FUNCTION = """
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
KEEP_FUNCTION = """
create or replace function keep_journal() returns trigger language plpgsql as $$
begin
  if tg_op = 'UPDATE' and tg_table_name = 'journal_entry' then
    if to_jsonb(old) ->> 'number' is null and (to_jsonb(new) - 'number') = (to_jsonb(old) - 'number') then
      return new;
    end if;
  end if;
  raise exception 'the journal cannot be changed, only reversed' using errcode = '23514';
end $$
"""
KEEP_ENTRY = """
create trigger journal_entry_kept before update or delete on journal_entry
for each row execute function keep_journal()
"""
KEEP_LINE = """
create trigger journal_line_kept before update or delete on journal_line
for each row execute function keep_journal()
"""
CHECK_ENTRY = """
create constraint trigger journal_entry_balanced after insert on journal_entry
deferrable initially deferred for each row execute function check_journal_entry()
"""
CHECK_LINE = """
create constraint trigger journal_line_balanced after insert on journal_line
deferrable initially deferred for each row execute function check_journal_entry()
"""
# Writers share a lock and the close takes it alone: an entry is wholly before a close, or in a day after it.
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
KEEP_PERIOD_FUNCTION = """
create or replace function keep_ledger_period() returns trigger language plpgsql as $$
begin
  if tg_op <> 'INSERT' then
    raise exception 'closed books are not opened again' using errcode = '23514';
  end if;
  perform pg_advisory_xact_lock(hashtextextended('ledger-period:' || new.clinic_id::text, 0));
  if exists (select from ledger_period where clinic_id = new.clinic_id and last_on >= new.first_on) then
    raise exception 'the books of % are closed already', new.first_on using errcode = '23514';
  end if;
  return new;
end $$
"""
KEEP_CLOSED = """
create trigger journal_entry_in_open_day before insert on journal_entry
for each row execute function keep_closed_days()
"""
KEEP_PERIOD = """
create trigger ledger_period_kept before insert or update or delete on ledger_period
for each row execute function keep_ledger_period()
"""
REVOKE_PERIOD = f"revoke update, delete, truncate on ledger_period from {APP_ROLE}, {SYSTEM_ROLE}"
REVOKE_ENTRY = f"revoke update, delete, truncate on journal_entry from {APP_ROLE}, {SYSTEM_ROLE}"
GRANT_NUMBER = f"grant update (number) on journal_entry to {APP_ROLE}"
REVOKE_LINE = f"revoke update, delete, truncate on journal_line from {APP_ROLE}, {SYSTEM_ROLE}"

# What create_all and the migration execute beside the tables, in this order.
DATABASE_RULES: tuple[tuple[Any, tuple[str, ...]], ...] = (
    (
        JournalEntry.__table__,
        (
            CHECK_FUNCTION,
            KEEP_FUNCTION,
            CHECK_ENTRY,
            KEEP_ENTRY,
            REVOKE_ENTRY,
            GRANT_NUMBER,
            KEEP_CLOSED_FUNCTION,
            KEEP_CLOSED,
        ),
    ),
    (JournalLine.__table__, (CHECK_LINE, KEEP_LINE, REVOKE_LINE)),
    (LedgerPeriod.__table__, (KEEP_PERIOD_FUNCTION, KEEP_PERIOD, REVOKE_PERIOD)),
)
for _table, _statements in DATABASE_RULES:
    for _statement in _statements:
        event.listen(_table, "after_create", DDL(_statement.replace("%", "%%")))
