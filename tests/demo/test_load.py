"""The demo data is what the console's own rules allow: balanced, gapless, verifiable; and it never loads in
production.
"""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import func, select, text

from app.audit.chain import verify
from app.core.tenant import all_tenants, db, tenant_scope
from app.tenancy.models import Clinic


@pytest.fixture
def demo(own_database_app: Any) -> Any:
    """An application on a database of its own, with the demo data."""
    result = own_database_app.test_cli_runner().invoke(args=["demo", "load"])
    assert result.exit_code == 0, result.output
    with own_database_app.app_context():
        yield own_database_app


def test_the_demo_is_a_whole_year_of_two_clinics(demo: Any) -> None:
    """One load for everything that is asked of it: it takes half a minute."""
    has_a_balanced_year_and_a_log_in_per_role(demo)
    has_closed_every_past_day_as_the_console_would_have(demo)


def has_a_balanced_year_and_a_log_in_per_role(demo: Any) -> None:
    with all_tenants():
        clinics = db.session.execute(select(Clinic.id, Clinic.name).order_by(Clinic.name)).all()
        assert [row.name for row in clinics] == ["Lakeside Clinic", "Sunrise Clinic"]
        unbalanced = db.session.execute(
            text("select entry_id from journal_line group by entry_id having sum(debit_minor) <> sum(credit_minor)")
        ).all()
        gaps = db.session.scalar(
            text(
                "select count(*) from (select max(number) m, count(*) c from journal_entry group by clinic_id) x "
                "where m <> c"
            )
        )
        receivable = db.session.scalar(
            text(
                "select sum(l.debit_minor - l.credit_minor) from journal_line l "
                "join ledger_account a on a.id = l.account_id where a.code = 'RECEIVABLE'"
            )
        )
        due = db.session.scalar(
            text("select sum(total_minor - paid_minor - credited_minor) from invoice where number is not null")
        )
        roles = db.session.scalar(text("select count(distinct role) from member"))
        visits = db.session.scalar(text("select count(*) from appointment"))
    assert (unbalanced, gaps, roles) == ([], 0, 12)
    assert receivable == due
    assert visits > 4000
    for row in clinics:
        with tenant_scope(row.id):
            assert list(verify(row.id)) == []
    client = demo.test_client()
    for username in (
        "receptionist@sunrise.demo",
        "patient@lakeside.demo",
        "finance-billing@sunrise.demo",
        "super-admin@demo",
    ):
        answer = client.post("/api/v1/auth/login", json={"username": username, "password": "Demo-pass-2026"})
        assert answer.status_code == 200, username

    second = demo.test_cli_runner().invoke(args=["demo", "load"])
    assert second.exit_code == 1
    with all_tenants():
        assert db.session.scalar(select(func.count()).select_from(Clinic)) == 2


def has_closed_every_past_day_as_the_console_would_have(demo: Any) -> None:
    from app.billing.models import CashDrawer, DayClose
    from app.billing.services.cash_desk_movements import cash_in
    from app.billing.services.clearing import waiting_tenders
    from app.billing.services.day_close import state_of_day, totals_of
    from app.billing.services.day_figures import drawers_of_day
    from app.billing.services.day_totals import ledger_cash_of
    from app.billing.services.safe import safe_balances

    with all_tenants():
        clinic_id = db.session.scalar(select(Clinic.id).where(Clinic.name == "Sunrise Clinic"))
    assert clinic_id is not None
    with tenant_scope(clinic_id):
        closes = db.session.scalars(select(DayClose).order_by(DayClose.business_on)).all()
        assert len(closes) > 300
        for close in closes[:3] + closes[-3:]:
            assert totals_of(close) == state_of_day(close.business_on).totals
            assert close.drawers == drawers_of_day(close.business_on)
            assert all(line.agrees for line in totals_of(close))
        safes = [safe_balances(close.business_on) for close in closes[::20]]
        assert all(len(safe) == 1 and 0 < safe[0].minor < 100_000_00 for safe in safes), "emptied to the bank weekly"
        waits = [item.amount.minor for item in waiting_tenders("INR")]
        assert all(0 <= minor < 50_000_00 for minor in waits), "cards and UPI reach the bank the next working day"
        today = db.session.scalars(select(CashDrawer).where(CashDrawer.status == "OPEN")).one()
        assert ledger_cash_of(today.id, "INR") == cash_in(today)
        assert [check.code for check in state_of_day(today.opened_on).checks if not check.passed] == ["DRAWERS"]
