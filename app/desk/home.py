"""The console's front door: each role goes to the page it works on."""

from __future__ import annotations

from flask import redirect
from flask_appbuilder import IndexView, expose
from werkzeug.wrappers import Response

from app.core.principal import current_principal, may

HOMES = (
    ("my_day", "/my-day/", "DOCTOR"),
    ("location_home", "/location/", "LOCATION_HEAD"),
    ("admin_home", "/health/", "CLINIC_ADMIN"),
    ("admin_home", "/health/", "SUPER_ADMIN"),
    ("desk", "/desk/", None),
    ("finance_home", "/finance/", None),
)


class HomeView(IndexView):
    """`/` sends each role to its page: the day, the location, the health of everything, the desk, the money."""

    @expose("/")
    def index(self) -> Response | str:
        principal = current_principal()
        for resource, url, role in HOMES:
            if may(resource, "read") and role in (None, principal.role):
                return redirect(url)
        return self.render_template("desk/welcome.html", principal=principal)
