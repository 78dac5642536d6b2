"""Statements: what was booked, with the balance after each line, part by part, and as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from contextvars import copy_context
from datetime import date, timedelta
from typing import Any
from zipfile import ZipFile

import pytest
from sqlalchemy import select

from app.billing.services import credit_invoice, lock_invoice
from app.core import clock
from app.core.money import Money
from app.core.tenant import db
from app.core.transaction import unit_of_work
from app.ledger import statements
from app.ledger.models import LedgerAccount
from app.ledger.queries import balance
from app.ledger.statements import Span, account_statement, patient_statement
from app.tenancy.queries import settings_in_scope
from tests.factories.billing import collect, make_invoice, rupees
from tests.factories.people import make_patient

ClientAs = Callable[..., Any]


def today() -> date:
    return clock.today(settings_in_scope().zone)


def span(back: int = 30, after: str = "") -> Span:
    return Span(today() - timedelta(days=back), today(), after)


def account(code: str) -> LedgerAccount:
    return db.session.scalars(select(LedgerAccount).where(LedgerAccount.code == code)).one()


def test_the_balance_runs_line_by_line(in_clinic: Any) -> None:
    for amount in ("800", "300"):
        collect(make_invoice(amount))
    statement = account_statement(account("CASH"), "INR", span())
    assert [line.debit for line in statement.lines] == [rupees("800"), rupees("300")]
    assert [line.balance for line in statement.lines] == [rupees("800"), rupees("1100")]
    assert statement.closing == rupees("1100") == balance("CASH")


def test_accounts_that_grow_with_credits_show_their_own_direction(in_clinic: Any) -> None:
    make_invoice("800")
    statement = account_statement(account("REVENUE"), "INR", span())
    assert (statement.lines[0].credit, statement.closing) == (rupees("800"), rupees("800"))


def test_what_came_before_is_brought_forward(in_clinic: Any) -> None:
    with clock.travel(timedelta(days=-40)):
        make_invoice("500")
    make_invoice("800")
    statement = account_statement(account("REVENUE"), "INR", span())
    assert (statement.opening, statement.closing, len(statement.lines)) == (rupees("500"), rupees("1300"), 1)


def test_the_parts_of_a_long_statement_join(in_clinic: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    amounts = [rupees(str(number)) for number in range(1, 8)]
    for amount in amounts:
        make_invoice(str(amount.major))
    monkeypatch.setattr(statements, "LINES_AT_ONCE", 3)
    seen, after, last = [], "", Money.zero("INR")
    while after is not None:
        part = account_statement(account("REVENUE"), "INR", span(after=after))
        assert part.opening == last
        seen += [line.credit for line in part.lines]
        after, last = part.following, part.closing
    assert seen == amounts
    assert last == balance("REVENUE")


def test_a_patients_statement_is_what_they_were_charged_and_gave(in_clinic: Any) -> None:
    patient = make_patient()
    invoice = make_invoice("1000", patient=patient)
    collect(invoice, "400")
    with unit_of_work():
        credit_invoice(lock_invoice(invoice.id), rupees("100"), "Goodwill")
    make_invoice("77")
    statement = patient_statement(patient.id, "INR", span())
    assert [(line.kind, line.balance) for line in statement.lines] == [
        ("invoice", rupees("1000")),
        ("payment.captured", rupees("600")),
        ("credit-note", rupees("500")),
    ]
    assert statement.closing == balance("RECEIVABLE", patient.id)


def opened(console_as: ClientAs, role: str) -> Any:
    return copy_context().run(console_as, role)


def visit(client: Any, url: str) -> Any:
    return copy_context().run(lambda: client.get(url, buffered=True))


def rows_of(client: Any, url: str) -> list[dict[str, str]]:
    answer = visit(client, url)
    assert answer.mimetype == "text/csv"
    return list(csv.DictReader(io.StringIO(answer.data.decode("utf-8-sig"))))


def test_the_trial_balance_leads_to_the_statement_and_that_to_the_invoice(console_as: ClientAs, in_clinic: Any) -> None:
    invoice = make_invoice("1234.50")
    revenue = account("REVENUE").id
    accountant = opened(console_as, "ACCOUNTANT")
    assert f"/statements/account/{revenue}" in visit(accountant, "/trial-balance/").text
    shown = visit(accountant, f"/statements/account/{revenue}").text
    assert "1,234.50" in shown
    assert f"/invoiceview/show/{invoice.id}" in shown


def test_statements_as_csv_end_with_the_balance(console_as: ClientAs, in_clinic: Any) -> None:
    patient = make_patient()
    collect(make_invoice("800", patient=patient), "300")
    accountant = opened(console_as, "ACCOUNTANT")
    cash = rows_of(accountant, f"/statements/account/{account('CASH').id}.csv")
    assert [row["balance"] for row in cash] == ["300.00"]
    theirs = rows_of(accountant, f"/statements/patient/{patient.id}.csv")
    assert [row["balance"] for row in theirs] == ["800.00", "500.00"]


def test_the_journal_as_csv_balances(console_as: ClientAs, in_clinic: Any) -> None:
    collect(make_invoice("800"))
    rows = rows_of(opened(console_as, "ACCOUNTANT"), "/statements/journal.csv")
    assert sum(float(row["debit"]) for row in rows) == sum(float(row["credit"]) for row in rows) == 2400.0
    assert {row["account"] for row in rows} == {"CASH", "PATIENT_CREDIT", "RECEIVABLE", "REVENUE"}


def test_the_trial_balance_as_a_file_balances(console_as: ClientAs, in_clinic: Any) -> None:
    collect(make_invoice("800.50"))
    accountant = opened(console_as, "ACCOUNTANT")
    rows = rows_of(accountant, "/trial-balance/balances.csv")
    balances = {row["account"]: row["balance"] for row in rows}
    assert (balances["CASH"], balances["REVENUE"], balances["RECEIVABLE"]) == ("800.50", "800.50", "0.00")
    assert sum(float(row["debit"]) for row in rows) == sum(float(row["credit"]) for row in rows) == 2401.5
    assert rows_of(accountant, "/trial-balance/balances.csv?until=2001-01-01") == []
    assert visit(accountant, "/trial-balance/balances.csv?until=soon").status_code == 422


def test_a_workbook_holds_the_amounts_as_numbers(console_as: ClientAs, in_clinic: Any) -> None:
    collect(make_invoice("800.50"))
    accountant = opened(console_as, "ACCOUNTANT")
    paths = (
        f"/statements/account/{account('CASH').id}.xlsx",
        "/trial-balance/balances.xlsx",
        "/statements/journal.xlsx",
    )
    for path in paths:
        answer = visit(accountant, path)
        assert answer.mimetype.endswith("spreadsheetml.sheet"), path
        with ZipFile(io.BytesIO(answer.data)) as book:
            assert b"<v>800.50</v>" in book.read("xl/worksheets/sheet1.xml"), path


def test_statements_are_for_who_reads_the_books(console_as: ClientAs, in_clinic: Any) -> None:
    patient = make_patient()
    collect(make_invoice("800", patient=patient))
    paths = [f"/statements/account/{account('CASH').id}", f"/statements/patient/{patient.id}"]
    paths += [f"{path}.{kind}" for path in paths for kind in ("csv", "xlsx")]
    paths += [
        f"/{name}.{kind}" for name in ("statements/journal", "trial-balance/balances") for kind in ("csv", "xlsx")
    ]
    desk, accountant = opened(console_as, "RECEPTIONIST"), opened(console_as, "ACCOUNTANT")
    for path in paths:
        assert visit(desk, path).status_code == 403, path
        assert visit(accountant, path).status_code == 200, path


@pytest.mark.parametrize(
    "query", ["first=yesterday", "last=2026-02-30", "currency=XYZ", "after=x:y", "after=2026-01-01:z"]
)
def test_an_address_that_makes_no_sense_is_422(console_as: ClientAs, in_clinic: Any, query: str) -> None:
    make_invoice("1")
    client = opened(console_as, "ACCOUNTANT")
    assert visit(client, f"/statements/account/{account('REVENUE').id}?{query}").status_code == 422


def test_another_clinics_account_is_not_found(console_as: ClientAs, in_clinic: Any, other_clinic: Any) -> None:
    from app.core.tenant import tenant_scope

    with tenant_scope(other_clinic.id):
        make_invoice("1")
        theirs = account("REVENUE").id
    client = opened(console_as, "ACCOUNTANT")
    assert visit(client, f"/statements/account/{theirs}").status_code == 404
    assert visit(client, f"/statements/patient/{theirs}").status_code == 404
