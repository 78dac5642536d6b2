"""The booking form of the desk in a real browser: the time that it keeps, and where a home visit goes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from playwright.sync_api import Page, expect
from sqlalchemy import func, select

from app.core.tenant import db
from app.scheduling.models import Appointment, SlotHold
from tests.desk.conftest import times_today
from tests.factories.billing import make_priced_doctor
from tests.factories.people import make_patient
from tests.factories.scheduling import make_appointment
from tests.waiting import wait_until

LogIn = Callable[..., Page]


def kept_for(doctor_id: str) -> int:
    db.session.rollback()
    return db.session.scalar(select(func.count()).select_from(SlotHold).where(SlotHold.doctor_id == doctor_id)) or 0


def test_what_was_kept_of_another_doctor_is_given_back_as_well(log_in: LogIn, in_clinic: Any) -> None:
    """First the time of the doctor who was chosen before, then, on going back, the one of who was chosen last."""
    anita = make_priced_doctor(first_name="Anita", last_name="Rao")
    first, second = anita.id, make_priced_doctor(first_name="Bina", last_name="Rao").id
    visit_id = make_appointment(anita, starts_at=times_today(anita)[0]).id  # Escape leads to it
    page = log_in("RECEPTIONIST")
    page.goto(f"/desk/?patient={make_patient().id}")
    wait_until(lambda: page.evaluate("1") and kept_for(first) == 1)
    page.select_option("#book-doctor", second)
    wait_until(lambda: page.evaluate("1") and (kept_for(first), kept_for(second)) == (0, 1))
    expect(page.locator("[data-kept]")).to_contain_text("Kept for you until")
    page.keyboard.press("Escape")
    expect(page.locator("[data-visit-pane]")).to_have_attribute("data-visit-pane", visit_id)
    wait_until(lambda: page.evaluate("1") and kept_for(second) == 0)


def test_where_a_home_visit_goes_is_asked_for_no_other_kind(log_in: LogIn, in_clinic: Any) -> None:
    make_priced_doctor(types=["IN_PERSON", "HOME_VISIT"])
    patient = make_patient(address="")
    page = log_in("RECEPTIONIST")
    page.goto(f"/desk/?patient={patient.id}")
    expect(page.locator("#book-notes")).to_be_visible()
    expect(page.locator("#book-address")).to_be_hidden()
    page.get_by_role("radio", name="Home visit").check(force=True)
    expect(page.locator("#type-HOME_VISIT[checked]")).to_have_count(1)  # drawn by the server: the times have come
    day = page.locator("#times .day-head b").inner_text()
    page.locator("#book-address").fill("12 Palm Road")
    with page.expect_request("**/times?**") as asked:
        page.get_by_role("button", name="The day after").click()
    assert "Palm" not in asked.value.url
    expect(page.locator("#times .day-head b")).not_to_have_text(day)
    expect(page.locator("#book-address")).to_have_value("12 Palm Road")
    expect(page.locator("#pane .slot input:checked")).to_have_count(1)
    page.keyboard.press("Control+Enter")
    expect(page.locator("[data-visit-pane]")).to_contain_text("Home visit · 12 Palm Road")
    db.session.rollback()
    assert db.session.scalars(select(Appointment.address)).one() == "12 Palm Road"
