"""Set-up screens of a clinic: itself, its locations, rooms and settings."""

from __future__ import annotations

from typing import Any

from flask import flash, redirect, request
from flask_appbuilder import expose
from flask_babel import gettext
from flask_babel import lazy_gettext as _
from pydantic.fields import FieldInfo

from app.core.errors import Invalid
from app.core.transaction import unit_of_work
from app.core.views import ActionView, Chart, CrudView
from app.tenancy.cache import wait_until_heard
from app.tenancy.models import Location, Room
from app.tenancy.queries import clinic_in_scope
from app.tenancy.services import update_clinic
from app.tenancy.settings import ClinicSettings


class RoomView(CrudView):
    """Rooms of the clinic's locations."""

    model = Room
    class_permission_name = "room"
    menu = ("Set-up", _("Rooms"))
    menu_order = 12
    list_title = _("Rooms")
    add_title = _("New room")
    base_order = ("name", "asc")
    list_columns = ["name", "location", "active"]
    show_columns = ["name", "location", "active"]
    add_columns = edit_columns = ["location", "name", "active"]
    search_columns = ["name", "location", "active"]
    charts = (
        Chart("location", _("Rooms by location"), lambda: Room.location_id, words=lambda value: _location_name(value)),
    )


def _location_name(location_id: str) -> str:
    from app.core.tenant import db

    location = db.session.get(Location, location_id)
    return location.name if location else "–"


class LocationView(CrudView):
    """Branches of the clinic."""

    model = Location
    class_permission_name = "location"
    menu = ("Set-up", _("Locations"))
    menu_order = 11
    list_title = _("Locations")
    add_title = _("New location")
    base_order = ("name", "asc")
    list_columns = ["name", "address", "phone", "state_code", "active"]
    show_columns = ["name", "address", "phone", "state_code", "active"]
    add_columns = edit_columns = ["name", "address", "phone", "state_code", "active"]
    search_columns = ["name", "address", "state_code", "active"]
    label_columns = {"state_code": _("State code"), "phone": _("Phone"), "address": _("Address")}
    related_views = [RoomView]
    charts = (Chart("state", _("Locations by state"), lambda: Location.state_code, words=str),)


class ClinicSettingsView(ActionView):
    """The clinic's rules, drawn from their schema."""

    class_permission_name = "setting"
    route_base = "/clinic-settings"
    menu = ("Set-up", _("Clinic settings"))
    menu_order = 10
    default_view = "edit"

    @expose("/", methods=["GET", "POST"])
    def edit(self) -> Any:
        self.require("update" if request.method == "POST" else "read")
        errors: dict[str, str] = {}
        if request.method == "POST":
            errors = self._save()
            if not errors:
                flash(gettext("Saved."), "success")
                return redirect("/clinic-settings/")
        clinic = clinic_in_scope()
        values = {**clinic.settings.model_dump(mode="json"), **(request.form.to_dict() if errors else {})}
        fields = [_describe(name, info, values.get(name)) for name, info in ClinicSettings.model_fields.items()]
        page = self.render("tenancy/settings.html", clinic=clinic, fields=fields, errors=errors)
        return (page, 422) if errors else page

    def _save(self) -> dict[str, str]:
        given = {name: _read(name, info) for name, info in ClinicSettings.model_fields.items()}
        try:
            with unit_of_work():
                update_clinic(clinic_in_scope(), settings=given)
        except Invalid as error:
            return dict(error.fields or {})
        wait_until_heard()
        return {}


def _describe(name: str, info: FieldInfo, value: Any) -> dict[str, Any]:
    kind = "checkbox" if info.annotation is bool else "number" if info.annotation is int else "text"
    return {"name": name, "title": gettext(info.title or name), "kind": kind, "value": value}


def _read(name: str, info: FieldInfo) -> Any:
    if info.annotation is bool:
        return name in request.form
    return request.form.get(name, "").strip()
