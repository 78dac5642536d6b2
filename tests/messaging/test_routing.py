"""Which event goes out where, and what a clinic switches off."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from app.core.tenant import db, tenant_scope
from app.core.transaction import unit_of_work
from app.messaging.devices import register_device
from app.messaging.models import Channel, Message, MessageStatus
from app.messaging.routing import EVENT_OF, ROUTES, channels_of, priority_of, route_of, switch, switches
from app.messaging.rules import Rules
from app.messaging.services import resend_message, tell_users
from app.messaging.templates import TEMPLATES
from tests.factories.access import make_member, make_user
from tests.messaging.conftest import MAIL, PHONE

NO_RULES = Rules()
ABOUT = {"provider": "SMTP", "channel": "email", "why": "It is a test."}


def channels(event_type: str) -> set[str]:
    return {channel.value for channel in channels_of(event_type, NO_RULES)}


def test_the_table_is_that_of_the_specification() -> None:
    assert channels("ehr.medication.created") == channels("appointment.confirmed") == {"in_app", "push", "email"}
    assert channels("billing.payment.created") == {"push", "email"}
    assert channels("billing.invoice.paid") == {"push", "email", "whatsapp"}
    assert channels("ehr.vital.critical") == {channel.value for channel in Channel}
    assert channels("auth.login") == set()


def test_the_most_particular_entry_counts() -> None:
    found = {name: route.priority for name in ("ehr.vital.critical", "ehr.vital.created", "ehr.allergy.created")
             if (route := route_of(name))}  # fmt: skip
    assert found == {"ehr.vital.critical": "CRITICAL", "ehr.vital.created": "HIGH", "ehr.allergy.created": "NORMAL"}


def test_critical_alerts_cannot_be_switched_off() -> None:
    every = tuple(switch(route.pattern, channel) for route in ROUTES for channel in Channel)
    rules = Rules(switched_off=every)
    assert set(channels_of("ehr.vital.critical", rules)) == set(Channel)
    assert channels_of("billing.invoice.paid", rules) == ()
    assert "ehr.vital.critical" not in {route.pattern for route, _channel in switches()}


def test_every_template_that_is_routed_exists_and_has_a_route() -> None:
    assert set(EVENT_OF) - set(TEMPLATES) == set()
    assert [name for name in EVENT_OF if route_of(EVENT_OF[name]) is None] == []
    assert (priority_of("appointment_confirmed"), priority_of("queue_next")) == ("NORMAL", "HIGH")


def test_what_a_clinic_switched_off_is_kept_back_and_can_be_sent_by_a_person(
    clinic: Any, rules: Any, queued: Any, look: Any
) -> None:
    rules(switched_off=[switch("billing.invoice.**", "whatsapp")])
    message_id = queued("whatsapp", PHONE)
    held = look(message_id)
    assert (held.status, held.reason) == (MessageStatus.SUPPRESSED, "The clinic has switched this off.")
    assert look(queued("email", MAIL)).status == MessageStatus.QUEUED
    with tenant_scope(clinic.id), unit_of_work():
        resend_message(db.session.get_one(Message, message_id))
    assert look(message_id).status == MessageStatus.QUEUED


def test_what_somebody_asks_for_is_sent_all_the_same(rules: Any, queued: Any, look: Any, acting: Any) -> None:
    rules(switched_off=[switch("billing.invoice.**", "email")])
    with acting("RECEPTIONIST"):
        assert look(queued("email", MAIL)).status == MessageStatus.QUEUED


def test_a_critical_alert_reaches_staff_on_every_channel_at_once(clinic: Any, rules: Any) -> None:
    nurse = make_member(clinic.id, "NURSE", make_user(email="nurse@example.com", phone=PHONE))
    rules(quiet_from="00:00", quiet_until="23:59")
    with tenant_scope(clinic.id), unit_of_work():
        register_device(user_id=nurse.id, patient_id=None, platform="ANDROID", token="t" * 40, kind="TOKEN")
        for _again in range(2):
            told = tell_users("ehr.vital.critical", [nurse.id], "provider_refused", ABOUT, "critical:1")
        assert {(item.channel, item.priority) for item in told} == {(str(code), "CRITICAL") for code in Channel}
    with tenant_scope(clinic.id):
        assert len(db.session.scalars(select(Message.id)).all()) == 5


def test_nobody_is_told_of_what_has_no_route(clinic: Any) -> None:
    nurse = make_member(clinic.id, "NURSE")
    with tenant_scope(clinic.id), unit_of_work():
        assert tell_users("auth.login", [nurse.id], "provider_refused", ABOUT, "k") == []
