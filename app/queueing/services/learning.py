"""What the doctor's pace is known by, kept with the queue so that nobody who looks has to count."""

from __future__ import annotations

from app.core.tenant import db
from app.queueing.models import DoctorQueue, QueueToken
from app.queueing.queries.pace import seconds_served


def learn_pace(token: QueueToken) -> None:
    """Count again once a token of the queue is finished, or is so no longer. The queue must be locked."""
    queue = db.session.get_one(DoctorQueue, token.queue_id)
    queue.served, queue.served_seconds = seconds_served(queue)
    db.session.flush()
