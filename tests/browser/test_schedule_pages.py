"""Leave, requests, waiting list, series, and the links that screens open by: what axe finds, and whether it fits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import select

from app.core.tenant import db
from app.core.transaction import unit_of_work
from app.messaging.models import Message
from app.scheduling.models import Appointment, LeaveAction
from app.scheduling.services.check_in_codes import check_in_code
from app.scheduling.services.leave_plans import Decision, plan_leave
from app.scheduling.services.offers import offer_slot
from tests.browser.looks import IN_LANGUAGE
from tests.factories.access import set_settings
from tests.factories.billing import collect, make_priced_doctor
from tests.factories.people import make_patient
from tests.factories.queueing import make_token, make_waiting_board
from tests.factories.scheduling import local, make_appointment, tomorrow
from tests.factories.waiting import make_waiting_list_entry
from tests.scheduling.test_series import make_series

LogIn = Callable[..., Page]
ASKED = f"starts_at={tomorrow()}T09:00&ends_at={tomorrow()}T12:00"


@pytest.fixture
def visits(in_clinic: Any) -> list[Appointment]:
    """One request and two visits of a doctor tomorrow morning; the clinic takes deposits and fees."""
    doctor = make_priced_doctor("800.00", first_name="Anita", last_name="Rao")
    set_settings(in_clinic.id, deposit_percent=30, late_cancel_fee_percent=25, late_cancel_fee_hours=48)
    made = [make_appointment(doctor, starts_at=local(tomorrow(), hour)) for hour in (9, 10, 11)]
    collect(made[1])
    with unit_of_work():
        made[0].status = "REQUESTED"
    return made


def in_leave(visits: list[Appointment]) -> str:
    """The address of a leave that calls two visits off and leaves one."""
    cancelled = [Decision(visit.id, LeaveAction.CANCEL) for visit in visits[:2]]
    kept = Decision(visits[2].id, LeaveAction.KEEP)
    with unit_of_work():
        leave, _run = plan_leave(visits[0].doctor_id, local(tomorrow(), 9), local(tomorrow(), 12), [*cancelled, kept])
    return f"/leave/{leave.id}"


@pytest.mark.parametrize("language", ["en", "hi"])
def test_the_schedules_own_pages_are_for_everybody(
    log_in: LogIn, barriers_at: Any, visits: list[Appointment], language: str
) -> None:
    doctor = visits[0].doctor
    waiting = make_waiting_list_entry(doctor, patient_id=make_patient().id, note="Mornings")
    page = log_in("CLINIC_ADMIN", language=language)
    paths = [
        "/visit-requests/",
        "/waitinglistentryview/list/",
        f"/waitinglistentryview/show/{waiting.id}",
        "/waitinglistentryview/add",
        f"/leave/?doctor={doctor.id}&{ASKED}",
        f"/visits/{visits[1].id}/cancel",
        f"/visits/{visits[1].id}/move",
        "/series/new",
        f"/appointmentseriesview/show/{make_series(doctor, first_at=local(tomorrow(), 15)).id}",
        f"/calendar-feeds/{doctor.id}",
    ]
    assert barriers_at(page, [*paths, in_leave(visits)], IN_LANGUAGE[language]) == []
    assert page.get_attribute("html", "lang") == language


@pytest.mark.parametrize("language", ["en", "hi"])
def test_pages_that_open_by_a_link_are_for_everybody(
    open_browser: LogIn, violations: Any, visits: list[Appointment], language: str
) -> None:
    doctor = visits[1].doctor
    make_token(doctor, visits[1].location)
    make_waiting_list_entry(doctor, patient_id=make_patient(phone="+919845000031").id)
    with unit_of_work():
        offer_slot(doctor.id, local(tomorrow(), 14))
    wanted = select(Message.variables).where(Message.template == "slot_offered")
    link = db.session.scalars(wanted).one()["link"]
    _board, token = make_waiting_board(visits[1].location)
    paths = [link[link.index("/offer/") :], f"/check-in/{check_in_code(visits[1])}", f"/waiting-room/{token}"]
    page = open_browser(locale=f"{language}-IN")
    for (width, height), light, rules in IN_LANGUAGE[language]:
        page.set_viewport_size({"width": width, "height": height})
        page.emulate_media(color_scheme=light)
        for path in paths:
            page.goto(path)
            assert violations(page, rules) == [], (path, width, light)
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), (path, width)
        expect(page.locator("html")).to_have_attribute("data-live", "live")
        expect(page.locator(".board-next")).to_contain_text("A-01")
    assert page.get_attribute("html", "lang") == language
