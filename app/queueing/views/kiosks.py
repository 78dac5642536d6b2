"""Kiosks: their records, the page that patients check in at, and the page that shows a patient's code."""

from __future__ import annotations

from typing import Any

from flask import flash, redirect, request, url_for
from flask_appbuilder import BaseView, expose
from flask_babel import lazy_gettext as _
from werkzeug.wrappers import Response

from app.core import rate_limit
from app.core.errors import AppError
from app.core.public_links import PAGES_PER_MINUTE, opened_by_link
from app.core.transaction import unit_of_work
from app.core.views import ActionView, Chart, row_action
from app.people.models import AppointmentType
from app.queueing.models import Kiosk
from app.queueing.queries.queues import state_of
from app.queueing.services.kiosks import check_in_at
from app.queueing.services.screens import get_screen, make_link, revoke_link, screen_of_token
from app.queueing.views.screens import ScreenView, link_page, location_name, public_page
from app.scheduling.queries import find_appointment, get_appointment
from app.scheduling.services.check_in_codes import CodeRefused, address_of, check_in_code, qr_svg, read_code


class KioskView(ScreenView):
    """Screens at the door."""

    model = Kiosk
    class_permission_name = "kiosk"
    menu = ("Set-up", _("Kiosks"))
    menu_order = 13
    list_title = _("Kiosks")
    add_title = _("New kiosk")
    lede = _("A screen at the door where patients check themselves in with the code of their visit.")
    extra_args = {"resource": "kiosk", "link": ("KioskLinkView.make", "kiosk_id")}
    charts = (Chart("location", _("Kiosks by location"), lambda: Kiosk.location_id, words=location_name),)

    @row_action("revoke", _("Revoke the link"), confirm=_("The kiosk stops working until it gets a new link."))
    def revoke(self, kiosk: Kiosk) -> None:
        revoke_link(kiosk)


class KioskLinkView(ActionView):
    """Making a kiosk's link."""

    class_permission_name = "kiosk"
    route_base = "/kiosks"
    default_view = "make"

    @expose("/<id:kiosk_id>/link", methods=["POST"])
    def make(self, kiosk_id: str) -> Any:
        """Make a link and show it, this once."""
        self.require("link")
        with unit_of_work():
            kiosk = get_screen(Kiosk, kiosk_id)
            return link_page(self, kiosk, make_link(kiosk), url_for("KioskView.show", pk=kiosk.id))


class KioskPageView(BaseView):
    """Nobody logs in here: the link is the right to check in whoever shows a code, and to nothing else."""

    route_base = "/kiosk"
    default_view = "start"

    @expose("/<token>", methods=["GET"])
    def start(self, token: str) -> Any:
        with opened_by_link("kiosk", token), unit_of_work():
            screen_of_token(Kiosk, token)
            return public_page("queueing/kiosk.html")

    @expose("/<token>", methods=["POST"])
    def check_in(self, token: str) -> Any:
        with opened_by_link("kiosk", token):
            try:
                with unit_of_work():
                    place = check_in_at(screen_of_token(Kiosk, token), request.form.get("code", ""))
                    state = state_of(place.doctor_id, place.location_id)
                    number, wait = place.number, state.wait_of(place.id)
            except CodeRefused as refusal:
                with unit_of_work():
                    return public_page("queueing/kiosk.html", refusal.status, refusal=refusal)
            with unit_of_work():
                return public_page("queueing/kiosk.html", number=number, wait=wait)


class CheckInCodeView(BaseView):
    """The patient's own page with the code, by the code itself: a link for messages."""

    route_base = "/check-in"
    default_view = "show"

    @expose("/<code>")
    def show(self, code: str) -> Any:
        try:
            read = read_code(code)
        except CodeRefused as refusal:
            rate_limit.hit("check-in", code[:64], PAGES_PER_MINUTE)
            return public_page("queueing/check_in_code.html", refusal.status, refusal=refusal, clinic=None)
        with opened_by_link("check-in", code, read.clinic_id), unit_of_work():
            visit = find_appointment(read.appointment_id)
            try:
                made = check_in_code(visit) if visit else ""
            except AppError as refusal:
                return public_page("queueing/check_in_code.html", refusal.status, refusal=refusal)
            scanned = visit is not None and visit.type == AppointmentType.IN_PERSON
            qr = qr_svg(made) if scanned else None
            return public_page("queueing/check_in_code.html", visit=visit, qr=qr, code=made)


class VisitCodeView(ActionView):
    """A visit's code for the staff to print or to show."""

    class_permission_name = "appointment"
    route_base = "/visit-code"
    default_view = "show"

    @expose("/<id:appointment_id>")
    def show(self, appointment_id: str) -> Response | str:
        self.require()
        visit = get_appointment(appointment_id)
        try:
            code = check_in_code(visit)
        except AppError as refusal:
            flash(str(refusal.message), "danger")
            return redirect(url_for("AppointmentView.show", pk=visit.id))
        return self.render(
            "queueing/visit_code.html", visit=visit, qr=qr_svg(code), code=code, address=address_of(code)
        )
