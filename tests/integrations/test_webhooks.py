"""Events reach a clinic's own systems: signed, at least once, in order, and never into our own network."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, update
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from app.core import clock
from app.core.errors import AppError, Conflict, Invalid
from app.core.jobs import queue_named, redis_connection
from app.core.tenant import all_tenants, db, tenant_scope
from app.core.transaction import unit_of_work
from app.events.jobs import relay_notifications
from app.events.models import EventRecord
from app.events.services import publish, publish_all
from app.integrations import services
from app.integrations.jobs import send_webhooks, sweep_webhooks
from app.integrations.models import WebhookDelivery, WebhookEndpoint, WebhookStatus
from app.integrations.sending import DISABLE_AFTER, LEAST_FAILURES, RETRY_AFTER
from app.messaging.models import Message
from app.people.events import PatientRegistered, PatientUpdated
from tests.factories.access import make_member
from tests.scripted_server import Server, answer, scripted_server, silence
from worker import work

PATIENT = "01990000-0000-7000-8000-000000000001"


@pytest.fixture
def receiver(app_context: Any) -> Iterator[Server]:
    redis_connection().flushdb()
    with all_tenants(), unit_of_work():  # those of other tests
        db.session.execute(update(WebhookEndpoint).values(enabled=False))
    with scripted_server() as server:
        server.will(answer(200, {}))
        yield server


def subscribe(clinic_id: str, url: str, *patterns: str) -> tuple[str, str]:
    """The endpoint's id and its secret."""
    with tenant_scope(clinic_id), unit_of_work():
        endpoint, secret = services.add_endpoint("Own system", url, patterns or ("patient.**",))
        return endpoint.id, secret


def register(clinic_id: str, patient_id: str = PATIENT) -> str:
    with tenant_scope(clinic_id), unit_of_work():
        return publish(PatientRegistered(patient_id=patient_id)).id


def deliveries(clinic_id: str) -> list[WebhookDelivery]:
    with tenant_scope(clinic_id):
        rows = list(db.session.scalars(select(WebhookDelivery).order_by(WebhookDelivery.created_at)))
        db.session.expunge_all()
        return rows


def endpoint_of(clinic_id: str, endpoint_id: str) -> WebhookEndpoint:
    with tenant_scope(clinic_id):
        row = db.session.get_one(WebhookEndpoint, endpoint_id)
        db.session.expunge(row)
        return row


def change(clinic_id: str, verb: Any, model: Any, row_id: str) -> Any:
    with tenant_scope(clinic_id), unit_of_work():
        return verb(db.session.get_one(model, row_id))


def test_a_published_event_arrives_and_the_official_library_accepts_it(clinic: Any, receiver: Server) -> None:
    _, secret = subscribe(clinic.id, f"{receiver.url}/hooks")
    event_id = register(clinic.id)
    work(["report"], forking=False, burst=True)
    (sent,) = receiver.received
    assert (sent.method, sent.path, sent.headers["content-type"]) == ("POST", "/hooks", "application/json")
    said = Webhook(secret).verify(sent.body, dict(sent.headers))
    assert (said["type"], said["data"], said["eventId"]) == (
        "patient.registered", {"patientId": PATIENT}, event_id,
    )  # fmt: skip
    (delivery,) = deliveries(clinic.id)
    assert sent.headers["webhook-id"] == delivery.id
    assert (delivery.status, delivery.attempts, delivery.answer_status) == (WebhookStatus.DELIVERED, 1, 200)
    assert [item["status"] for item in delivery.attempt_log] == [200]


def test_a_changed_body_is_refused_by_the_library(clinic: Any, receiver: Server) -> None:
    _, secret = subscribe(clinic.id, receiver.url)
    register(clinic.id)
    work(["report"], forking=False, burst=True)
    (sent,) = receiver.received
    with pytest.raises(WebhookVerificationError):
        Webhook(secret).verify(sent.body + b" ", dict(sent.headers))


def test_only_what_was_asked_for_is_sent(clinic: Any, other_clinic: Any, receiver: Server) -> None:
    subscribe(clinic.id, receiver.url, "patient.registered")
    register(other_clinic.id)
    with tenant_scope(clinic.id), unit_of_work():
        publish_all([PatientUpdated(patient_id=PATIENT), PatientRegistered(patient_id=PATIENT)])
    work(["report"], forking=False, burst=True)
    assert [item.json()["type"] for item in receiver.received] == ["patient.registered"]
    assert deliveries(other_clinic.id) == []


