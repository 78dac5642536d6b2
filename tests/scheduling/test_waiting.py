"""The waiting list: who is offered a freed slot, who is next, and that no slot goes to two."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from random import Random
from threading import Barrier, Thread
from typing import Any

import pytest
from sqlalchemy import func, select

from app.core import clock
from app.core.errors import AppError, Invalid
from app.core.tenant import db, tenant_scope
from app.core.transaction import unit_of_work
from app.messaging.delivery import send
from app.messaging.models import Message
from app.people.models import Doctor
from app.scheduling.events import AppointmentCancelled, AppointmentRescheduled
from app.scheduling.jobs import end_waiting_lists, pass_on_offers
from app.scheduling.listeners import offer_cancelled_slot, offer_left_slot
from app.scheduling.models import HOLDING, Appointment, OfferStatus, SlotHold, SlotOffer, WaitingListEntry
from app.scheduling.queries import lock_appointment, slots
from app.scheduling.services import book_appointment, cancel_appointment, reschedule
from app.scheduling.services.offer_answers import OfferOver, accept_offer, expire_offer, pass_on, withdraw
from app.scheduling.services.offers import offer_slot
from tests.api_caller import scope_kept
from tests.factories.access import set_settings
from tests.factories.people import make_patient
from tests.factories.scheduling import local, make_appointment, make_location, make_open_doctor, tomorrow
from tests.factories.waiting import make_waiting_list_entry

pytestmark = pytest.mark.usefixtures("in_clinic")

TEN = local(tomorrow(), 10)
HALF_AN_HOUR = timedelta(minutes=31)


@pytest.fixture
def doctor() -> Doctor:
    return make_open_doctor()


def offered(doctor: Doctor, starts_at: Any = TEN) -> SlotOffer:
    with unit_of_work():
        offer = offer_slot(doctor.id, starts_at)
    assert offer is not None
    return offer


def who(offer: SlotOffer | None) -> str | None:
    return offer.waiting_list_entry_id if offer else None


def status_of(entry: WaitingListEntry) -> str:
    db.session.rollback()
    return str(db.session.get_one(WaitingListEntry, entry.id).status)


def open_offers() -> list[SlotOffer]:
    db.session.rollback()
    return list(db.session.scalars(select(SlotOffer).where(SlotOffer.status == OfferStatus.OPEN)))


def test_a_cancelled_visits_slot_is_kept_for_who_waits(doctor: Doctor, caller: Callable[..., Any]) -> None:
    entry, visit = make_waiting_list_entry(doctor), make_appointment(doctor, starts_at=TEN)
    with unit_of_work():
        cancel_appointment(lock_appointment(visit.id), "PATIENT_REQUEST")
    for _twice in range(2):
        with unit_of_work():
            offer_cancelled_slot(AppointmentCancelled.about(visit, reason="PATIENT_REQUEST"))
    (offer,) = open_offers()
    assert (who(offer), offer.starts_at, status_of(entry)) == (entry.id, TEN, "OFFER_OPEN")
    assert TEN not in [slot.starts_at for slot in slots(doctor.id, tomorrow(), 1, "IN_PERSON")]
    wanted = {"doctorId": doctor.id, "patientId": make_patient().id, "type": "IN_PERSON", "startsAt": TEN.isoformat()}
    refused = caller("RECEPTIONIST").post("/appointments", json=wanted)
    assert (refused.status_code, refused.json["error"]["code"]) == (409, "SLOT_TAKEN")


def test_a_moved_visits_old_slot_is_offered(doctor: Doctor) -> None:
    entry, visit = make_waiting_list_entry(doctor), make_appointment(doctor, starts_at=TEN)
    with unit_of_work():
        reschedule(lock_appointment(visit.id), local(tomorrow(), 15))
    with unit_of_work():
        event = AppointmentRescheduled.about(visit, old_starts_at=TEN, old_doctor_id=doctor.id)
        offer_left_slot(event)
    assert [who(offer) for offer in open_offers()] == [entry.id]


def test_the_best_is_urgent_then_answers_then_waits_longest(doctor: Doctor) -> None:
    first, second = make_waiting_list_entry(doctor), make_waiting_list_entry()
    urgent = make_waiting_list_entry(doctor, urgent=True)
    with unit_of_work():
        first.missed = 1
    order = []
    for _each in range(3):
        offer = offered(doctor)
        order.append(who(offer))
        with unit_of_work():
            following = pass_on(offer)
        if following is None:
            break
        with unit_of_work():
            pass_on(following)
        order.append(who(following))
        break
    assert order == [urgent.id, second.id]
    assert [who(offer) for offer in open_offers()] == [first.id]


@pytest.mark.parametrize(
    "unsuitable",
    [
        {"first_on": tomorrow() + timedelta(days=1)},
        {"from_time": local(tomorrow(), 11).astimezone().time().replace(hour=11, minute=0)},
        {"until_time": local(tomorrow(), 9).astimezone().time().replace(hour=9, minute=0)},
        {"type": "VIDEO_CALL"},
    ],
)
def test_whom_the_slot_does_not_suit_is_left_out(doctor: Doctor, unsuitable: dict[str, Any]) -> None:
    in_person = make_open_doctor(types=["IN_PERSON"])
    make_waiting_list_entry(**unsuitable)
    with unit_of_work():
        assert offer_slot(in_person.id, TEN) is None


def test_who_is_busy_then_or_waits_elsewhere_is_left_out(doctor: Doctor) -> None:
    busy = make_patient()
    make_appointment(make_open_doctor(), patient_id=busy.id, starts_at=TEN)
    make_waiting_list_entry(patient_id=busy.id)
    make_waiting_list_entry(location_id=make_location().id)
    make_waiting_list_entry(make_open_doctor())
    with unit_of_work():
        assert offer_slot(doctor.id, TEN) is None


def test_a_taken_slot_is_not_offered(doctor: Doctor) -> None:
    make_waiting_list_entry(doctor)
    make_appointment(doctor, starts_at=TEN)
    with unit_of_work():
        assert offer_slot(doctor.id, TEN) is None


def test_an_offer_that_nobody_answers_goes_to_the_next(doctor: Doctor, in_clinic: Any) -> None:
    first, second = make_waiting_list_entry(doctor), make_waiting_list_entry(doctor)
    offer = offered(doctor)
    pass_on_offers()
    assert [who(item) for item in open_offers()] == [first.id]
    with clock.travel(HALF_AN_HOUR):
        with pytest.raises(OfferOver), unit_of_work():
            accept_offer(offer, by_patient=True)
        for _twice in range(2):
            pass_on_offers()
        assert [who(item) for item in open_offers()] == [second.id]
    assert (status_of(first), status_of(second)) == ("WAITING", "OFFER_OPEN")
    assert db.session.get_one(WaitingListEntry, first.id).missed == 1


def test_the_clinic_says_how_long_it_is_kept(doctor: Doctor, in_clinic: Any) -> None:
    set_settings(in_clinic.id, waiting_offer_minutes=120)
    make_waiting_list_entry(doctor)
    left = offered(doctor).expires_at - clock.now()
    assert timedelta(minutes=119) < left <= timedelta(minutes=120)


def test_accepting_books_and_ends_the_waiting(doctor: Doctor) -> None:
    entry = make_waiting_list_entry(doctor)
    with unit_of_work():
        visit = accept_offer(offered(doctor), by_patient=True)
    assert (visit.starts_at, visit.patient_id, visit.status) == (TEN, entry.patient_id, "SCHEDULED")
    assert (status_of(entry), entry.appointment_id) == ("BOOKED", visit.id)
    assert db.session.scalar(select(func.count()).select_from(SlotHold)) == 0


def test_where_the_clinic_approves_its_own_offer_needs_no_approval(
    doctor: Doctor, in_clinic: Any, caller: Callable[..., Any]
) -> None:
    set_settings(in_clinic.id, approval_required=True)
    entry = make_waiting_list_entry(doctor)
    offered(doctor)
    me = caller("PATIENT", patient_id=entry.patient_id)
    assert me.post(f"/waiting-list/{entry.id}/accept").json["status"] == "CONFIRMED"


def test_leaving_the_list_gives_the_slot_to_the_next(doctor: Doctor) -> None:
    first, second = make_waiting_list_entry(doctor), make_waiting_list_entry(doctor)
    offered(doctor)
    with unit_of_work():
        withdraw(first.id)
    assert (status_of(first), status_of(second)) == ("WITHDRAWN", "OFFER_OPEN")


def test_nobody_waits_for_a_day_that_is_over(doctor: Doctor) -> None:
    entry = make_waiting_list_entry(doctor, last_on=tomorrow())
    end_waiting_lists()
    assert status_of(entry) == "WAITING"
    with clock.travel(timedelta(days=3)):
        end_waiting_lists()
    assert status_of(entry) == "EXPIRED"


def test_times_that_cannot_be_are_refused() -> None:
    with pytest.raises(Invalid):
        make_waiting_list_entry(first_on=tomorrow(), last_on=tomorrow() - timedelta(days=3))


def test_places_and_doctors_of_nobody_are_refused(caller: Callable[..., Any]) -> None:
    days = {"firstOn": str(tomorrow()), "lastOn": str(tomorrow())}
    wanted = {"type": "IN_PERSON", "patientId": make_patient().id, **days}
    unknown = "01a1fe2a-c7f5-7072-b326-318d5fb9e021"
    desk = caller("RECEPTIONIST")
    assert desk.post("/waiting-list", json={**wanted, "locationId": unknown}).status_code == 422
    assert desk.post("/waiting-list", json={**wanted, "doctorId": unknown}).status_code == 404


# ---- by API, by link, on screen ----


def test_a_patient_joins_reads_passes_and_leaves_by_api(doctor: Doctor, caller: Callable[..., Any]) -> None:
    patient, other = make_patient(), make_waiting_list_entry(doctor)
    me = caller("PATIENT", patient_id=patient.id)
    days = {"firstOn": str(tomorrow()), "lastOn": str(tomorrow())}
    joined = me.post("/waiting-list", json={"type": "IN_PERSON", "doctorId": doctor.id, "urgent": True, **days})
    assert (joined.status_code, joined.json["urgent"], joined.json["status"]) == (201, False, "WAITING")
    mine = f"/waiting-list/{joined.json['id']}"
    assert [row["id"] for row in me.get("/waiting-list").json["items"]] == [joined.json["id"]]
    assert me.get(f"/waiting-list/{other.id}").status_code == 404
    assert me.post(f"{mine}/accept").json["error"]["code"] == "OFFER_OVER"
    with unit_of_work():
        pass_on(offered(doctor))
    assert me.get(mine).json["offer"]["startsAt"] == TEN.isoformat()
    assert me.post(f"{mine}/pass").json["status"] == "WAITING"
    assert me.delete(mine).status_code == 204
    assert me.get(mine).json["status"] == "WITHDRAWN"


def test_passing_on_reaches_a_stranger_whom_the_patient_cannot_see(doctor: Doctor, caller: Callable[..., Any]) -> None:
    first, second = make_waiting_list_entry(doctor), make_waiting_list_entry(doctor)
    offered(doctor)
    caller("PATIENT", patient_id=first.patient_id).post(f"/waiting-list/{first.id}/pass")
    assert (status_of(first), status_of(second)) == ("WAITING", "OFFER_OPEN")


def link_of(offer: SlotOffer) -> str:
    """The path of the link in the message that was queued with the offer."""
    message = db.session.scalars(select(Message).where(Message.dedupe_key == f"slot_offered:{offer.id}")).one()
    found = re.search(r"/offer/\S+$", message.variables["link"])
    assert found
    return found[0]


def test_the_link_shows_books_and_afterwards_says_so(app: Any, doctor: Doctor) -> None:
    entry = make_waiting_list_entry(doctor, patient_id=make_patient(last_name="Quraishi", phone="+919845000001").id)
    path, client = link_of(offered(doctor)), app.test_client()
    with scope_kept():
        page = client.get(path)
    assert (page.status_code, "A time is free for you" in page.text, "10:00" in page.text) == (200, True, True)
    assert "Quraishi" not in page.text
    with scope_kept():
        assert "Booked" in client.post(f"{path}/accept").text
        assert "Booked" in client.get(path).text
        assert client.post(f"{path}/accept").status_code == 409
        assert client.get(f"{path[:-4]}AAAA").status_code == 404
    assert status_of(entry) == "BOOKED"


def test_word_of_an_offer_does_not_leave_once_it_is_over(doctor: Doctor) -> None:
    make_waiting_list_entry(doctor, patient_id=make_patient(phone="+919845000002").id)
    offer = offered(doctor)
    message = db.session.scalars(select(Message).where(Message.dedupe_key == f"slot_offered:{offer.id}")).one()
    with unit_of_work():
        pass_on(offer)
    send(message.clinic_id, message.id)
    db.session.refresh(message)
    assert message.status == "SUPPRESSED"


def test_the_desk_puts_people_on_the_list_and_answers_for_them(doctor: Doctor, visitor: Callable[..., Any]) -> None:
    patient, desk = make_patient(), visitor("RECEPTIONIST")
    form = {
        "patient": patient.id, "doctor": doctor.id, "type": "IN_PERSON", "first_on": str(tomorrow()),
        "last_on": str(tomorrow()), "from_time": "09:00", "until_time": "12:00", "note": "Mornings",
    }  # fmt: skip
    assert desk.post("/waitinglistentryview/add", data=form).status_code == 302
    entry = db.session.scalars(select(WaitingListEntry)).one()
    offered(doctor)
    desk.post(f"/waitinglistentryview/action/answer/{entry.id}")
    assert status_of(entry) == "BOOKED"
    page = desk.get(f"/waitinglistentryview/show/{entry.id}")
    assert (page.status_code, "Mornings" in page.text) == (200, True)
    assert visitor("ACCOUNTANT").get("/waitinglistentryview/list/").status_code == 403


# ---- races ----


def run_together(app: Any, clinic_id: str, deeds: list[Callable[[], Any]]) -> list[str]:
    """Each deed in a thread and transaction of its own, all at once; the kinds of their failures."""
    start, failures = Barrier(len(deeds)), []

    def work(deed: Callable[[], Any]) -> None:
        with app.app_context(), tenant_scope(clinic_id):
            start.wait(60)
            try:
                with unit_of_work():
                    deed()
            except AppError:
                pass
            except Exception as error:
                failures.append(repr(error))

    threads = [Thread(target=work, args=(deed,)) for deed in deeds]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not any(thread.is_alive() for thread in threads)
    return failures


@pytest.mark.parametrize("seed", range(4))
def test_no_slot_goes_to_two_however_offers_answers_and_desks_meet(app: Any, in_clinic: Any, seed: int) -> None:
    """Eight who wait, one slot: offers, acceptances, passes, expiries and the desk's bookings at the same time."""
    random, doctor = Random(seed), make_open_doctor()
    doctor_id, clinic_id = doctor.id, in_clinic.id
    entries = [make_waiting_list_entry(doctor).id for _ in range(8)]
    walk_ins = [make_patient().id for _ in range(3)]

    def current() -> SlotOffer:
        found = db.session.scalars(select(SlotOffer).where(SlotOffer.status == OfferStatus.OPEN)).first()
        if found is None:
            raise OfferOver
        return found

    for _round in range(4):
        deeds: list[Callable[[], Any]] = [lambda: offer_slot(doctor_id, TEN) for _ in range(3)]
        deeds += [lambda: accept_offer(current(), by_patient=True) for _ in range(2)]
        deeds += [lambda: pass_on(current()), lambda: expire_offer(current().id)]
        deeds += [lambda: withdraw(random.choice(entries))]
        deeds += [
            lambda who=who: book_appointment(patient_id=who, doctor_id=doctor_id, type="IN_PERSON", starts_at=TEN)
            for who in walk_ins
        ]
        random.shuffle(deeds)
        assert run_together(app, clinic_id, deeds) == []
        db.session.rollback()
        at_ten = select(Appointment).where(Appointment.starts_at == TEN, Appointment.status.in_(HOLDING))
        booked = list(db.session.scalars(at_ten))
        assert len(booked) <= 1
        taken = select(func.count()).where(SlotOffer.status == OfferStatus.ACCEPTED)
        assert int(db.session.scalar(taken) or 0) <= len(booked)
        assert len(open_offers()) <= 1
        assert not (booked and open_offers() and db.session.scalar(select(func.count()).select_from(SlotHold)) == 0)
