"""Forged webhooks: the first few of a minute are told one by one, then by how many there were."""

from __future__ import annotations

from app.core import metrics
from app.core.forged_webhooks import count_to_tell
from app.core.tenant import require_clinic
from app.core.transaction import unit_of_work
from app.events.services import publish
from app.payments.events import WebhookRefused

REFUSED = metrics.Counter("clinic_webhooks_refused", "Webhooks with a bad signature", ["gateway"])


def note_refusal(gateway: str, address: str | None, size: int) -> None:
    """Tell of it as a security event: the first ones of a minute, then at ten, a hundred, a thousand. Commits."""
    REFUSED.inc(gateway=gateway)
    count = count_to_tell(require_clinic(), address)
    if count is not None:
        with unit_of_work():
            publish(WebhookRefused(gateway=gateway, address=address, size=size, count=count))
