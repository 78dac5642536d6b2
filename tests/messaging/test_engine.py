"""What decides whether, when and through whom a message leaves."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from prometheus_client import REGISTRY
from sqlalchemy import select

from app.core import clock
from app.core.tenant import db, tenant_scope
from app.core.transaction import unit_of_work
from app.messaging.breaker import BreakerState, ask_breaker, look_at_breaker, report_call
from app.messaging.delivery import deliver, send
from app.messaging.jobs import gather_digests, send_mail, send_notifications, sweep_messages
from app.messaging.models import Message, MessageAttempt, MessageSpend, MessageStatus, SuppressionReason
from app.messaging.preferences import set_preference
from app.messaging.services import queue_message
from app.messaging.suppression import is_suppressed, suppress
from app.tenancy.models import ProviderAccount
from tests.factories.access import make_member, set_settings
from tests.factories.people import make_patient
from tests.messaging.conftest import CLOSED_PORT, MAIL, PHONE, VARIABLES, add_mail

KOLKATA = ZoneInfo("Asia/Kolkata")
EVENING = datetime(2027, 3, 1, 22, 30, tzinfo=KOLKATA)
MORNING = datetime(2027, 3, 2, 8, 0, tzinfo=KOLKATA)


@pytest.fixture(autouse=True)
def in_india(clinic: Any) -> None:
    set_settings(clinic.id, zone=KOLKATA.key)


def attempts(clinic_id: str, message_id: str) -> list[MessageAttempt]:
    with tenant_scope(clinic_id):
        wanted = select(MessageAttempt).where(MessageAttempt.message_id == message_id).order_by(MessageAttempt.id)
        rows = list(db.session.scalars(wanted))
        db.session.expunge_all()
        return rows


# ---- fallback and breaker ----


def test_a_fallback_takes_over_within_one_attempt(clinic: Any, outside: Any, queued: Any, look: Any) -> None:
    with tenant_scope(clinic.id), unit_of_work():
        dead, alive = add_mail(outside, CLOSED_PORT, priority=0), add_mail(outside, priority=1)
    message_id = queued()
    send(clinic.id, message_id)
    row = look(message_id)
    assert (row.status, row.attempts) == (MessageStatus.SENT, 1)
    made = attempts(clinic.id, message_id)
    assert [(item.account_id, item.outcome) for item in made] == [(dead, "retry"), (alive, "ok")]
    assert len(outside.messages(channel="email", to=MAIL)) == 1


@pytest.fixture
def too_large(outside: Any) -> Iterator[None]:
    """The mail server refuses the text, whatever it is."""
    about = {"provider": "smtp", "to": MAIL}
    outside.post("/_control/recipients", {**about, "code": 552})
    yield
    outside.post("/_control/recipients", {**about, "code": None})


@pytest.mark.usefixtures("too_large")
def test_a_fallback_that_cannot_send_it_does_not_end_what_the_first_may_still_send(
    clinic: Any, outside: Any, queued: Any, look: Any
) -> None:
    with tenant_scope(clinic.id), unit_of_work():
        dead, alive = add_mail(outside, CLOSED_PORT, priority=0), add_mail(outside, priority=1)
    message_id = queued()
    send(clinic.id, message_id)
    made = attempts(clinic.id, message_id)
    assert [(item.account_id, item.outcome) for item in made] == [(dead, "retry"), (alive, "permanent_message")]
    row = look(message_id)
    assert (row.status, row.attempts) == (MessageStatus.QUEUED, 1)
    for later, status in ((31, MessageStatus.QUEUED), (62, MessageStatus.FAILED)):
        with clock.travel(timedelta(seconds=later)):
            send(clinic.id, message_id)
        assert look(message_id).status == status


@pytest.mark.usefixtures("too_large")
def test_a_text_that_the_first_account_refuses_is_not_tried_again(
    clinic: Any, outside: Any, queued: Any, look: Any
) -> None:
    with tenant_scope(clinic.id), unit_of_work():
        add_mail(outside, priority=0)
        add_mail(outside, CLOSED_PORT, priority=1)
    message_id = queued()
    send(clinic.id, message_id)
    assert (look(message_id).status, len(attempts(clinic.id, message_id))) == (MessageStatus.FAILED, 1)


def test_an_open_breaker_is_passed_over_until_one_probe_may_try(
    clinic: Any, outside: Any, queued: Any, look: Any
) -> None:
    with tenant_scope(clinic.id), unit_of_work():
        dead, alive = add_mail(outside, CLOSED_PORT, priority=0), add_mail(outside, priority=1)
    for number in range(5):
        send(clinic.id, queued(key=f"m{number}"))
    assert look_at_breaker(clinic.id, dead).state is BreakerState.OPEN
    message_id = queued(key="after")
    send(clinic.id, message_id)
    assert [item.account_id for item in attempts(clinic.id, message_id)] == [alive]
    with clock.travel(timedelta(seconds=31)):
        ids = [queued(key=f"later{number}") for number in range(6)]
        deliver({clinic.id: ids})
        tried = [item.account_id for message_id in ids for item in attempts(clinic.id, message_id)]
    assert tried.count(dead) == 1
    assert tried.count(alive) == 6
    assert {look(message_id).status for message_id in ids} == {MessageStatus.SENT}


def test_a_probe_that_comes_to_no_call_is_left_to_the_next_message(
    clinic: Any, reachable: Any, queued: Any, look: Any, rules: Any
) -> None:
    """The message that would have been the probe is held by the day's cap: the account must not wait for it."""
    rules(whatsapp_cost="1.00", daily_cap="0.50")
    with tenant_scope(clinic.id):
        account = db.session.scalars(select(ProviderAccount.id).where(ProviderAccount.channel == "whatsapp")).one()
    report_call(clinic.id, account, ok=False, fatal=True)
    with clock.travel(timedelta(seconds=31)):
        held, critical = queued("whatsapp", PHONE), queued("whatsapp", PHONE, key="b", priority="CRITICAL")
        send(clinic.id, held)
        assert look(held).reason == "The day's cap is reached."
        send(clinic.id, critical)
        assert look(critical).status == MessageStatus.SENT
        assert look_at_breaker(clinic.id, account).state is BreakerState.CLOSED


