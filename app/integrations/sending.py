"""Sending what waits for one endpoint: claim and commit, call outside any transaction, record and commit.

A worker that dies between the call and the record leaves a claim that runs out: the receiver sees the same webhook-id
again, and knows it by that.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime, timedelta

import orjson
from flask_babel import gettext as _
from sqlalchemy import or_, select, update

from app.core import clock
from app.core.http import HttpClient
from app.core.providers import ProviderError, Timeouts
from app.core.tenant import db
from app.core.transaction import unit_of_work
from app.events.models import EventRecord
from app.events.services import publish
from app.integrations.addresses import AddressRefused, address_of
from app.integrations.events import EndpointDisabled
from app.integrations.models import WebhookDelivery, WebhookEndpoint, WebhookStatus
from app.integrations.services import PING
from app.integrations.signing import secrets_of, signed_headers

TIMEOUTS = Timeouts(connect=3, read=5)
CLAIM = timedelta(seconds=60)
AT_ONCE_SECONDS = 20
RETRY_AFTER = tuple(
    timedelta(seconds=seconds) for seconds in (5, 30, 300, 1800, 2 * 3600, 5 * 3600, 10 * 3600, 14 * 3600)
)
DISABLE_AFTER, LEAST_FAILURES = timedelta(days=3), 10
KEPT_ATTEMPTS = 20
GONE, TOO_MANY, REQUEST_TIMEOUT, SERVER_ERROR = 410, 429, 408, 500


@dataclass(frozen=True)
class Outgoing:
    """What goes over the wire, taken out of the database."""

    delivery_id: str
    url: str
    body: bytes
    secrets: list[str]


@dataclass(frozen=True)
class Answer:
    """What came back. `status` None: nothing did. `endpoint_fails`: it would be the same with any other message."""

    status: int | None
    error: str
    milliseconds: int
    retry_after: float | None = None

    @property
    def ok(self) -> bool:
        return self.status is not None and 200 <= self.status < 300

    @property
    def endpoint_fails(self) -> bool:
        return self.status is None or self.status in (TOO_MANY, REQUEST_TIMEOUT) or self.status >= SERVER_ERROR


def send_waiting(endpoint_id: str) -> int:
    """Send what is due in its order, until nothing is, the endpoint fails, or it has taken long enough; how many."""
    with unit_of_work():
        if not _take_endpoint(endpoint_id):
            return 0
    sent, until = 0, time.monotonic() + AT_ONCE_SECONDS
    try:
        while time.monotonic() < until:
            with unit_of_work():
                message = _claim(endpoint_id)
            if message is None:
                break
            answer = _send(message)
            sent += 1
            with unit_of_work():
                _record(message.delivery_id, answer)
            if answer.endpoint_fails:
                break
    finally:
        with unit_of_work():
            _leave_endpoint(endpoint_id)
    return sent


def _take_endpoint(endpoint_id: str) -> bool:
    now = clock.now()
    free = or_(WebhookEndpoint.taken_until.is_(None), WebhookEndpoint.taken_until < now)
    rested = or_(WebhookEndpoint.rests_until.is_(None), WebhookEndpoint.rests_until <= now)
    wanted = update(WebhookEndpoint).where(
        WebhookEndpoint.id == endpoint_id, WebhookEndpoint.enabled.is_(True), free, rested
    )
    taken = wanted.values(taken_until=now + CLAIM).returning(WebhookEndpoint.id)
    return db.session.scalar(taken.execution_options(synchronize_session=False)) is not None


def _leave_endpoint(endpoint_id: str) -> None:
    leaving = update(WebhookEndpoint).where(WebhookEndpoint.id == endpoint_id).values(taken_until=None)
    db.session.execute(leaving.execution_options(synchronize_session=False))


def _claim(endpoint_id: str) -> Outgoing | None:
    """The next message that is due, claimed for as long as a call can take."""
    now = clock.now()
    wanted = (
        select(WebhookDelivery)
        .where(
            WebhookDelivery.endpoint_id == endpoint_id,
            WebhookDelivery.status == WebhookStatus.PENDING,
            WebhookDelivery.next_at <= now,
        )
        .order_by(WebhookDelivery.created_at, WebhookDelivery.id)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    delivery = db.session.scalar(wanted.execution_options(populate_existing=True))
    endpoint = db.session.get(WebhookEndpoint, endpoint_id, populate_existing=True)
    if delivery is None or endpoint is None or not endpoint.enabled:
        return None
    delivery.attempts += 1
    delivery.next_at = now + CLAIM
    endpoint.taken_until = now + CLAIM
    record = db.session.get(EventRecord, delivery.event_id) if delivery.event_id else None
    return Outgoing(delivery.id, endpoint.url, body_of(delivery, record, now), secrets_of(endpoint, now))


def body_of(delivery: WebhookDelivery, record: EventRecord | None, now: datetime) -> bytes:
    """`type`, `timestamp` and `data` as Standard Webhooks has them, with the rest of the envelope beside them."""
    if record is None:
        return orjson.dumps({"type": PING, "timestamp": now, "data": {"endpointId": delivery.endpoint_id}})
    envelope = {
        "type": record.type,
        "timestamp": record.occurred_at,
        "data": record.payload or {},
        "eventId": record.id,
        "category": record.category,
        "priority": record.priority,
        "source": record.source,
        "version": record.version,
        "clinicId": record.clinic_id,
        "userId": record.user_id,
    }
    return orjson.dumps(envelope)


def _send(message: Outgoing) -> Answer:
    started = time.perf_counter()
    try:
        status, retry_after, error = _call(message)
    except AddressRefused as refusal:
        status, retry_after, error = None, None, _(str(refusal))
    except ProviderError as failure:
        status, retry_after, error = None, None, failure.message
    return Answer(status, error, round((time.perf_counter() - started) * 1000), retry_after)


def _call(message: Outgoing) -> tuple[int, float | None, str]:
    headers = signed_headers(message.secrets, message.delivery_id, clock.now(), message.body)
    client = HttpClient(message.url, timeouts=TIMEOUTS, address=address_of(message.url))
    sent = {"Content-Type": "application/json", "User-Agent": "Clinic-Console", **headers}
    response = client.post("", data=message.body, headers=sent)
    return response.status, response.retry_after(), "" if response.ok else f"HTTP {response.status}"


def _record(delivery_id: str, answer: Answer) -> None:
    delivery = db.session.get(WebhookDelivery, delivery_id, with_for_update=True, populate_existing=True)
    if delivery is None:
        return
    now, endpoint = clock.now(), db.session.get_one(WebhookEndpoint, delivery.endpoint_id, with_for_update=True)
    note = {"at": now.isoformat(), "status": answer.status, "ms": answer.milliseconds, "error": answer.error}
    delivery.attempt_log = [*delivery.attempt_log, note][-KEPT_ATTEMPTS:]
    delivery.answer_status, delivery.error = answer.status, answer.error[:200]
    if answer.ok:
        delivery.status, delivery.finished_at = WebhookStatus.DELIVERED, now
        endpoint.failing_since, endpoint.failures, endpoint.last_success_at = None, 0, now
        endpoint.rests_until = None
        return
    _note_failure(delivery, endpoint, answer, now)


def _note_failure(delivery: WebhookDelivery, endpoint: WebhookEndpoint, answer: Answer, now: datetime) -> None:
    endpoint.failing_since, endpoint.failures = endpoint.failing_since or now, endpoint.failures + 1
    if delivery.attempts > len(RETRY_AFTER):
        delivery.status, delivery.finished_at = WebhookStatus.PARKED, now
    else:
        pause = max(RETRY_AFTER[delivery.attempts - 1], timedelta(seconds=answer.retry_after or 0))
        delivery.next_at = now + pause
        if answer.endpoint_fails:
            endpoint.rests_until = delivery.next_at
    lasting = endpoint.failures >= LEAST_FAILURES and now - endpoint.failing_since >= DISABLE_AFTER
    if answer.status == GONE:
        _disable(endpoint, _("It answered that it is gone (HTTP 410)."))
    elif lasting:
        _disable(endpoint, _("Nothing arrived there for %(days)s days.", days=DISABLE_AFTER.days))


def _disable(endpoint: WebhookEndpoint, why: str) -> None:
    """What waits goes on waiting: it is sent when somebody switches the endpoint on again."""
    if not endpoint.enabled:
        return
    endpoint.enabled, endpoint.disabled_reason = False, why
    publish(EndpointDisabled(endpoint_id=endpoint.id, failures=endpoint.failures, off_at=clock.now()))
