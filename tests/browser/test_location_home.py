"""The home of a location's head in a real browser: live, nothing axe finds, in either light and language."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from app.core.transaction import unit_of_work
from app.queueing.services import arrive
from app.scheduling.models import Appointment
from app.scheduling.queries import lock_appointment
from app.scheduling.services import confirm_appointment
from tests.browser.looks import IN_LANGUAGE
from tests.desk.conftest import times_today
from tests.factories.billing import collect, make_priced_doctor
from tests.factories.scheduling import make_appointment, make_location, make_room

LogIn = Callable[..., Page]


@pytest.fixture
def visits(in_clinic: Any) -> list[Appointment]:
    """Three visits of today at Residency Road, in a room; the first is paid and waits."""
    place = make_location(name="Residency Road")
    room = make_room(place, name="Room 2")
    doctor = make_priced_doctor("800.00", location=place, first_name="Anita", last_name="Rao", default_room_id=room.id)
    made = [make_appointment(doctor, starts_at=moment) for moment in times_today(doctor)[:3]]
    collect(made[0])
    with unit_of_work():
        arrive(made[0].id)
    return made


def open_home(page: Page) -> Page:
    page.goto("/")
    page.wait_for_url("**/location/")
    expect(page.locator("html")).to_have_attribute("data-live", "live")
    return page


def test_the_page_follows_the_house(log_in: LogIn, visits: list[Appointment]) -> None:
    page = open_home(log_in("LOCATION_HEAD", {"location_id": visits[0].location_id}))
    waiting = page.locator(".figure", has_text="Waiting now").locator(".figure-value")
    expect(waiting).to_have_text("1")
    expect(page.locator(".decision-list li")).to_have_count(2)
    with unit_of_work():
        arrive(visits[1].id)
    expect(waiting).to_have_text("2")
    with unit_of_work():
        confirm_appointment(lock_appointment(visits[2].id))
    expect(page.get_by_text("Everybody has confirmed")).to_be_visible()
    collect(visits[2])
    expect(page.locator(".figure", has_text="Taken today").locator(".figure-value")).to_contain_text("1,600.00")


@pytest.mark.parametrize("language", ["en", "hi"])
def test_the_page_is_accessible_and_fits(
    log_in: LogIn, barriers: Any, visits: list[Appointment], language: str
) -> None:
    page = open_home(log_in("LOCATION_HEAD", {"location_id": visits[0].location_id}, language=language))
    assert page.get_attribute("html", "lang") == language
    assert barriers(page, IN_LANGUAGE[language]) == []
