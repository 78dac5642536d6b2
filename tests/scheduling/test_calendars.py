"""iCalendar: a doctor's secret feed that names nobody, and a visit's file that replaces itself."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import icalendar
import pytest
from sqlalchemy import select

from app.core.files import StoredFile
from app.core.tenant import db
from app.core.transaction import unit_of_work
from app.messaging.models import Message
from app.people.models import Doctor
from app.scheduling.events import AppointmentConfirmed
from app.scheduling.listeners import tell_of_confirmation
from app.scheduling.models import Appointment, CalendarFeed
from app.scheduling.queries import lock_appointment
from app.scheduling.services import cancel_appointment, reschedule
from app.scheduling.services.feeds import make_feed, revoke_feed
from app.scheduling.services.visit_files import visit_calendar
from app.tenancy.queries import clinic_in_scope
from tests.api_caller import scope_kept
from tests.factories.people import make_patient
from tests.factories.scheduling import local, make_appointment, make_open_doctor, tomorrow

pytestmark = pytest.mark.usefixtures("in_clinic")


def feed_of(doctor: Doctor, acting: Callable[..., Any], role: str = "CLINIC_ADMIN", **links: Any) -> tuple[Any, str]:
    """A feed and the path of its address."""
    with acting(role, **links), unit_of_work():
        feed, address = make_feed(doctor.id, "Telephone")
    return feed, address[address.index("/calendar/") :]


def read(app: Any, path: str) -> Any:
    with scope_kept():
        return app.test_client().get(path)


def events(content: bytes) -> list[Any]:
    calendar: Any = icalendar.Calendar.from_ical(content)
    return list(calendar.walk("VEVENT"))


def test_the_feed_has_the_doctors_visits_and_names_no_patient(app: Any, acting: Callable[..., Any]) -> None:
    doctor = make_open_doctor()
    patient = make_patient(first_name="Zubeida", last_name="Quraishi")
    visit = make_appointment(doctor, patient_id=patient.id, notes="Chest pain")
    make_appointment(make_open_doctor())
    answer = read(app, feed_of(doctor, acting)[1])
    assert (answer.status_code, answer.mimetype) == (200, "text/calendar")
    assert "no-store" in answer.headers["Cache-Control"]
    (event,) = events(answer.data)
    assert (event.decoded("dtstart"), event.decoded("dtend")) == (visit.starts_at, visit.ends_at)
    assert str(event["summary"]) == "In person" and str(event["class"]) == "PRIVATE"
    assert (b"REFRESH-INTERVAL;VALUE=DURATION:PT15M" in answer.data, b"X-PUBLISHED-TTL:PT15M" in answer.data) == (
        True,
    ) * 2
    for secret in ("Zubeida", "Quraishi", "Chest", patient.mrn):
        assert secret not in answer.text


def test_what_is_called_off_leaves_the_feed_and_what_moves_moves(app: Any, acting: Callable[..., Any]) -> None:
    doctor = make_open_doctor()
    gone, moved = make_appointment(doctor), make_appointment(doctor, starts_at=local(tomorrow(), 12))
    path = feed_of(doctor, acting)[1]
    with unit_of_work():
        cancel_appointment(lock_appointment(gone.id), "PATIENT_REQUEST")
        reschedule(lock_appointment(moved.id), local(tomorrow(), 15))
    assert [event.decoded("dtstart") for event in events(read(app, path).data)] == [local(tomorrow(), 15)]


def test_a_revoked_or_guessed_link_leads_nowhere(app: Any, acting: Callable[..., Any]) -> None:
    doctor = make_open_doctor()
    feed, path = feed_of(doctor, acting)
    token = path.removeprefix("/calendar/").removesuffix(".ics")
    assert read(app, path).status_code == 200
    assert read(app, f"/calendar/{token[:-4]}AAAA.ics").status_code == 404
    assert read(app, "/calendar/nonsense.ics").status_code == 404
    with acting("CLINIC_ADMIN"), unit_of_work():
        revoke_feed(feed.id)
    assert read(app, path).status_code == 404
    assert token not in str(db.session.scalars(select(CalendarFeed.token_hash)).all())


def test_a_doctor_has_their_own_links_only(caller: Callable[..., Any]) -> None:
    mine, other = make_open_doctor(), make_open_doctor()
    me = caller("DOCTOR", doctor_id=mine.id)
    made = me.post(f"/doctors/{mine.id}/calendar-feeds", json={"label": "Home"})
    assert (made.status_code, made.json["url"].endswith(".ics")) == (201, True)
    (listed,) = me.get(f"/doctors/{mine.id}/calendar-feeds").json["items"]
    assert (listed["label"], listed["status"], "url" in listed) == ("Home", "ACTIVE", False)
    assert me.post(f"/doctors/{other.id}/calendar-feeds", json={}).status_code == 403
    assert me.get(f"/doctors/{other.id}/calendar-feeds").status_code == 403
    assert me.delete(f"/calendar-feeds/{made.json['id']}").status_code == 204
    assert me.get(f"/doctors/{mine.id}/calendar-feeds").json["items"][0]["status"] == "VOID"


def test_the_screen_shows_a_new_address_once_and_revokes(visitor: Callable[..., Any]) -> None:
    doctor, admin = make_open_doctor(), visitor("CLINIC_ADMIN")
    shown = admin.post(f"/calendar-feeds/{doctor.id}", data={"label": "Tablet"}).text
    assert "/calendar/" in shown and "Tablet" in shown
    assert ".ics" not in admin.get(f"/calendar-feeds/{doctor.id}").text
    feed = db.session.scalars(select(CalendarFeed)).one()
    admin.post(f"/calendar-feeds/revoke/{feed.id}")
    db.session.refresh(feed)
    assert feed.revoked_at is not None
    assert doctor.name in admin.get("/calendar-feeds/").text
    assert visitor("RECEPTIONIST").get("/calendar-feeds/").status_code == 403


def test_a_confirmation_by_mail_brings_the_visit_and_a_later_file_replaces_it() -> None:
    patient = make_patient(preferred_channel="EMAIL", email="kavya@example.com")
    visit = make_appointment(patient_id=patient.id)
    with unit_of_work():
        visit.status = "CONFIRMED"
    for _twice in range(2):
        with unit_of_work():
            tell_of_confirmation(AppointmentConfirmed.about(visit))
    message = db.session.scalars(select(Message).where(Message.channel == "email")).one()
    file, code = (db.session.get_one(StoredFile, file_id) for file_id in message.attachment_ids)
    assert (code.mime_type, code.content[:4], code.name) == ("image/png", b"\x89PNG", f"check-in-{tomorrow()}.png")
    (first,) = events(file.content)
    assert (file.mime_type, first.decoded("dtstart"), str(first["status"])) == (
        "text/calendar", visit.starts_at, "CONFIRMED"
    )  # fmt: skip
    assert patient.last_name not in file.content.decode()
    with unit_of_work():
        cancel_appointment(lock_appointment(visit.id), "PATIENT_REQUEST")
    later: Any = icalendar.Calendar.from_ical(visit_calendar(visit))
    (second,) = later.walk("VEVENT")
    assert (str(later["method"]), str(second["status"]), second["uid"]) == ("CANCEL", "CANCELLED", first["uid"])
    assert int(second["sequence"]) > int(first["sequence"])


def test_a_patient_fetches_their_own_visit_only(caller: Callable[..., Any]) -> None:
    visit, other = make_appointment(), make_appointment()
    me = caller("PATIENT", patient_id=visit.patient_id)
    answer = me.get(f"/appointments/{visit.id}/calendar")
    (event,) = events(answer.data)
    assert event.decoded("dtend") - event.decoded("dtstart") == timedelta(minutes=15)
    assert me.get(f"/appointments/{other.id}/calendar").status_code == 404
    assert db.session.get_one(Appointment, visit.id).status == "SCHEDULED"


@pytest.mark.parametrize(
    ("type", "address", "summary", "place", "in_feed"),
    [
        ("IN_PERSON", "", "Visit at {clinic}", "{clinic}, {location}", "{clinic}, {location}"),
        ("VIDEO_CALL", "", "Video · {clinic}", "Video", "Video"),
        ("HOME_VISIT", "4 Church Street", "Home visit · {clinic}", "4 Church Street", "Home visit"),
    ],
)
def test_nobody_is_sent_to_the_clinic_for_a_visit_elsewhere(
    app: Any, acting: Callable[..., Any], type: str, address: str, summary: str, place: str, in_feed: str
) -> None:
    """The patient's file says where; the doctor's feed does not tell where a patient lives."""
    doctor = make_open_doctor(types=[type])
    visit = make_appointment(doctor, type=type, address=address)
    names = {"clinic": clinic_in_scope().name, "location": visit.location.name}
    (event,) = events(visit_calendar(visit))
    assert (str(event["summary"]), str(event["location"])) == (summary.format(**names), place.format(**names))
    (fed,) = events(read(app, feed_of(doctor, acting)[1]).data)
    assert str(fed["location"]) == in_feed.format(**names)
