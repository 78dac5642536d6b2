"""Sending webhooks, and finding those whose wake-up was lost or whose retry is due."""

from __future__ import annotations

import logging
from collections.abc import Iterable

from redis.exceptions import RedisError
from sqlalchemy import or_, select

from app.core import clock
from app.core.jobs import job
from app.core.round_trip import ask
from app.core.tenant import all_tenants, db, tenant_scope
from app.integrations.models import WebhookDelivery, WebhookEndpoint, WebhookStatus
from app.integrations.sending import send_waiting

log = logging.getLogger(__name__)

ON_ITS_WAY_SECONDS = 5


@job("report", attempts=1, timeout=120)
def send_webhooks(clinic_id: str, endpoint_id: str) -> int:
    """Send what waits for an endpoint."""
    ask(("DEL", _mark(endpoint_id)))
    with tenant_scope(clinic_id):
        return send_waiting(endpoint_id)


def wake_endpoints(clinic_id: str, endpoint_ids: Iterable[str]) -> None:
    """Queue the sending, once however many events wake it."""
    for endpoint_id in endpoint_ids:
        try:
            (first,) = ask(("SET", _mark(endpoint_id), "1", "NX", "EX", ON_ITS_WAY_SECONDS))
        except RedisError:
            log.warning("a webhook could not be queued; the sweeper will find its row")
            return
        if first:
            send_webhooks.enqueue_now(clinic_id, endpoint_id)


@job("event", attempts=1, every=5)
def sweep_webhooks() -> int:
    """Wake endpoints for which something is due."""
    now = clock.now()
    due = select(WebhookDelivery.id).where(
        WebhookDelivery.clinic_id == WebhookEndpoint.clinic_id,
        WebhookDelivery.endpoint_id == WebhookEndpoint.id,
        WebhookDelivery.status == WebhookStatus.PENDING,
        WebhookDelivery.next_at <= now,
    )
    rested = or_(WebhookEndpoint.rests_until.is_(None), WebhookEndpoint.rests_until <= now)
    wanted = select(WebhookEndpoint.clinic_id, WebhookEndpoint.id).where(
        WebhookEndpoint.enabled.is_(True), rested, due.exists()
    )
    with all_tenants():
        rows = db.session.execute(wanted).all()
    for clinic_id, endpoint_id in rows:
        wake_endpoints(clinic_id, [endpoint_id])
    return len(rows)


def _mark(endpoint_id: str) -> str:
    return f"webhooks:{endpoint_id}:on-its-way"