def test_nothing_leaves_when_the_transaction_is_rolled_back(clinic: Any, receiver: Server) -> None:
    subscribe(clinic.id, receiver.url)
    with pytest.raises(RuntimeError), tenant_scope(clinic.id), unit_of_work():
        publish(PatientRegistered(patient_id=PATIENT))
        raise RuntimeError
    assert deliveries(clinic.id) == []
    assert queue_named("report").count == 0


def test_events_arrive_in_their_order_by_one_job(clinic: Any, receiver: Server) -> None:
    subscribe(clinic.id, receiver.url)
    patients = [f"01990000-0000-7000-8000-{number:012d}" for number in range(6)]
    for patient_id in patients:
        register(clinic.id, patient_id)
    assert queue_named("report").count == 1
    work(["report"], forking=False, burst=True)
    assert [item.json()["data"]["patientId"] for item in receiver.received] == patients


def test_a_failure_is_tried_again_later_under_the_same_id(clinic: Any, receiver: Server) -> None:
    endpoint_id, _ = subscribe(clinic.id, receiver.url)
    receiver.will(answer(500, {}), answer(200, {}))
    register(clinic.id)
    send_webhooks(clinic.id, endpoint_id)
    (waiting,) = deliveries(clinic.id)
    assert (waiting.status, waiting.error) == (WebhookStatus.PENDING, "HTTP 500")
    send_webhooks(clinic.id, endpoint_id)  # it rests
    assert len(receiver.received) == 1
    with clock.travel(RETRY_AFTER[0] + timedelta(seconds=1)):
        assert sweep_webhooks() == 1
        work(["report"], forking=False, burst=True)
    assert [item.status for item in deliveries(clinic.id)] == [WebhookStatus.DELIVERED]
    assert len({item.headers["webhook-id"] for item in receiver.received}) == 1
    assert endpoint_of(clinic.id, endpoint_id).failures == 0


def test_who_asks_for_peace_is_left_in_peace(clinic: Any, receiver: Server) -> None:
    endpoint_id, _ = subscribe(clinic.id, receiver.url)
    receiver.will(answer(429, {}, Retry_After="600"), answer(200, {}))
    register(clinic.id)
    register(clinic.id)
    send_webhooks(clinic.id, endpoint_id)
    assert len(receiver.received) == 1
    with clock.travel(timedelta(seconds=500)):
        assert sweep_webhooks() == 0
    with clock.travel(timedelta(seconds=601)):
        send_webhooks(clinic.id, endpoint_id)
    assert {item.status for item in deliveries(clinic.id)} == {WebhookStatus.DELIVERED}


def test_a_message_that_is_refused_holds_up_no_other(clinic: Any, receiver: Server) -> None:
    endpoint_id, _ = subscribe(clinic.id, receiver.url)
    receiver.will(answer(422, {}), answer(200, {}))
    register(clinic.id)
    register(clinic.id)
    send_webhooks(clinic.id, endpoint_id)
    assert [item.status for item in deliveries(clinic.id)] == [WebhookStatus.PENDING, WebhookStatus.DELIVERED]


def test_what_never_arrives_is_parked_and_can_be_resent(clinic: Any, receiver: Server) -> None:
    endpoint_id, _ = subscribe(clinic.id, receiver.url)
    receiver.will(answer(404, {}))
    register(clinic.id)
    later = timedelta()
    for pause in (timedelta(), *RETRY_AFTER):
        later += pause + timedelta(seconds=1)
        with clock.travel(later):
            send_webhooks(clinic.id, endpoint_id)
    (parked,) = deliveries(clinic.id)
    assert (parked.status, parked.attempts) == (WebhookStatus.PARKED, len(RETRY_AFTER) + 1)
    receiver.will(answer(204, None))
    change(clinic.id, services.resend, WebhookDelivery, parked.id)
    work(["report"], forking=False, burst=True)
    assert deliveries(clinic.id)[0].status == WebhookStatus.DELIVERED
    assert len({item.headers["webhook-id"] for item in receiver.received}) == 1


