"""What the search box of the top bar asks, on every page."""

from __future__ import annotations

from typing import Any

from flask import Response, request
from flask_appbuilder import expose
from flask_babel import gettext as _

from app.core.api import reply
from app.core.principal import may
from app.core.views import ActionView
from app.desk.queries.search import SHORTEST, Found, found_by


class SearchView(ActionView):
    """`/console/search?q=`: patients, and invoices by number, as far as the role may read them."""

    class_permission_name = "patient"
    route_base = "/console"
    default_view = "search"

    @expose("/search")
    def search(self) -> Response:
        self.require()
        text = request.args.get("q", "")
        items = [_entry(found) for found in found_by(text)]
        if len(text.strip()) >= SHORTEST and may("desk", "read") and may("patient", "create"):
            items.append(_registering())
        return reply({"items": items})


def _entry(found: Found) -> dict[str, Any]:
    return {
        "kind": found.kind,
        "id": found.id,
        "title": found.title,
        "subtitle": found.subtitle,
        "url": _page_of(found),
    }


def _page_of(found: Found) -> str:
    """The desk opens patients in place; others go to the record."""
    if found.kind == "invoice":
        return f"/invoiceview/show/{found.id}"
    return f"/desk/?patient={found.id}" if may("desk", "read") else f"/patientview/show/{found.id}"


def _registering() -> dict[str, Any]:
    """The last entry: whoever is not found can be registered. What was typed stays in the browser."""
    return {"kind": "register", "title": _("Register a new patient"), "subtitle": "", "url": "/desk/?register"}
