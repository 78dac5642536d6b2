"""The administrator's home: whether everything works, and what waits for a person (SPEC CON-4)."""

from __future__ import annotations

from typing import Any

from flask_appbuilder import expose
from flask_babel import gettext as _
from flask_babel import lazy_gettext

from app.core.navigation import describe_item
from app.core.views import ActionView
from app.desk.queries.well import clinic_matters, installation, providers, worst

describe_item("AdminView", shortcut="g h")


class AdminView(ActionView):
    """The page, and its part that is asked for again every half minute."""

    class_permission_name = "admin_home"
    route_base = "/health"
    default_view = "home"
    menu = ("Set-up", lazy_gettext("Health"))
    menu_order = 1

    @expose("/")
    def home(self) -> str:
        self.require()
        return self.render("desk/admin.html", **_present())

    @expose("/now")
    def now(self) -> str:
        self.require()
        return self.render("desk/parts/admin_now.html", **_present())


def _present() -> dict[str, Any]:
    groups = [
        (_("This clinic"), clinic_matters()),
        (_("Installation"), installation()),
        (_("Providers"), providers()),
    ]
    return {"groups": groups, "tone": worst([item for _name, checks in groups for item in checks])}
