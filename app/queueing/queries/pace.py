"""How long a doctor takes for a patient: today's own pace, leaning on earlier days while today has told little."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select

from app.core import clock
from app.core.tenant import db
from app.queueing.models import DoctorQueue, QueueToken, TokenStatus
from app.tenancy.queries import settings_in_scope

# As many patients' worth is a habit believed, and the usual slot, against what today shows.
HABIT_COUNTS, SLOT_COUNTS = 6, 1
HABIT_DAYS, HABIT_PATIENTS = 60, 5
# A shorter stay was a slip of the hand; a longer one than so many usual ones was a break, and counts as that.
SHORTEST_SECONDS, MOST_USUAL = 45, 4
# Whoever is inside longer than usual still takes a part of the usual time.
STILL_TAKES = 0.25


def pace_of(queues: Iterable[DoctorQueue]) -> float:
    """Minutes per patient, from the doctor's queues of a day."""
    listed = list(queues)
    habits = [queue.usual_seconds for queue in listed if queue.usual_seconds]
    usual, counts = (habits[0], HABIT_COUNTS) if habits else (settings_in_scope().slot_minutes * 60, SLOT_COUNTS)
    served, seconds = sum(queue.served for queue in listed), sum(queue.served_seconds for queue in listed)
    return (usual * counts + seconds) / (counts + served) / 60


def minutes_left(pace: float, called_at: datetime | None) -> float:
    """What the patient in front will still take; 0 when nobody is."""
    if called_at is None:
        return 0.0
    return max(pace - (clock.now() - called_at) / timedelta(minutes=1), pace * STILL_TAKES)


def habit_of(doctor_id: str, before: Any) -> int | None:
    """Seconds per patient over the doctor's last weeks before a day; None while too few are known."""
    wanted = select(func.sum(DoctorQueue.served_seconds), func.sum(DoctorQueue.served)).where(
        DoctorQueue.doctor_id == doctor_id,
        DoctorQueue.queued_on < before,
        DoctorQueue.queued_on >= before - timedelta(days=HABIT_DAYS),
    )
    seconds, served = db.session.execute(wanted).one()
    return round(seconds / served) if served and served >= HABIT_PATIENTS else None


def seconds_served(queue: DoctorQueue) -> tuple[int, int]:
    """How many patients the queue's doctor has served in it, and how long they took together, in seconds."""
    usual = queue.usual_seconds or settings_in_scope().slot_minutes * 60
    seconds = func.extract("epoch", QueueToken.finished_at - QueueToken.called_at)
    wanted = select(func.count(), func.coalesce(func.sum(func.least(seconds, usual * MOST_USUAL)), 0)).where(
        QueueToken.queue_id == queue.id, QueueToken.status == TokenStatus.SERVED, seconds >= SHORTEST_SECONDS
    )
    served, total = db.session.execute(wanted).one()
    return served, round(total)