def test_an_endpoint_that_keeps_failing_is_switched_off_and_told_of(clinic: Any, receiver: Server) -> None:
    endpoint_id, _ = subscribe(clinic.id, receiver.url)
    receiver.will(answer(404, {}))
    for _ in range(LEAST_FAILURES):
        register(clinic.id)
    send_webhooks(clinic.id, endpoint_id)
    assert endpoint_of(clinic.id, endpoint_id).enabled
    with clock.travel(DISABLE_AFTER + timedelta(minutes=1)):
        send_webhooks(clinic.id, endpoint_id)
        off = endpoint_of(clinic.id, endpoint_id)
    assert (off.enabled, off.disabled_reason) == (False, "Nothing arrived there for 3 days.")
    with tenant_scope(clinic.id):
        told = db.session.scalars(select(EventRecord.type).where(EventRecord.subject_id == endpoint_id)).all()
    assert told.count("integration.endpoint.disabled") == 1
    make_member(clinic.id, "CLINIC_ADMIN")
    relay_notifications()
    relay_notifications()
    with tenant_scope(clinic.id):
        alerts = db.session.execute(select(Message.template, Message.variables["endpoint"].astext)).all()
    assert [tuple(row) for row in alerts] == [("webhook_endpoint_off", "Own system")]
    calls = len(receiver.received)
    register(clinic.id)
    send_webhooks(clinic.id, endpoint_id)
    assert len(receiver.received) == calls


def test_gone_is_gone(clinic: Any, receiver: Server) -> None:
    endpoint_id, _ = subscribe(clinic.id, receiver.url)
    receiver.will(answer(410, {}))
    register(clinic.id)
    send_webhooks(clinic.id, endpoint_id)
    assert not endpoint_of(clinic.id, endpoint_id).enabled


def test_a_redirect_is_not_followed(clinic: Any, receiver: Server) -> None:
    endpoint_id, _ = subscribe(clinic.id, receiver.url)
    receiver.will(answer(302, {}, Location="/elsewhere"))
    register(clinic.id)
    send_webhooks(clinic.id, endpoint_id)
    assert [item.path for item in receiver.received] == ["/"]
    assert deliveries(clinic.id)[0].error == "HTTP 302"


def test_a_worker_that_died_in_the_call_sends_it_again(clinic: Any, receiver: Server) -> None:
    from app.integrations import sending

    endpoint_id, _ = subscribe(clinic.id, receiver.url)
    register(clinic.id)
    with tenant_scope(clinic.id), unit_of_work():
        assert sending._take_endpoint(endpoint_id)
    with tenant_scope(clinic.id), unit_of_work():
        assert sending._claim(endpoint_id) is not None  # and then it is gone
    send_webhooks(clinic.id, endpoint_id)
    assert receiver.received == []
    with clock.travel(sending.CLAIM + timedelta(seconds=1)):
        assert sweep_webhooks() == 1
        work(["report"], forking=False, burst=True)
    assert [item.attempts for item in deliveries(clinic.id)] == [2]
    assert len(receiver.received) == 1


def test_both_secrets_sign_for_a_day(clinic: Any, receiver: Server) -> None:
    endpoint_id, old = subscribe(clinic.id, receiver.url)
    new = change(clinic.id, services.rotate_secret, WebhookEndpoint, endpoint_id)
    register(clinic.id)
    send_webhooks(clinic.id, endpoint_id)
    (sent,) = receiver.received
    for secret in (old, new):
        Webhook(secret).verify(sent.body, dict(sent.headers))
    with clock.travel(timedelta(hours=25)):
        register(clinic.id)
        send_webhooks(clinic.id, endpoint_id)
    last = receiver.received[-1]
    assert len(last.headers["webhook-signature"].split()) == 1


def test_a_test_message_is_a_ping(clinic: Any, receiver: Server) -> None:
    endpoint_id, secret = subscribe(clinic.id, receiver.url)
    change(clinic.id, services.send_test, WebhookEndpoint, endpoint_id)
    work(["report"], forking=False, burst=True)
    (sent,) = receiver.received
    assert Webhook(secret).verify(sent.body, dict(sent.headers))["type"] == "ping"


