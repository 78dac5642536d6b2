"""Accounts, journal entries and their lines: written once, never changed.

What makes them true lives in the database: a deferred trigger refuses, at commit, an entry whose debits and credits
differ in any currency or that has other lines than it was written with; and both roles of the application lack UPDATE
and DELETE.
"""

from __future__ import annotations

from datetime import date, datetime

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
from app.core.row_security import APP_ROLE, SYSTEM_ROLE
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
    """One money fact. (`kind`, source) is unique, so that a fact is booked once; `booked_on` is the clinic's date."""

    __tablename__ = "journal_entry"
    __table_args__ = (
        UniqueConstraint("clinic_id", "number", name="uq_journal_entry_number"),
        UniqueConstraint(
            "clinic_id", "kind", "source_table", "source_id", "source_key", name="uq_journal_entry_source"
        ),
        UniqueConstraint("clinic_id", "reverses_id", name="uq_journal_entry_reverses"),
        Index("ix_journal_entry_booked_on", "clinic_id", "booked_on", "number"),
        CheckConstraint("line_count >= 2", name="ck_journal_entry_line_count"),
    )

    number: Mapped[int] = mapped_column(BigInteger, nullable=False)
    kind: Mapped[str] = mapped_column(String(40), nullable=False)
    source_table: Mapped[str] = mapped_column(String(60), nullable=False)
    source_id: Mapped[str] = mapped_column(Uuid(as_uuid=False), nullable=False)
    # Tells several facts of one kind about one row apart: a second partial capture, for one.
    source_key: Mapped[str] = mapped_column(String(40), nullable=False, default="")
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
        return f"{self.number} {self.kind}"


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

    entry_id: Mapped[str] = tenant_reference("journal_entry")
    position: Mapped[int] = mapped_column(Integer, nullable=False)
    account_id: Mapped[str] = tenant_reference("ledger_account")
    patient_id: Mapped[str | None] = tenant_reference("patient", nullable=True)
    currency: Mapped[str] = currency_column()
    debit_minor: Mapped[int] = minor_column()
    credit_minor: Mapped[int] = minor_column()

    entry: Mapped[JournalEntry] = tenant_relationship("JournalEntry", "JournalLine.entry_id", back_populates="lines")
    account: Mapped[LedgerAccount] = tenant_relationship("LedgerAccount", "JournalLine.account_id", viewonly=True)

    def __str__(self) -> str:
        return f"{self.account} {self.debit_minor - self.credit_minor} {self.currency}"


CHECK_FUNCTION = """
create or replace function check_journal_entry() returns trigger language plpgsql as $$
declare
  checked uuid := case when tg_table_name = 'journal_line' then (to_jsonb(new) ->> 'entry_id')::uuid else new.id end;
  expected integer;
  found integer;
begin
  select line_count into expected from journal_entry where id = checked;
  select count(*) into found from journal_line where entry_id = checked;
  if expected is distinct from found then
    raise exception 'journal entry % has % lines instead of %', checked, found, expected using errcode = '23514';
  end if;
  if exists (select from journal_line where entry_id = checked group by currency
             having sum(debit_minor) <> sum(credit_minor)) then
    raise exception 'journal entry % is not balanced', checked using errcode = '23514';
  end if;
  return null;
end $$
"""
ENTRY_TRIGGER = """
create constraint trigger journal_entry_balanced after insert or update on journal_entry
deferrable initially deferred for each row execute function check_journal_entry()
"""
LINE_TRIGGER = """
create constraint trigger journal_line_balanced after insert or update on journal_line
deferrable initially deferred for each row execute function check_journal_entry()
"""
ENTRIES_APPEND_ONLY = f"revoke update, delete, truncate on journal_entry from {APP_ROLE}, {SYSTEM_ROLE}"
LINES_APPEND_ONLY = f"revoke update, delete, truncate on journal_line from {APP_ROLE}, {SYSTEM_ROLE}"

for _table, _statements in (
    (JournalEntry.__table__, (CHECK_FUNCTION, ENTRY_TRIGGER, ENTRIES_APPEND_ONLY)),
    (JournalLine.__table__, (LINE_TRIGGER, LINES_APPEND_ONLY)),
):
    for _statement in _statements:
        event.listen(_table, "after_create", DDL(_statement.replace("%", "%%")))
