"""The front desk: who comes today, who stands here, who waits, on one page (SPEC CON-2)."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from flask import Response, request, session
from flask_appbuilder import expose
from flask_babel import lazy_gettext
from sqlalchemy import select

from app.core import clock
from app.core.ids import is_id
from app.core.navigation import describe_item
from app.core.our_time import read_day
from app.core.principal import current_principal
from app.core.tenant import db
from app.desk.queries.clicks import last_click
from app.desk.queries.queue import queues_today
from app.desk.queries.visits import Day, day_of_visits
from app.desk.views.fragments import FragmentView
from app.desk.views.panes import Pane, patient_pane, register_pane, visit_pane
from app.people.queries import find_patient
from app.scheduling.queries import find_appointment
from app.tenancy.models import Location
from app.tenancy.queries import settings_in_scope

LOCATION_KEY = "desk_location"
VISITS = "desk/parts/visits.html"
QUEUE = "desk/parts/queue.html"

describe_item("FrontDeskView", shortcut="g d")


class FrontDeskView(FragmentView):
    """The page, and the pieces that refresh by themselves."""

    class_permission_name = "desk"
    route_base = "/desk"
    default_view = "home"
    menu = ("Desk", lazy_gettext("Front desk"))
    menu_order = 1

    @expose("/")
    def home(self) -> str:
        """The day and, beside it, the visit or patient of the address, or whoever comes next."""
        self.require()
        _remember_location()
        day = day_of_visits(asked_day(), desk_location())
        pane = _first_pane(day)
        return self.render(
            "desk/front_desk.html",
            day=day,
            today=clock.today(settings_in_scope().zone),
            pane=pane,
            **(pane.context if pane else {}),
            **queues_of_desk(),
            locations=_locations(),
            location_id=desk_location(),
            around=(day.on - timedelta(days=1), day.on + timedelta(days=1)),
        )

    @expose("/day")
    def day(self) -> Response:
        self.require()
        return self.piece(VISITS, day=day_of_visits(asked_day(), desk_location()), alone=True)

    @expose("/queue")
    def queue(self) -> Response:
        self.require()
        return self.piece(QUEUE, **queues_of_desk())


def asked_day() -> date:
    """The date in the address, today without one."""
    return read_day(request.args.get("day")) or clock.today(settings_in_scope().zone)


def desk_location() -> str | None:
    """The branch that this desk belongs to; None shows all."""
    membership = current_principal().active
    own = membership.location_id if membership else None
    chosen = session.get(LOCATION_KEY)
    return own or (chosen if is_id(chosen) else None)


def queues_of_desk() -> dict[str, Any]:
    """Who waits at this desk, and the click that its user can take back."""
    location_id = desk_location()
    return {"queues": queues_today(location_id=location_id), "click": last_click(location_id=location_id)}


def _remember_location() -> None:
    chosen = request.args.get("location")
    if chosen is not None:
        known = is_id(chosen) and db.session.get(Location, chosen) is not None
        session[LOCATION_KEY] = chosen if known else None


def _locations() -> list[Location]:
    return list(db.session.scalars(select(Location).where(Location.active.is_(True)).order_by(Location.name)))


def _first_pane(day: Day) -> Pane | None:
    """What the address asks for; whoever comes next without that."""
    visit_id, patient_id = request.args.get("visit", ""), request.args.get("patient", "")
    if "register" in request.args:
        return register_pane()
    visit = find_appointment(visit_id) if is_id(visit_id) else None
    patient = find_patient(patient_id) if is_id(patient_id) else None
    if visit is not None:
        return visit_pane(visit)
    if patient is not None:
        return patient_pane(patient, desk_location())
    following = day.next_visit
    found = find_appointment(following.id) if following else None
    return visit_pane(found) if found else None
