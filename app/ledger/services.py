"""Writing the journal: post() a balanced entry, reverse() one that was wrong. Nothing else changes the ledger."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, NoReturn, cast

from flask_babel import gettext as _
from sqlalchemy import Table, select, text
from sqlalchemy.orm import Session

from app.core import clock
from app.core.connections import execute_with_commit
from app.core.errors import Conflict
from app.core.ids import new_id
from app.core.kept import Kept
from app.core.money import Money
from app.core.series import taking
from app.core.tenant import db, require_clinic
from app.core.together import as_json, recordset, take_in
from app.core.transaction import before_commit
from app.ledger.accounts import STANDARD_CHART, AccountCode
from app.ledger.models import JournalEntry, JournalLine, LedgerAccount
from app.ledger.periods import DayClosed as DayClosed
from app.ledger.periods import booking_day as booking_day
from app.ledger.periods import close_books as close_books
from app.ledger.periods import closed_until as closed_until
from app.ledger.periods import lock_books as lock_books

REVERSAL = "reversal"
_ACCOUNTS = "ledger_accounts"


class Unbalanced(ValueError):
    """Debits and credits of an entry differ; always a bug of the caller."""


class AlreadyReversed(Conflict):
    """An entry is reversed once."""

    code = "ALREADY_REVERSED"


@dataclass(frozen=True, slots=True)
class Line:
    """One side of an entry; exactly one of `debit` and `credit` is given, and it is not negative."""

    account_code: str
    debit: Money | None = None
    credit: Money | None = None
    patient_id: str | None = None

    def __post_init__(self) -> None:
        if (self.debit is None) == (self.credit is None):
            raise Unbalanced("a line is either a debit or a credit")
        if self.amount.minor < 0:
            raise Unbalanced("a line is not negative: use the other side")

    @property
    def amount(self) -> Money:
        amount = self.debit if self.debit is not None else self.credit
        assert amount is not None
        return amount


@dataclass(frozen=True, slots=True)
class Posting:
    """A fact to be booked, as `post` takes it."""

    kind: str
    lines: Sequence[Line]
    source: tuple[str, str]
    memo: str = ""
    source_key: str = ""


def debit(account_code: str, amount: Money, patient_id: str | None = None) -> Line:
    return Line(account_code, debit=amount, patient_id=patient_id)


def credit(account_code: str, amount: Money, patient_id: str | None = None) -> Line:
    return Line(account_code, credit=amount, patient_id=patient_id)


def post(
    kind: str, lines: Sequence[Line], *, source: tuple[str, str], memo: str = "", source_key: str = ""
) -> JournalEntry:
    """Book a fact about the row `source` (table, id). A fact that is booked already is not booked again.

    `source_key` tells several facts of one kind about one row apart. Lines of zero are left out. Raises Unbalanced.
    """
    posting = Posting(kind, lines, source, memo, source_key)
    return _book(posting) or find_entry(kind, source, source_key) or _book_on_new_accounts(posting)


def _book(posting: Posting) -> JournalEntry | None:
    """Write the entry and its lines by one statement; None for a fact that is booked already, or on an account that
    the clinic lacks.
    """
    booked = [line for line in posting.lines if line.amount]
    _check_balance(booked)
    entry, session = _head(posting, booking_day()), db.session()
    entry.clinic_id, entry.line_count, entry.booked_at = require_clinic(), len(booked), clock.now()
    entry.created_at = entry.updated_at = entry.booked_at
    entry.number = entry.reverses_id = None
    session.flush()  # what is booked comes before its entry
    head = {name: getattr(entry, name) for name in _HEAD}
    if not session.connection().exec_driver_sql(_BOOK, {**head, **_columns_of(booked)}).rowcount:
        return None
    take_in(session, entry)
    before_commit("journal-numbers", _number_entries)
    return entry


_HEAD = (
    "id", "clinic_id", "kind", "source_table", "source_id", "source_key", "memo", "booked_at", "booked_on",
    "line_count",
)  # fmt: skip
_BOOK = """
with line as (
  select * from unnest(cast(%(line_ids)s as uuid[]), cast(%(codes)s as text[]), cast(%(patient_ids)s as uuid[]),
    cast(%(currencies)s as text[]), cast(%(debits)s as bigint[]), cast(%(credits)s as bigint[])) with ordinality
    as line (id, code, patient_id, currency, debit, credit, place)
), account as (
  select id, code from ledger_account
  where clinic_id = cast(%(clinic_id)s as uuid) and code = any(cast(%(codes)s as text[]))
), booked as (
  insert into journal_entry (id, clinic_id, kind, source_table, source_id, source_key, memo, booked_at, booked_on,
    line_count, created_at, updated_at)
  select cast(%(id)s as uuid), cast(%(clinic_id)s as uuid), %(kind)s, %(source_table)s, cast(%(source_id)s as uuid),
    %(source_key)s, %(memo)s, %(booked_at)s, %(booked_on)s, %(line_count)s, %(booked_at)s, %(booked_at)s
  where not exists (select from line where code not in (select code from account))
  on conflict (clinic_id, kind, source_table, source_id, source_key) do nothing
  returning id
)
insert into journal_line (id, clinic_id, entry_id, position, account_id, patient_id, currency, debit_minor,
  credit_minor, created_at, updated_at)
