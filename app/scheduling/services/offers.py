"""Offering a freed slot to the best who waits, then to the next. Callers commit.

Best is: urgent first, then who let the fewest offers run out, then who waits longest; among those whom the slot suits
and who are free then. Nobody is offered the same slot twice. One lock per slot makes offers of it follow each other,
its hold keeps everybody else away, and the visit's own constraint has the last word.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from flask_babel import gettext as _
from sqlalchemy import func, or_, select

from app.core import clock
from app.core.errors import AppError, Invalid
from app.core.ids import new_id
from app.core.principal import acting_as
from app.core.public_links import hash_of, new_token
from app.core.tenant import db
from app.events.services import publish
from app.messaging.conditions import leaves_only_if
from app.messaging.models import Message
from app.people.models import Patient
from app.scheduling.events import SlotOffered
from app.scheduling.models import (
    HOLDING,
    Appointment,
    OfferStatus,
    SlotHold,
    SlotOffer,
    WaitingListEntry,
    WaitingStatus,
)
from app.scheduling.models.seats import wall_clock
from app.scheduling.notices import about_visit, in_words, tell_patient
from app.scheduling.services.booking import check_patient
from app.scheduling.services.placing import (
    Overlap,
    Place,
    SlotTaken,
    clear_expired_holds,
    no_overlap_or_rollback,
)
from app.tenancy.queries import settings_in_scope
from config import get_settings

# Nobody gets ready for less; what begins sooner stays open to whoever stands at the desk.
SHORTEST_NOTICE = timedelta(minutes=15)
MOST_CANDIDATES = 50


def offer_slot(doctor_id: str, starts_at: datetime) -> SlotOffer | None:
    """Keep the slot for the best who waits, and tell them; None where nobody suits or the slot is not free."""
    if starts_at - clock.now() < SHORTEST_NOTICE:
        return None
    with acting_as(None):  # whoever passes an offer on may not see who else waits
        return _offer_to_best(doctor_id, starts_at)


def _offer_to_best(doctor_id: str, starts_at: datetime) -> SlotOffer | None:
    _one_at_a_time(doctor_id, starts_at)
    if _is_offered(doctor_id, starts_at):
        return None
    for entry in _candidates(doctor_id, starts_at):
        try:
            hold = _hold_for(entry, doctor_id, starts_at)
        except SlotTaken:
            return None
        except AppError:  # the slot does not suit this one: another kind of visit, another place, a closed record
            continue
        return _offer(entry, hold)
    return None


def _one_at_a_time(doctor_id: str, starts_at: datetime) -> None:
    """Two workers that look at one freed slot do so one after the other, until the transaction ends."""
    key = f"offer:{doctor_id}:{starts_at.timestamp():.0f}"
    db.session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(key, 0))))


def _is_offered(doctor_id: str, starts_at: datetime) -> bool:
    wanted = select(SlotOffer.id).where(
        SlotOffer.doctor_id == doctor_id, SlotOffer.starts_at == starts_at, SlotOffer.status == OfferStatus.OPEN
    )
    return db.session.scalar(wanted) is not None


def _candidates(doctor_id: str, starts_at: datetime) -> Iterator[WaitingListEntry]:
    """The best first, each locked when it is looked at; whom another worker has in hand is left to it."""
    local = wall_clock(starts_at)
    entry, day, hour = WaitingListEntry, local.date(), local.time()
    had_it = select(SlotOffer.id).where(
        SlotOffer.waiting_list_entry_id == entry.id, SlotOffer.doctor_id == doctor_id, SlotOffer.starts_at == starts_at
    )
    wanted = (
        select(entry)
        .where(
            entry.status == WaitingStatus.WAITING,
            entry.first_on <= day,
            entry.last_on >= day,
            or_(entry.doctor_id.is_(None), entry.doctor_id == doctor_id),
            or_(entry.from_time.is_(None), entry.from_time <= hour),
            or_(entry.until_time.is_(None), entry.until_time > hour),
            ~had_it.exists(),
        )
        .order_by(*best_first())
    )
    locking = wanted.limit(MOST_CANDIDATES).with_for_update(of=entry, skip_locked=True)
    yield from db.session.scalars(locking.execution_options(populate_existing=True)).all()


def best_first() -> tuple[Any, ...]:
    """Who is asked before whom."""
    entry = WaitingListEntry
    return entry.urgent.desc(), entry.missed, entry.created_at, entry.id


def _hold_for(entry: WaitingListEntry, doctor_id: str, starts_at: datetime) -> SlotHold:
    """The slot, held for the one who waits. Raises SlotTaken, or Invalid where it does not suit."""
    check_patient(entry.patient_id)
    place = Place(doctor_id, entry.type, starts_at, entry.location_id)
    slot, seats = place.choose()
    if _is_busy(entry.patient_id, slot.starts_at, slot.ends_at):
        raise Invalid(fields={"patientId": _("The patient has another visit then.")})
    busy = place.busy(slot)
    clear_expired_holds(doctor_id, busy)
    hold = SlotHold(
        id=new_id(),
        doctor_id=doctor_id,
        location_id=slot.location_id,
        patient_id=entry.patient_id,
        held_by_id=None,
        type=entry.type,
        starts_at=slot.starts_at,
        ends_at=slot.ends_at,
        busy=busy,
        seats=seats,
        expires_at=_until(slot.starts_at),
    )
    try:
        with no_overlap_or_rollback():
            db.session.add(hold)
            db.session.flush()
    except Overlap:
        raise place.taken() from None
    return hold


def _until(starts_at: datetime) -> datetime:
    """For the clinic's time, but not into the last minutes before the visit."""
    minutes = timedelta(minutes=settings_in_scope().waiting_offer_minutes)
    return min(clock.now() + minutes, starts_at - SHORTEST_NOTICE / 2)


