"""Who is next hears of it on the phone, once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from app.core import clock
from app.core.tenant import db
from app.core.transaction import unit_of_work
from app.events.models import EventDelivery, EventRecord
from app.messaging.channels import CHANNELS
from app.messaging.delivery import send
from app.messaging.devices import register_device
from app.messaging.models import Message
from app.messaging.rendering import push_text
from app.messaging.rules import change_rules
from app.messaging.templates import render_message
from app.people.models import Patient
from app.queueing.events import TokenCalled, TokenNext
from app.queueing.listeners import tell_who_is_called, tell_who_is_next
from app.queueing.models import QueueToken
from app.queueing.services import call_token, put_back
from app.tenancy.models import ProviderAccount
from app.tenancy.providers import save_account
from tests.factories.access import make_member, make_user
from tests.factories.people import make_doctor, make_patient
from tests.factories.queueing import make_token
from tests.factories.scheduling import local, make_location, tomorrow

pytestmark = pytest.mark.usefixtures("in_clinic")

PHONE = "+919845000001"


def token_of(patient: Patient | None = None) -> QueueToken:
    doctor = make_doctor(first_name="Meera", last_name="Rao")
    return make_token(doctor, make_location(), patient_id=(patient or make_patient(phone=PHONE)).id)


def hear(token: QueueToken, *, called: bool = False, times: int = 2) -> list[Message]:
    """Every message there is, once the listener was called that often."""
    for _time in range(times):
        with unit_of_work():
            if called:
                tell_who_is_called(TokenCalled.about(token))
            else:
                tell_who_is_next(TokenNext.about(token))
    return list(db.session.scalars(select(Message).order_by(Message.id)))


def sent(message: Message) -> tuple[str, str]:
    send(message.clinic_id, message.id)
    db.session.rollback()
    db.session.refresh(message)
    return message.status, message.reason


def with_step(token: QueueToken, step: Callable[[str], Any]) -> None:
    with unit_of_work():
        step(token.id)


def test_who_is_next_is_told_once_and_urgently() -> None:
    (message,) = hear(token := token_of())
    assert (message.channel, message.recipient, message.priority) == ("whatsapp", PHONE, "HIGH")
    assert (message.template, message.patient_id) == ("queue_next", token.patient_id)


def test_the_events_of_a_token_reach_the_listeners() -> None:
    doctor, location = make_doctor(), make_location()
    first, second = (make_token(doctor, location) for _ in range(2))
    with_step(second, call_token)
    heard = select(EventRecord.subject_id, EventDelivery.listener).join(
        EventDelivery, EventDelivery.event_id == EventRecord.id
    )
    told = {tuple(row) for row in db.session.execute(heard) if row.listener.startswith("app.queueing.")}
    assert told == {
        (first.id, "app.queueing.listeners.tell_who_is_next"),
        (second.id, "app.queueing.listeners.tell_who_is_called"),
    }


@pytest.mark.parametrize(("language", "says"), [("en", "you are next with Dr Meera Rao"), ("hi", "अगली बारी आपकी है")])
def test_it_says_whose_turn_it_is_in_the_patients_language(language: str, says: str) -> None:
    token = token_of(make_patient(first_name="Kavya", phone=PHONE, language=language))
    (message,) = hear(token)
    shown = render_message(message.template, message.language, message.variables)
    assert says in shown.text and "Kavya" in shown.text
    assert token.number in shown.subject and token.number in shown.text


def test_who_is_called_later_does_not_hear_it_twice() -> None:
    hear(token := token_of())
    with_step(token, call_token)
    assert len(hear(token, called=True)) == 1
    with_step(token, put_back)
    assert len(hear(token)) == 1


def test_who_is_called_out_of_turn_is_told_too() -> None:
    doctor, location = make_doctor(), make_location()
    make_token(doctor, location)
    token = make_token(doctor, location, patient_id=make_patient(phone=PHONE).id)
    with_step(token, call_token)
    assert [message.recipient for message in hear(token, called=True)] == [PHONE]


@pytest.mark.parametrize("status", ["CALLED", "SERVING", "HELD", "SKIPPED", "TRANSFERRED", "SERVED", "LEFT"])
def test_a_token_that_waits_no_more_is_not_told_of_as_next(status: str) -> None:
    token = token_of()
    with unit_of_work():
        token.status = status
    assert hear(token) == []


@pytest.mark.parametrize("status", ["WAITING", "SERVING", "HELD", "SKIPPED", "TRANSFERRED", "SERVED", "LEFT"])
def test_a_token_that_is_called_no_more_is_not_told_of_as_called(status: str) -> None:
    token = token_of()
    with unit_of_work():
        token.status = status
    assert hear(token, called=True) == []


def test_yesterdays_token_is_not_told_of() -> None:
    token = token_of()
    with clock.travel(timedelta(days=1)):
        assert hear(token) == []


@pytest.mark.parametrize(
    ("prefers", "phone", "channels"),
    [("EMAIL", PHONE, ["whatsapp"]), ("EMAIL", None, []), ("NONE", PHONE, [])],
)
def test_it_goes_to_the_phone_and_never_by_mail(prefers: str, phone: str | None, channels: list[str]) -> None:
    patient = make_patient(preferred_channel=prefers, phone=phone, email="a@example.com")
    assert [message.channel for message in hear(token_of(patient))] == channels


def test_devices_and_log_ins_are_told_and_a_lock_screen_names_nobody(in_clinic: Any) -> None:
    patient = make_patient(phone=None)
    mother = make_member(in_clinic.id, "PATIENT", make_user(), patient_id=patient.id)
    with unit_of_work():
        about = {"user_id": mother.id, "patient_id": patient.id, "platform": "ANDROID", "kind": "TOKEN"}
        devices = {register_device(token=letter * 40, **about).id for letter in "ab"}
    told = {(message.channel, message.recipient) for message in hear(token_of(patient))}
    assert told == {("in_app", mother.id)} | {("push", device) for device in devices}
    assert push_text("queue_next", "en") == "There is news about your visit. Open the app to read it."


@pytest.mark.parametrize("status", ["SERVING", "HELD", "SERVED", "LEFT"])
def test_it_does_not_leave_once_the_patient_waits_no_more(status: str) -> None:
    (message,) = hear(token := token_of())
    with unit_of_work():
        token.status = status
    assert sent(message) == ("SUPPRESSED", "What it tells is no longer so.")


def test_it_keeps_to_quiet_hours_and_does_not_wake_anybody_the_next_day() -> None:
    with unit_of_work():
        save_account(
            ProviderAccount(channel="whatsapp", provider="whatsapp_cloud"),
            CHANNELS,
            credentials={"phone_number_id": "1", "access_token": "t", "app_secret": "s", "verify_token": "v"},
        )
        change_rules(quiet_from="21:00", quiet_until="08:00")
    evening = local(tomorrow(), 22)
    with clock.travel(to=evening):
        (message,) = hear(token_of())
        assert sent(message)[0] == "QUEUED"
        assert message.next_at == evening + timedelta(hours=10)
    with clock.travel(to=evening + timedelta(hours=11)):
        assert sent(message) == ("SUPPRESSED", "What it tells is no longer so.")
