"""A clinic administrator keeps a doctor's week with the keyboard alone; axe finds nothing."""

from __future__ import annotations

from collections.abc import Callable
from datetime import time, timedelta
from typing import Any

import pytest

from app.scheduling.queries.week import monday_of
from tests.browser.looks import LIGHT_DESK_DARK_TABLET, rest
from tests.factories.people import make_doctor
from tests.factories.scheduling import (
    local,
    make_doctor_leave,
    make_exception,
    make_location,
    make_rule,
    tomorrow,
)

pytestmark = pytest.mark.usefixtures("in_clinic")


def busy_week() -> tuple[Any, Any]:
    """A doctor whose next week has everything that a week can have; and its Monday."""
    doctor, location = make_doctor(), make_location()
    monday = monday_of(tomorrow()) + timedelta(days=7)
    for weekday in range(5):
        make_rule(doctor, location, weekday, opens=time(9), closes=time(13))
    make_rule(doctor, location, 1, opens=time(15), closes=time(18), capacity=6, types=["VIDEO_CALL"])
    make_exception(doctor, "ADD", monday + timedelta(days=5), opens=time(10), closes=time(12), location_id=location.id)
    make_exception(doctor, "REMOVE", monday, opens=time(11), closes=time(12), reason="Ward round")
    make_exception(None, "REMOVE", monday + timedelta(days=2), reason="Onam")
    leave = {"starts_at": local(monday + timedelta(days=3), 10), "ends_at": local(monday + timedelta(days=5), 0)}
    make_doctor_leave(doctor, reason="Conference", **leave)
    return doctor, monday


def open_week(page: Any, doctor: Any, monday: Any) -> None:
    page.goto(f"/doctor-week/?doctor={doctor.id}&on={monday}")
    page.wait_for_selector("[data-week].is-placed")


def blocks(page: Any) -> list[str]:
    found = page.eval_on_selector_all(".week-block strong", "found => found.map(item => item.textContent.trim())")
    return [str(text) for text in found]


def test_the_page_and_its_dialog_are_accessible(log_in: Callable[..., Any], barriers: Any) -> None:
    page = log_in("CLINIC_ADMIN")
    open_week(page, *busy_week())
    assert barriers(page, LIGHT_DESK_DARK_TABLET) == []
    page.keyboard.press("n")
    page.wait_for_selector("#week-dialog[open]")
    assert barriers(page, LIGHT_DESK_DARK_TABLET) == []


def test_a_week_is_kept_by_keyboard(log_in: Callable[..., Any]) -> None:
    doctor, monday = busy_week()
    page = log_in("CLINIC_ADMIN")
    open_week(page, doctor, monday)
    assert blocks(page).count("09:00–13:00") == 5
    page.keyboard.press("n")
    page.wait_for_selector("#week-dialog[open]")
    page.select_option("#week-weekday", "6")
    page.fill("#week-opens", "16:00")
    page.fill("#week-closes", "17:30")
    page.keyboard.press("Control+Enter")
    page.wait_for_selector("text=16:00–17:30")
    rest(page).focus("[data-week-block]")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")
    assert "15:00–18:00" in page.evaluate("document.activeElement.textContent")
    page.keyboard.press("Enter")
    page.wait_for_selector("#week-dialog[open]")
    assert page.input_value("#week-capacity") == "6"
    page.fill("#week-closes", "19:00")
    page.keyboard.press("Control+Enter")
    page.wait_for_selector("text=15:00–19:00")
    rest(page).focus("[data-week-block]")
    page.keyboard.press("Delete")
    page.wait_for_selector("#confirm[open]")
    page.focus("#confirm [data-confirm-ok]")
    page.keyboard.press("Enter")
    page.wait_for_selector("text=Taken out")
    assert blocks(page).count("09:00–13:00") == 4


def test_what_is_refused_can_be_put_right_where_it_was_typed(log_in: Callable[..., Any]) -> None:
    page = log_in("CLINIC_ADMIN")
    open_week(page, *busy_week())
    page.keyboard.press("n")
    page.wait_for_selector("#week-dialog[open]")
    page.fill("#week-opens", "12:00")
    page.fill("#week-closes", "14:00")
    page.keyboard.press("Control+Enter")
    page.wait_for_selector("#week-dialog[open] >> text=Overlaps other hours")
    assert page.input_value("#week-opens") == "12:00"
    page.fill("#week-opens", "13:00")
    page.keyboard.press("Control+Enter")
    page.wait_for_selector("text=13:00–14:00")
