"""Forged webhooks of message providers: the first few of a minute are told one by one, then by how many there were."""

from __future__ import annotations

from app.core import metrics
from app.core.forged_webhooks import count_to_tell
from app.core.tenant import tenant_scope
from app.core.transaction import unit_of_work
from app.events.services import publish
from app.messaging.events import NoticeRefused

REFUSED = metrics.Counter("clinic_notices_refused", "Message webhooks with a bad signature", ["provider"])


def note_refusal(provider: str, clinic_id: str, address: str | None, size: int) -> None:
    """Tell of it as a security event of the clinic; one for a global account is only counted. Commits."""
    REFUSED.inc(provider=provider)
    if not clinic_id:
        return
    count = count_to_tell(clinic_id, address)
    if count is not None:
        with tenant_scope(clinic_id), unit_of_work():
            publish(NoticeRefused(provider=provider, address=address, size=size, count=count))
