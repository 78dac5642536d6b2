"""Statements of an account and of a patient with links to what was booked, and the journal, as CSV and XLSX too."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any

from flask import Response, current_app, request, url_for
from flask_appbuilder import expose
from flask_babel import gettext as _
from sqlalchemy import select

from app.audit.services import record
from app.core import clock
from app.core.errors import Invalid, NotFound
from app.core.formatting import translated
from app.core.ids import is_id
from app.core.money import CURRENCIES, Money
from app.core.our_time import read_day
from app.core.table_files import table_file
from app.core.tenant import db, require_clinic
from app.core.transaction import unit_of_work
from app.core.views import ActionView
from app.core.vocabulary import booking_name
from app.ledger.models import JournalEntry, JournalLine, LedgerAccount
from app.ledger.statements import (
    Span,
    Statement,
    StatementLine,
    account_statement,
    currencies_of,
    patient_statement,
)
from app.tenancy.queries import settings_in_scope

ROWS_AT_ONCE = 500


class StatementView(ActionView):
    """The history of one account, or of one patient's accounts."""

    class_permission_name = "ledger"
    route_base = "/statements"

    @expose("/account/<id:account_id>")
    def account(self, account_id: str) -> str:
        """`?first=&last=&currency=&patient=`: days included, one patient's lines alone."""
        self.require()
        account, asked = _account(account_id), _asked()
        patient_id = request.args.get("patient") or None
        patient = _patient(patient_id) if patient_id else None
        statement = account_statement(account, asked.currency, asked.span, patient.id if patient else None)
        currencies = sorted({asked.currency, *currencies_of(account.id)})
        title = translated(account.name)
        return self._page(title, statement, asked, currencies=currencies, patient=patient, account=account)

    @expose("/patient/<id:patient_id>")
    def patient(self, patient_id: str) -> str:
        """What a patient was charged and gave."""
        self.require()
        patient, asked = _patient(patient_id), _asked()
        statement = patient_statement(patient.id, asked.currency, asked.span)
        return self._page(_("Account of %(name)s", name=patient.name), statement, asked, patient=patient, account=None)

    @expose("/account/<id:account_id>.<any(csv,xlsx):kind>")
    def account_file(self, account_id: str, kind: str) -> Response:
        self.require()
        account, asked = _account(account_id), _asked()
        name = f"account-{account.code.lower()}"
        with unit_of_work():
            record("exported", LedgerAccount.__tablename__, account.id)

        def part(span: Span) -> Statement:
            return account_statement(_account(account_id), asked.currency, span)

        return table_file(name, kind, _STATEMENT_HEADS, _statement_rows(part, asked.span))

    @expose("/patient/<id:patient_id>.<any(csv,xlsx):kind>")
    def patient_file(self, patient_id: str, kind: str) -> Response:
        self.require()
        patient, asked = _patient(patient_id), _asked()
        with unit_of_work():
            record("exported", "patient", patient.id)

        def part(span: Span) -> Statement:
            return patient_statement(patient_id, asked.currency, span)

        return table_file("patient-statement", kind, _STATEMENT_HEADS, _statement_rows(part, asked.span))

    @expose("/journal.<any(csv,xlsx):kind>")
    def journal(self, kind: str) -> Response:
        """Every line of the journal between two days."""
        self.require()
        asked = _asked()
        with unit_of_work():
            record("exported", JournalEntry.__tablename__, require_clinic())
        return table_file("journal", kind, _JOURNAL_HEADS, _journal_rows(asked.span))

    def _page(self, title: str, statement: Statement, asked: Asked, **more: Any) -> str:
        return self.render(
            "ledger/statement.html",
            title=title,
            statement=statement,
            asked=asked,
            source_url=source_url,
            booking_name=booking_name,
            **{"currencies": [asked.currency], **more},
        )


@dataclass(frozen=True)
class Asked:
    """The address's wishes."""

    currency: str
    span: Span


def source_url(line: StatementLine) -> str | None:
    """The screen of the row that an entry is about, where it has one: `credit_note` is shown by CreditNoteView."""
    view = "".join(part.capitalize() for part in line.source_table.split("_")) + "View"
    endpoint = f"{view}.show"
    return url_for(endpoint, pk=line.source_id) if endpoint in current_app.view_functions else None


def _asked() -> Asked:
    """By default this month, in the clinic's currency. Raises Invalid."""
    settings = settings_in_scope()
    today = clock.today(settings.zone)
    first = _date("first", today.replace(day=1))
    last = _date("last", today)
    currency = request.args.get("currency") or settings.currency
    span = Span(first, last, request.args.get("after", ""))
    try:
        assert span.place is None or span.place[1] >= 0
    except (AssertionError, ValueError):
        raise Invalid(fields={"after": "?"}) from None
    if currency not in CURRENCIES:
        raise Invalid(fields={"currency": "?"})
    return Asked(currency, span)


def _date(name: str, otherwise: date) -> date:
    text = request.args.get(name)
    if not text:
        return otherwise
    day = read_day(text)
    if day is None:
        raise Invalid(_("This is not a date."), fields={name: _("not a date")})
    return day


def _account(account_id: str) -> LedgerAccount:
    account = db.session.get(LedgerAccount, account_id)
    if account is None:
        raise NotFound
    return account


def _patient(patient_id: str) -> Any:
    """Through the journal's own reference: patients are of a higher slice."""
    model = JournalLine.patient.property.mapper.class_
    patient = db.session.get(model, patient_id) if is_id(patient_id) else None
    if patient is None:
        raise NotFound
    return patient


Row = list[Any]
_STATEMENT_HEADS = ["number", "day", "what", "memo", "about", "debit", "credit", "balance", "currency"]
_JOURNAL_HEADS = ["number", "day", "what", "memo", "about", "about_id", "account", "debit", "credit", "currency"]


def _statement_rows(part_of: Callable[[Span], Statement], span: Span) -> Iterator[Row]:
    while True:
        statement = part_of(span)
        for line in statement.lines:
            amounts: Row = [line.debit, line.credit, line.balance, line.balance.currency]
            yield [line.number, line.booked_on, booking_name(line.kind), line.memo, line.source_table, *amounts]
        if statement.following is None:
            return
        span = Span(span.first, span.last, statement.following)


def _journal_rows(span: Span) -> Iterator[Row]:
    wanted = (
        select(JournalEntry, JournalLine, LedgerAccount.code)
        .join(JournalLine, JournalLine.entry_id == JournalEntry.id)
        .join(LedgerAccount, LedgerAccount.id == JournalLine.account_id)
        .where(JournalEntry.booked_on >= span.first, JournalEntry.booked_on <= span.last)
        .order_by(JournalEntry.booked_on, JournalEntry.number, JournalLine.position)
        .execution_options(yield_per=ROWS_AT_ONCE)
    )
    for entry, line, code in db.session.execute(wanted):
        amounts = [Money(line.debit_minor, line.currency), Money(line.credit_minor, line.currency)]
        about: Row = [entry.number, entry.booked_on, booking_name(entry.kind), entry.memo]
        about += [entry.source_table, entry.source_id, str(code)]
        yield [*about, *amounts, line.currency]