def test_an_endpoint_that_does_not_answer_is_left_after_its_time(
    clinic: Any, receiver: Server, monkeypatch: Any
) -> None:
    from app.core.providers import Timeouts
    from app.integrations import sending

    monkeypatch.setattr(sending, "TIMEOUTS", Timeouts(connect=30, read=0.2))
    endpoint_id, _ = subscribe(clinic.id, receiver.url)
    receiver.will(silence)
    register(clinic.id)
    register(clinic.id)
    assert send_webhooks(clinic.id, endpoint_id) == 1
    assert [item.attempts for item in deliveries(clinic.id)] == [1, 0]


def test_the_secret_is_sealed_and_told_once(clinic: Any, receiver: Server, console_as: Any) -> None:
    console = console_as("CLINIC_ADMIN")
    page = console.post(
        "/webhookendpointview/add", data={"name": "Lab", "url": receiver.url, "patterns": "patient.**\nbilling.**"}
    ).text
    secret = page.partition('value="whsec_')[2].partition('"')[0]
    assert len(secret) == 44
    with tenant_scope(clinic.id):
        endpoint = db.session.scalars(select(WebhookEndpoint)).one()
        assert secret not in endpoint.secret
        assert endpoint.patterns == ["patient.**", "billing.**"]
        endpoint_id = endpoint.id
    for path in (f"show/{endpoint_id}", f"edit/{endpoint_id}", "list/", "export"):
        assert secret not in console.get(f"/webhookendpointview/{path}").text
    again = console.post(f"/webhook-endpoints/{endpoint_id}/secret").text
    assert 'value="whsec_' in again and secret not in again


@pytest.mark.parametrize(
    ("url", "patterns"),
    [
        ("ftp://example.com", ["patient.**"]),
        ("http://user:word@127.0.0.1/", ["patient.**"]),
        ("no address", ["patient.**"]),
        ("http://127.0.0.1/", []),
        ("http://127.0.0.1/", ["patience.**"]),
    ],
)
def test_what_makes_no_sense_is_refused(in_clinic: Any, url: str, patterns: list[str]) -> None:
    with pytest.raises(Invalid), unit_of_work():
        services.add_endpoint("Own system", url, patterns)


def test_what_waits_or_is_off_cannot_be_sent_again(clinic: Any, receiver: Server) -> None:
    endpoint_id, _ = subscribe(clinic.id, receiver.url)
    register(clinic.id)
    with pytest.raises(Conflict):
        change(clinic.id, services.resend, WebhookDelivery, deliveries(clinic.id)[0].id)
    send_webhooks(clinic.id, endpoint_id)
    with tenant_scope(clinic.id), unit_of_work():
        endpoint = db.session.get_one(WebhookEndpoint, endpoint_id)
        services.change_endpoint(endpoint, "Own system", receiver.url, ["patient.**"], enabled=False)
    for verb, model, row_id in (
        (services.resend, WebhookDelivery, deliveries(clinic.id)[0].id),
        (services.send_test, WebhookEndpoint, endpoint_id),
    ):
        with pytest.raises(AppError):
            change(clinic.id, verb, model, row_id)


def test_its_page_offers_only_what_can_be_done_now(clinic: Any, receiver: Server, console_as: Any) -> None:
    endpoint_id, _ = subscribe(clinic.id, receiver.url)
    register(clinic.id)
    delivery_id = deliveries(clinic.id)[0].id
    again, test = f"/webhookdeliveryview/action/resend/{delivery_id}", f"/webhookendpointview/action/test/{endpoint_id}"
    pages = f"/webhookdeliveryview/show/{delivery_id}", f"/webhookendpointview/show/{endpoint_id}"
    admin = console_as("CLINIC_ADMIN")

    def offered() -> tuple[bool, bool]:
        shown, endpoint = (admin.get(page).text for page in pages)
        return again in shown, test in endpoint

    assert offered() == (False, True)
    send_webhooks(clinic.id, endpoint_id)
    assert offered() == (True, True)
    with tenant_scope(clinic.id), unit_of_work():
        row = db.session.get_one(WebhookEndpoint, endpoint_id)
        services.change_endpoint(row, "Own system", receiver.url, ["patient.**"], enabled=False)
    assert offered() == (False, False)
