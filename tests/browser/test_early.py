"""What somebody does while a page's scripts are still on their way: nothing is lost, nothing goes unasked."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from tests.factories.billing import make_priced_visit

SCRIPT = "**/js/console.js"


class Slow:
    """A page whose script comes when the test says so."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self._asked: list[Route] = []
        page.route(SCRIPT, lambda route: self._asked.append(route))

    def open(self, path: str) -> Page:
        self.page.goto(path, wait_until="commit")
        expect(self.page.locator("#page")).to_be_visible()
        return self.page

    def arrive(self) -> None:
        self._take().continue_()

    def fail(self) -> None:
        self._take().fulfill(status=404)

    def _take(self) -> Route:
        while not self._asked:
            self.page.wait_for_timeout(20)
        return self._asked.pop(0)


@pytest.fixture
def slow(log_in: Callable[..., Any]) -> Iterator[Slow]:
    yield Slow(log_in("CLINIC_ADMIN"))


def test_keys_wait_for_the_scripts_and_type_on_where_they_lead(slow: Slow) -> None:
    page = slow.open("/console/styleguide")
    page.keyboard.type("/meera n?")
    expect(page.locator("#shortcuts")).to_be_hidden()
    slow.arrive()
    finder = page.locator("[data-finder] [role=combobox]")
    expect(finder).to_be_focused()
    expect(finder).to_have_value("meera n?")
    expect(page.locator("#shortcuts")).to_be_hidden()


def test_a_whole_form_is_filled_in_and_sent_ahead_of_the_scripts(slow: Slow, in_clinic: Any) -> None:
    """Tab, Enter and the rest belong to the field that the first key leads to."""
    visit = make_priced_visit("800.00")
    page = slow.open(f"/desk/?visit={visit.id}")
    for keys in ("s", *"350", "Backspace", "Backspace", *"00", "Tab", *"500", "Tab", "Shift+Tab", "Enter"):
        page.keyboard.press(keys)
    slow.arrive()
    expect(page.locator("#problem")).to_contain_text("The parts make ₹ 300.00, but ₹ 800.00 is due.")
    expect(page.locator("[data-split-change]")).to_have_text("₹ 200.00")


def test_escape_takes_back_what_an_early_key_opened(slow: Slow, in_clinic: Any) -> None:
    visit = make_priced_visit("800.00")
    page = slow.open(f"/desk/?visit={visit.id}")
    for keys in ("s", *"30", "Escape"):
        page.keyboard.press(keys)
    slow.arrive()
    expect(page.locator("#act-split")).to_be_hidden()
    expect(page.get_by_role("button", name="Split")).to_be_focused()


def test_a_form_that_asks_first_asks_although_it_was_pressed_too_early(slow: Slow) -> None:
    page = slow.open("/console/styleguide")
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.url) if request.method == "POST" else None)
    page.get_by_role("button", name="Delete", exact=True).first.click()
    slow.arrive()
    expect(page.locator("#confirm")).to_be_visible()
    expect(page.locator("#confirm")).to_contain_text("Delete this entry?")
    assert sent == []


def test_what_is_ticked_early_is_seen_by_the_scripts(slow: Slow) -> None:
    page = slow.open("/memberview/list/")
    page.locator(".row-check").first.check()
    slow.arrive()
    expect(page.locator("[data-bulk-bar]")).to_be_visible()
    expect(page.locator("[data-bulk-count]")).to_contain_text("1")


def test_a_lookup_asks_for_what_was_typed_early(slow: Slow) -> None:
    page = slow.open("/console/styleguide")
    page.route("**/lookup/**", lambda route: route.fulfill(json={"items": [{"id": "1", "text": "Dr Sen"}]}))
    page.locator("#sg-doctor").fill("sen")
    with page.expect_request("**/lookup/**") as asked:
        slow.arrive()
    assert asked.value.url.endswith("?q=sen")
    expect(page.get_by_role("option", name="Dr Sen")).to_be_visible()


def test_a_page_whose_script_never_comes_works_as_plain_html(slow: Slow) -> None:
    page = slow.open("/console/styleguide")
    page.locator("summary", has_text="Profile and settings").click()
    page.get_by_role("button", name="हिन्दी").click()
    slow.fail()
    expect(page.locator("html")).to_have_attribute("lang", "hi")
