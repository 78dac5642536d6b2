"""The waiting list on screen, and the public page of an offer."""

from __future__ import annotations

from typing import Any

from flask import render_template
from flask_appbuilder import BaseView, expose
from flask_babel import gettext
from flask_babel import lazy_gettext as _
from wtforms import BooleanField, DateField, StringField, TimeField
from wtforms.validators import InputRequired, Length, Optional

from app.core import clock
from app.core.errors import AppError, NotFound
from app.core.navigation import describe_item
from app.core.public_links import opened_by_link
from app.core.transaction import unit_of_work
from app.core.views import Chart, CrudView, ReadOnlyView, row_action
from app.core.vocabulary import kind_name
from app.people.models import AppointmentType
from app.scheduling.forms import id_of, type_field
from app.scheduling.models import OfferStatus, SlotOffer, WaitingListEntry
from app.scheduling.queries import get_appointment, local_day
from app.scheduling.services.offer_answers import (
    OfferOver,
    accept_offer,
    find_open_offer,
    offer_of_token,
    pass_on,
    withdraw,
)
from app.scheduling.services.terms import find_booking_terms
from app.scheduling.services.waiting import join_waiting_list
from app.tenancy.queries import clinic_in_scope

LABELS = {
    "patient": _("Patient"),
    "doctor": _("Doctor"),
    "location": _("Location"),
    "type": _("Kind"),
    "status": _("Status"),
    "first_on": _("First day"),
    "last_on": _("Last day"),
    "from_time": _("Not before"),
    "until_time": _("Not after"),
    "urgent": _("Urgent"),
    "note": _("Note"),
    "missed": _("Offers not answered"),
    "appointment": _("Visit"),
    "created_at": _("Waits since"),
    "starts_at": _("Slot"),
    "expires_at": _("Kept until"),
    "entry": _("Waiting list"),
}


class SlotOfferView(ReadOnlyView):
    """Which slots were offered to whom, and what became of it."""

    model = SlotOffer
    class_permission_name = "waiting_list"
    list_title = _("Offered slots")
    base_order = ("created_at", "desc")
    list_columns = ["starts_at", "doctor", "location", "expires_at", "status"]
    show_columns = ["entry", "starts_at", "doctor", "location", "expires_at", "status"]
    search_columns = ["status", "starts_at", "doctor"]
    order_columns = ["starts_at", "expires_at"]
    label_columns = LABELS
    charts = (Chart("status", _("Offers by outcome"), lambda: SlotOffer.status, kind="doughnut"),)


describe_item("WaitingListEntryView", shortcut="g t")


