"""A doctor's calendar links on screen, and the feed itself."""

from __future__ import annotations

from typing import Any

from flask import Response, flash, redirect, request, url_for
from flask_appbuilder import BaseView, expose
from flask_babel import lazy_gettext
from sqlalchemy import select

from app.core.errors import AppError, NotFound
from app.core.principal import current_principal, require
from app.core.public_links import opened_by_link
from app.core.tenant import db
from app.core.transaction import unit_of_work
from app.core.views import ActionView
from app.people.models import Doctor
from app.scheduling.icalendar_files import ICS, doctors_calendar
from app.scheduling.services.feeds import feed_of_token, feeds_of, make_feed, note_read, revoke_feed, visits_in_feed
from app.tenancy.queries import clinic_in_scope

READS_PER_MINUTE = 30


class CalendarFeedsView(ActionView):
    """Making a link, shown once, and taking it back."""

    class_permission_name = "calendar_feed"
    route_base = "/calendar-feeds"
    default_view = "doctors"
    menu = ("Schedule", lazy_gettext("Calendar links"))
    menu_order = 40

    @expose("/")
    def doctors(self) -> Any:
        """To one's own, or a choice of doctors."""
        self.require()
        own = current_principal().doctor_id
        if own:
            return redirect(url_for("CalendarFeedsView.feeds", doctor_id=own))
        wanted = select(Doctor).where(Doctor.active.is_(True)).order_by(Doctor.last_name, Doctor.first_name)
        return self.render("scheduling/feed_doctors.html", doctors=db.session.scalars(wanted.limit(200)).all())

    @expose("/<id:doctor_id>", methods=["GET", "POST"])
    def feeds(self, doctor_id: str) -> Any:
        """The doctor's links; a new one shows its address this once."""
        self.require()
        address = ""
        if request.method == "POST":
            require("calendar_feed", "create")
            with unit_of_work():
                _feed, address = make_feed(doctor_id, request.form.get("label", "")[:80])
        doctor = db.session.get(Doctor, doctor_id)
        if doctor is None:
            raise NotFound
        page = self.render("scheduling/feeds.html", doctor=doctor, feeds=feeds_of(doctor_id), address=address)
        return Response(page, headers={"Cache-Control": "no-store"})

    @expose("/revoke/<id:calendar_feed_id>", methods=["POST"])
    def revoke(self, calendar_feed_id: str) -> Any:
        """Take a link back."""
        self.require("revoke")
        try:
            with unit_of_work():
                doctor_id = revoke_feed(calendar_feed_id).doctor_id
        except NotFound:
            raise
        except AppError as error:
            flash(str(error.message), "danger")
            return redirect(url_for("CalendarFeedsView.doctors"))
        return redirect(url_for("CalendarFeedsView.feeds", doctor_id=doctor_id))


class CalendarFeedView(BaseView):
    """Calendars cannot log in: the token is the right to read this doctor's times, and nothing else."""

    route_base = "/calendar"
    default_view = "feed"

    @expose("/<token>.ics", methods=["GET"])
    def feed(self, token: str) -> Response:
        with opened_by_link("calendar", token, per_minute=READS_PER_MINUTE), unit_of_work():
            feed = feed_of_token(token)
            note_read(feed)
            visits = visits_in_feed(feed.doctor_id)
            content = doctors_calendar(feed.doctor.name, visits, clinic_in_scope())
        answer = Response(content, mimetype=ICS)
        answer.headers["Cache-Control"] = "private, no-store"
        return answer
