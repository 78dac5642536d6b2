"""Notices that came before what they are about."""

from __future__ import annotations

from sqlalchemy import select

from app.core import clock
from app.core.tenant import db
from app.payments.models import WebhookEvent, WebhookStatus


def wake_waiting(gateway: str, order_id: str) -> None:
    """Process the notices about an order that we have only just learnt of."""
    from app.payments.jobs import process_webhook

    waiting = db.session.scalars(
        select(WebhookEvent)
        .where(
            WebhookEvent.gateway == gateway,
            WebhookEvent.order_id == order_id,
            WebhookEvent.status.in_((WebhookStatus.WAITING, WebhookStatus.RECEIVED)),
        )
        .with_for_update(skip_locked=True)
    )
    for row in waiting:
        row.next_at = clock.now()
        process_webhook.enqueue(row.clinic_id, row.id)
