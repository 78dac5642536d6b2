"""What a patient owes and has, carried between records that are merged or stand alone again.

The journal's lines are never changed: an entry takes a balance off one record and puts it on the other, within the same
account, so that no sum of the books moves.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from flask_appbuilder import Model
from sqlalchemy import Table, func, select
from sqlalchemy.orm import aliased

from app.core.money import Money
from app.core.tenant import db
from app.ledger.accounts import AccountCode
from app.ledger.models import JournalEntry, JournalLine, LedgerAccount
from app.ledger.services import Line, credit, debit, find_entry, post
from app.people.models import PatientMerge

MERGED, UNMERGED = "patient.merged", "patient.unmerged"
SOURCE = PatientMerge.__tablename__
# Debits less credits in minor units, by account code and currency.
Balances = dict[tuple[str, str], int]


def balances_over(merge: PatientMerge) -> None:
    """The survivor owes and has what the merged record owed and had. Before its id leads to the survivor."""
    net = func.sum(JournalLine.debit_minor - JournalLine.credit_minor)
    rows = (
        select(LedgerAccount.code, JournalLine.currency, net)
        .join(LedgerAccount, LedgerAccount.id == JournalLine.account_id)
        .where(JournalLine.patient_id == merge.merged_id)
        .group_by(LedgerAccount.code, JournalLine.currency)
    )
    found = {(code, currency): int(minor) for code, currency, minor in db.session.execute(rows)}
    _carry(MERGED, found, merge.merged_id, merge.survivor_id, merge)


def balances_back(merge: PatientMerge) -> None:
    """What came over goes back, with everything that was booked since then about rows of the merged record.

    After the rows went back: whose they are says whose the booking is.
    """
    found: Balances = defaultdict(int, _carried(merge))
    for key, minor in _booked_since(merge).items():
        found[key] += minor
    _carry(UNMERGED, found, merge.survivor_id, merge.merged_id, merge)


def _carry(kind: str, balances: Balances, from_id: str, to_id: str, merge: PatientMerge) -> None:
    lines: list[Line] = []
    for (code, currency), minor in sorted(balances.items()):
        amount = Money(abs(minor), currency)
        debtor, creditor = (to_id, from_id) if minor > 0 else (from_id, to_id)
        if minor:
            lines += [debit(code, amount, debtor), credit(code, amount, creditor)]
    if lines:
        post(kind, lines, source=(SOURCE, merge.id))


def _carried(merge: PatientMerge) -> Balances:
    entry = find_entry(MERGED, (SOURCE, merge.id))
    if entry is None:
        return {}
    codes = {account.id: account.code for account in db.session.scalars(select(LedgerAccount))}
    # The other side of the entry names the merged record.
    return {
        (codes[line.account_id], line.currency): line.debit_minor - line.credit_minor
        for line in entry.lines
        if line.patient_id == merge.survivor_id
    }


def _booked_since(merge: PatientMerge) -> Balances:
    """Lines since the merge on the survivor, or on whoever that one was part of meanwhile, about the merged's rows."""
    original = aliased(JournalEntry)
    table = func.coalesce(original.source_table, JournalEntry.source_table)
    row_id = func.coalesce(original.source_id, JournalEntry.source_id)
    lines = db.session.execute(
        select(
            LedgerAccount.code, JournalLine.currency, JournalLine.debit_minor, JournalLine.credit_minor, table, row_id
        )
        .join(JournalEntry, JournalEntry.id == JournalLine.entry_id)
        .join(LedgerAccount, LedgerAccount.id == JournalLine.account_id)
        .outerjoin(original, original.id == JournalEntry.reverses_id)
        .where(JournalLine.patient_id.in_(_family(merge)), JournalEntry.booked_at >= merge.merged_at, table != SOURCE)
    ).all()
    owned = {
        (name, account): _owned(
            Model.metadata.tables[name], {row[5] for row in lines if row[4] == name}, account, merge
        )
        for name, account in {(row[4], row[0]) for row in lines}
    }
    found: Balances = defaultdict(int)
    for code, currency, debited, credited, name, source_id in lines:
        if source_id in owned[name, code]:
            found[code, currency] += debited - credited
    return found


def _family(merge: PatientMerge) -> list[str]:
    family = [merge.survivor_id]
    for patient_id in family:  # grows while it is walked
        later = select(PatientMerge.survivor_id).where(
            PatientMerge.merged_id == patient_id, PatientMerge.merged_at >= merge.merged_at
        )
        family += [found for found in db.session.scalars(later) if found not in family]
    return family


def _owned(table: Table, ids: Iterable[str], account: str, merge: PatientMerge) -> set[str]:
    """Which rows are the merged record's: by their own column, or by the invoice or payment that they are about."""
    if "patient_id" in table.columns:
        wanted = select(table.c.id).where(table.c.patient_id == merge.merged_id)
    else:
        parent = _parent(table, account)
        if parent is None:
            return set()
        owner, key = parent
        wanted = select(table.c.id).join(owner, owner.c.id == table.c[key])
        wanted = wanted.where(owner.c.patient_id == merge.merged_id, owner.c.clinic_id == merge.clinic_id)
    wanted = wanted.where(table.c.clinic_id == merge.clinic_id, table.c.id.in_(list(ids)))
    return set(db.session.scalars(wanted))


def _parent(table: Table, account: str) -> tuple[Table, str] | None:
    """A debt goes with its invoice, credit with the payment that it lies in."""
    parents = {
        constraint.referred_table.name: (constraint.referred_table, constraint.column_keys[-1])
        for constraint in table.foreign_key_constraints
        if "patient_id" in constraint.referred_table.columns
    }
    first = "invoice" if account == AccountCode.RECEIVABLE else "payment"
    return parents.get(first) or next(iter(parents.values()), None)
