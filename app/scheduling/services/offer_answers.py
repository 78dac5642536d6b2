"""What becomes of an offer: accepted, passed on, not answered, withdrawn. Locks: entry, offer, slot. Callers commit."""

from __future__ import annotations

from flask_babel import gettext as _
from sqlalchemy import delete, select

from app.core import clock
from app.core.errors import Conflict
from app.core.public_links import hash_of
from app.core.tenant import db
from app.events.services import publish
from app.scheduling.events import SlotOfferAccepted, SlotOfferEnded
from app.scheduling.models import (
    Appointment,
    AppointmentStatus,
    OfferStatus,
    SlotHold,
    SlotOffer,
    WaitingListEntry,
    WaitingStatus,
)
from app.scheduling.services.booking import book_appointment
from app.scheduling.services.lifecycle import approve_appointment, ask_for_payment
from app.scheduling.services.offers import facts, offer_slot
from app.scheduling.services.waiting import leave, lock_entry
from app.tenancy.queries import settings_in_scope


class OfferOver(Conflict):
    """The slot is not kept for this person any more."""

    code = "OFFER_OVER"


def accept_offer(offer: SlotOffer, *, by_patient: bool) -> Appointment:
    """Book the offered slot; the clinic offered it, so that nobody has to approve.

    Raises OfferOver, and SlotTaken or Invalid where the doctor's time changed meanwhile.
    """
    entry, offer = _lock_both(offer)
    if offer.status != OfferStatus.OPEN or offer.expires_at <= clock.now():
        raise OfferOver(_("This time is not kept for you any more."))
    _drop_hold(offer)
    visit = book_appointment(
        patient_id=entry.patient_id,
        doctor_id=offer.doctor_id,
        type=entry.type,
        starts_at=offer.starts_at,
        location_id=offer.location_id,
    )
    if visit.status == AppointmentStatus.REQUESTED:
        approve_appointment(visit)
    elif by_patient and not visit.booked_by_patient:
        visit.booked_by_patient = True
        ask_for_payment(visit)
    offer.become(OfferStatus.ACCEPTED)
    entry.become(WaitingStatus.BOOKED)
    entry.appointment_id = visit.id
    db.session.flush()
    publish(SlotOfferAccepted(**facts(offer, entry), appointment_id=visit.id))
    return visit


def pass_on(offer: SlotOffer) -> SlotOffer | None:
    """The patient does not want it: the next one is asked. Raises OfferOver."""
    _end(offer, OfferStatus.PASSED)
    return offer_slot(offer.doctor_id, offer.starts_at)


def expire_offer(offer_id: str) -> bool:
    """Nobody answered in time: the next one is asked. Whether it was this call that ended it."""
    offer = db.session.get(SlotOffer, offer_id)
    if offer is None or offer.expires_at > clock.now():
        return False
    try:
        _end(offer, OfferStatus.EXPIRED)
    except OfferOver:
        return False
    offer_slot(offer.doctor_id, offer.starts_at)
    return True


def withdraw(entry_id: str) -> None:
    """Take a patient off the list; what was offered to them goes to the next. Raises NotFound, WrongState."""
    entry = lock_entry(entry_id)
    offer = find_open_offer(entry.id)
    if offer is not None:
        _end(offer, OfferStatus.PASSED)
    leave(entry)
    if offer is not None:
        offer_slot(offer.doctor_id, offer.starts_at)


def _end(offer: SlotOffer, status: OfferStatus) -> None:
    """The slot is free again, and who had it waits on: behind those who answer, where they did not."""
    entry, offer = _lock_both(offer)
    if offer.status != OfferStatus.OPEN:
        raise OfferOver(_("This offer is over."))
    _drop_hold(offer)
    offer.become(status)
    entry.become(WaitingStatus.WAITING)
    entry.missed += status == OfferStatus.EXPIRED
    db.session.flush()
    publish(SlotOfferEnded(**facts(offer, entry), status=str(status)))


def _lock_both(offer: SlotOffer) -> tuple[WaitingListEntry, SlotOffer]:
    """The entry first, as every path does."""
    entry = lock_entry(offer.waiting_list_entry_id)
    wanted = select(SlotOffer).where(SlotOffer.id == offer.id).with_for_update(of=SlotOffer)
    return entry, db.session.scalars(wanted.execution_options(populate_existing=True)).one()


def _drop_hold(offer: SlotOffer) -> None:
    db.session.execute(
        delete(SlotHold).where(SlotHold.id == offer.hold_id), execution_options={"synchronize_session": False}
    )


def find_open_offer(entry_id: str) -> SlotOffer | None:
    """What is kept for somebody right now."""
    wanted = select(SlotOffer).where(SlotOffer.waiting_list_entry_id == entry_id, SlotOffer.status == OfferStatus.OPEN)
    return db.session.scalar(wanted)


def offer_of_token(token: str) -> SlotOffer | None:
    """The offer of a link of the clinic in scope, whatever became of it."""
    return db.session.scalar(select(SlotOffer).where(SlotOffer.token_hash == hash_of(token)))


def overdue_offers(limit: int = 500) -> list[tuple[str, str]]:
    """(clinic, offer) that nobody answered in time. Needs all_tenants()."""
    wanted = select(SlotOffer.clinic_id, SlotOffer.id).where(
        SlotOffer.status == OfferStatus.OPEN, SlotOffer.expires_at <= clock.now()
    )
    rows = db.session.execute(wanted.order_by(SlotOffer.expires_at).limit(limit))
    return [(row.clinic_id, row.id) for row in rows]


def end_waiting(limit: int = 500) -> int:
    """Entries of the clinic in scope whose last day is over leave the list; how many."""
    today = clock.today(settings_in_scope().zone)
    wanted = select(WaitingListEntry).where(
        WaitingListEntry.status == WaitingStatus.WAITING, WaitingListEntry.last_on < today
    )
    over = db.session.scalars(wanted.limit(limit).with_for_update(skip_locked=True)).all()
    for entry in over:
        leave(entry, WaitingStatus.EXPIRED)
    return len(over)
