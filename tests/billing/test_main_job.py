"""From a booked visit to money, paper and messages, over HTTP, a database, Redis and a gateway that are all real."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select

from app.billing.models import Invoice
from app.core.files import StoredFile
from app.core.tenant import db
from app.core.transaction import unit_of_work
from app.events.models import DeliveryStatus, EventDelivery
from app.events.services import replay_delivery
from app.ledger.accounts import AccountCode
from app.ledger.queries import balance, trial_balance, trial_balance_totals
from app.messaging.models import Message
from app.people.models import Patient
from app.scheduling.models import Appointment
from tests.billing.conftest import Api, run_everything, work_until
from tests.factories.billing import make_priced_doctor
from tests.factories.people import make_patient
from tests.factories.scheduling import local, tomorrow
from tests.pdf_reading import ReadPdf
from tests.sandbox_server import RunningSandbox

ApiAs = Callable[..., Api]


@pytest.fixture
def patient(in_clinic: Any) -> Patient:
    return make_patient(first_name="Meera", last_name="Iyer", phone="+919845012345", email="meera@example.com")


@pytest.fixture
def app_user(api: ApiAs, patient: Patient) -> Api:
    return api("PATIENT", patient_id=patient.id)


def book(app_user: Api, doctor_id: str) -> str:
    body = {"doctorId": doctor_id, "type": "VIDEO_CALL", "startsAt": local(tomorrow()).isoformat()}
    status, visit = app_user("POST", "/appointments", body)
    assert (status, visit["status"]) == (201, "SCHEDULED")
    return str(visit["id"])


def pay(app_user: Api, sandbox: RunningSandbox, visit_id: str, **options: Any) -> dict[str, Any]:
    """Begin, press Pay on the hosted page, and let the workers do the rest."""
    status, begun = app_user("POST", f"/billing/appointments/{visit_id}/process-payment", {})
    assert (status, begun["status"]) == (201, "PENDING"), begun
    sandbox.pay(begun["orderId"], **options)
    work_until(lambda: db.session.get_one(Invoice, begun["invoiceId"]).status == "PAID", "the invoice is paid")
    run_everything()
    return dict(begun)


def paid_messages(sandbox: RunningSandbox, channel: str, to: str) -> list[Any]:
    """What arrived about the paid invoice; the visit's confirmation is another message."""
    return [item for item in sandbox.messages(channel=channel, to=to) if item["attachments"]]


def test_a_video_visit_is_paid_confirmed_and_told_about_once(
    sandbox: RunningSandbox, app_user: Api, patient: Patient
) -> None:
    doctor = make_priced_doctor("800.00", percent="18")
    visit_id = book(app_user, doctor.id)
    begun = pay(app_user, sandbox, visit_id)

    assert app_user("GET", f"/billing/payments/{begun['paymentId']}")[1]["status"] == "COMPLETED"
    invoice = app_user("GET", f"/billing/invoices/{begun['invoiceId']}")[1]
    assert (invoice["status"], invoice["total"], invoice["amountPaid"], invoice["amountDue"]) == ("PAID", 944, 944, 0)
    assert re.fullmatch(r"INV/\d\d-\d\d/000001", invoice["number"])
    assert db.session.get_one(Appointment, visit_id).status == "CONFIRMED"
    assert all(debits == credits for debits, credits in trial_balance_totals(trial_balance()))
    assert not balance(AccountCode.RECEIVABLE) and not balance(AccountCode.PATIENT_CREDIT)

    files = db.session.scalars(select(StoredFile).where(StoredFile.owner_id == begun["invoiceId"])).all()
    assert [item.kind for item in files] == ["invoice-pdf"]
    text = ReadPdf(bytes(files[0].content)).text.replace("\u00a0", " ")
    assert invoice["number"] in text and "₹ 944.00" in text and "Meera Iyer" in text

    assert patient.phone and patient.email
    (whatsapp,) = paid_messages(sandbox, "whatsapp", patient.phone)
    assert [item["filename"] for item in whatsapp["attachments"]] == [files[0].name]
    (mail,) = paid_messages(sandbox, "email", patient.email)
    assert mail["subject"] == f"Receipt for invoice {invoice['number']}"
    confirmed = [item for item in sandbox.messages(channel="whatsapp", to=patient.phone) if not item["attachments"]]
    assert len(confirmed) == 1


def test_a_second_call_of_every_listener_repeats_nothing(
    sandbox: RunningSandbox, app_user: Api, patient: Patient
) -> None:
    begun = pay(app_user, sandbox, book(app_user, make_priced_doctor().id))
    deliveries = db.session.scalars(select(EventDelivery.id).where(EventDelivery.status == DeliveryStatus.DONE)).all()
    assert len(deliveries) >= 4
    messages = len(db.session.scalars(select(Message.id)).all())
    for delivery_id in deliveries:
        with unit_of_work():
            replay_delivery(db.session.get_one(EventDelivery, delivery_id))
    run_everything()
    db.session.rollback()
    assert set(db.session.scalars(select(EventDelivery.status))) == {DeliveryStatus.DONE}
    assert len(db.session.scalars(select(Message.id)).all()) == messages
    assert patient.phone and len(paid_messages(sandbox, "whatsapp", patient.phone)) == 1
    stored = db.session.scalars(select(StoredFile.id).where(StoredFile.owner_id == begun["invoiceId"])).all()
    assert len(stored) == 1


def test_ten_notices_move_money_once(sandbox: RunningSandbox, app_user: Api, patient: Patient) -> None:
    sandbox.fault("razorpay", "duplicate", count=10)
    begun = pay(app_user, sandbox, book(app_user, make_priced_doctor("500.00").id))
    run_everything()
    invoice = app_user("GET", f"/billing/invoices/{begun['invoiceId']}")[1]
    assert (invoice["amountPaid"], len(invoice["payments"])) == (500, 1)
    assert str(
        balance(AccountCode.GATEWAY_CLEARING) + balance(AccountCode.GATEWAY_FEES) + balance(AccountCode.INPUT_TAX)
    ) == ("500.00 INR")


def test_a_refund_is_credited_and_told(sandbox: RunningSandbox, app_user: Api, api: ApiAs, patient: Patient) -> None:
    begun = pay(app_user, sandbox, book(app_user, make_priced_doctor("500.00").id))
    body = {"amount": 200, "reason": "Shorter than planned"}
    status, refund = api("FINANCE_BILLING")("POST", f"/billing/payments/{begun['paymentId']}/refund", body)
    assert status == 201, refund

    def credited() -> Any:
        return app_user("GET", f"/billing/invoices/{begun['invoiceId']}")[1]["creditNotes"]

    (note,) = work_until(credited, "the refund is credited")
    run_everything()
    assert (note["amount"], note["reason"]) == (200, "Shorter than planned")
    invoice = app_user("GET", f"/billing/invoices/{begun['invoiceId']}")[1]
    assert (invoice["status"], invoice["amountPaid"], invoice["amountCredited"]) == ("PAID", 300, 200)
    mails = [item["subject"] for item in sandbox.messages(channel="email", to=patient.email)]
    assert "Your refund of ₹ 200.00" in mails
    assert not balance(AccountCode.RECEIVABLE) and not balance(AccountCode.PATIENT_CREDIT)