def test_when_every_breaker_is_open_messages_wait_without_losing_an_attempt(
    clinic: Any, outside: Any, queued: Any, look: Any
) -> None:
    with tenant_scope(clinic.id), unit_of_work():
        dead = add_mail(outside, CLOSED_PORT)
    for number in range(5):
        send(clinic.id, queued(key=f"m{number}"))
    assert not ask_breaker(clinic.id, dead).allowed
    first, second = queued(key="first"), queued(key="second")
    send(clinic.id, first)
    for message_id in (first, second):
        row = look(message_id)
        assert (row.status, row.attempts) == (MessageStatus.QUEUED, 0)
        assert timedelta(seconds=20) < row.next_at - clock.now() <= timedelta(seconds=30)
        assert "Every provider" in row.reason


def test_a_breaker_that_opens_tells_the_admins_once(clinic: Any, outside: Any, queued: Any) -> None:
    admin = make_member(clinic.id, "CLINIC_ADMIN")
    with tenant_scope(clinic.id), unit_of_work():
        add_mail(outside, CLOSED_PORT)
    for number in range(8):
        send(clinic.id, queued(key=f"m{number}"))
    with tenant_scope(clinic.id):
        alerts = db.session.scalars(select(Message).where(Message.template == "provider_refused")).all()
        assert [alert.recipient for alert in alerts] == [admin.id]
        assert alerts[0].variables["provider"].startswith("SMTP")  # not only what the clinic calls the account
        assert alerts[0].variables["channel"] == "E-mail"


# ---- who is not written to ----


def test_a_suppressed_address_is_not_written_to(clinic: Any, reachable: Any, queued: Any, look: Any) -> None:
    with tenant_scope(clinic.id), unit_of_work():
        suppress("email", MAIL, SuppressionReason.BOUNCED)
    message_id = queued(priority="CRITICAL")
    send(clinic.id, message_id)
    assert look(message_id).status == MessageStatus.SUPPRESSED
    assert "BOUNCED" in look(message_id).reason
    assert reachable.messages(channel="email") == []


def test_an_address_that_the_provider_refuses_is_suppressed(
    clinic: Any, reachable: Any, queued: Any, look: Any
) -> None:
    reachable.post("/_control/recipients", {"provider": "whatsapp", "to": PHONE, "code": 131026})
    message_id = queued("whatsapp", PHONE)
    send(clinic.id, message_id)
    assert look(message_id).status == MessageStatus.FAILED
    assert [item.outcome for item in attempts(clinic.id, message_id)] == ["permanent_recipient"]
    with tenant_scope(clinic.id):
        assert is_suppressed("whatsapp", PHONE)
        assert not is_suppressed("sms", PHONE)


