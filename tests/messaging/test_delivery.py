"""The outbox: sent once, retried when that is safe, parked when nobody can know."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from prometheus_client import REGISTRY
from sqlalchemy import select

from app.core import clock
from app.core.errors import Conflict
from app.core.files import store_file
from app.core.providers import Outcome, ProviderError
from app.core.tenant import db, tenant_scope
from app.core.transaction import unit_of_work
from app.messaging.channels import CHANNELS
from app.messaging.channels.whatsapp_cloud import WhatsAppCloud
from app.messaging.delivery import LEASE, claim_batch, record, send
from app.messaging.delivery.calling import call_all
from app.messaging.jobs import send_notifications, sweep_messages
from app.messaging.models import Message, MessageAttempt, MessageStatus
from app.messaging.services import queue_message, resend_message
from app.tenancy.models import ProviderAccount
from app.tenancy.providers import save_account
from tests.sandbox_server import running_sandbox

VARIABLES = {"patient": "Meera Iyer", "number": "INV/1", "amount": "₹ 800.00", "clinic": "Sunrise Clinic"}
PHONE = "+919876543210"


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with running_sandbox() as running:
        running.account(
            "whatsapp",
            phoneNumberId="1001",
            accessToken="token-1",
            appSecret="secret-1",
            verifyToken="verify-1",
            webhookUrl="http://127.0.0.1:9/nowhere",
        )
        yield running


@pytest.fixture(autouse=True)
def accounts(clinic: Any, sandbox: Any) -> None:
    sandbox.post("/_control/reset")
    with tenant_scope(clinic.id), unit_of_work():
        save_account(
            ProviderAccount(channel="whatsapp", provider="whatsapp_cloud"),
            CHANNELS,
            credentials={
                "phone_number_id": "1001",
                "access_token": "token-1",
                "app_secret": "secret-1",
                "verify_token": "verify-1",
            },
            base_url=sandbox.whatsapp_url,
        )
        save_account(
            ProviderAccount(channel="email", provider="smtp"),
            CHANNELS,
            credentials={"from_address": "desk@sunrise.example.com"},
            base_url=f"smtp://{sandbox.smtp_host}:{sandbox.smtp_port}",
        )


def queue(clinic_id: str, channel: str = "whatsapp", to: str = PHONE, key: str = "one", **options: Any) -> str:
    with tenant_scope(clinic_id), unit_of_work():
        return queue_message(channel, to, "invoice_paid", VARIABLES, dedupe_key=key, **options).id


def state(clinic_id: str, message_id: str) -> Message:
    with tenant_scope(clinic_id):
        row = db.session.get_one(Message, message_id)
        db.session.expunge(row)
        return row


def test_a_document_arrives_by_whatsapp_once(clinic: Any, sandbox: Any) -> None:
    with tenant_scope(clinic.id), unit_of_work():
        document = store_file("invoice-pdf", None, "INV-1.pdf", "application/pdf", b"%PDF-1.7 a document").id
    message_id = queue(clinic.id, attachments=[document])
    send(clinic.id, message_id)
    send(clinic.id, message_id)
    arrived = sandbox.messages(channel="whatsapp", to=PHONE)
    assert len(arrived) == 1
    assert [item["filename"] for item in arrived[0]["attachments"]] == ["INV-1.pdf"]
    assert state(clinic.id, message_id).status == MessageStatus.SENT


def test_the_same_message_is_queued_once(clinic: Any) -> None:
    assert queue(clinic.id) == queue(clinic.id)
    assert queue(clinic.id, key="two") != queue(clinic.id)


def test_an_email_has_text_and_html(clinic: Any, sandbox: Any) -> None:
    message_id = queue(clinic.id, "email", "meera@example.com")
    send(clinic.id, message_id)
    (mail,) = sandbox.messages(channel="email", to="meera@example.com")
    assert mail["subject"] == "Receipt for invoice INV/1"
    assert state(clinic.id, message_id).status == MessageStatus.SENT


def test_a_refused_call_is_tried_three_times(clinic: Any, sandbox: Any) -> None:
    sandbox.fault("whatsapp", "500", count=10)
    message_id = queue(clinic.id)
    for attempt in range(1, 4):
        with clock.travel(timedelta(minutes=attempt)):
            send(clinic.id, message_id)
    row = state(clinic.id, message_id)
    with tenant_scope(clinic.id):
        outcomes = db.session.scalars(select(MessageAttempt.outcome)).all()
    # A 5xx answer of a provider without idempotency key is either retried or parked; never both.
    assert row.status in (MessageStatus.FAILED, MessageStatus.PARKED)
    assert set(outcomes) <= {"retry", "unknown"}
    assert sandbox.messages(channel="whatsapp") == []


HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@pytest.mark.parametrize(
    ("error", "pauses"),
    [
        (ProviderError(Outcome.RETRY, "135000", "generic", most_tries=2), [timedelta(seconds=2)]),
        (ProviderError(Outcome.RETRY, "2", "service", 90), [timedelta(seconds=90)] * 2),
        (ProviderError(Outcome.RETRY_LATER, "131049", "their limit", DAY.total_seconds(), most_tries=2), [DAY]),
        (ProviderError(Outcome.RETRY_LATER, "130472", "an experiment", most_tries=1), []),
        (ProviderError(Outcome.RETRY_LATER, "131048", "the number's limit"), [HOUR] * 4),
    ],
    ids=lambda value: value.code if isinstance(value, ProviderError) else "",
)
def test_a_message_is_tried_as_often_as_its_provider_allows(
    clinic: Any, sandbox: Any, monkeypatch: pytest.MonkeyPatch, error: ProviderError, pauses: list[timedelta]
) -> None:
    """A limit that has no end of its own is waited for, hour by hour, however often; all else ends."""

    def refuse(*_message: Any) -> None:
        raise error

    monkeypatch.setattr(WhatsAppCloud, "send", refuse)
    message_id, later = queue(clinic.id), timedelta()
    for pause in pauses:
        with clock.travel(later):
            send(clinic.id, message_id)
            row = state(clinic.id, message_id)
            assert row.status == MessageStatus.QUEUED
            assert abs(row.next_at - clock.now() - pause) < timedelta(seconds=30)
        later += pause + timedelta(seconds=1)
    with clock.travel(later):
        send(clinic.id, message_id)
    endless = error.outcome is Outcome.RETRY_LATER and error.most_tries is None
    assert state(clinic.id, message_id).status == (MessageStatus.QUEUED if endless else MessageStatus.FAILED)


def parked_so_far() -> float:
    """As /metrics counts them."""
    return REGISTRY.get_sample_value("clinic_messages_given_up_total", {"channel": "whatsapp", "status": "PARKED"}) or 0


def test_no_clear_answer_parks_and_counts_the_message(clinic: Any, sandbox: Any) -> None:
    before = parked_so_far()
    sandbox.fault("whatsapp", "reset", count=1)
    message_id = queue(clinic.id)
    send(clinic.id, message_id)
    assert parked_so_far() == before + 1
    row = state(clinic.id, message_id)
    assert row.status == MessageStatus.PARKED
    assert "may have been sent" in row.reason
    with clock.travel(timedelta(hours=1)):
        sweep_messages()
    assert state(clinic.id, message_id).status == MessageStatus.PARKED
    assert len(sandbox.messages(channel="whatsapp")) <= 1


def test_a_worker_that_died_while_sending_repeats_nothing(clinic: Any, sandbox: Any) -> None:
    message_id = queue(clinic.id)
    with tenant_scope(clinic.id), unit_of_work():
        assert len(claim_batch([message_id])) == 1
    assert state(clinic.id, message_id).status == MessageStatus.SENDING
    with clock.travel(LEASE + timedelta(seconds=1)):
        sweep_messages()
    row = state(clinic.id, message_id)
    assert (row.status, row.reason) == (MessageStatus.PARKED, "A worker stopped while sending: it may have been sent.")
    assert sandbox.messages(channel="whatsapp") == []


def test_a_parked_message_can_be_sent_again_by_a_person(clinic: Any, sandbox: Any) -> None:
    sandbox.fault("whatsapp", "reset", count=1)
    message_id = queue(clinic.id)
    send(clinic.id, message_id)
    with tenant_scope(clinic.id), unit_of_work():
        resend_message(db.session.get_one(Message, message_id))
    send(clinic.id, message_id)
    assert state(clinic.id, message_id).status == MessageStatus.SENT


def test_a_worker_that_wakes_after_it_was_taken_for_dead_does_not_disturb_the_next_attempt(
    clinic: Any, sandbox: Any
) -> None:
    """Its call failed, but meanwhile a person sent again, and that call is under way: it is not repeated."""
    message_id = queue(clinic.id)
    with tenant_scope(clinic.id), unit_of_work():
        sleeper = claim_batch([message_id])
    sandbox.fault("whatsapp", "500", count=1)
    late = call_all(sleeper)
    with clock.travel(LEASE + timedelta(seconds=1)):
        sweep_messages()
        with tenant_scope(clinic.id), unit_of_work():
            resend_message(db.session.get_one(Message, message_id))
        with tenant_scope(clinic.id), unit_of_work():
            again = claim_batch([message_id])
        with tenant_scope(clinic.id), unit_of_work():
            assert record(late) == []
        assert state(clinic.id, message_id).status == MessageStatus.SENDING
        send(clinic.id, message_id)  # nothing is due
        with tenant_scope(clinic.id), unit_of_work():
            record(call_all(again))
    assert state(clinic.id, message_id).status == MessageStatus.SENT
    assert len(sandbox.messages(channel="whatsapp")) == 1


def test_two_people_who_send_again_at_once_send_once(clinic: Any, sandbox: Any) -> None:
    """The second one looked at the message before the first one pressed, and presses when it is being sent."""
    sandbox.fault("whatsapp", "reset", count=1, before=True)
    message_id = queue(clinic.id)
    send(clinic.id, message_id)
    with tenant_scope(clinic.id):
        seen = db.session.get_one(Message, message_id)
        assert seen.status == MessageStatus.PARKED
        with tenant_scope(clinic.id), unit_of_work():
            resend_message(db.session.get_one(Message, message_id))
        with tenant_scope(clinic.id), unit_of_work():
            claims = claim_batch([message_id])
        with pytest.raises(Conflict), unit_of_work():
            resend_message(seen)
        with tenant_scope(clinic.id), unit_of_work():
            record(call_all(claims))
    send(clinic.id, message_id)
    assert state(clinic.id, message_id).status == MessageStatus.SENT
    assert len(sandbox.messages(channel="whatsapp")) == 1


def test_a_message_whose_wake_up_was_lost_is_found(clinic: Any) -> None:
    from app.core.jobs import queue_named, redis_connection

    message_id = queue(clinic.id)
    redis_connection().flushdb()
    with clock.travel(timedelta(seconds=20)):
        assert sweep_messages() >= 1
    woken = [job for job in queue_named("notification").jobs if job.func_name.endswith("send_notifications")]
    assert [job.args for job in woken] == [()]
    send_notifications()
    assert state(clinic.id, message_id).status == MessageStatus.SENT


def test_without_a_provider_the_message_fails_with_words(other_clinic: Any) -> None:
    message_id = queue(other_clinic.id)
    send(other_clinic.id, message_id)
    row = state(other_clinic.id, message_id)
    assert (row.status, row.reason) == (MessageStatus.FAILED, "No provider is set up for this channel.")
