"""Events of slices that are still to come, named now so that others can subscribe to them (SPEC EVT-3).

A slice that publishes one declares it in its own `events.py` and takes it out of here.
"""

from __future__ import annotations

from app.events.base import Category, Event, Priority

RECORDS = (
    "medical_history",
    "lab_report",
    "radiology_report",
    "surgical_report",
    "vital",
    "allergy",
    "medication",
    "immunization",
)
CLAIM_STEPS = (
    "created",
    "submitted",
    "accepted",
    "in_review",
    "approved",
    "partially_approved",
    "denied",
    "paid",
    "appealed",
    "cancelled",
)


class RecordEvent(Event):
    """A clinical record changed; what stands in it is read by its id."""

    category = Category.EHR_RECORD
    subject = "record_id"
    planned = True
    record_id: str
    patient_id: str
    doctor_id: str | None = None


class VitalEvent(RecordEvent):
    """A vital sign was taken: whether it is critical, and the range that is normal at the patient's age."""

    priority = Priority.HIGH
    is_critical: bool
    normal_low: float | None = None
    normal_high: float | None = None


class VitalCritical(VitalEvent):
    """A vital sign is critical: told on every channel until a person acknowledges it."""

    type = "ehr.vital.critical"
    priority = Priority.CRITICAL


class VideoEvent(Event):
    """A video visit, or its recording."""

    category = Category.VIDEO
    subject = "session_id"
    planned = True
    session_id: str
    appointment_id: str | None = None


class RecordingEvent(VideoEvent):
    """A recording, made with consent only."""

    recording_id: str


class ClaimEvent(Event):
    """A claim takes a step at its payer."""

    category = Category.BILLING
    subject = "claim_id"
    planned = True
    claim_id: str
    patient_id: str
    payer_id: str
    status: str


def _plan(base: type[Event], event_type: str) -> None:
    name = "".join(word.capitalize() for part in event_type.split(".") for word in part.split("_"))
    type(name, (base,), {"__module__": __name__, "__doc__": base.__doc__, "type": event_type})


for _record in RECORDS:
    for _change in ("created", "updated", "deleted"):
        _plan(VitalEvent if _record == "vital" else RecordEvent, f"ehr.{_record}.{_change}")
for _step in ("created", "ended"):
    _plan(VideoEvent, f"video.session.{_step}")
for _step in ("started", "stopped"):
    _plan(RecordingEvent, f"video.recording.{_step}")
for _step in CLAIM_STEPS:
    _plan(ClaimEvent, f"insurance.claim.{_step}")
