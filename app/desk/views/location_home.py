"""The home of a location's head: today's load, waits, who does not come, and what came in (SPEC CON-4)."""

from __future__ import annotations

from typing import Any

from flask import Response, request
from flask_appbuilder import expose
from flask_babel import lazy_gettext

from app.core import clock
from app.core.errors import NotFound
from app.core.ids import is_id
from app.core.money import Money
from app.core.navigation import describe_item
from app.core.principal import may, own_location_id
from app.desk.queries.calendar import open_locations
from app.desk.queries.location_day import location_day, takings_at
from app.desk.views.fragments import FragmentView
from app.reports.words import TENDER_NAMES
from app.tenancy.models import Location
from app.tenancy.queries import settings_in_scope

describe_item("LocationHomeView", shortcut="g l")


class LocationHomeView(FragmentView):
    """The page and its refreshing part. A head sees the own location; others choose one."""

    class_permission_name = "location_home"
    route_base = "/location"
    default_view = "home"
    menu = ("Desk", lazy_gettext("Location"))
    menu_order = 3

    @expose("/")
    def home(self) -> str:
        self.require()
        choices = _choices()
        location = _chosen(choices)
        if location is None:
            return self.render("desk/location_none.html")
        return self.render(
            "desk/location_home.html",
            location=location,
            locations=choices,
            today=clock.today(settings_in_scope().zone),
            **_present(location.id),
        )

    @expose("/<id:location_id>/now")
    def now(self, location_id: str) -> Response:
        self.require()
        if location_id not in {location.id for location in _choices()}:
            raise NotFound
        return self.piece("desk/parts/location_now.html", **_present(location_id))


def _choices() -> list[Location]:
    own = own_location_id()
    return [location for location in open_locations() if own in (None, location.id)]


def _chosen(choices: list[Location]) -> Location | None:
    asked = request.args.get("location", "")
    named = [location for location in choices if is_id(asked) and location.id == asked]
    return next(iter(named or choices), None)


def _present(location_id: str) -> dict[str, Any]:
    """What changes while one looks at it."""
    takings = takings_at(location_id) if may("report", "read") else []
    return {
        "day": location_day(location_id),
        "takings": [(TENDER_NAMES[code], amount) for code, amount in takings],
        "taken": Money.total((amount for _code, amount in takings), settings_in_scope().currency),
    }