def test_what_a_patient_mutes_is_kept_from_them_unless_it_is_critical(
    clinic: Any, reachable: Any, queued: Any, look: Any
) -> None:
    with tenant_scope(clinic.id):
        patient_id = make_patient().id
        with unit_of_work():
            set_preference(patient_id=patient_id, muted=["whatsapp"])
    muted = queued("whatsapp", PHONE, key="a", patient_id=patient_id)
    mail = queued(key="b", patient_id=patient_id)
    critical = queued("whatsapp", PHONE, key="c", patient_id=patient_id, priority="CRITICAL")
    for message_id in (muted, mail, critical):
        send(clinic.id, message_id)
    assert [look(item).status for item in (muted, mail, critical)] == ["SUPPRESSED", "SENT", "SENT"]


# ---- when ----


def test_quiet_hours_hold_all_but_the_critical(clinic: Any, reachable: Any, queued: Any, look: Any, rules: Any) -> None:
    rules(quiet_from="21:00", quiet_until="08:00")
    with clock.travel(to=EVENING):
        normal, critical = queued("whatsapp", PHONE), queued("whatsapp", PHONE, key="b", priority="CRITICAL")
        mail = queued(key="c")
        for message_id in (normal, critical, mail):
            send(clinic.id, message_id)
        assert [look(item).status for item in (normal, critical, mail)] == ["QUEUED", "SENT", "SENT"]
        assert look(normal).next_at == MORNING.astimezone(UTC)
    with clock.travel(to=MORNING + timedelta(seconds=1)):
        send_notifications()
        assert look(normal).status == MessageStatus.SENT


def test_a_patient_abroad_has_the_night_of_their_own_zone(
    clinic: Any, reachable: Any, queued: Any, look: Any, rules: Any
) -> None:
    rules(quiet_from="21:00", quiet_until="08:00")
    with tenant_scope(clinic.id):
        patient_id = make_patient().id
        with unit_of_work():
            set_preference(patient_id=patient_id, zone="America/New_York")
    with clock.travel(to=EVENING):  # 12:00 in New York
        message_id = queued("whatsapp", PHONE, patient_id=patient_id)
        send(clinic.id, message_id)
        assert look(message_id).status == MessageStatus.SENT


def test_a_patients_own_quiet_hours_hold_mail_too(clinic: Any, reachable: Any, queued: Any, look: Any) -> None:
    with tenant_scope(clinic.id):
        patient_id = make_patient().id
        with unit_of_work():
            set_preference(patient_id=patient_id, quiet_from=time(22), quiet_until=time(6))
    with clock.travel(to=EVENING):
        message_id = queued(patient_id=patient_id)
        send(clinic.id, message_id)
        assert look(message_id).next_at == MORNING.replace(hour=6).astimezone(UTC)


def test_a_message_for_later_leaves_at_its_time(clinic: Any, reachable: Any, queued: Any, look: Any) -> None:
    message_id = queued(send_at=clock.now() + timedelta(hours=2))
    send_mail()
    assert look(message_id).status == MessageStatus.QUEUED
    with clock.travel(timedelta(hours=2, seconds=1)):
        assert sweep_messages() == 1
        send_mail()
    assert look(message_id).status == MessageStatus.SENT


def test_a_hundred_mails_a_minute_and_the_rest_a_minute_later(
    clinic: Any, reachable: Any, queued: Any, look: Any, rules: Any
) -> None:
    rules(email_per_minute=5)
    ids = [queued(key=f"m{number}") for number in range(8)]
    critical = queued(key="critical", priority="CRITICAL")
    deliver({clinic.id: [*ids, critical]})
    states = [look(message_id).status for message_id in ids]
    assert states.count(MessageStatus.SENT) == 4  # the critical one went first, and counts
    assert look(critical).status == MessageStatus.SENT
    with clock.travel(timedelta(seconds=61)):
        send_mail()
        assert {look(message_id).status for message_id in ids} == {MessageStatus.SENT}


def test_the_most_urgent_leave_first(clinic: Any, reachable: Any, queued: Any, look: Any) -> None:
    low = [queued("whatsapp", PHONE, key=f"low{number}", priority="LOW") for number in range(40)]
    high = [queued("whatsapp", PHONE, key=f"high{number}", priority="HIGH") for number in range(20)]
    send_notifications()
    assert {look(message_id).status for message_id in high} == {MessageStatus.SENT}
    assert MessageStatus.QUEUED in {look(message_id).status for message_id in low}


# ---- digest ----


