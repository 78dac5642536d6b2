"""What patients hear of their visits, by the channel they prefer, once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select

from app.core.ids import new_id
from app.core.tenant import db
from app.core.transaction import unit_of_work
from app.messaging.devices import register_device
from app.messaging.models import Message
from app.messaging.templates import render_message
from app.people.models import Patient
from app.scheduling.events import AppointmentCancelled, AppointmentConfirmed
from app.scheduling.listeners import tell_of_cancellation, tell_of_confirmation
from app.scheduling.models import Appointment
from tests.factories.access import make_member, make_user
from tests.factories.people import make_patient
from tests.factories.scheduling import local, make_appointment, make_open_doctor, tomorrow


def visit_of(patient: Patient) -> Appointment:
    doctor = make_open_doctor(first_name="Meera", last_name="Rao")
    return make_appointment(doctor, patient_id=patient.id, starts_at=local(tomorrow(), 10, 30))


def hear(listener: Callable[[Any], None], event: Any, times: int = 2) -> list[Message]:
    """Every message that the listener queued, however often it was called."""
    for _ in range(times):
        with unit_of_work():
            listener(event)
    return list(db.session.scalars(select(Message).order_by(Message.id)))


def confirmed(visit: Appointment) -> list[Message]:
    return hear(tell_of_confirmation, AppointmentConfirmed.about(visit))


@pytest.mark.parametrize(
    ("prefers", "phone", "email", "channel"),
    [
        ("WHATSAPP", "+919845000001", "a@example.com", "whatsapp"),
        ("EMAIL", "+919845000001", "a@example.com", "email"),
        ("WHATSAPP", None, "a@example.com", "email"),
        ("EMAIL", "+919845000001", None, "whatsapp"),
        ("SMS", "+919845000001", "a@example.com", "whatsapp"),
        ("NONE", "+919845000001", "a@example.com", None),
        ("EMAIL", None, None, None),
    ],
)
def test_one_message_on_the_channel_that_is_preferred(
    in_clinic: Any, prefers: str, phone: str | None, email: str | None, channel: str | None
) -> None:
    patient = make_patient(preferred_channel=prefers, phone=phone, email=email)
    assert [message.channel for message in confirmed(visit_of(patient))] == ([channel] if channel else [])


def test_the_message_is_in_the_patients_language_and_the_clinics_time(in_clinic: Any) -> None:
    (message,) = confirmed(visit_of(make_patient(first_name="Kavya", language="hi")))
    shown = render_message(message.template, message.language, message.variables)
    assert "Dr Meera Rao" in shown.subject and "पक्की" in shown.subject
    assert "10:30" in shown.text and "Kavya" in shown.text and in_clinic.name in shown.text


def test_whoever_logs_in_as_the_patient_is_told_in_the_app(in_clinic: Any) -> None:
    patient = make_patient(preferred_channel="NONE")
    mother = make_member(in_clinic.id, "PATIENT", make_user(), patient_id=patient.id)
    make_member(in_clinic.id, "PATIENT", make_user(), patient_id=make_patient().id)
    (message,) = confirmed(visit_of(patient))
    assert (message.channel, message.recipient) == ("in_app", mother.id)


def test_a_cancelled_visit_is_told_too(in_clinic: Any) -> None:
    visit = visit_of(make_patient())
    told = hear(tell_of_cancellation, AppointmentCancelled.about(visit, reason="DOCTOR_UNAVAILABLE"))
    assert [message.template for message in told] == ["appointment_cancelled"]


def with_device(patient: Patient, token: str = "t" * 40) -> str:
    about = {"user_id": new_id(), "patient_id": patient.id, "platform": "ANDROID", "kind": "TOKEN"}
    with unit_of_work():
        return register_device(token=token, **about).id


def test_each_of_the_patients_devices_is_told_once(in_clinic: Any) -> None:
    patient = make_patient(phone="+919845000001", language="hi")
    with_device(make_patient(), "s" * 40)
    devices = [with_device(patient, letter * 40) for letter in "ab"]
    told = confirmed(visit_of(patient))
    assert [message.channel for message in told] == ["whatsapp", "push", "push"]
    assert {message.recipient for message in told if message.channel == "push"} == set(devices)
    assert {(message.language, message.patient_id) for message in told} == {("hi", patient.id)}
    assert [message.attachment_ids for message in told if message.channel == "push"] == [[], []]


def test_who_wants_no_messages_has_none_on_their_devices(in_clinic: Any) -> None:
    patient = make_patient(preferred_channel="NONE", phone="+919845000001")
    with_device(patient)
    assert confirmed(visit_of(patient)) == []
