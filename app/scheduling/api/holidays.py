"""Endpoints of holidays: days, or hours, on which the clinic or one of its locations is closed for everybody."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from app.core.api import Api, Body, ListQuery, endpoint
from app.core.api_values import Day, Id
from app.core.paging import page
from app.scheduling.api.bodies import WallClock
from app.scheduling.api.shapes import show_holiday
from app.scheduling.models import AvailabilityException
from app.scheduling.queries.availability import get_holiday, holidays
from app.scheduling.services import delete_hours, remove_time, save_exception

HOLIDAY = "/holidays/<id:holiday_id>"


class HolidayQuery(ListQuery):
    from_: Day | None = Field(None, alias="from", description="Holidays that are not over before this day.")
    to: Day | None = Field(None, description="Holidays that have begun by this day.")


class HolidayBody(Body):
    """Without hours it is the whole of each day; without a location it is every location."""

    starts_on: Day
    ends_on: Day | None = Field(None, description="The last day; left out it is one day.")
    opens: WallClock | None = Field(None, description="From when it is closed.")
    closes: WallClock | None = Field(None, description="Until when it is closed.")
    location_id: Id | None = None
    reason: str = Field("", max_length=200)


class HolidayApi(Api):
    """Days without visits; what is booked already stays."""

    openapi_tag = "Availability"

    @endpoint("GET", "/holidays", resource="holiday", action="read", query=HolidayQuery)
    def holidays(self, query: HolidayQuery) -> dict[str, Any]:
        """The clinic's holidays in order of their days."""
        table, wanted = AvailabilityException, holidays()
        if query.from_:
            wanted = wanted.where(table.ends_on >= query.from_)
        if query.to:
            wanted = wanted.where(table.starts_on <= query.to)
        columns = wanted.with_only_columns(*table.__table__.columns)
        return page(columns, [table.starts_on, table.id], query, show_holiday)

    @endpoint("POST", "/holidays", resource="holiday", action="create", body=HolidayBody, status=201)
    def add(self, body: HolidayBody) -> dict[str, Any]:
        """Close the clinic, or one location, on some days."""
        return show_holiday(remove_time(None, **body.model_dump()))

    @endpoint("PUT", HOLIDAY, resource="holiday", action="update", body=HolidayBody)
    def update(self, holiday_id: str, body: HolidayBody) -> dict[str, Any]:
        """Change a holiday; what is left out is emptied."""
        holiday = get_holiday(holiday_id)
        for name, value in body.model_dump().items():
            setattr(holiday, name, value)
        holiday.ends_on = holiday.ends_on or holiday.starts_on
        return show_holiday(save_exception(holiday))

    @endpoint("DELETE", HOLIDAY, resource="holiday", action="delete")
    def delete(self, holiday_id: str) -> None:
        """Open again."""
        delete_hours(get_holiday(holiday_id))
