"""Notices that came before what they are about."""

from __future__ import annotations

from sqlalchemy import select

from app.core import clock
from app.core.tenant import db
from app.core.transaction import after_commit
from app.core.waking import Waiting, add_waiting
from app.payments.models import WebhookEvent, WebhookStatus


def wake_inbox(clinic_id: str, webhook_id: str) -> None:
    """Have a stored webhook processed once it is durable."""
    after_commit(lambda: wake_inbox_now(clinic_id, webhook_id))


def wake_inbox_now(clinic_id: str, webhook_id: str) -> None:
    """Have a webhook processed that is durable already."""
    from app.payments.jobs import read_inbox

    add_waiting(read_inbox, [Waiting(clinic_id, webhook_id)])


def wake_waiting(gateway: str, order_id: str) -> None:
    """Process the notices about an order that we have only just learnt of."""
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
        wake_inbox(row.clinic_id, row.id)
