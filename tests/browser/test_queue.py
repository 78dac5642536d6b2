"""The waiting room's board and the staff's queue page in a real browser: live, silent about names, accessible."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from app.core.tenant import db, tenant_scope
from app.core.transaction import unit_of_work
from app.people.models import Doctor
from app.queueing.services import call_next, recall
from app.tenancy.models import Location
from tests.factories.people import make_doctor, make_patient
from tests.factories.queueing import make_token
from tests.factories.scheduling import make_appointment, make_location

Browser = Callable[..., Any]


class WaitingRoom:
    """A doctor's queue with two patients, moved as if from another desk."""

    def __init__(self, clinic: Any) -> None:
        self.clinic_id = clinic.id
        with tenant_scope(clinic.id):
            location = make_location()
            doctor = make_doctor(first_name="Anil", last_name="Rao")
            self.location_id, self.doctor_id = location.id, doctor.id
            self.names = [self._arrives() for _ in range(2)]

    def _arrives(self) -> str:
        patient = make_patient()
        name, patient_id = patient.name, patient.id
        self.arrive(patient_id)
        return str(name)

    def arrive(self, patient_id: str | None = None) -> None:
        with tenant_scope(self.clinic_id):
            doctor, location = (
                db.session.get_one(Doctor, self.doctor_id),
                db.session.get_one(Location, self.location_id),
            )
            make_token(doctor, location, patient_id=patient_id)

    def call(self) -> str:
        with tenant_scope(self.clinic_id), unit_of_work():
            token = call_next(self.doctor_id)
            assert token is not None
            return token.id

    def recall(self, token_id: str) -> None:
        with tenant_scope(self.clinic_id), unit_of_work():
            recall(token_id)


@pytest.fixture
def room(clinic: Any) -> WaitingRoom:
    return WaitingRoom(clinic)


def test_the_board_follows_the_queue_without_reload(log_in: Browser, room: WaitingRoom) -> None:
    page = log_in("RECEPTIONIST", width=1366, height=720)
    page.goto(f"/board/{room.location_id}")
    page.wait_for_selector("html[data-live='live']")
    assert page.inner_text(".board-now") == "–"
    page.evaluate("window.stayed = true")
    token_id = room.call()
    page.locator(".board-now", has_text="A-01").wait_for()
    assert page.inner_text(".board-next").split("\n")[0].startswith("A-02")
    page.wait_for_selector(".board-panel.called")
    room.arrive()
    page.locator(".board-next li").nth(1).wait_for()
    room.recall(token_id)
    page.wait_for_selector(".board-panel.called")
    assert page.evaluate("window.stayed") is True
    assert not any(name in page.content() for name in room.names)


def test_a_doctor_who_joins_appears_on_the_board(log_in: Browser, clinic: Any, room: WaitingRoom) -> None:
    page = log_in("RECEPTIONIST")
    page.goto(f"/board/{room.location_id}")
    page.wait_for_selector("html[data-live='live']")
    room.doctor_id = _another_doctor(clinic)
    room.arrive()
    page.locator(".board-panel").nth(1).wait_for()
    assert page.locator("h2").all_inner_texts() == ["Dr Rao", "Dr Sen"]


def _another_doctor(clinic: Any) -> str:
    with tenant_scope(clinic.id):
        return str(make_doctor(last_name="Sen").id)


@pytest.mark.parametrize("width", [1366, 820])
def test_the_board_is_accessible(log_in: Browser, violations: Any, room: WaitingRoom, width: int) -> None:
    page = log_in("RECEPTIONIST", width=width, height=720)
    room.call()
    page.goto(f"/board/{room.location_id}")
    page.wait_for_selector("html[data-live='live']")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert violations(page) == []


def test_the_queue_page_calls_and_hears_of_others(log_in: Browser, room: WaitingRoom) -> None:
    page = log_in("RECEPTIONIST")
    page.goto("/queue/")
    page.wait_for_selector("html[data-live='live']")
    page.get_by_role("button", name="Call next").click()
    page.wait_for_selector("text=A-01: Called")
    assert page.inner_text(".token-number") == "A-01"
    page.wait_for_selector("html[data-live='live']")
    room.arrive()
    page.wait_for_selector("text=A-03")


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [1280, 820])
def test_the_queue_page_is_accessible(
    log_in: Browser, violations: Any, room: WaitingRoom, width: int, dark: bool
) -> None:
    room.call()
    page = log_in("RECEPTIONIST", width=width, dark=dark)
    page.goto("/queue/")
    page.wait_for_selector("html[data-live='live']")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert violations(page) == []


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize(
    "path",
    [
        "/appointmentview/list/",
        "/appointmentview/add",
        "/appointmentview/chart/",
        "/availabilityruleview/add",
        "/availabilityexceptionview/list/",
        "/queuetokenview/list/",
        "/queuetokenview/chart/",
        "/board/",
    ],
)
def test_the_schedules_pages_are_accessible(
    log_in: Browser, violations: Any, clinic: Any, room: WaitingRoom, path: str, dark: bool
) -> None:
    with tenant_scope(clinic.id):
        make_appointment()
    page = log_in("CLINIC_ADMIN", dark=dark)
    page.goto(path)
    page.wait_for_load_state("networkidle")
    assert violations(page) == []
