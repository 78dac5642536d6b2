"""What the schedule's endpoints take."""

from __future__ import annotations

import datetime as dates
from typing import Annotated, Any, Literal

from flask_babel import gettext as _
from pydantic import AfterValidator, Field, field_validator

from app.core.api import Body, ListQuery
from app.core.api_values import Day, Id, Moment
from app.people.models import AppointmentType
from app.scheduling.models import AppointmentStatus, ExceptionKind

WallClock = Annotated[dates.time, AfterValidator(lambda value: value.replace(second=0, microsecond=0, tzinfo=None))]
Types = Annotated[list[AppointmentType], Field(min_length=1, max_length=3)]


class NewAppointment(Body):
    patient_id: Id | None = Field(None, description="A patient books for themselves and may leave it out.")
    doctor_id: Id
    type: AppointmentType
    starts_at: Moment
    location_id: Id | None = None
    notes: str = Field("", max_length=2000)
    address: str = Field("", max_length=400, description="Of a home visit; by default where the patient lives.")
    overbook_reason: str = Field("", max_length=200, description="Books beside a taken slot; needs the permission.")


class AppointmentChanges(Body):
    """Members that are left out stay as they are; the status has its own actions."""

    notes: str | None = Field(None, max_length=2000)
    starts_at: Moment | None = None
    doctor_id: Id | None = None
    location_id: Id | None = None
    status: None = Field(None, description="Not changed here: use the actions.")


class Move(Body):
    starts_at: Moment
    doctor_id: Id | None = None
    location_id: Id | None = None
    reason: str = Field("", max_length=200)
    overbook_reason: str = Field("", max_length=200, description="Moves beside a taken slot; needs the permission.")
    from_starts_at: Moment | None = Field(None, description="Where the visit was seen: refused if it is elsewhere.")
    from_doctor_id: Id | None = None


class NewFollowUp(Body):
    """What is left out is as in the visit before."""

    starts_at: Moment
    type: AppointmentType | None = None
    doctor_id: Id | None = None
    location_id: Id | None = None
    notes: str = Field("", max_length=2000)
    overbook_reason: str = Field("", max_length=200, description="Books beside a taken slot; needs the permission.")


class Cancellation(Body):
    """`reason` is a code of CancelReason; other words count as OTHER and are kept as the note."""

    reason: str = Field("", max_length=200)
    note: str = Field("", max_length=250)


class Explanation(Body):
    reason: str = Field("", max_length=200)


class NewHold(Body):
    doctor_id: Id
    type: AppointmentType
    starts_at: Moment
    location_id: Id | None = None
    patient_id: Id | None = None


class SlotQuery(Body):
    date: Day | None = Field(None, description="First day in the clinic's zone; today if left out.")
    days: int = Field(1, ge=1, le=62)
    type: AppointmentType | None = None
    location_id: Id | None = None


class AppointmentQuery(ListQuery):
    date: Day | None = None
    from_: Moment | Day | None = Field(None, alias="from")
    to: Moment | Day | None = Field(None, description="A date is inclusive, a time is not.")
    doctor_id: Id | None = None
    patient_id: Id | None = None
    location_id: Id | None = None
    type: AppointmentType | None = None
    status: tuple[AppointmentStatus, ...] = Field((), description="One or more, separated by commas.")
    order: Literal["asc", "desc"] = "asc"

    @field_validator("status", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value

    @field_validator("from_", "to", mode="before")
    @classmethod
    def _plain_date(cls, value: Any) -> Any:
        """A bare date stays a date: a moment would read it as midnight UTC."""
        try:
            return (
                dates.date.fromisoformat(value) if isinstance(value, str) and len(value) == len("2026-01-31") else value
            )
        except ValueError:
            raise ValueError(_("This must be a date, like 2026-01-31.")) from None

    @property
    def first(self) -> dates.date | dates.datetime | None:
        return self.from_ or self.date

    @property
    def last(self) -> dates.date | dates.datetime | None:
        return self.to or self.date


class OpenHoursBody(Body):
    location_id: Id
    room_id: Id | None = None
    opens: WallClock
    closes: WallClock
    types: Types = Field(default_factory=lambda: list(AppointmentType))
    slot_minutes: int | None = Field(None, ge=5, le=480)
    capacity: int = Field(1, ge=1, le=500)


class WeeklyHours(OpenHoursBody):
    weekday: int = Field(ge=0, le=6, description="0 is Monday.")
    valid_from: Day | None = None
    valid_until: Day | None = None


class ExceptionBody(Body):
    kind: ExceptionKind
    starts_on: Day
    ends_on: Day | None = None
    opens: WallClock | None = None
    closes: WallClock | None = None
    location_id: Id | None = None
    room_id: Id | None = None
    types: Types | None = None
    slot_minutes: int | None = Field(None, ge=5, le=480)
    capacity: int = Field(1, ge=1, le=500)
    reason: str = Field("", max_length=200)

    def values(self) -> dict[str, Any]:
        return {**self.model_dump(), "ends_on": self.ends_on or self.starts_on}


class AvailabilityPlan(Body):
    """What is left out stays; what is given replaces the whole of its kind."""

    weekly: list[WeeklyHours] | None = Field(None, max_length=100)
    exceptions: list[ExceptionBody] | None = Field(None, max_length=400)
