"""The waiting room's board and the staff's queue page in a real browser: live, silent about names, accessible."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import expect

from app.core.principal import Principal, acting_as
from app.core.tenant import db, tenant_scope
from app.core.transaction import unit_of_work
from app.people.models import Doctor
from app.queueing.services import call_next, recall
from app.tenancy.models import Location
from tests.browser.looks import AT_A_DESK
from tests.factories.access import make_user
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

    def call_by_somebody(self) -> None:
        with tenant_scope(self.clinic_id), acting_as(Principal(make_user().id, "somebody", "Somebody", "-")):
            self.call()

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


def test_the_board_keeps_the_number_of_whom_another_called(log_in: Browser, room: WaitingRoom) -> None:
    page = log_in("RECEPTIONIST", width=1366, height=720)
    room.call_by_somebody()
    page.goto(f"/board/{room.location_id}")
    page.wait_for_selector("html[data-live='live']")
    room.call_by_somebody()
    page.locator(".board-now", has_text="A-02").wait_for()
    expect(page.locator(".board-next li")).to_have_text(["A-01Called"])


def test_a_call_is_spoken_in_each_language_once_the_sound_is_on(log_in: Browser, room: WaitingRoom) -> None:
    page = log_in("RECEPTIONIST")
    page.add_init_script("window.said = []; speechSynthesis.speak = words => said.push([words.lang, words.text])")
    page.goto(f"/board/{room.location_id}")
    page.wait_for_selector("html[data-live='live']")
    page.get_by_role("button", name="Turn the sound on").click()
    room.call()
    page.wait_for_function("() => said.length === 2")
    said = dict(page.evaluate("() => said"))
    assert said["en-IN"] == "Number A 1, Dr Rao, please."
    assert "A 1" in said["hi-IN"]


def test_a_doctor_who_joins_appears_on_the_board(log_in: Browser, clinic: Any, room: WaitingRoom) -> None:
    page = log_in("RECEPTIONIST")
    page.goto(f"/board/{room.location_id}")
    page.wait_for_selector("html[data-live='live']")
    room.doctor_id = _another_doctor(clinic)
    room.arrive()
    page.locator(".board-panel").nth(1).wait_for()
    assert page.locator("h2").all_inner_texts() == ["Dr Rao", "Dr Sen"]


@pytest.mark.parametrize(
    ("doctors", "size"),
    [(4, (1366, 720)), (8, (1280, 720)), (14, (1920, 1080)), (3, (1080, 1920)), (9, (1080, 1920)), (14, (1440, 2560))],
)
def test_a_screen_on_the_wall_shows_every_doctors_number_whole(
    log_in: Browser, clinic: Any, room: WaitingRoom, doctors: int, size: tuple[int, int]
) -> None:
    with tenant_scope(clinic.id):
        location = db.session.get_one(Location, room.location_id)
        for _number in range(doctors - 1):
            doctor = make_doctor(last_name="Venkataraghavan")
            for _token in range(4):
                make_token(doctor, location)
            with unit_of_work():
                call_next(doctor.id)
    page = log_in("NURSE")
    page.set_viewport_size({"width": size[0], "height": size[1]})
    page.goto(f"/board/{room.location_id}")
    expect(page.locator(".board-now")).to_have_count(doctors)
    expect(page.locator("html")).to_have_attribute("data-live", "live")
    assert page.evaluate("[innerHeight - document.body.scrollHeight, innerWidth - document.body.scrollWidth]") == [0, 0]
    whole = """panel => [...panel.querySelectorAll('h2, .board-now')].every(piece =>
      piece.getBoundingClientRect().bottom <= panel.getBoundingClientRect().bottom
      && panel.getBoundingClientRect().bottom <= innerHeight
      && (piece.matches('h2') || piece.scrollWidth <= piece.clientWidth))"""
    assert [panel.evaluate(whole) for panel in page.locator(".board-panel").all()] == [True] * doctors


def _another_doctor(clinic: Any) -> str:
    with tenant_scope(clinic.id):
        return str(make_doctor(last_name="Sen").id)


def test_the_board_is_accessible(log_in: Browser, violations: Any, room: WaitingRoom) -> None:
    page = log_in("RECEPTIONIST")
    room.call()
    page.goto(f"/board/{room.location_id}")
    page.wait_for_selector("html[data-live='live']")
    for width in (1366, 820):
        page.set_viewport_size({"width": width, "height": 720})
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), width
        assert violations(page) == [], width


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


def test_the_queue_page_is_accessible(log_in: Browser, barriers_at: Any, room: WaitingRoom) -> None:
    room.call()
    assert barriers_at(log_in("RECEPTIONIST"), ["/queue/"]) == []


def test_the_schedules_pages_are_accessible(log_in: Browser, barriers_at: Any, clinic: Any, room: WaitingRoom) -> None:
    with tenant_scope(clinic.id):
        make_appointment()
    paths = [
        "/appointmentview/list/",
        "/appointmentview/add",
        "/appointmentview/chart/",
        "/availabilityruleview/add",
        "/availabilityexceptionview/list/",
        "/queuetokenview/list/",
        "/queuetokenview/chart/",
        "/board/",
    ]
    assert barriers_at(log_in("CLINIC_ADMIN"), paths, AT_A_DESK) == []
