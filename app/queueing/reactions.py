"""The token follows its visit, in the visit's own transaction."""

from __future__ import annotations

from app.events.base import reacts_to
from app.queueing.models import TokenStatus
from app.queueing.services.calling import follow_visit
from app.scheduling.events import AppointmentCancelled, AppointmentCompleted, AppointmentNoShow, AppointmentStarted


@reacts_to(AppointmentStarted)
def serve_token(event: AppointmentStarted) -> None:
    """A visit that begins takes its patient out of the queue."""
    follow_visit(event.appointment_id, TokenStatus.SERVING)


@reacts_to(AppointmentCompleted)
def finish_token(event: AppointmentCompleted) -> None:
    """A visit that is over is over for the queue."""
    follow_visit(event.appointment_id, TokenStatus.SERVED)


@reacts_to(AppointmentCancelled)
def drop_token(event: AppointmentCancelled) -> None:
    """Nobody waits for a cancelled visit."""
    follow_visit(event.appointment_id, TokenStatus.LEFT)


@reacts_to(AppointmentNoShow)
def drop_absent_token(event: AppointmentNoShow) -> None:
    """Nobody waits for a patient who went away."""
    follow_visit(event.appointment_id, TokenStatus.LEFT)
