"""The reports page: counts that anybody can check by hand, revenue that equals the ledger."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import copy_context
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import update

from app.access.roles import Role
from app.billing.services import credit_invoice, lock_invoice, void_invoice
from app.core import clock
from app.core.money import Money
from app.core.tenant import db
from app.core.transaction import unit_of_work
from app.ledger.accounts import AccountCode
from app.ledger.queries import balance
from app.people.models import Doctor
from app.queueing.services import arrive
from app.reports import queries
from app.reports.finished_days import sum_up_finished_days
from app.reports.models import RevenueDay
from app.reports.queries import Period, period_of
from app.scheduling.queries import lock_appointment
from app.scheduling.services import cancel_appointment, complete, no_show, start
from tests.daytime import ZONE_NAME
from tests.factories.billing import make_invoice, make_priced_doctor
from tests.factories.people import make_patient
from tests.factories.scheduling import begin_now, local, make_appointment, make_location, tomorrow

pytestmark = pytest.mark.usefixtures("in_clinic")


@pytest.fixture
def doctor() -> Doctor:
    return make_priced_doctor("800.00", percent="18", first_name="Anita", last_name="Rao")


def period() -> Period:
    """The last thirty days and tomorrow, when the factories' visits are."""
    return Period(period_of(30).first, tomorrow(), "day")


def visit_at(doctor: Doctor, hour: int, end: Callable[[Any], None]) -> None:
    visit = make_appointment(doctor, starts_at=local(tomorrow(), hour))
    with unit_of_work():
        end(lock_appointment(visit.id))


def hold(visit: Any) -> None:
    arrive(visit.id)
    start(visit)
    complete(visit)


def call_off(visit: Any) -> None:
    cancel_appointment(visit, "PATIENT_REQUEST")


def miss(doctor: Doctor, hour: int) -> None:
    visit = begin_now(make_appointment(doctor, starts_at=local(tomorrow(), hour)))
    with unit_of_work():
        no_show(lock_appointment(visit.id))


def test_visits_are_counted_by_what_became_of_them(doctor: Doctor) -> None:
    visit_at(doctor, 10, hold)
    visit_at(doctor, 11, hold)
    visit_at(doctor, 12, call_off)
    miss(doctor, 13)
    counted = queries.visits_by_step(period())
    assert {kind: sum(values) for kind, values in counted.items()} == {"held": 2, "missed": 1, "called_off": 1}
    assert queries.visits_by_doctor(period()) == [("Dr Anita Rao", 2, 1)]


def test_days_without_anything_are_there_with_zero() -> None:
    with clock.travel(-timedelta(days=2)):
        make_patient()
    counted = queries.new_patients_by_step(period_of(30))
    assert len(counted) == 30
    assert counted[-3:] == [1, 0, 0]


def test_revenue_is_the_journals_discounts_and_credit_notes_taken_off(doctor: Doctor) -> None:
    visit_at(doctor, 10, hold)
    invoice = make_invoice("500.00", doctor_id=doctor.id)
    make_invoice("70.00")
    with unit_of_work():
        credit_invoice(lock_invoice(invoice.id), Money(20000, "INR"), "Too much")
    gone = make_invoice("900.00", doctor_id=doctor.id)
    with unit_of_work():
        void_invoice(lock_invoice(gone.id), "Made in error")
    revenue = sum(queries.revenue_by_step(period()))
    assert revenue == 80000 + 50000 + 7000 - 20000
    assert revenue == balance(AccountCode.REVENUE).minor + balance(AccountCode.DISCOUNT).minor
    assert queries.revenue_by_doctor(period()) == [("Dr Anita Rao", 110000), ("None named", 7000)]


def test_the_charts_read_the_sums_of_days_that_are_over(doctor: Doctor) -> None:
    with clock.travel(-timedelta(days=3)):
        make_invoice("500.00", doctor_id=doctor.id)
    make_invoice("70.00", doctor_id=doctor.id)
    live = (queries.revenue_by_step(period_of(30)), queries.revenue_by_doctor(period_of(30)))
    with unit_of_work():
        sum_up_finished_days()
    assert (queries.revenue_by_step(period_of(30)), queries.revenue_by_doctor(period_of(30))) == live
    assert (live[0][-4:], live[1]) == ([50000, 0, 0, 7000], [("Dr Anita Rao", 57000)])
    db.session.execute(update(RevenueDay).values(net_minor=1))
    assert queries.revenue_by_step(period_of(30))[-4:] == [1, 0, 0, 7000]


def test_a_year_is_twelve_months_up_to_this_one() -> None:
    year = period_of(366)
    assert (year.by, len(year.steps), year.steps[-1]) == ("month", 12, clock.today(ZONE_NAME).replace(day=1))
    with clock.travel(-timedelta(days=100)):
        make_patient()
    assert sum(queries.new_patients_by_step(year)) == 1


def test_a_location_head_sees_their_own_location(doctor: Doctor, client_as: Any) -> None:
    visit_at(doctor, 10, hold)
    elsewhere = make_location()
    with clock.travel(timedelta(days=1)):
        for location_id, name in ((doctor.locations[0].id, "₹\xa0800.00"), (elsewhere.id, "₹\xa00.00")):
            head = client_as("LOCATION_HEAD", location_id=location_id)
            page = copy_context().run(head.get, "/reports/", headers={"Accept": "text/html"}).text
            assert f'<p class="figure-value">{name}</p>' in page


def test_another_clinics_figures_are_not_counted(doctor: Doctor, other_clinic: Any, client_as: Any) -> None:
    visit_at(doctor, 10, hold)
    page = client_as("CLINIC_ADMIN", clinic_id=other_clinic.id).get("/reports/", headers={"Accept": "text/html"}).text
    assert "Anita Rao" not in page
    assert "₹\xa00.00" in page


@pytest.mark.parametrize("days", ["30", "90", "366", "5", "x", ""])
def test_every_period_answers(client_as: Any, doctor: Doctor, days: str) -> None:
    visit_at(doctor, 10, hold)
    answer = client_as("CLINIC_ADMIN").get(f"/reports/?days={days}", headers={"Accept": "text/html"})
    assert answer.status_code == 200
    assert answer.text.count("data-chart-box") >= 3


@pytest.mark.parametrize("role", [str(role) for role in Role if role is not Role.SUPER_ADMIN])
def test_reports_are_for_those_who_may_read_them(client_as: Any, role: str) -> None:
    readers = {"FINANCE_BILLING", "CLINIC_ADMIN", "ACCOUNTANT", "LOCATION_HEAD", "SYSTEM_AUDITOR"}
    status = client_as(role).get("/reports/", headers={"Accept": "text/html"}).status_code
    assert status == (200 if role in readers else 403)
