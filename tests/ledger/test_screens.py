"""The books on screen, for those who may read them."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import copy_context
from typing import Any

import pytest

from app.core.ids import new_id
from app.core.money import Money
from app.core.transaction import unit_of_work
from app.ledger.models import JournalEntry
from app.ledger.services import credit, debit, post
from app.tenancy.events import ClinicCreated
from tests.factories.access import make_clinic

ClientAs = Callable[..., Any]


def opened(console_as: ClientAs, role: str) -> Any:
    """The console, logged in. In a context of its own: a request leaves no clinic in scope behind."""
    return copy_context().run(console_as, role)


def visit(client: Any, url: str) -> Any:
    return copy_context().run(client.get, url, follow_redirects=True)


@pytest.fixture
def entry(in_clinic: Any) -> JournalEntry:
    amount = Money(123_450, "INR")
    with unit_of_work():
        return post(
            "test.sale", [debit("CASH", amount), credit("REVENUE", amount)], source=("clinic", new_id()), memo="a sale"
        )


@pytest.mark.parametrize("screen", ["journalentryview", "ledgeraccountview", "journallineview"])
def test_lists_are_shown(console_as: ClientAs, entry: JournalEntry, screen: str) -> None:
    assert visit(opened(console_as, "ACCOUNTANT"), f"/{screen}/list/").status_code == 200


def test_an_entry_shows_its_lines(console_as: ClientAs, entry: JournalEntry) -> None:
    shown = visit(opened(console_as, "ACCOUNTANT"), f"/journalentryview/show/{entry.id}").text
    assert "a sale" in shown
    assert shown.count("1,234.50") == 2


def test_the_trial_balance_balances(console_as: ClientAs, entry: JournalEntry) -> None:
    accountant = opened(console_as, "ACCOUNTANT")
    shown = visit(accountant, "/trial-balance/").text
    assert shown.count("1,234.50") == 6  # debit and balance, credit and balance, and the two totals
    assert "Debits and credits differ" not in shown
    assert "1,234.50" not in visit(accountant, "/trial-balance/?until=2020-01-01").text
    assert visit(accountant, "/trial-balance/?until=yesterday").status_code == 422


def test_a_receptionist_does_not_read_the_books(console_as: ClientAs, entry: JournalEntry) -> None:
    desk = opened(console_as, "RECEPTIONIST")
    assert visit(desk, "/trial-balance/").status_code == 403
    assert "a sale" not in visit(desk, "/journalentryview/list/").text


def test_a_new_clinic_has_its_accounts(app_context: Any) -> None:
    from sqlalchemy import func, select

    from app.core.tenant import all_tenants, db, tenant_scope
    from app.events.services import publish
    from app.ledger.accounts import STANDARD_CHART
    from app.ledger.models import LedgerAccount

    clinic = make_clinic()
    with all_tenants(), unit_of_work():
        publish(ClinicCreated(clinic_id=clinic.id), clinic_id=clinic.id)
    with tenant_scope(clinic.id):
        assert db.session.scalar(select(func.count()).select_from(LedgerAccount)) == len(STANDARD_CHART)
