"""What happens by itself: documents and messages, once, however often their event is told."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from app.billing.events import InvoicePaid
from app.billing.models import Invoice
from app.core.files import StoredFile
from app.core.transaction import unit_of_work
from app.events.models import DeliveryStatus, EventDelivery
from app.events.services import publish, replay_delivery
from app.messaging.devices import register_device
from app.messaging.models import Message
from app.people.models import Patient
from tests.billing.conftest import run_everything
from tests.factories.access import make_user
from tests.factories.billing import collect, make_invoice
from tests.factories.people import make_patient
from tests.factories.subscriptions import all_of, make_plan, make_subscription
from tests.pdf_reading import ReadPdf
from tests.sandbox_server import RunningSandbox


@pytest.fixture
def patient(in_clinic: Any) -> Patient:
    return make_patient(first_name="Meera", last_name="Iyer", phone="+919845012345", email="meera@example.com")


def told(patient: Patient, template: str) -> Counter[str]:
    """Messages by channel."""
    return Counter(
        item.channel for item in all_of(Message, Message.patient_id == patient.id, Message.template == template)
    )


def tell_paid_again(invoice: Invoice) -> None:
    """Another event of the same payment."""
    with unit_of_work():
        publish(
            InvoicePaid(
                invoice_id=invoice.id,
                patient_id=invoice.patient_id,
                number=invoice.number,
                total_minor=invoice.total.minor,
                currency=invoice.total.currency,
            )
        )


def hear_again() -> int:
    """Hand every event to its listeners once more; how many were heard."""
    heard = all_of(EventDelivery, EventDelivery.status == DeliveryStatus.DONE)
    with unit_of_work():
        for delivery in heard:
            replay_delivery(delivery)
    run_everything()
    return len(heard)


def test_an_invoice_has_its_document_as_soon_as_it_is_issued(sandbox: RunningSandbox, patient: Patient) -> None:
    invoice = make_invoice("500.00", patient=patient)
    run_everything()
    (stored,) = all_of(StoredFile, StoredFile.owner_id == invoice.id)
    assert stored.kind == "invoice-pdf"
    assert invoice.number and invoice.number in ReadPdf(bytes(stored.content)).text
    assert not told(patient, "invoice_paid")


def test_a_paid_invoice_is_told_once_per_channel_however_many_events_tell_it(
    sandbox: RunningSandbox, patient: Patient
) -> None:
    with unit_of_work():
        register_device(user_id=make_user().id, patient_id=patient.id, platform="IOS", token="t" * 40, kind="TOKEN")
    invoice = make_invoice("500.00", patient=patient)
    collect(invoice)
    for _time in range(3):
        tell_paid_again(invoice)
    run_everything()
    assert told(patient, "invoice_paid") == {"whatsapp": 1, "email": 1, "push": 1}
    assert hear_again() >= 4
    assert told(patient, "invoice_paid") == {"whatsapp": 1, "email": 1, "push": 1}
    for channel, to in (("whatsapp", patient.phone), ("email", patient.email)):
        assert len(sandbox.messages(channel=channel, to=to)) == 1


def test_a_new_subscription_is_confirmed_once_however_often_it_is_heard(
    sandbox: RunningSandbox, patient: Patient
) -> None:
    make_subscription(make_plan(name="Family care", trial_days=7), patient_id=patient.id, paid=False)
    run_everything()
    assert hear_again() >= 1
    assert told(patient, "subscription_confirmed") == {"whatsapp": 1, "email": 1}
    (mail,) = sandbox.messages(channel="email", to=patient.email)
    assert mail["subject"] == "Your subscription: Family care"
    assert len(sandbox.messages(channel="whatsapp", to=patient.phone)) == 1
