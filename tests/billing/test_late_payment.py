"""A visit that nobody paid in time: the gateway is asked, the slot released, and money that is late finds its place."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from app.billing.models import Invoice
from app.core import clock
from app.core.tenant import db
from app.ledger.accounts import AccountCode
from app.ledger.queries import balance
from app.messaging.models import Message
from app.payments.models import Payment
from app.scheduling.jobs import release_unpaid_visits
from app.scheduling.models import Appointment
from tests.billing.conftest import Api, run_everything, work_until
from tests.factories.access import make_member
from tests.factories.billing import make_priced_doctor, rupees
from tests.factories.people import make_patient
from tests.factories.scheduling import local, make_appointment, tomorrow
from tests.sandbox_server import RunningSandbox

ApiAs = Callable[..., Api]
TOO_LATE = timedelta(minutes=16)


@pytest.fixture
def begun(sandbox: RunningSandbox, api: ApiAs) -> dict[str, Any]:
    """A video visit that its patient booked and began to pay for."""
    patient = make_patient(email="late@example.com")
    doctor = make_priced_doctor("600.00")
    caller = api("PATIENT", patient_id=patient.id)
    body = {"doctorId": doctor.id, "type": "VIDEO_CALL", "startsAt": local(tomorrow()).isoformat()}
    visit = caller("POST", "/appointments", body)[1]
    payment = caller("POST", f"/billing/appointments/{visit['id']}/process-payment", {})[1]
    return {**payment, "visitId": visit["id"], "doctorId": doctor.id}


def visit_status(begun: dict[str, Any]) -> str:
    db.session.rollback()
    return str(db.session.get_one(Appointment, begun["visitId"]).status)


def release() -> None:
    with clock.travel(TOO_LATE):
        release_unpaid_visits()
        run_everything()


def test_an_unpaid_visit_is_released_and_its_payment_closed(begun: dict[str, Any]) -> None:
    release()
    assert visit_status(begun) == "CANCELLED"
    assert db.session.get_one(Payment, begun["paymentId"]).status == "VOIDED"
    assert db.session.get_one(Invoice, begun["invoiceId"]).status == "DRAFT"


def test_nothing_is_released_before_its_time(begun: dict[str, Any]) -> None:
    release_unpaid_visits()
    assert visit_status(begun) == "SCHEDULED"


def test_money_that_the_gateway_kept_to_itself_is_found_before_the_release(
    sandbox: RunningSandbox, begun: dict[str, Any]
) -> None:
    sandbox.pay(begun["orderId"], webhook=False)
    release()
    assert visit_status(begun) == "CONFIRMED"
    assert db.session.get_one(Invoice, begun["invoiceId"]).status == "PAID"


def test_a_gateway_that_does_not_answer_keeps_the_slot(sandbox: RunningSandbox, begun: dict[str, Any]) -> None:
    sandbox.fault("razorpay", "500", count=10)
    release()
    assert visit_status(begun) == "SCHEDULED"


def test_late_money_takes_the_free_slot_back(sandbox: RunningSandbox, begun: dict[str, Any]) -> None:
    release()
    sandbox.pay(begun["orderId"])
    work_until(lambda: visit_status(begun) == "CONFIRMED", "the slot is taken back")
    assert db.session.get_one(Invoice, begun["invoiceId"]).status == "PAID"
    assert not balance(AccountCode.PATIENT_CREDIT)


def test_late_money_for_a_lost_slot_is_credit_and_staff_hear_of_it(
    sandbox: RunningSandbox, clinic: Any, begun: dict[str, Any]
) -> None:
    desk = make_member(clinic.id, "RECEPTIONIST")
    release()
    from app.people.models import Doctor

    make_appointment(db.session.get_one(Doctor, begun["doctorId"]))
    sandbox.pay(begun["orderId"])

    def alerts() -> Any:
        return db.session.scalars(select(Message).where(Message.template == "late_payment")).all()

    found = work_until(alerts, "somebody is alerted")
    assert desk.id in {message.recipient for message in found}
    assert visit_status(begun) == "CANCELLED"
    invoice = db.session.get_one(Invoice, begun["invoiceId"])
    assert (invoice.status, invoice.number, invoice.paid_minor) == ("DRAFT", None, 0)
    assert db.session.get_one(Payment, begun["paymentId"]).status == "COMPLETED"
    assert balance(AccountCode.PATIENT_CREDIT) == rupees("600.00")
    assert not balance(AccountCode.RECEIVABLE) and not balance(AccountCode.REVENUE)
