"""A doctor's day with the keyboard only, on a page in which axe finds nothing, in either light and language."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect
from sqlalchemy import select

from app.core import clock
from app.core.tenant import db
from app.core.transaction import unit_of_work
from app.people.models import Doctor
from app.queueing.models import QueueToken
from app.queueing.services import arrive
from app.scheduling.models import Appointment
from tests.browser.held import Holding
from tests.browser.looks import IN_LANGUAGE, rest
from tests.daytime import ZONE_NAME
from tests.desk.conftest import times_today
from tests.factories.billing import make_priced_doctor
from tests.factories.people import make_patient
from tests.factories.scheduling import make_appointment

LogIn = Callable[..., Page]
PATIENTS = [("Kavya", "Nair"), ("Arjun", "Patel"), ("Meera", "Iyer")]


@pytest.fixture
def doctor(in_clinic: Any) -> Doctor:
    return make_priced_doctor("800.00", first_name="Anita", last_name="Rao")


@pytest.fixture
def visits(doctor: Doctor) -> list[Appointment]:
    """Kavya, Arjun and Meera, who are all here, in this order."""
    made = []
    for (first, last), moment in zip(PATIENTS, times_today(doctor), strict=False):
        patient = make_patient(first_name=first, last_name=last, alerts=["Penicillin allergy"])
        made.append(make_appointment(doctor, starts_at=moment, patient_id=patient.id, notes="Cough for a week"))
    for visit in made:
        with unit_of_work():
            arrive(visit.id)
    return made


def open_day(page: Page) -> Page:
    page.goto("/")
    page.wait_for_url("**/my-day/")
    expect(page.locator("html")).to_have_attribute("data-live", "live")
    return page


def press(page: Page, key: str, then: str) -> None:
    """A key, and what the card of the present says after it."""
    page.keyboard.press(key)
    expect(page.locator(".now-card")).to_contain_text(then)


def state_of(visit: Appointment) -> tuple[str, str]:
    db.session.rollback()
    row = db.session.execute(
        select(Appointment.status, QueueToken.status)
        .join(QueueToken, QueueToken.appointment_id == Appointment.id)
        .where(Appointment.id == visit.id, QueueToken.status != "TRANSFERRED")
    ).one()
    return row[0], row[1]


def figure(page: Page, name: str) -> Any:
    return page.locator("#my-figures .figure", has_text=name).locator("dd")


def test_a_doctors_day_with_the_keyboard_only(log_in: LogIn, doctor: Doctor, visits: list[Appointment]) -> None:
    kavya, arjun, meera = visits
    colleague = make_priced_doctor("900.00", first_name="Vikram", last_name="Sen")
    page = open_day(log_in("DOCTOR", {"doctor_id": doctor.id}))
    page.evaluate("window.addEventListener('mousedown', () => { window.mouse = true })")
    expect(page.locator(".now-card")).to_contain_text("3 patients wait.")

    press(page, "n", "Kavya Nair")
    expect(page.locator(".now-card")).to_contain_text("Penicillin allergy")
    expect(page.locator(".now-card")).to_contain_text("Cough for a week")
    press(page, "z", "Nobody is in the room")  # called too early
    assert state_of(kavya) == ("CHECKED_IN", "WAITING")
    press(page, "n", "Kavya Nair")
    press(page, "s", "With doctor")
    press(page, "c", "Nobody is in the room")
    assert state_of(kavya) == ("COMPLETED", "SERVED")
    expect(figure(page, "Seen")).to_have_text("1")

    press(page, "n", "Arjun Patel")
    with page.expect_response("**/recall"):
        press(page, "r", "Called")
    press(page, "h", "Nobody is in the room")  # sent to the laboratory first
    assert state_of(arjun)[1] == "HELD"
    press(page, "n", "Meera Iyer")
    page.keyboard.press("x")
    expect(page.get_by_label("Send on to")).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.type("Second opinion")
    page.keyboard.press("Enter")
    expect(page.locator(".now-card")).to_contain_text("Nobody is in the room")
    expect(page.locator("[data-toasts]")).to_contain_text("with Dr Sen")
    moved = db.session.scalars(select(QueueToken).where(QueueToken.doctor_id == colleague.id)).one()
    assert (moved.appointment_id, moved.status) == (meera.id, "WAITING")

    page.get_by_role("button", name="Recall").focus()
    page.keyboard.press("Enter")
    expect(page.locator(".now-card")).to_contain_text("Arjun Patel")
    press(page, "k", "Nobody is in the room")
    assert state_of(arjun) == ("CHECKED_IN", "SKIPPED")
    page.keyboard.press("?")
    for words in ("Call next", "Find a patient", "Calendar"):
        expect(page.locator("[data-shortcut-list]")).to_contain_text(words)
    assert page.evaluate("window.mouse") is None


def test_a_colleague_goes_on_with_a_patient_who_was_sent(
    log_in: LogIn, doctor: Doctor, visits: list[Appointment]
) -> None:
    colleague = make_priced_doctor("900.00", first_name="Vikram", last_name="Sen")
    page = open_day(log_in("DOCTOR", {"doctor_id": doctor.id}))
    other = open_day(log_in("DOCTOR", {"doctor_id": colleague.id}))
    press(page, "n", "Kavya Nair")
    page.keyboard.press("x")
    page.get_by_label("Send on to").select_option(colleague.id)
    page.get_by_role("button", name="Transfer A-01").press("Enter")
    expect(other.locator(".now-card")).to_contain_text("1 patient waits.")
    press(other, "n", "Kavya Nair")
    press(other, "s", "With doctor")
    press(other, "c", "Nobody is in the room")
    assert state_of(visits[0]) == ("COMPLETED", "SERVED")


def test_a_form_that_is_open_survives_what_others_do(log_in: LogIn, doctor: Doctor, visits: list[Appointment]) -> None:
    make_priced_doctor("900.00", first_name="Vikram", last_name="Sen")
    page = open_day(log_in("DOCTOR", {"doctor_id": doctor.id}))
    press(page, "n", "Kavya Nair")
    page.keyboard.press("x")
    page.keyboard.press("Tab")
    page.keyboard.type("Half a sen")
    late = make_appointment(doctor, starts_at=times_today(doctor)[0])
    with unit_of_work():
        arrive(late.id)
    expect(page.locator("#my-visits")).to_contain_text("A-04")
    assert page.input_value("#transfer-note") == "Half a sen"
    page.keyboard.press("Escape")
    expect(page.locator("#act-transfer")).to_be_hidden()
    expect(page.locator(".next-list")).to_contain_text("A-04")


def test_an_answer_on_its_way_does_not_take_a_form_away(
    log_in: LogIn, doctor: Doctor, visits: list[Appointment]
) -> None:
    make_priced_doctor("900.00", first_name="Vikram", last_name="Sen")
    page = open_day(log_in("DOCTOR", {"doctor_id": doctor.id}))
    press(page, "n", "Kavya Nair")
    rest(page)
    held: list[Route] = []
    page.route("**/now", lambda route: held.append(route))
    with page.expect_request("**/now"), unit_of_work():
        arrive(make_appointment(doctor, starts_at=times_today(doctor)[0]).id)
    page.keyboard.press("x")
    expect(page.get_by_label("Send on to")).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.type("Half a sen")
    with page.expect_response("**/now"):
        held[0].continue_()
    page.unroute("**/now")
    assert page.input_value("#transfer-note") == "Half a sen"
    page.keyboard.press("Escape")
    expect(page.locator(".next-list")).to_contain_text("A-04")


def test_nothing_comes_before_the_answer_to_what_was_pressed(
    log_in: LogIn, holding: Holding, doctor: Doctor, visits: list[Appointment]
) -> None:
    """The page may hear of its own call over the socket first; a form begun on such a card would go with the answer."""
    make_priced_doctor("900.00", first_name="Vikram", last_name="Sen")
    page = rest(open_day(log_in("DOCTOR", {"doctor_id": doctor.id})))
    answer = holding.hold("/call-next")
    with page.expect_event("requestfinished", lambda request: request.url.endswith("/now")):
        page.keyboard.press("n")
    page.evaluate("() => new Promise(drawn => setTimeout(drawn))")
    expect(page.locator(".now-card")).to_contain_text("Nobody is in the room")
    with page.expect_event("requestfinished", lambda request: request.url.endswith("/now")):  # put off until then
        answer.let_go()
        expect(page.locator(".now-card")).to_contain_text("Kavya Nair")
        page.keyboard.press("x")
        expect(page.get_by_label("Send on to")).to_be_focused()
        page.keyboard.press("Tab")
        page.keyboard.type("Second opinion")
    assert page.input_value("#transfer-note") == "Second opinion"


def test_an_old_answer_is_not_drawn_over_what_was_done_since(
    log_in: LogIn, holding: Holding, doctor: Doctor, visits: list[Appointment]
) -> None:
    """It was read before the call and came after it; until it is put right the call's own keys would be lost."""
    page = rest(open_day(log_in("DOCTOR", {"doctor_id": doctor.id})))
    old = holding.hold("/now")
    page.evaluate("htmx.trigger('#now', 'refresh')")
    old.wait_for_it()
    press(page, "n", "Kavya Nair")
    page.evaluate(
        """() => { const now = document.getElementById('now'); window.names = [];
        new MutationObserver(() => window.names.push(now.querySelector('.now-name').textContent))
          .observe(now, {childList: true}) }"""
    )
    old.let_go()
    page.wait_for_function("() => window.names.length > 0")  # drawn, or asked again and drawn
    rest(page)
    assert set(page.evaluate("window.names")) == {"Kavya Nair"}


