"""The look in a real browser: accessible in every mode, usable without a mouse, still, and of one origin only."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.browser.looks import AT_A_DESK, rest

Browser = Callable[..., Any]


@pytest.fixture
def log_in(log_in: Browser) -> Browser:
    """With the page that shows every component."""

    def make(*words: Any, **options: Any) -> Any:
        page = log_in(*words, **options)
        page.goto("/console/styleguide")
        return page

    return make


def test_every_component_is_accessible(log_in: Browser, barriers: Any) -> None:
    page = log_in("CLINIC_ADMIN", dark=True)
    assert page.get_attribute("html", "data-theme") == "dark"
    shut = page.locator(".nav-group:not([open]) > .nav-list .nav-link")
    assert (links := shut.count()) > 10
    assert barriers(page) == []
    assert shut.count() == links, "what axe need not read is back"


def test_generated_pages_are_accessible(log_in: Browser, barriers_at: Any) -> None:
    page = log_in("CLINIC_ADMIN")
    paths = ["/roomview/list/", "/roomview/add", "/memberview/list/", "/memberview/chart/"]
    assert barriers_at(page, paths, AT_A_DESK) == []


@pytest.mark.parametrize("path", ["/login/", "/no-such-page"])
def test_pages_without_a_person_are_accessible(open_browser: Browser, violations: Any, path: str) -> None:
    page = open_browser()
    page.goto(path)
    assert violations(page) == []


def test_nothing_is_asked_of_another_origin(log_in: Browser, server: str) -> None:
    page = log_in("CLINIC_ADMIN")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.reload()
    page.wait_for_selector("canvas")
    rest(page)
    assert len(asked) > 20
    assert [url for url in asked if not url.startswith((server, server.replace("http", "ws"), "data:"))] == []


def test_charts_come_with_their_numbers(log_in: Browser) -> None:
    page = log_in("CLINIC_ADMIN")
    chart = page.locator("[data-chart-box]").first
    chart.locator("summary").click()
    assert "Cash" in chart.locator("thead").inner_text()
    assert "₹18,400.00" in chart.locator("tbody tr").first.inner_text()


def test_the_theme_is_remembered_and_there_before_the_first_paint(log_in: Browser) -> None:
    page = log_in("CLINIC_ADMIN")
    page.click("summary:has-text('Profile and settings')")
    page.click("[data-theme-choice=dark]")
    assert page.get_attribute("html", "data-theme") == "dark"
    page.add_init_script(
        "addEventListener('DOMContentLoaded', () => (window.themeAtStart = document.documentElement.dataset.theme))"
    )
    page.reload()
    assert page.evaluate("window.themeAtStart") == "dark"


def test_question_mark_lists_the_shortcuts_of_the_page(log_in: Browser, violations: Any) -> None:
    page = log_in("CLINIC_ADMIN")
    page.keyboard.press("?")
    dialog = page.locator("#shortcuts")
    dialog.wait_for()
    text = dialog.inner_text()
    assert "Card terminal" in text
    assert "Find a patient" in text
    assert violations(page) == []
    page.keyboard.press("Escape")
    assert not dialog.is_visible()


def test_single_keys_can_be_switched_off(log_in: Browser) -> None:
    page = log_in("CLINIC_ADMIN")
    page.keyboard.press("?")
    page.uncheck("[data-shortcut-switch]")
    page.keyboard.press("Escape")
    page.locator("body").click(position={"x": 600, "y": 300})
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.name") != "q"


def test_keys_do_nothing_while_one_types(log_in: Browser) -> None:
    page = log_in("CLINIC_ADMIN")
    page.fill("#sg-notes", "")
    page.locator("#sg-notes").press_sequentially("?/")
    assert page.input_value("#sg-notes") == "?/"
    assert not page.locator("#shortcuts").is_visible()


def test_the_search_box_works_by_keyboard_alone(log_in: Browser, violations: Any) -> None:
    page = log_in("CLINIC_ADMIN")
    found = [{"title": "Meera Iyer", "subtitle": "MRN 000412", "url": "/roles/"}, {"title": "Meera Rao", "url": "/x"}]

    def answer(route: Any) -> None:
        """Only to the whole word: what is drawn for its beginning would be drawn anew under the keys that follow."""
        items = found if route.request.url.endswith("=mee") else []
        route.fulfill(body=json.dumps({"items": items}), content_type="application/json")

    page.route("**/console/search?**", answer)
    page.keyboard.press("/")
    page.keyboard.type("mee")
    box = page.locator("[data-finder] [role=combobox]")
    page.locator("#finder-options [role=option]").nth(1).wait_for()
    assert box.get_attribute("aria-expanded") == "true"
    assert box.get_attribute("aria-activedescendant") == "finder-options-0"
    page.keyboard.press("ArrowDown")
    assert page.locator("[aria-selected=true] >> text=Rao").count() == 1
    page.keyboard.press("ArrowUp")
    assert violations(page) == []
    page.keyboard.press("Enter")
    page.wait_for_url("**/roles/")


def test_a_lookup_keeps_the_id_of_what_was_chosen(log_in: Browser) -> None:
    page = log_in("CLINIC_ADMIN")
    items = [{"id": "1", "text": "Dr Rao"}, {"id": "2", "text": "Dr Sen"}]
    page.route(
        "**/lookup/**", lambda route: route.fulfill(body=json.dumps({"items": items}), content_type="application/json")
    )
    carrier = page.locator("input[name=doctor]")
    page.click("#sg-doctor")
    page.locator("#sg-doctor-options [role=option]").nth(1).wait_for()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    assert (page.input_value("#sg-doctor"), carrier.input_value()) == ("Dr Sen", "2")
    page.locator("#sg-doctor").press_sequentially(" and more")
    assert not page.evaluate("document.getElementById('sg-doctor').checkValidity()")
    page.click("#sg-notes")
    assert (page.input_value("#sg-doctor"), carrier.input_value()) == ("Dr Sen", "2")
    page.click(".lookup-clear:visible")
    assert (page.input_value("#sg-doctor"), carrier.input_value()) == ("", "")


def test_deleting_asks_first(log_in: Browser) -> None:
    page = log_in("CLINIC_ADMIN")
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.method) if request.method == "POST" else None)
    page.click("button[data-confirm] >> text=Delete")
    dialog = page.locator("#confirm")
    dialog.wait_for()
    assert "cannot be undone" in dialog.inner_text()
    assert page.evaluate("document.activeElement.value") == "cancel"
    page.keyboard.press("Escape")
    assert not dialog.is_visible()
    assert sent == []


def test_a_room_is_made_changed_found_by_a_filter_and_deleted(log_in: Browser, clinic: Any) -> None:
    """The generated screens as a person uses them: look-up, errors beside fields, chips, confirmation."""
    page = log_in("CLINIC_ADMIN")
    page.goto("/locationview/add")
    page.fill("#name", "Main branch")
    page.fill("#address", "1 Station Road")
    page.keyboard.press("Control+Enter")
    page.wait_for_selector(".notice.ok")
    page.goto("/roomview/add")
    page.fill("#name", "Room 7")
    page.click("#location")
    page.locator("#location-options [role=option]", has_text="Main branch").click()
    page.keyboard.press("Control+Enter")
    page.wait_for_selector(".notice.ok")
    assert page.inner_text("h1").startswith("Room 7")
    page.goto("/roomview/list/")
    page.keyboard.press("f")
    row = page.locator(".filter-row")
    row.locator("[data-filter-column]").select_option("name")
    row.locator("[data-filter-value] input").fill("Room")
    page.keyboard.press("Enter")
    page.wait_for_selector(".chip.on")
    assert page.inner_text(".chip.on b") == "Room"
    page.locator("tr", has_text="Room 7").get_by_role("button", name="Delete").click()
    page.click("#confirm [data-confirm-ok]")
    page.wait_for_selector(".notice.ok")
    assert page.locator("tr", has_text="Room 7").count() == 0


def test_the_drawer_holds_the_navigation_on_a_tablet(log_in: Browser, violations: Any) -> None:
    page = log_in("CLINIC_ADMIN", width=820, height=1180)
    assert not page.locator("#navigation").is_visible()
    page.click("[data-drawer-open]")
    page.locator(".nav-link").first.wait_for()
    assert page.evaluate("document.activeElement.closest('nav') !== null")
    assert violations(page) == []
    page.keyboard.press("Escape")
    page.locator("#navigation").wait_for(state="hidden")
    assert page.evaluate("document.activeElement.matches('[data-drawer-open]')")


def test_the_console_speaks_hindi_in_a_font_that_has_it(log_in: Browser) -> None:
    page = log_in("CLINIC_ADMIN")
    page.click("summary:has-text('Profile and settings')")
    page.click("button[lang=hi]")
    page.wait_for_selector("html[lang=hi]")
    assert page.get_attribute("[data-finder] input", "placeholder") == "नाम, फ़ोन, MRN या जन्म तिथि"
    page.wait_for_function("() => document.fonts.check('14px \"Noto Sans\"', 'मरीज़')")
    loaded = page.evaluate(
        "[...document.fonts].filter(face => face.status === 'loaded').map(face => face.unicodeRange)"
    )
    assert any("U+900" in ranges.upper() for ranges in loaded)


def test_targets_are_large_enough(log_in: Browser) -> None:
    page = log_in("CLINIC_ADMIN")
    small = page.evaluate(
        "[...document.querySelectorAll('.button, .nav-link, .menu-item, .slot, .input')]"
        ".filter(item => item.checkVisibility())"
        ".filter(item => item.getBoundingClientRect().height < 32).map(item => item.outerHTML.slice(0, 80))"
    )
    assert small == []


def test_nothing_moves_when_fonts_and_live_data_arrive(log_in: Browser) -> None:
    page = log_in("CLINIC_ADMIN")
    page.add_init_script(
        "window.shift = 0; const add = list => list.getEntries().forEach(entry => (window.shift += entry.value));"
        "new PerformanceObserver(add)"
        ".observe({type: 'layout-shift', buffered: true})"
    )
    page.goto("/roomview/list/")
    page.wait_for_selector("[data-live-pill].ok")
    rest(page)
    assert page.evaluate("window.shift") < 0.01


def test_the_live_pill_follows_the_socket(log_in: Browser) -> None:
    page = log_in("CLINIC_ADMIN")
    page.wait_for_selector("[data-live-pill].ok")
    assert page.inner_text("[data-live-pill]") == "live"


def test_paper_shows_the_content_alone(log_in: Browser) -> None:
    page = log_in("CLINIC_ADMIN")
    page.emulate_media(media="print")
    assert not page.locator(".nav").is_visible()
    assert not page.locator(".top").is_visible()
    assert page.locator("h1").is_visible()