def _is_busy(patient_id: str, starts_at: datetime, ends_at: datetime) -> bool:
    meets = select(Appointment.id).where(
        Appointment.patient_id == patient_id,
        Appointment.status.in_(HOLDING),
        Appointment.starts_at < ends_at,
        Appointment.ends_at > starts_at,
    )
    return db.session.scalar(meets.limit(1)) is not None


def _offer(entry: WaitingListEntry, hold: SlotHold) -> SlotOffer:
    token = new_token()
    offer = SlotOffer(
        id=new_id(),
        waiting_list_entry_id=entry.id,
        doctor_id=hold.doctor_id,
        location_id=hold.location_id,
        hold_id=hold.id,
        starts_at=hold.starts_at,
        ends_at=hold.ends_at,
        expires_at=hold.expires_at,
        status=OfferStatus.OPEN,
        token_hash=hash_of(token),
    )
    entry.become(WaitingStatus.OFFER_OPEN)
    db.session.add(offer)
    db.session.flush()
    publish(SlotOffered(**facts(offer, entry), expires_at=offer.expires_at))
    _tell(offer, entry, token)
    return offer


def _tell(offer: SlotOffer, entry: WaitingListEntry, token: str) -> None:
    """The link is known now and never again, so that its message is queued with the offer."""
    patient = db.session.get_one(Patient, entry.patient_id)
    link = f"{get_settings().base_url}/offer/{token}"

    def said(language: str) -> dict[str, str]:
        about = about_visit(patient, offer.doctor_id, offer.starts_at, language)
        until = in_words(offer.expires_at, language)
        return {**about, "until": until, "link": link, "slot_offer_id": offer.id}

    tell_patient(patient, "slot_offered", said, offer.id, priority="HIGH")


@leaves_only_if("slot_offered")
def is_still_offered(message: Message) -> bool:
    """Word of an offer that is over would send somebody to a closed door."""
    wanted = select(SlotOffer.expires_at).where(
        SlotOffer.id == message.variables.get("slot_offer_id"), SlotOffer.status == OfferStatus.OPEN
    )
    expires_at = db.session.scalar(wanted.with_for_update(read=True))
    return expires_at is not None and expires_at > clock.now()


def facts(offer: SlotOffer, entry: WaitingListEntry) -> dict[str, Any]:
    """What every event of an offer tells."""
    return {
        "waiting_list_entry_id": entry.id,
        "patient_id": entry.patient_id,
        "slot_offer_id": offer.id,
        "doctor_id": offer.doctor_id,
        "starts_at": offer.starts_at,
    }
