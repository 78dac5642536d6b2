"""Fees for visits that were missed or called off late, and deposits: what is owed, by whose rule, to the paisa."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from app.billing.events import VisitFeeCharged
from app.billing.listeners import settle_charged_fee
from app.billing.models import Invoice, VisitFee
from app.billing.services import credit_balance, invoice_for_visit, open_invoice
from app.billing.services.visit_fees import settle_fee
from app.core import clock
from app.core.tenant import db
from app.core.transaction import unit_of_work
from app.events.models import EventRecord
from app.ledger.accounts import AccountCode
from app.ledger.queries import balance, trial_balance, trial_balance_totals
from app.messaging.models import Message
from app.scheduling.models import Appointment, AppointmentStatus
from app.scheduling.queries import lock_appointment
from app.scheduling.services import cancel_appointment, confirm_appointment, no_show
from tests.billing.conftest import Api, run_everything, work_until
from tests.factories.access import set_settings
from tests.factories.billing import collect, make_priced_doctor, make_priced_visit, rupees
from tests.factories.people import make_patient
from tests.factories.scheduling import begin_now, local, make_appointment, tomorrow
from tests.factories.subscriptions import covered, make_subscription, make_visit
from tests.sandbox_server import RunningSandbox

ApiAs = Callable[..., Api]
HOUR = timedelta(hours=1)


@pytest.fixture(autouse=True)
def rules(in_clinic: Any) -> None:
    set_settings(in_clinic.id, no_show_fee_percent=50, late_cancel_fee_percent=25, late_cancel_fee_hours=24)


def missed(visit: Appointment) -> None:
    begin_now(visit)
    with unit_of_work():
        no_show(lock_appointment(visit.id))


def cancelled(visit: Appointment, reason: str = "PATIENT_REQUEST", *, ahead: timedelta = 5 * HOUR) -> None:
    with clock.travel(visit.starts_at - ahead - clock.now()), unit_of_work():
        cancel_appointment(lock_appointment(visit.id), reason)


def fees() -> list[VisitFee]:
    db.session.rollback()
    return list(db.session.scalars(select(VisitFee)))


def the_fee() -> Invoice:
    """The invoice of the only fee, settled as the listener does."""
    (fee,) = fees()
    with unit_of_work():
        return settle_fee(fee.id)


def books_balance() -> bool:
    return all(debits == credits for debits, credits in trial_balance_totals(trial_balance()))


def test_a_missed_visit_costs_its_share_with_the_visits_tax() -> None:
    visit = make_priced_visit("800.00", percent="18")
    missed(visit)
    invoice = the_fee()
    assert (invoice.status, invoice.subtotal, invoice.total) == ("OPEN", rupees("400.00"), rupees("472.00"))
    assert "Missed visit" in invoice.lines[0].description
    assert balance(AccountCode.RECEIVABLE, visit.patient_id) == rupees("472.00")
    assert books_balance()


def test_a_clinic_without_the_rule_charges_nothing(in_clinic: Any) -> None:
    set_settings(in_clinic.id)
    missed(make_priced_visit())
    cancelled(make_priced_visit())
    assert fees() == []


def test_a_visit_without_a_price_costs_nothing() -> None:
    missed(make_appointment())
    assert fees() == []


@pytest.mark.parametrize(
    ("hours", "reason", "charged"),
    [
        (25, "PATIENT_REQUEST", False),
        (24.1, "PATIENT_REQUEST", False),
        (23.9, "PATIENT_REQUEST", True),
        (1, "PATIENT_UNWELL", True),
        (1, "DOCTOR_UNAVAILABLE", False),
        (1, "CLINIC_CLOSED", False),
        (1, "BOOKED_IN_ERROR", False),
        (1, "OTHER", False),
    ],
)
def test_only_late_cancellations_of_the_patient_cost(hours: float, reason: str, charged: bool) -> None:
    visit = make_priced_visit("800.00", starts_at=local(tomorrow() + timedelta(days=3)))
    cancelled(visit, reason, ahead=hours * HOUR)
    assert [fee.percent for fee in fees()] == ([25] if charged else [])
    if charged:
        assert the_fee().total == rupees("200.00")


def test_a_request_that_nobody_approved_costs_nothing() -> None:
    visit = make_priced_visit()
    with unit_of_work():
        visit.status = AppointmentStatus.REQUESTED
    cancelled(visit)
    assert fees() == []


def test_an_unpaid_invoice_of_the_visit_gives_way_to_the_fee() -> None:
    visit = make_priced_visit("800.00")
    with unit_of_work():
        own = open_invoice(invoice_for_visit(visit))
    missed(visit)
    assert the_fee().total == rupees("400.00")
    assert db.session.get_one(Invoice, own.id).status == "VOID"
    assert balance(AccountCode.RECEIVABLE, visit.patient_id) == rupees("400.00")
    assert books_balance()


@pytest.mark.parametrize("end", [missed, cancelled])
def test_what_was_paid_pays_the_fee_and_the_rest_is_credit(end: Callable[[Appointment], None]) -> None:
    visit = make_priced_visit("800.00", percent="18")
    collect(visit)
    with unit_of_work():
        if visit.status == AppointmentStatus.SCHEDULED:
            confirm_appointment(lock_appointment(visit.id))
    end(visit)
    kept = rupees("472.00") if end is missed else rupees("236.00")
    assert credit_balance(visit.patient_id) == rupees("0.00")
    for _again in range(2):
        invoice = the_fee()
        assert (invoice.status, invoice.amount_paid) == ("PAID", kept)
        assert credit_balance(visit.patient_id) == rupees("944.00") - kept
    assert balance(AccountCode.RECEIVABLE, visit.patient_id) == rupees("0.00")
    assert balance(AccountCode.REVENUE) == (rupees("400.00") if end is missed else rupees("200.00"))
    assert books_balance()


def test_a_subscription_has_its_own_rule(in_clinic: Any) -> None:
    subscription = make_subscription()
    visit = make_visit(subscription, make_priced_doctor())
    covered(subscription, visit)
    cancelled(visit)
    assert fees() == []


def test_the_patient_is_asked_for_it_once(in_clinic: Any) -> None:
    visit = make_priced_visit("800.00", patient_id=make_patient(phone="+919845000001", email=None).id)
    missed(visit)
    payload = db.session.scalars(select(EventRecord).where(EventRecord.type == VisitFeeCharged.type)).one().payload
    for _twice in range(2):
        with unit_of_work():
            settle_charged_fee(VisitFeeCharged.model_validate(payload))
    (message,) = db.session.scalars(select(Message).where(Message.template == "invoice_due"))
    assert "400" in message.variables["amount"] and "/pay/" in message.variables["link"]


def test_the_step_and_its_fee_are_one_transaction() -> None:
    visit = make_priced_visit()
    begin_now(visit)
    with pytest.raises(ZeroDivisionError), unit_of_work():
        no_show(lock_appointment(visit.id))
        raise ZeroDivisionError
    assert fees() == []
    assert db.session.get_one(Appointment, visit.id).status == "SCHEDULED"


def test_who_reads_the_fees(visitor: Callable[..., Any]) -> None:
    missed(make_priced_visit("800.00"))
    page = visitor("FINANCE_BILLING").get("/visitfeeview/list/")
    assert (page.status_code, "Missed visit" in page.text) == (200, True)
    assert visitor("DOCTOR").get("/visitfeeview/list/").status_code == 403


# ---- deposits ----


@pytest.fixture
def booked(in_clinic: Any, api: ApiAs, sandbox: RunningSandbox) -> tuple[Api, dict[str, Any]]:
    """A visit in person that a patient booked where 30 % are a deposit."""
    set_settings(in_clinic.id, deposit_percent=30)
    patient = make_patient()
    caller = api("PATIENT", patient_id=patient.id)
    body = {"doctorId": make_priced_doctor("800.00").id, "type": "IN_PERSON", "startsAt": local(tomorrow()).isoformat()}
    return caller, caller("POST", "/appointments", body)[1]


def pay(caller: Api, visit: dict[str, Any], body: Any = None) -> tuple[int, Any]:
    return caller("POST", f"/billing/appointments/{visit['id']}/process-payment", body or {})


def status_of(visit: dict[str, Any]) -> str:
    db.session.rollback()
    return str(db.session.get_one(Appointment, visit["id"]).status)


def test_the_deposit_is_asked_for_and_confirms_the_visit(
    booked: tuple[Api, dict[str, Any]], sandbox: RunningSandbox
) -> None:
    caller, visit = booked
    assert (visit["status"], visit["paymentDueAt"] is not None) == ("SCHEDULED", True)
    begun = pay(caller, visit)[1]
    assert begun["amount"] == 240
    sandbox.pay(begun["orderId"])
    work_until(lambda: status_of(visit) == "CONFIRMED", "the visit to be confirmed")
    run_everything()
    invoice = db.session.get_one(Invoice, begun["invoiceId"])
    assert (invoice.status, invoice.amount_due) == ("PARTIALLY_PAID", rupees("560.00"))
    assert pay(caller, visit)[1]["amount"] == 560
    assert books_balance()


def test_all_of_it_may_be_paid_at_once_and_nothing_else(
    booked: tuple[Api, dict[str, Any]], sandbox: RunningSandbox
) -> None:
    caller, visit = booked
    assert pay(caller, visit, {"amount": 300})[0] == 422
    begun = pay(caller, visit, {"amount": 800})[1]
    sandbox.pay(begun["orderId"])
    work_until(lambda: status_of(visit) == "CONFIRMED", "the visit to be confirmed")
    assert db.session.get_one(Invoice, begun["invoiceId"]).status == "PAID"


def test_a_visit_by_video_is_paid_whole(in_clinic: Any, api: ApiAs, sandbox: RunningSandbox) -> None:
    set_settings(in_clinic.id, deposit_percent=30)
    caller = api("PATIENT", patient_id=make_patient().id)
    doctor, moment = make_priced_doctor("600.00"), local(tomorrow()).isoformat()
    body = {"doctorId": doctor.id, "type": "VIDEO_CALL", "startsAt": moment}
    assert pay(caller, caller("POST", "/appointments", body)[1])[1]["amount"] == 600


def test_the_desk_asks_for_no_deposit(in_clinic: Any, api: ApiAs, sandbox: RunningSandbox) -> None:
    set_settings(in_clinic.id, deposit_percent=30)
    visit = make_priced_visit("800.00")
    assert visit.payment_due_at is None
    assert pay(api("RECEPTIONIST"), {"id": visit.id})[1]["amount"] == 800


def test_a_missed_visits_deposit_goes_to_its_fee(
    in_clinic: Any, booked: tuple[Api, dict[str, Any]], sandbox: RunningSandbox
) -> None:
    caller, visit = booked
    begun = pay(caller, visit)[1]
    sandbox.pay(begun["orderId"])
    work_until(lambda: status_of(visit) == "CONFIRMED", "the visit to be confirmed")
    set_settings(in_clinic.id, no_show_fee_percent=50)
    missed(db.session.get_one(Appointment, visit["id"]))
    run_everything()
    invoice = the_fee()
    assert (invoice.status, invoice.amount_due) == ("PARTIALLY_PAID", rupees("160.00"))
    assert credit_balance(visit["patientId"]) == rupees("0.00")
    assert books_balance()
