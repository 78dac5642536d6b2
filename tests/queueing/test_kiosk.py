"""Checking in at the kiosk: the signed code, the link that a clinic makes and revokes, and every refusal in words."""

from __future__ import annotations

import base64
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from app.core import clock
from app.core.tenant import db, tenant_scope
from app.core.transaction import unit_of_work
from app.messaging.models import Message
from app.queueing.models import Kiosk, QueueToken
from app.scheduling.events import AppointmentConfirmed, AppointmentReminderDue
from app.scheduling.listeners import tell_of_confirmation, tell_of_reminder
from app.scheduling.models import Appointment
from app.scheduling.services.check_in_codes import check_in_code, qr_svg
from app.tenancy.models import Clinic, Location
from tests.api_caller import scope_kept
from tests.factories.people import make_patient
from tests.factories.queueing import make_kiosk
from tests.factories.scheduling import make_appointment, make_location

pytestmark = pytest.mark.usefixtures("in_clinic")

Visitor = Callable[..., Any]


class Stranger:
    """A browser that is not logged in."""

    def __init__(self, app: Any) -> None:
        self._client = app.test_client()

    def get(self, path: str) -> Any:
        with scope_kept():
            return self._client.get(path)

    def post(self, path: str, data: dict[str, str]) -> Any:
        with scope_kept():
            return self._client.post(path, data=data)


@pytest.fixture
def visit() -> Appointment:
    """Tomorrow's; the tests go there."""
    found: Appointment = make_appointment(patient_id=make_patient(first_name="Zubeida").id)
    return found


@pytest.fixture
def door(app: Any, visit: Appointment) -> Callable[..., Any]:
    """`door(code)`: what the kiosk at the visit's location answers to somebody who has no log-in."""
    _, path = make_kiosk(db.session.get_one(Location, visit.location_id))
    client = Stranger(app)

    def show(code: str, *, before: timedelta = timedelta(minutes=20), at: str = path) -> Any:
        with clock.travel(to=visit.starts_at - before):
            return client.post(at, data={"code": code})

    return show


def refused(answer: Any, code: str) -> str:
    assert answer.status_code == 422, answer.text
    assert f'data-refusal="{code}"' in answer.text
    return str(answer.text)


def tokens() -> list[str]:
    return list(db.session.scalars(select(QueueToken.number)))


def test_a_code_checks_the_visit_in_and_shows_its_number_only(door: Any, visit: Appointment) -> None:
    page = door(check_in_code(visit))
    assert page.status_code == 200, page.text
    assert '<p class="kiosk-number">A-01</p>' in page.text
    assert not any(name in page.text for name in ("Zubeida", visit.patient.last_name, visit.doctor.name))
    db.session.expire_all()
    assert (visit.status, tokens()) == ("CHECKED_IN", ["A-01"])


def test_a_second_time_it_is_the_same_number(door: Any, visit: Appointment) -> None:
    code = check_in_code(visit)
    typed = (code, code.lower(), f" {code} ", f"https://clinic.example/check-in/{code}/")
    assert all(">A-01<" in door(text).text for text in typed)
    assert tokens() == ["A-01"]


def test_an_old_patient_is_called_earlier(door: Any, visit: Appointment) -> None:
    with unit_of_work():
        visit.patient.date_of_birth = (visit.starts_at - timedelta(days=365 * 80)).date()
    door(check_in_code(visit))
    assert db.session.scalars(select(QueueToken.priority)).one() == 1


def test_every_changed_octet_is_a_forgery(door: Any, visit: Appointment) -> None:
    code = check_in_code(visit)
    octets = base64.b32decode(code + "=" * (-len(code) % 8))
    for place in range(0, len(octets), 5):
        forged = bytearray(octets)
        forged[place] ^= 1
        words = refused(door(base64.b32encode(forged).decode().rstrip("=")), "CODE_UNKNOWN")
    assert "We do not know this code" in words
    for nonsense in ("", "A", "12345", code[:-3], code + "AAAAAAAA", "ÄÖ", "x" * 400):
        refused(door(nonsense), "CODE_UNKNOWN")
    assert tokens() == []


def test_a_code_ends_with_its_day(door: Any, visit: Appointment) -> None:
    code = check_in_code(visit)
    assert "has expired" in refused(door(code, before=timedelta(days=-1)), "CODE_EXPIRED")
    assert "not today" in refused(door(code, before=timedelta(days=1)), "ANOTHER_DAY")
    assert tokens() == []


def test_a_code_of_another_clinic_is_told_so(door: Any, visit: Appointment, other_clinic: Clinic) -> None:
    with tenant_scope(other_clinic.id):
        foreign = check_in_code(make_appointment(starts_at=visit.starts_at))
    assert "another clinic" in refused(door(foreign), "ANOTHER_CLINIC")


