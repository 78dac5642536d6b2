"""Endpoints of a doctor's hours and free slots."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from app.core import clock
from app.core.api import Api, endpoint
from app.people.queries import get_doctor
from app.scheduling.api.bodies import AvailabilityPlan, SlotQuery
from app.scheduling.api.shapes import show_exception, show_leave, show_rule
from app.scheduling.queries import exceptions_from, find_leave, local_bounds, slots, weekly_hours
from app.scheduling.services import set_exceptions, set_weekly_hours, slot_json
from app.tenancy.queries import settings_in_scope

LEAVE_AHEAD = timedelta(days=3 * 365)


class AvailabilityApi(Api):
    """When doctors can be booked."""

    openapi_tag = "Availability"

    @endpoint("GET", "/doctors/<id:doctor_id>/slots", resource="availability", action="read", query=SlotQuery)
    def slots(self, doctor_id: str, query: SlotQuery) -> dict[str, Any]:
        """The doctor's bookable slots."""
        first = query.date or clock.today(settings_in_scope().zone)
        found = slots(doctor_id, first, query.days, query.type, query.location_id)
        return {"items": [slot_json(slot) for slot in found], "nextCursor": None}

    @endpoint("GET", "/doctors/<id:doctor_id>/availability", resource="availability", action="read")
    def availability(self, doctor_id: str) -> dict[str, Any]:
        """The doctor's weekly hours, and from today on their exceptions, holidays and leave."""
        return _show(get_doctor(doctor_id).id)

    @endpoint(
        "PUT", "/doctors/<id:doctor_id>/availability", resource="availability", action="update", body=AvailabilityPlan
    )
    def update(self, doctor_id: str, body: AvailabilityPlan) -> dict[str, Any]:
        """Replace the weekly hours, the exceptions, or both."""
        get_doctor(doctor_id)
        if body.weekly is not None:
            set_weekly_hours(doctor_id, [item.model_dump() for item in body.weekly])
        if body.exceptions is not None:
            set_exceptions(doctor_id, [item.values() for item in body.exceptions])
        return _show(doctor_id)


def _show(doctor_id: str) -> dict[str, Any]:
    today = clock.today(settings_in_scope().zone)
    begins, _ = local_bounds(today, today)
    return {
        "weekly": [show_rule(rule) for rule in weekly_hours(doctor_id)],
        "exceptions": [show_exception(item) for item in exceptions_from(doctor_id, today)],
        "leave": [show_leave(item) for item in find_leave(doctor_id, begins, begins + LEAVE_AHEAD)],
    }