select line.id, cast(%(clinic_id)s as uuid), booked.id, line.place - 1, account.id, line.patient_id, line.currency,
  line.debit, line.credit, %(booked_at)s, %(booked_at)s
from booked cross join line join account on account.code = line.code
"""


def _columns_of(lines: Sequence[Line]) -> dict[str, list[Any]]:
    return {
        "line_ids": [new_id() for _line in lines],
        "codes": [str(line.account_code) for line in lines],
        "patient_ids": [line.patient_id for line in lines],
        "currencies": [line.amount.currency for line in lines],
        "debits": [line.debit.minor if line.debit is not None else 0 for line in lines],
        "credits": [line.credit.minor if line.credit is not None else 0 for line in lines],
    }


def _book_on_new_accounts(posting: Posting) -> JournalEntry:
    """For a clinic that lacks an account of the standard chart. Raises KeyError for one that is not in it."""
    codes = _account_ids().keys()
    for line in posting.lines:
        if line.account_code not in codes:
            raise KeyError(line.account_code)
    return _book(posting) or _vanished(posting)


def _vanished(posting: Posting) -> NoReturn:
    raise RuntimeError(f"the entry {posting.kind} is neither new nor there")


def post_all(postings: Sequence[Posting]) -> None:
    """Book many facts at once, none of which is booked already. Raises Unbalanced."""
    on, account_ids = booking_day(), _account_ids()
    _write([_entry(posting, on, account_ids) for posting in postings])


def reverse(entry: JournalEntry, reason: str) -> JournalEntry:
    """Book the opposite of an entry; both stay. Raises AlreadyReversed."""
    if db.session.scalar(select(JournalEntry.id).where(JournalEntry.reverses_id == entry.id)):
        raise AlreadyReversed(_("This entry was reversed already."))
    opposite = JournalEntry(
        id=new_id(),
        kind=REVERSAL,
        source_table=JournalEntry.__tablename__,
        source_id=entry.id,
        memo=reason[:200],
        booked_on=booking_day(),
        reverses_id=entry.id,
    )
    codes = {line.account_id: line.account_id for line in entry.lines}
    _add_lines(opposite, [_opposite(line) for line in entry.lines], codes)
    _write([opposite])
    return opposite


def find_entry(kind: str, source: tuple[str, str], source_key: str = "") -> JournalEntry | None:
    """The entry of a fact."""
    return db.session.scalar(
        select(JournalEntry).where(
            JournalEntry.kind == kind,
            JournalEntry.source_table == source[0],
            JournalEntry.source_id == source[1],
            JournalEntry.source_key == source_key,
        )
    )


def open_accounts(clinic_id: str | None = None) -> None:
    """Give a clinic (the one in scope) the accounts of the standard chart that it lacks."""
    same = {"clinic_id": clinic_id or require_clinic(), "active": True, **dict.fromkeys(_TIMES, clock.now())}
    rows = [
        {"id": new_id(), "code": code.value, "name": name, "kind": kind.value, **same}
        for code, kind, name, _label in STANDARD_CHART
    ]
    session = db.session()
    session.flush()
    _OPEN.execute(session.connection(), {"rows": as_json(rows)})


_TIMES = ("created_at", "updated_at")
_ACCOUNT = ("id", "clinic_id", "code", "name", "kind", "active", *_TIMES)
_ACCOUNT_NAMES = ", ".join(_ACCOUNT)
# As one value: SQLAlchemy composes a list of VALUES anew each time, which takes longer than to insert them.
_OPEN = Kept(
    text(
        f"insert into ledger_account ({_ACCOUNT_NAMES})"  # noqa: S608 - names of our own columns
        f" select {_ACCOUNT_NAMES} from {recordset(cast(Table, LedgerAccount.__table__), _ACCOUNT)}"
        " on conflict (clinic_id, code) do nothing"
    )
)


def lock_account(code: AccountCode) -> str:
    """The account's id, opened if need be; whoever asks for it in this way waits until the transaction ends."""
    booking_day()  # before any row, as everybody does who books
    wanted = select(LedgerAccount.id).where(LedgerAccount.code == code).with_for_update()
    account_id = db.session.scalar(wanted)
    if account_id is None:
        open_accounts()
        account_id = db.session.scalars(wanted).one()
    return account_id


