"""Endpoints of the waiting list; a PATIENT sees and answers their own entries."""

from __future__ import annotations

from typing import Any

from flask_babel import gettext as _
from pydantic import Field
from sqlalchemy import select

from app.core.api import Api, Body, ListQuery, endpoint
from app.core.api_values import Day, Id
from app.core.errors import Invalid, NotFound
from app.core.paging import page
from app.core.principal import own_patient_id
from app.core.tenant import db
from app.people.models import AppointmentType
from app.scheduling.api.bodies import WallClock
from app.scheduling.api.shapes import show_appointment
from app.scheduling.models import SlotOffer, WaitingListEntry, WaitingStatus
from app.scheduling.services.offer_answers import OfferOver, accept_offer, find_open_offer, pass_on, withdraw
from app.scheduling.services.waiting import join_waiting_list

ENTRY = "/waiting-list/<id:waiting_list_entry_id>"


class NewWaiting(Body):
    """Days and times of day are the clinic's; what is left out does not matter to the patient."""

    patient_id: Id | None = Field(None, description="A patient waits for themselves and may leave it out.")
    type: AppointmentType
    first_on: Day
    last_on: Day
    doctor_id: Id | None = None
    location_id: Id | None = None
    from_time: WallClock | None = None
    until_time: WallClock | None = None
    urgent: bool = Field(False, description="By the word of staff only.")
    note: str = Field("", max_length=500)


class WaitingQuery(ListQuery):
    status: WaitingStatus | None = None
    doctor_id: Id | None = None
    patient_id: Id | None = None


class WaitingListApi(Api):
    """Who waits for a slot."""

    openapi_tag = "Waiting list"

    @endpoint(
        "POST", "/waiting-list", resource="waiting_list", action="create", body=NewWaiting, status=201, idempotent=True
    )
    def join(self, body: NewWaiting) -> dict[str, Any]:
        """Put a patient on the waiting list; a slot that becomes free is offered for a while."""
        patient_id = body.patient_id or own_patient_id()
        if patient_id is None:
            raise Invalid(fields={"patientId": _("Say who waits.")})
        return _show(join_waiting_list(patient_id=patient_id, **body.model_dump(exclude={"patient_id"})))

    @endpoint("GET", "/waiting-list", resource="waiting_list", action="read", query=WaitingQuery)
    def entries(self, query: WaitingQuery) -> dict[str, Any]:
        """Who waits, and who did, in the order of their asking."""
        asked = {"status": query.status, "doctor_id": query.doctor_id, "patient_id": query.patient_id}
        named = {name: value for name, value in asked.items() if value is not None}
        own = own_patient_id()
        wanted = select(WaitingListEntry).where(
            *(getattr(WaitingListEntry, name) == value for name, value in named.items()),
            *([WaitingListEntry.patient_id == own] if own is not None else []),
        )
        return page(wanted, [WaitingListEntry.created_at, WaitingListEntry.id], query, lambda row: _show(row[0]))

    @endpoint("GET", ENTRY, resource="waiting_list", action="read")
    def entry(self, waiting_list_entry_id: str) -> dict[str, Any]:
        """One entry, with the slot that is kept for it right now."""
        entry = _entry(waiting_list_entry_id)
        offer = find_open_offer(entry.id)
        return {**_show(entry), "offer": _show_offer(offer) if offer else None}

    @endpoint("DELETE", ENTRY, resource="waiting_list", action="delete")
    def leave(self, waiting_list_entry_id: str) -> None:
        """Leave the list; a slot that was offered goes to the next."""
        withdraw(waiting_list_entry_id)

    @endpoint("POST", f"{ENTRY}/accept", resource="waiting_list", action="answer", idempotent=True)
    def accept(self, waiting_list_entry_id: str) -> dict[str, Any]:
        """Take the slot that is offered; 409 OFFER_OVER when it is not kept any more."""
        offer = _offer(waiting_list_entry_id)
        return show_appointment(accept_offer(offer, by_patient=own_patient_id() is not None))

    @endpoint("POST", f"{ENTRY}/pass", resource="waiting_list", action="answer", idempotent=True)
    def pass_on(self, waiting_list_entry_id: str) -> dict[str, Any]:
        """Pass the offered slot on to the next, and wait on."""
        pass_on(_offer(waiting_list_entry_id))
        return _show(_entry(waiting_list_entry_id))


def _entry(entry_id: str) -> WaitingListEntry:
    own = own_patient_id()
    entry = db.session.scalar(select(WaitingListEntry).where(WaitingListEntry.id == entry_id))
    if entry is None or own not in (None, entry.patient_id):
        raise NotFound
    return entry


def _offer(entry_id: str) -> SlotOffer:
    offer = find_open_offer(_entry(entry_id).id)
    if offer is None:
        raise OfferOver(_("Nothing is offered right now."))
    return offer


def _show(entry: WaitingListEntry) -> dict[str, Any]:
    return {
        "id": entry.id,
        "status": entry.status,
        "patientId": entry.patient_id,
        "doctorId": entry.doctor_id,
        "locationId": entry.location_id,
        "type": entry.type,
        "firstOn": entry.first_on,
        "lastOn": entry.last_on,
        "fromTime": f"{entry.from_time:%H:%M}" if entry.from_time else None,
        "untilTime": f"{entry.until_time:%H:%M}" if entry.until_time else None,
        "urgent": entry.urgent,
        "note": entry.note,
        "appointmentId": entry.appointment_id,
        "createdAt": entry.created_at,
    }


def _show_offer(offer: SlotOffer) -> dict[str, Any]:
    return {
        "id": offer.id,
        "doctorId": offer.doctor_id,
        "locationId": offer.location_id,
        "startsAt": offer.starts_at,
        "endsAt": offer.ends_at,
        "expiresAt": offer.expires_at,
    }