def test_unimportant_mail_is_gathered_into_one(clinic: Any, reachable: Any, queued: Any, look: Any, rules: Any) -> None:
    rules(digest_at="18:00")
    with clock.travel(to=datetime(2027, 3, 1, 9, tzinfo=KOLKATA)):
        first, second = queued(key="a", priority="LOW"), queued(key="b", priority="LOW")
        alone = queued("email", "asha@example.com", key="c", priority="LOW")
        for message_id in (first, second, alone):
            send(clinic.id, message_id)
        assert {look(item).status for item in (first, second, alone)} == {MessageStatus.QUEUED}
        assert gather_digests() == 0
    with clock.travel(to=datetime(2027, 3, 1, 18, 0, 1, tzinfo=KOLKATA)):
        assert gather_digests() == 2
        assert gather_digests() == 0
        send_mail()
    (mail,) = reachable.messages(channel="email", to=MAIL)
    assert mail["subject"] == "Sunrise Clinic: 2 messages"
    assert mail["body"].count("Receipt for invoice INV/1") == 2
    assert [look(item).status for item in (first, second)] == [MessageStatus.DIGESTED] * 2
    assert look(alone).status == MessageStatus.SENT
    assert len(reachable.messages(channel="email", to="asha@example.com")) == 1


# ---- cost ----


def test_a_days_cap_holds_until_midnight_in_the_clinics_zone(
    clinic: Any, reachable: Any, queued: Any, look: Any, rules: Any
) -> None:
    make_member(clinic.id, "CLINIC_ADMIN")
    rules(whatsapp_cost="0.80", daily_cap="2.00")
    noon = datetime(2027, 3, 1, 12, tzinfo=KOLKATA)
    with clock.travel(to=noon):
        ids = [queued("whatsapp", PHONE, key=f"m{number}") for number in range(4)]
        for message_id in ids:
            send(clinic.id, message_id)
        critical = queued("whatsapp", PHONE, key="critical", priority="CRITICAL")
        send(clinic.id, critical)
        assert [look(item).status for item in ids] == ["SENT", "SENT", "QUEUED", "QUEUED"]
        assert look(critical).status == MessageStatus.SENT
        assert look(ids[2]).next_at == datetime(2027, 3, 2, tzinfo=KOLKATA).astimezone(UTC)
        assert look(ids[0]).cost_micros == 800_000
    with tenant_scope(clinic.id):
        spend = db.session.scalars(select(MessageSpend)).one()
        assert (spend.messages, spend.cost_micros) == (3, 2_400_000)
        assert db.session.scalars(select(Message.id).where(Message.template == "daily_cap_reached")).all()
    with clock.travel(to=datetime(2027, 3, 2, 0, 0, 1, tzinfo=KOLKATA)):
        send_notifications()
        assert look(ids[2]).status == MessageStatus.SENT


def test_a_cap_that_is_raised_lets_what_waits_leave(
    clinic: Any, reachable: Any, queued: Any, look: Any, rules: Any
) -> None:
    rules(whatsapp_cost="0.80", daily_cap="0.50")
    message_id = queued("whatsapp", PHONE)
    send(clinic.id, message_id)
    assert look(message_id).reason == "The day's cap is reached."
    rules(daily_cap="5.00")
    send_notifications()
    assert look(message_id).status == MessageStatus.SENT


def test_what_did_not_leave_costs_nothing(clinic: Any, reachable: Any, queued: Any, look: Any, rules: Any) -> None:
    rules(whatsapp_cost="0.80")
    reachable.post("/_control/recipients", {"provider": "whatsapp", "to": PHONE, "code": 131026})
    message_id = queued("whatsapp", PHONE)
    send(clinic.id, message_id)
    assert look(message_id).status == MessageStatus.FAILED
    assert look(message_id).cost_micros == 0
    with tenant_scope(clinic.id):
        assert db.session.scalars(select(MessageSpend.cost_micros)).all() == [0]


# ---- never twice ----


def test_a_call_without_a_clear_answer_is_parked_and_counted(
    clinic: Any, reachable: Any, queued: Any, look: Any
) -> None:
    before = REGISTRY.get_sample_value("clinic_messages_unclear_total", {"channel": "whatsapp"}) or 0
    reachable.fault("whatsapp", "reset", count=1)
    message_id = queued("whatsapp", PHONE)
    send(clinic.id, message_id)
    assert look(message_id).status == MessageStatus.PARKED
    assert REGISTRY.get_sample_value("clinic_messages_unclear_total", {"channel": "whatsapp"}) == before + 1
    assert len(attempts(clinic.id, message_id)) == 1


@pytest.mark.parametrize("priority", ["CRITICAL", "HIGH", "NORMAL", "LOW"])
def test_the_same_message_is_queued_once_whatever_its_priority(clinic: Any, priority: str) -> None:
    with tenant_scope(clinic.id), unit_of_work():
        first = queue_message("email", MAIL, "invoice_paid", VARIABLES, dedupe_key="k", priority=priority)
        second = queue_message("email", MAIL, "invoice_paid", VARIABLES, dedupe_key="k")
        assert first.id == second.id
        assert first.priority == priority