def _check_balance(lines: Sequence[Line]) -> None:
    sums: dict[str, int] = {}
    for line in lines:
        sign = 1 if line.debit is not None else -1
        sums[line.amount.currency] = sums.get(line.amount.currency, 0) + sign * line.amount.minor
    if not lines or any(sums.values()):
        raise Unbalanced("debits and credits differ" if lines else "an entry needs lines")


def _account_ids() -> dict[str, str]:
    """Of the clinic in scope; read once in a transaction."""
    session = db.session()
    known = session.info.get(_ACCOUNTS)
    if known is not None and known[0] is session.get_transaction() and known[1] == require_clinic():
        return known[2]  # type: ignore[no-any-return]
    found = _load_account_ids()
    if not all(code in found for code in AccountCode):
        open_accounts()
        found = _load_account_ids()
    if not session.in_nested_transaction():  # a savepoint that is rolled back takes new accounts with it
        session.info[_ACCOUNTS] = (session.get_transaction(), require_clinic(), found)
    return found


def _load_account_ids() -> dict[str, str]:
    return {row.code: row.id for row in db.session.execute(select(LedgerAccount.code, LedgerAccount.id))}


def _entry(posting: Posting, on: date, account_ids: Mapping[str, str]) -> JournalEntry:
    booked = [line for line in posting.lines if line.amount]
    _check_balance(booked)
    entry = _head(posting, on)
    _add_lines(entry, booked, account_ids)
    return entry


def _head(posting: Posting, on: date) -> JournalEntry:
    return JournalEntry(
        id=new_id(),
        kind=posting.kind,
        source_table=posting.source[0],
        source_id=posting.source[1],
        source_key=posting.source_key,
        memo=posting.memo[:200],
        booked_on=on,
    )


def _add_lines(entry: JournalEntry, lines: Sequence[Line], account_ids: Mapping[str, str]) -> None:
    """`account_ids` maps the lines' account codes to accounts."""
    entry.line_count = len(lines)
    for position, line in enumerate(lines):
        entry.lines.append(
            JournalLine(
                id=new_id(),
                position=position,
                account_id=account_ids[line.account_code],
                patient_id=line.patient_id,
                currency=line.amount.currency,
                debit_minor=line.debit.minor if line.debit is not None else 0,
                credit_minor=line.credit.minor if line.credit is not None else 0,
            )
        )


def _write(entries: Sequence[JournalEntry]) -> None:
    db.session.add_all(entries)
    db.session.flush()
    # After the flush, so that the trail's own lock comes first in every transaction: no two orders, no deadlock.
    before_commit("journal-numbers", _number_entries)


def _opposite(line: JournalLine) -> Line:
    amount = Money(line.debit_minor or line.credit_minor, line.currency)
    if line.debit_minor:
        return Line(line.account_id, credit=amount, patient_id=line.patient_id)
    return Line(line.account_id, debit=amount, patient_id=line.patient_id)


def _number_entries(session: Session) -> None:
    """Number what this transaction wrote, last of all: other writers of the clinic wait only for its commit."""
    values = {"id": new_id(), "clinic_id": require_clinic(), "name": "journal", "period": "", "now": clock.now()}
    execute_with_commit(session.connection(), _NUMBER_ENTRIES, values)


_NUMBER_SQL = f"""
with unnumbered as (
  select id, row_number() over (order by id) as place, count(*) over () as many
  from journal_entry where clinic_id = cast(:clinic_id as uuid) and number is null
), series as ({taking("max(many)", "from unnumbered having count(*) > 0")})
update journal_entry set number = series.last - unnumbered.many + unnumbered.place
from unnumbered, series where journal_entry.id = unnumbered.id
"""  # noqa: S608 - constants
_NUMBER_ENTRIES = Kept(text(_NUMBER_SQL))