class WaitingListEntryView(CrudView):
    """Who waits for what; a slot that becomes free is offered by itself."""

    model = WaitingListEntry
    class_permission_name = "waiting_list"
    menu = ("Schedule", _("Waiting list"))
    menu_order = 14
    list_title = _("Waiting list")
    add_title = _("Put on the waiting list")
    lede = _("A slot that becomes free is offered to the one who waits first, then to the next.")
    base_order = ("created_at", "asc")
    list_columns = ["patient", "doctor", "type", "first_on", "last_on", "urgent", "status", "created_at"]
    show_columns = [
        "patient", "status", "type", "doctor", "location", "first_on", "last_on", "from_time", "until_time", "urgent",
        "note", "missed", "appointment", "created_at",
    ]  # fmt: skip
    add_columns = [
        "patient", "doctor", "type", "first_on", "last_on", "from_time", "until_time", "location", "urgent", "note",
    ]  # fmt: skip
    search_columns = ["status", "patient", "doctor", "type", "first_on", "last_on", "urgent"]
    order_columns = ["created_at", "first_on", "last_on"]
    label_columns = LABELS
    formatters_columns = {"type": kind_name}
    related_views = [SlotOfferView]
    exclude_route_methods = frozenset({"download", "edit", "delete"})
    charts = (
        Chart("status", _("Entries by status"), lambda: WaitingListEntry.status, kind="doughnut"),
        Chart("type", _("Entries by kind of visit"), lambda: WaitingListEntry.type, words=kind_name),
    )
    add_form_extra_fields = {
        "type": type_field(LABELS["type"]),
        "first_on": DateField(LABELS["first_on"], validators=[InputRequired()]),
        "last_on": DateField(LABELS["last_on"], validators=[InputRequired()]),
        "from_time": TimeField(LABELS["from_time"], validators=[Optional()]),
        "until_time": TimeField(LABELS["until_time"], validators=[Optional()]),
        "urgent": BooleanField(LABELS["urgent"]),
        "note": StringField(LABELS["note"], validators=[Length(max=500)]),
    }

    def add_item(self, form: Any) -> WaitingListEntry:
        return join_waiting_list(
            patient_id=form.patient.data.id,
            type=AppointmentType(form.type.data),
            first_on=form.first_on.data,
            last_on=form.last_on.data,
            doctor_id=id_of(form.doctor),
            location_id=id_of(form.location),
            from_time=form.from_time.data,
            until_time=form.until_time.data,
            urgent=form.urgent.data,
            note=form.note.data or "",
        )

    @row_action(
        "answer", _("Take the offered slot"), confirm=_("Book the slot that is kept for this patient?"), multiple=False
    )
    def accept(self, entry: WaitingListEntry) -> str:
        visit = accept_offer(_open_offer(entry), by_patient=False)
        return gettext("Booked: %(when)s", when=str(visit))

    @row_action("update", _("Pass the slot on"), confirm=_("Offer this slot to the next?"), multiple=False)
    def pass_on(self, entry: WaitingListEntry) -> str:
        pass_on(_open_offer(entry))
        return gettext("The slot goes to the next who waits.")

    @row_action("delete", _("Take off the list"), confirm=_("Take this patient off the waiting list?"))
    def withdraw(self, entry: WaitingListEntry) -> str:
        withdraw(entry.id)
        return gettext("Taken off the list.")


def _open_offer(entry: WaitingListEntry) -> SlotOffer:
    offer = find_open_offer(entry.id)
    if offer is None:
        raise OfferOver(gettext("Nothing is offered right now."))
    return offer


class OfferPageView(BaseView):
    """Nobody logs in here: the token is the right to answer this offer, and to nothing else."""

    route_base = "/offer"
    default_view = "offer"

    @expose("/<token>", methods=["GET"])
    def offer(self, token: str) -> Any:
        with opened_by_link("offer", token), unit_of_work():
            return _page(_offer_of(token))

    @expose("/<token>/accept", methods=["POST"])
    def accept(self, token: str) -> Any:
        with opened_by_link("offer", token):
            try:
                with unit_of_work():
                    visit = accept_offer(_offer_of(token), by_patient=True)
                    return render_template("scheduling/offer_taken.html", visit=visit, clinic=clinic_in_scope())
            except NotFound:
                raise
            except AppError as refusal:
                with unit_of_work():
                    return _page(_offer_of(token), refusal)

    @expose("/<token>/pass", methods=["POST"])
    def pass_on(self, token: str) -> Any:
        with opened_by_link("offer", token):
            try:
                with unit_of_work():
                    pass_on(_offer_of(token))
            except OfferOver:
                pass  # answered or run out meanwhile: the page says so
            with unit_of_work():
                return _page(_offer_of(token))


def _offer_of(token: str) -> SlotOffer:
    offer = offer_of_token(token)
    if offer is None:
        raise NotFound
    return offer


def _page(offer: SlotOffer, refusal: AppError | None = None) -> Any:
    """What is offered, or what became of it."""
    is_open = offer.status == OfferStatus.OPEN and offer.expires_at > clock.now()
    taken = offer.status == OfferStatus.ACCEPTED
    visit = get_appointment(offer.entry.appointment_id) if taken and offer.entry.appointment_id else None
    entry = offer.entry
    terms = find_booking_terms(offer.doctor_id, entry.type, entry.patient_id, local_day(offer.starts_at))
    page = render_template(
        "scheduling/offer.html",
        offer=offer,
        terms=terms,
        visit=visit,
        is_open=is_open and refusal is None,
        refusal=refusal,
        clinic=clinic_in_scope(),
    )
    return (page, refusal.status) if refusal else page