def test_a_kiosk_elsewhere_says_where_the_visit_is(door: Any, visit: Appointment) -> None:
    _, elsewhere = make_kiosk(make_location(name="Hill Road"))
    words = refused(door(check_in_code(visit), at=elsewhere), "ANOTHER_PLACE")
    assert f"This visit is at {visit.location.name}" in words


@pytest.mark.parametrize("status", ["CANCELLED", "NO_SHOW", "COMPLETED", "REQUESTED"])
def test_who_cannot_be_checked_in_goes_to_the_desk(door: Any, visit: Appointment, status: str) -> None:
    code = check_in_code(visit)
    with unit_of_work():
        visit.status = status
    assert "go to the desk" in refused(door(code), "ASK_AT_DESK")
    assert tokens() == []


def test_the_link_opens_the_kiosk_until_it_is_revoked(app: Any, visitor: Visitor) -> None:
    admin, location = visitor("CLINIC_ADMIN"), make_location()
    admin.post("/kioskview/add", data={"name": "Door", "location": location.id})
    kiosk = db.session.scalars(select(Kiosk)).one()
    assert kiosk.open is False
    first, second = (_address(admin.post(f"/kiosks/{kiosk.id}/link").text) for _ in range(2))
    stranger = Stranger(app)
    assert (stranger.get(first).status_code, stranger.get(second).status_code) == (404, 200)
    page = stranger.get(second)
    assert ("show your code" in page.text, page.headers["Referrer-Policy"]) == (True, "no-referrer")
    answer = admin.post(f"/kioskview/action/revoke/{kiosk.id}", data={})
    assert answer.status_code in (200, 302), answer.text
    assert [stranger.get(second).status_code, stranger.post(second, data={"code": "x"}).status_code] == [404, 404]
    assert stranger.get("/kiosk/nonsense").status_code == 404


def _address(page: str) -> str:
    start = page.index("/kiosk/", page.index('id="screen-link"'))
    return page[start : page.index('"', start)]


@pytest.mark.parametrize(("role", "status"), [("RECEPTIONIST", 403), ("NURSE", 403), ("CLINIC_ADMIN", 200)])
def test_who_may_make_a_link(visitor: Visitor, role: str, status: int) -> None:
    kiosk, _ = make_kiosk(make_location())
    assert visitor(role).post(f"/kiosks/{kiosk.id}/link").status_code == status


def test_a_patient_sees_their_own_code(app: Any, caller: Visitor, visit: Appointment, door: Any) -> None:
    mine = caller("PATIENT", patient_id=visit.patient_id).get(f"/appointments/{visit.id}/check-in-code")
    assert mine.status_code == 200, mine.json
    assert mine.json["svg"] == qr_svg(mine.json["code"])
    assert caller("PATIENT").get(f"/appointments/{visit.id}/check-in-code").status_code == 404
    page = Stranger(app).get("/check-in/" + mine.json["address"].rpartition("/")[2])
    assert (page.status_code, "<svg" in page.text, "Zubeida" in page.text) == (200, True, False)
    assert ">A-01<" in door(mine.json["code"]).text
    assert Stranger(app).get("/check-in/ABC").status_code == 422


def test_the_staff_can_print_it(visitor: Visitor, visit: Appointment) -> None:
    desk = visitor("RECEPTIONIST")
    assert f'href="/visit-code/{visit.id}"' in desk.get(f"/appointmentview/show/{visit.id}").text
    page = desk.get(f"/visit-code/{visit.id}")
    assert (page.status_code, check_in_code(visit) in page.text) == (200, True)
    with unit_of_work():
        visit.status = "CANCELLED"
    assert "nothing to check in to" in desk.get(f"/visit-code/{visit.id}", follow_redirects=True).text


def test_the_confirmation_brings_the_code_that_the_kiosk_takes(app: Any, visit: Appointment, door: Any) -> None:
    told = (
        [tell_of_confirmation, AppointmentConfirmed.about(visit)],
        [
            tell_of_reminder,
            AppointmentReminderDue.about(visit, hours=2),
        ],
    )
    with unit_of_work():
        visit.patient.email, visit.patient.preferred_channel = "zubeida@example.com", "EMAIL"
        for tell, event in told:
            tell(event)
    links = {message.variables["link"] for message in db.session.scalars(select(Message))}
    (link,) = links
    assert ">A-01<" in door(link).text
    page = Stranger(app).get("/check-in/" + link.rpartition("/")[2])
    assert (page.status_code, "qr-code" in page.text) == (200, True)


def test_a_visit_by_video_has_nothing_to_show_at_a_kiosk(app: Any) -> None:
    visit = make_appointment(type="VIDEO_CALL")
    page = Stranger(app).get(f"/check-in/{check_in_code(visit)}")
    assert (page.status_code, "qr-code" in page.text, "nothing to check in to" in page.text) == (200, False, True)
