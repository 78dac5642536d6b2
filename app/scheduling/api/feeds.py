"""Endpoints of calendars: a doctor's secret feeds, and one visit as a file."""

from __future__ import annotations

from typing import Any

from flask import Response
from pydantic import Field

from app.core.api import Api, Body, endpoint
from app.scheduling.icalendar_files import ICS
from app.scheduling.models import CalendarFeed
from app.scheduling.queries import get_appointment
from app.scheduling.services.feeds import feeds_of, make_feed, revoke_feed
from app.scheduling.services.visit_files import visit_calendar


class NewFeed(Body):
    label: str = Field("", max_length=80, description="For which calendar.")


class CalendarFeedApi(Api):
    """iCalendar."""

    openapi_tag = "Calendars"

    @endpoint("GET", "/doctors/<id:doctor_id>/calendar-feeds", resource="calendar_feed", action="read")
    def feeds(self, doctor_id: str) -> dict[str, Any]:
        """The doctor's calendar links, without their addresses."""
        return {"items": [_show(feed) for feed in feeds_of(doctor_id)]}

    @endpoint(
        "POST", "/doctors/<id:doctor_id>/calendar-feeds", resource="calendar_feed", action="create", body=NewFeed,
        status=201,
    )  # fmt: skip
    def make(self, doctor_id: str, body: NewFeed) -> dict[str, Any]:
        """A secret link to the doctor's visits; its address is told this once."""
        feed, address = make_feed(doctor_id, body.label)
        return {**_show(feed), "url": address}

    @endpoint("DELETE", "/calendar-feeds/<id:calendar_feed_id>", resource="calendar_feed", action="revoke")
    def revoke(self, calendar_feed_id: str) -> None:
        """Take a link back; calendars that use it read nothing more."""
        revoke_feed(calendar_feed_id)

    @endpoint("GET", "/appointments/<id:appointment_id>/calendar", resource="appointment", action="read")
    def visit(self, appointment_id: str) -> Response:
        """One visit as an .ics file."""
        content = visit_calendar(get_appointment(appointment_id))
        answer = Response(content, mimetype=ICS)
        answer.headers["Content-Disposition"] = 'attachment; filename="visit.ics"'
        return answer


def _show(feed: CalendarFeed) -> dict[str, Any]:
    return {
        "id": feed.id,
        "doctorId": feed.doctor_id,
        "label": feed.label,
        "status": feed.feed_status,
        "createdAt": feed.created_at,
        "lastReadAt": feed.last_read_at,
    }
