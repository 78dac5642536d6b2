"""The kiosk in a real browser: a code is typed as a scanner types it, a number is shown, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from app.core import clock
from app.core.tenant import db, tenant_scope
from app.scheduling.models import Appointment
from app.scheduling.services.check_in_codes import check_in_code
from app.tenancy.models import Location
from tests.factories.queueing import make_kiosk
from tests.factories.scheduling import make_appointment

Browser = Callable[..., Any]


@pytest.fixture
def door(clinic: Any) -> tuple[str, str, Appointment]:
    """A kiosk's path, and the code of a visit that the clinic expects there."""
    with tenant_scope(clinic.id):
        visit = make_appointment()
        _, path = make_kiosk(db.session.get_one(Location, visit.location_id))
        return path, check_in_code(visit), visit


def test_a_scanned_code_shows_a_number(log_in: Browser, violations: Any, door: tuple[str, str, Appointment]) -> None:
    path, code, visit = door
    page = log_in("CLINIC_ADMIN", width=820, height=1180)
    with clock.travel(to=visit.starts_at):
        page.goto(path)
        assert page.evaluate("document.activeElement.id") == "code"
        assert violations(page) == []
        page.keyboard.type("NOT A CODE")
        page.keyboard.press("Enter")
        page.wait_for_selector("[data-refusal='CODE_UNKNOWN']")
        assert violations(page) == []
        page.keyboard.type(code)
        page.keyboard.press("Enter")
        page.locator(".kiosk-number", has_text="A-01").wait_for()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert violations(page) == []


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_the_code_is_shown_to_staff_and_patient(
    log_in: Browser, violations: Any, door: tuple[str, str, Appointment], dark: bool
) -> None:
    _, code, visit = door
    page = log_in("CLINIC_ADMIN", dark=dark)
    for path in (f"/visit-code/{visit.id}", f"/check-in/{code}"):
        page.goto(path)
        assert page.locator(".qr svg").bounding_box()["width"] > 150
        assert violations(page) == []
