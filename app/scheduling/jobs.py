"""What the schedule does by itself."""

from __future__ import annotations

import logging

from sqlalchemy import delete

from app.core import clock
from app.core.jobs import job
from app.core.tenant import all_tenants, db, tenant_scope
from app.core.transaction import unit_of_work
from app.scheduling.models import SlotHold
from app.scheduling.services.offer_answers import end_waiting, expire_offer, overdue_offers
from app.scheduling.services.release import due_for_release, may_be_released, release_if_still_unpaid
from app.scheduling.services.reminders import due_reminders, give_reminder
from app.tenancy.rounds import in_every_clinic

log = logging.getLogger(__name__)


@job("payment", attempts=1, timeout=300, every=30)
def release_unpaid_visits() -> int:
    """Release unpaid visits whose time is over; the gateway is asked first, outside any transaction."""
    with all_tenants():
        due = due_for_release()
    return sum(_release(clinic_id, appointment_id) for clinic_id, appointment_id in due)


def _release(clinic_id: str, appointment_id: str) -> bool:
    """One that fails (a gateway that is down) keeps its slot and does not hold up the others."""
    with tenant_scope(clinic_id):
        try:
            if not may_be_released(appointment_id):
                return False
            with unit_of_work():
                return release_if_still_unpaid(appointment_id)
        except Exception:
            log.exception("a visit could not be released")
            return False


@job("event", attempts=1, every=60)
def sweep_slot_holds() -> int:
    """Delete holds that are void; they stopped counting when they expired."""
    with all_tenants(), unit_of_work():
        return int(db.session.execute(delete(SlotHold).where(SlotHold.expires_at <= clock.now())).rowcount)


@job("notification", attempts=1, timeout=600, every=60)
def remind_of_visits() -> int:
    """Give out the reminders that are due, each in a transaction of its own; how many."""
    return in_every_clinic(_remind)


def _remind() -> int:
    done = 0
    for appointment_id, hours in due_reminders():
        try:
            with unit_of_work():
                done += give_reminder(appointment_id, hours)
        except Exception:
            log.exception("a reminder could not be given out")
    return done


@job("event", attempts=1, timeout=300, every=20)
def pass_on_offers() -> int:
    """Slots that were offered and not taken in time go to the next who waits; how many."""
    with all_tenants():
        overdue = overdue_offers()
    return sum(_pass_on(clinic_id, offer_id) for clinic_id, offer_id in overdue)


def _pass_on(clinic_id: str, offer_id: str) -> bool:
    with tenant_scope(clinic_id):
        try:
            with unit_of_work():
                return expire_offer(offer_id)
        except Exception:
            log.exception("an offer could not be passed on")
            return False


@job("event", attempts=1, timeout=300, every=3600)
def end_waiting_lists() -> int:
    """Nobody waits for a day that is over; how many did."""
    return in_every_clinic(_end_waiting)


def _end_waiting() -> int:
    with unit_of_work():
        return end_waiting()