def test_the_week_leads_to_the_calendar(log_in: LogIn, doctor: Doctor, visits: list[Appointment]) -> None:
    tomorrow = clock.today(ZONE_NAME) + timedelta(days=1)
    page = open_day(log_in("DOCTOR", {"doctor_id": doctor.id}))
    days = page.locator(".week-strip li")
    expect(days).to_have_count(7)
    expect(days.first).to_contain_text("visits")
    days.nth(1).locator("a").press("Enter")
    page.wait_for_url(f"**/calendar/?on={tomorrow}&doctor={doctor.id}")


@pytest.mark.parametrize("language", ["en", "hi"])
def test_the_doctors_page_is_accessible_and_fits(
    log_in: LogIn, barriers: Any, doctor: Doctor, visits: list[Appointment], language: str
) -> None:
    make_priced_doctor("900.00", first_name="Vikram", last_name="Sen")
    page = open_day(log_in("DOCTOR", {"doctor_id": doctor.id}, language=language))
    assert page.get_attribute("html", "lang") == language
    press(page, "n", "Kavya Nair")
    assert barriers(page, IN_LANGUAGE[language]) == []
    page.keyboard.press("x")
    expect(page.locator("#act-transfer")).to_be_visible()
    assert barriers(page, IN_LANGUAGE[language]) == []
