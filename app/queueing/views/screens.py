"""What the pages of screens that open by a link have in common."""

from __future__ import annotations

from typing import Any

from flask import render_template
from flask_babel import lazy_gettext as _

from app.core.tenant import db
from app.core.views import ActionView, CrudView
from app.queueing.models import Kiosk, WaitingBoard
from app.scheduling.services.check_in_codes import qr_svg
from app.tenancy.models import Location
from app.tenancy.queries import clinic_in_scope

PUBLIC = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}
LABELS = {
    "name": _("Name"),
    "location": _("Location"),
    "open": _("Has a link"),
    "last_used_at": _("Last used"),
    "created_at": _("Created"),
}


class ScreenView(CrudView):
    """The records of one kind of screen. Each opens by a link of its own, made and revoked here."""

    abstract = True
    show_template = "queueing/screen_show.html"
    list_columns = ["name", "location", "open", "last_used_at"]
    order_columns = ["name", "last_used_at"]
    show_columns = ["name", "location", "open", "last_used_at", "created_at"]
    add_columns = edit_columns = ["name", "location"]
    search_columns = ["name", "location"]
    label_columns = LABELS


def location_name(location_id: str) -> str:
    return db.session.get_one(Location, location_id).name


def public_page(template: str, status: int = 200, **values: Any) -> Any:
    if "clinic" not in values:
        values["clinic"] = clinic_in_scope()
    return render_template(template, **values), status, PUBLIC


def link_page(view: ActionView, screen: Kiosk | WaitingBoard, address: str, back: str) -> Any:
    """The link that was just made, shown this once."""
    return view.render("queueing/screen_link.html", screen=screen, address=address, qr=qr_svg(address), back=back)
