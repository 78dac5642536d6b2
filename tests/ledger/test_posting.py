"""An entry is balanced, booked once, numbered without gaps, and corrected only by its opposite."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import delete, func, select, text, update
from sqlalchemy.exc import DBAPIError

from app.core import clock
from app.core.ids import new_id
from app.core.money import Money
from app.core.tenant import all_tenants, db, tenant_scope
from app.core.transaction import unit_of_work
from app.ledger.accounts import AccountCode
from app.ledger.models import JournalEntry, JournalLine, LedgerAccount
from app.ledger.queries import balance, trial_balance, trial_balance_totals
from app.ledger.services import AlreadyReversed, Line, Unbalanced, credit, debit, open_accounts, post, reverse
from tests.factories.access import set_settings


def rupees(amount: str) -> Money:
    return Money.parse(amount, "INR")


def book(amount: str = "100.50", source_id: str | None = None, **options: Any) -> JournalEntry:
    """A cash sale in a transaction of its own."""
    lines = [debit(AccountCode.CASH, rupees(amount)), credit(AccountCode.REVENUE, rupees(amount))]
    with unit_of_work():
        return post("test.sale", lines, source=("clinic", source_id or new_id()), **options)


def test_an_entry_moves_both_balances(in_clinic: Any) -> None:
    book("100.50")
    book("0.01")
    assert balance(AccountCode.CASH) == rupees("100.51")
    assert balance(AccountCode.REVENUE) == rupees("100.51")
    assert balance(AccountCode.BANK) == rupees("0")


@pytest.mark.parametrize(
    "lines",
    [
        [],
        [debit("CASH", rupees("1"))],
        [debit("CASH", rupees("1")), credit("REVENUE", rupees("2"))],
        [debit("CASH", rupees("1")), credit("REVENUE", Money(100, "USD"))],
    ],
)
def test_an_unbalanced_entry_is_refused(in_clinic: Any, lines: list[Line]) -> None:
    with pytest.raises(Unbalanced), unit_of_work():
        post("test.sale", lines, source=("clinic", new_id()))


def test_a_line_has_one_side_that_is_not_negative() -> None:
    for sides in ({}, {"debit": rupees("1"), "credit": rupees("1")}, {"debit": rupees("-1")}):
        with pytest.raises(Unbalanced):
            Line("CASH", **sides)


def test_zero_lines_are_left_out(in_clinic: Any) -> None:
    lines = [
        debit("CASH", rupees("5")),
        credit("REVENUE", rupees("5")),
        credit("TAX_PAYABLE", rupees("0")),
    ]
    with unit_of_work():
        entry = post("test.sale", lines, source=("clinic", new_id()))
        assert [line.account_id is not None for line in entry.lines] == [True, True]
        assert entry.line_count == 2


def test_a_fact_is_booked_once(in_clinic: Any) -> None:
    source = new_id()
    first, second = book(source_id=source), book(source_id=source)
    assert first.id == second.id
    assert balance(AccountCode.CASH) == rupees("100.50")
    assert book(source_id=source, source_key="200").id != first.id


def test_numbers_have_no_gaps_after_a_rollback(in_clinic: Any) -> None:
    book()
    with pytest.raises(RuntimeError), unit_of_work():
        lines = [debit("CASH", rupees("9")), credit("REVENUE", rupees("9"))]
        post("test.sale", lines, source=("clinic", new_id()))
        raise RuntimeError
    book()
    assert db.session.scalars(select(JournalEntry.number).order_by(JournalEntry.number)).all() == [1, 2]


def test_an_entry_that_a_savepoint_undid_takes_no_number(in_clinic: Any) -> None:
    lines = [debit("CASH", rupees("9")), credit("REVENUE", rupees("9"))]
    with unit_of_work():
        with pytest.raises(RuntimeError), db.session.begin_nested():
            post("test.sale", lines, source=("clinic", new_id()))
            raise RuntimeError
        kept = post("test.sale", lines, source=("clinic", new_id()))
    assert kept.number == 1
    assert db.session.scalar(select(func.count()).select_from(JournalEntry)) == 1


def test_writers_at_once_share_one_series(app: Any, clinic: Any) -> None:
    def write(_: int) -> None:
        with app.app_context(), tenant_scope(clinic.id):
            book("1")

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(24)))
    with tenant_scope(clinic.id):
        numbers = db.session.scalars(select(JournalEntry.number).order_by(JournalEntry.number)).all()
        assert numbers == list(range(1, 25))
        assert balance(AccountCode.CASH) == rupees("24")


def test_a_reversal_is_the_opposite_and_happens_once(in_clinic: Any) -> None:
    entry = book("70")
    with unit_of_work():
        opposite = reverse(entry, "typed twice")
    assert (opposite.reverses_id, opposite.memo) == (entry.id, "typed twice")
    assert balance(AccountCode.CASH) == rupees("0")
    assert balance(AccountCode.REVENUE) == rupees("0")
    with pytest.raises(AlreadyReversed), unit_of_work():
        reverse(entry, "again")


def test_the_clinics_own_date_counts(in_clinic: Any) -> None:
    set_settings(in_clinic.id, zone="Asia/Kolkata")
    late_evening_utc = datetime(2026, 3, 31, 20, 0, tzinfo=UTC)  # already 1 April in Kolkata
    with clock.travel(to=late_evening_utc):
        assert str(book().booked_on) == "2026-04-01"


def test_the_trial_balance_is_balanced_per_currency(in_clinic: Any) -> None:
    book("100")
    dollars = Money(2500, "USD")
    with unit_of_work():
        lines = [debit(AccountCode.BANK, dollars), credit(AccountCode.REVENUE, dollars)]
        post("test.sale", lines, source=("clinic", new_id()))
    lines_shown = trial_balance()
    assert [(line.code, str(line.balance)) for line in lines_shown] == [
        ("CASH", "100.00 INR"),
        ("REVENUE", "100.00 INR"),
        ("BANK", "25.00 USD"),
        ("REVENUE", "25.00 USD"),
    ]
    assert trial_balance_totals(lines_shown) == [(rupees("100"), rupees("100")), (dollars, dollars)]


def test_accounts_are_opened_once(in_clinic: Any) -> None:
    for _ in range(2):
        with unit_of_work():
            open_accounts()
    codes = db.session.scalars(select(LedgerAccount.code)).all()
    assert sorted(codes) == sorted(AccountCode)


# ---- what the database refuses by itself ----


@pytest.fixture
def entry(in_clinic: Any) -> Iterator[JournalEntry]:
    yield book("10")


def refuse(statement: Any, *, match: str) -> None:
    with pytest.raises(DBAPIError, match=match), unit_of_work():
        db.session.execute(statement)


def raw_line(entry_id: str, account_id: str, position: int, **sides: int) -> JournalLine:
    return JournalLine(entry_id=entry_id, position=position, account_id=account_id, currency="INR", **sides)


def raw_entry(account_id: str, sides: list[dict[str, int]], *, number: int | None, line_count: int = 2) -> None:
    """An entry written past post()."""
    made = JournalEntry(
        id=new_id(), kind="raw", source_table="x", source_id=new_id(), number=number, line_count=line_count,
        booked_on=clock.today("UTC"),
    )  # fmt: skip
    db.session.add(made)
    for position, side in enumerate(sides):
        db.session.add(raw_line(made.id, account_id, position, **side))


def test_a_line_added_later_is_refused(entry: JournalEntry) -> None:
    account_id = entry.lines[0].account_id
    db.session.add(raw_line(entry.id, account_id, 2, debit_minor=5))
    db.session.add(raw_line(entry.id, account_id, 3, credit_minor=5))
    with pytest.raises(DBAPIError, match="has 4 lines instead of 2"), unit_of_work():
        pass


@pytest.mark.parametrize(
    ("sides", "number", "match"),
    [
        ([], 2, "has 0 lines instead of 2"),
        ([{"debit_minor": 5}, {"credit_minor": 4}], 2, "is not balanced"),
        ([{"debit_minor": 5}, {"credit_minor": 5}], None, "has no number"),
        ([{"debit_minor": 5, "credit_minor": 5}, {"credit_minor": 5}], 2, "ck_journal_line_one_side"),
    ],
)
def test_a_wrong_entry_cannot_commit(
    entry: JournalEntry, sides: list[dict[str, int]], number: int | None, match: str
) -> None:
    raw_entry(entry.lines[0].account_id, sides, number=number)
    with pytest.raises(DBAPIError, match=match), unit_of_work():
        pass


@pytest.mark.parametrize("model", [JournalEntry, JournalLine])
def test_nothing_is_changed_or_deleted(entry: JournalEntry, model: Any) -> None:
    refuse(update(model).values(created_at=clock.now()), match="permission denied")
    refuse(delete(model), match="permission denied")


def test_a_number_is_given_once(entry: JournalEntry) -> None:
    refuse(text("update journal_entry set number = 77"), match="cannot be changed")


def test_the_system_role_cannot_change_the_journal_either(entry: JournalEntry) -> None:
    with all_tenants():
        refuse(text("delete from journal_line"), match="permission denied")


def test_the_owner_of_the_tables_cannot_change_the_journal_either(entry: JournalEntry) -> None:
    with db.engine.connect() as connection:
        connection.execute(text("reset role"))
        with pytest.raises(DBAPIError, match="cannot be changed"):
            connection.execute(text("delete from journal_line"))
