"""Endpoints and what they are sent: the verbs of their screens, and the rows that an event makes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from flask_babel import gettext as _
from sqlalchemy import delete, insert, select

from app.core import clock
from app.core.errors import Conflict, Invalid
from app.core.ids import new_id
from app.core.tenant import db
from app.core.transaction import after_commit
from app.events.base import EVENT_TYPES, matches
from app.events.models import EventRecord
from app.events.services import publish
from app.integrations.addresses import checked_url
from app.integrations.cache import patterns_by_endpoint
from app.integrations.events import EndpointSaved
from app.integrations.models import WebhookDelivery, WebhookEndpoint, WebhookStatus
from app.integrations.signing import new_secret, seal_secret

PING = "ping"
MOST_ENDPOINTS = 20
BOTH_SECRETS_FOR = timedelta(hours=24)


def add_endpoint(name: str, url: str, patterns: Sequence[str]) -> tuple[WebhookEndpoint, str]:
    """A new endpoint, and its secret, which nobody sees again. Raises Invalid, Conflict."""
    known = set(db.session.scalars(select(WebhookEndpoint.name).limit(MOST_ENDPOINTS)))
    if len(known) >= MOST_ENDPOINTS:
        raise Conflict(_("A clinic has at most %(most)s endpoints.", most=MOST_ENDPOINTS))
    endpoint_id, secret = new_id(), new_secret()
    endpoint = WebhookEndpoint(
        id=endpoint_id,
        name=_checked_name(name, known),
        url=checked_url(url),
        patterns=checked_patterns(patterns),
        secret=seal_secret(endpoint_id, secret),
    )
    db.session.add(endpoint)
    _publish(endpoint, "added")
    return endpoint, secret


def change_endpoint(endpoint: WebhookEndpoint, name: str, url: str, patterns: Sequence[str], *, enabled: bool) -> None:
    """Raises Invalid."""
    others = select(WebhookEndpoint.name).where(WebhookEndpoint.id != endpoint.id)
    endpoint.name = _checked_name(name, set(db.session.scalars(others)))
    endpoint.url, endpoint.patterns = checked_url(url), checked_patterns(patterns)
    if enabled and not endpoint.enabled:
        endpoint.disabled_reason, endpoint.failing_since, endpoint.failures = "", None, 0
    endpoint.enabled, endpoint.rests_until = enabled, None
    _publish(endpoint, "changed")
    _wake_later([endpoint.id], endpoint.clinic_id)


def remove_endpoint(endpoint: WebhookEndpoint) -> None:
    """With the log of what it was sent."""
    db.session.execute(delete(WebhookDelivery).where(WebhookDelivery.endpoint_id == endpoint.id))
    _publish(endpoint, "removed")
    db.session.delete(endpoint)


def rotate_secret(endpoint: WebhookEndpoint) -> str:
    """A new secret. For a day the old one signs as well, so that the receiver can change at leisure."""
    secret = new_secret()
    endpoint.previous_secret, endpoint.previous_until = endpoint.secret, clock.now() + BOTH_SECRETS_FOR
    endpoint.secret = seal_secret(endpoint.id, secret)
    _publish(endpoint, "secret_rotated")
    return secret


def send_test(endpoint: WebhookEndpoint) -> WebhookDelivery:
    """A message of type `ping`, tried at once. Raises Conflict for an endpoint that is switched off."""
    if not endpoint.enabled:
        raise Conflict(_("This endpoint is switched off."))
    endpoint.rests_until = None
    delivery = WebhookDelivery(id=new_id(), endpoint_id=endpoint.id, event_type=PING)
    db.session.add(delivery)
    db.session.flush()
    _wake_later([endpoint.id], endpoint.clinic_id)
    return delivery


def resend(delivery: WebhookDelivery) -> None:
    """Send it again, under the same webhook-id. Raises Conflict while it waits, and when there is nothing to send."""
    if delivery.status == WebhookStatus.PENDING:
        raise Conflict(_("This one waits to be sent."))
    if not delivery.endpoint.enabled:
        raise Conflict(_("This endpoint is switched off."))
    if delivery.event is not None and delivery.event.payload is None:
        raise Conflict(_("The payload of this event is not kept any more."))
    delivery.status, delivery.attempts, delivery.finished_at = WebhookStatus.PENDING, 0, None
    delivery.next_at, delivery.error = clock.now(), ""
    delivery.endpoint.rests_until = None
    db.session.flush()
    _wake_later([delivery.endpoint_id], delivery.clinic_id)


def tell_endpoints(records: Sequence[EventRecord]) -> None:
    """In the publisher's transaction: a row for each endpoint that wants the event."""
    now = clock.now()
    for clinic_id in {record.clinic_id for record in records}:
        endpoints = patterns_by_endpoint(clinic_id)
        if not endpoints:
            continue
        rows = [
            _row(record, endpoint_id, now)
            for record in records
            for endpoint_id, patterns in endpoints.items()
            if record.clinic_id == clinic_id and any(matches(pattern, record.type) for pattern in patterns)
        ]
        if rows:
            db.session.execute(insert(WebhookDelivery), rows)
            _wake_later({row["endpoint_id"] for row in rows}, clinic_id)


def checked_patterns(patterns: Iterable[str]) -> list[str]:
    """Without repetitions. Raises Invalid for none, and for one that no event matches."""
    wanted = list(dict.fromkeys(pattern.strip() for pattern in patterns if pattern.strip()))
    if not wanted:
        raise Invalid(fields={"patterns": _("Name at least one event.")})
    for pattern in wanted:
        if not any(matches(pattern, event_type) for event_type in EVENT_TYPES):
            raise Invalid(fields={"patterns": _("No event matches “%(pattern)s”.", pattern=pattern[:80])})
    return wanted


def _checked_name(name: str, others: set[str]) -> str:
    if not name.strip():
        raise Invalid(fields={"name": _("Give it a name.")})
    if name.strip() in others:
        raise Invalid(fields={"name": _("There is an endpoint of this name.")})
    return name.strip()


def _row(record: EventRecord, endpoint_id: str, now: datetime) -> dict[str, Any]:
    fixed = {"clinic_id": record.clinic_id, "endpoint_id": endpoint_id, "next_at": now}
    return {"id": new_id(), "event_id": record.id, "event_type": record.type, **fixed}


def _publish(endpoint: WebhookEndpoint, change: str) -> None:
    publish(EndpointSaved(endpoint_id=endpoint.id, change=change))


def _wake_later(endpoint_ids: Iterable[str], clinic_id: str) -> None:
    from app.integrations.jobs import wake_endpoints

    wanted = list(endpoint_ids)
    after_commit(lambda: wake_endpoints(clinic_id, wanted))
