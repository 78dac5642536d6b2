"""Endpoints of recurring visits: look at each day, book all, change one (as any visit) or all that follow."""

from __future__ import annotations

from typing import Any

from pydantic import Field
from sqlalchemy import select

from app.core.api import Api, Body, ListQuery, endpoint
from app.core.api_values import Id, Moment
from app.core.paging import page
from app.people.models import AppointmentType
from app.scheduling.models import AppointmentSeries, CancelReason, Every
from app.scheduling.services.series import book_series, cancel_following, get_series, move_following, visits_of
from app.scheduling.services.series_days import preview_series, series_times

SERIES = "/appointment-series/<id:appointment_series_id>"


class SeriesRule(Body):
    """Every `steps` days, weeks or months from `firstAt`, at that time of the clinic's day."""

    doctor_id: Id
    type: AppointmentType
    first_at: Moment
    every: Every
    steps: int = Field(1, ge=1, le=26)
    visits: int = Field(ge=2, le=52)
    location_id: Id | None = None


class NewSeries(SeriesRule):
    patient_id: Id
    notes: str = Field("", max_length=2000)
    times: list[Moment] | None = Field(
        None, max_length=52, description="Instead of the rule's: what was chosen after the preview."
    )


class FollowingCancelled(Body):
    from_appointment_id: Id
    reason: CancelReason = CancelReason.PATIENT_REQUEST
    note: str = Field("", max_length=250)


class FollowingMoved(Body):
    from_appointment_id: Id
    starts_at: Moment = Field(description="Where that visit goes; those after it move by as many days, to that time.")
    doctor_id: Id | None = None


class SeriesApi(Api):
    """Visits that recur."""

    openapi_tag = "Series"

    @endpoint("POST", "/appointment-series/preview", resource="visit_series", action="read", body=SeriesRule)
    def preview(self, body: SeriesRule) -> dict[str, Any]:
        """Each day of the series, whether it is free, and that day's nearest free times; books nothing."""
        times = series_times(body.first_at, body.every, body.steps, body.visits)
        days = preview_series(body.doctor_id, body.type, times, location_id=body.location_id)
        return {"days": [{"startsAt": day.starts_at, "state": day.state, "others": list(day.others)} for day in days]}

    @endpoint(
        "POST", "/appointment-series", resource="visit_series", action="create", body=NewSeries, status=201,
        idempotent=True,
    )  # fmt: skip
    def book(self, body: NewSeries) -> dict[str, Any]:
        """Book all visits or none; 409 SERIES_CONFLICT names each day that is not free."""
        return _show(book_series(**body.model_dump()))

    @endpoint("GET", "/appointment-series", resource="visit_series", action="read", query=ListQuery)
    def all(self, query: ListQuery) -> dict[str, Any]:
        """Series, the latest first."""
        wanted = select(AppointmentSeries)
        keys = [AppointmentSeries.created_at, AppointmentSeries.id]
        return page(wanted, keys, query, lambda row: _rule(row[0]), descending=True)

    @endpoint("GET", SERIES, resource="visit_series", action="read")
    def one(self, appointment_series_id: str) -> dict[str, Any]:
        """One series with its visits."""
        return _show(get_series(appointment_series_id))

    @endpoint("POST", f"{SERIES}/cancel", resource="visit_series", action="cancel", body=FollowingCancelled)
    def cancel(self, appointment_series_id: str, body: FollowingCancelled) -> dict[str, Any]:
        """Cancel a visit of the series and all after it that have not begun."""
        series = get_series(appointment_series_id)
        cancel_following(series, body.from_appointment_id, body.reason, body.note)
        return _show(series)

    @endpoint(
        "POST", f"{SERIES}/reschedule", resource="visit_series", action="update", body=FollowingMoved, idempotent=True
    )
    def reschedule(self, appointment_series_id: str, body: FollowingMoved) -> dict[str, Any]:
        """Move a visit of the series and all after it, or none where one of them finds no slot."""
        series = get_series(appointment_series_id)
        move_following(series, body.from_appointment_id, body.starts_at, doctor_id=body.doctor_id)
        return _show(series)


def _rule(series: AppointmentSeries) -> dict[str, Any]:
    return {
        "id": series.id,
        "patientId": series.patient_id,
        "doctorId": series.doctor_id,
        "locationId": series.location_id,
        "type": series.type,
        "every": series.every,
        "steps": series.steps,
        "visits": series.visits_wanted,
        "firstAt": series.first_at,
    }


def _show(series: AppointmentSeries) -> dict[str, Any]:
    visits = [
        {"id": visit.id, "startsAt": visit.starts_at, "endsAt": visit.ends_at, "status": visit.status}
        for visit in visits_of(series.id)
    ]
    return {**_rule(series), "appointments": visits}
