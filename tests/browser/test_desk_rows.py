"""The front desk's list of visits under the arrow keys."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.held import Holding
from tests.desk.conftest import times_today
from tests.factories.billing import make_priced_doctor
from tests.factories.scheduling import make_appointment

LogIn = Callable[..., Page]


@pytest.fixture
def visits(in_clinic: Any) -> list[str]:
    """Three of today."""
    doctor = make_priced_doctor("800.00", first_name="Anita", last_name="Rao")
    made = [make_appointment(doctor, starts_at=moment) for moment in times_today(doctor)[:3]]
    return [visit.id for visit in made]


def test_a_row_stays_chosen_while_its_visit_is_on_its_way(log_in: LogIn, holding: Holding, visits: list[str]) -> None:
    """A list that is drawn anew meanwhile made the next key begin from the visit that was still shown."""
    first, second, third = visits
    page = log_in("RECEPTIONIST")
    page.goto(f"/desk/?visit={first}")
    expect(page.locator("html")).to_have_attribute("data-live", "live")
    answer = holding.hold(f"/desk/visits/{second}")
    page.keyboard.press("ArrowDown")
    answer.wait_for_it()
    page.locator(f'#visit-rows tr[data-visit="{third}"]').evaluate("row => { row.id = 'of-before' }")
    page.evaluate("document.dispatchEvent(new Event('desk:changed'))")  # as after what somebody else did
    expect(page.locator("#of-before")).to_have_count(0)
    chosen = page.locator("#visit-rows tr.on")
    expect(chosen).to_have_attribute("data-visit", second)
    page.keyboard.press("ArrowDown")
    answer.let_go()
    expect(page.locator("[data-visit-pane]")).to_have_attribute("data-visit-pane", third)
    expect(chosen).to_have_attribute("data-visit", third)
