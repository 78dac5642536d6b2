"""The front desk in a real browser: when the page is painted, and how long a key press is felt."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from typing import Any

from app.embedded.bootstrap import find_chromium
from bench.figures import Effort, Figure, percentile
from bench.installation import Installation
from bench.processes import console

ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
LOADS, PRESSES, WARM_UP = 12, 20, 2
MOST_PAINT_MS, MOST_FELT_MS, MOST_SCRIPT_KB = 400, 150, 250
PAINTED = "() => performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? -1"
AT_REST = """() => document.querySelector('[data-visit-pane]') && !document.querySelector('.htmx-request')
  && !document.activeElement.matches('input, select')"""
# From the key to the frame that shows what it did: htmx has settled, and the browser has painted.
FELT = """(selector) => { window.felt = new Promise((done) => {
  let began = 0;
  addEventListener('keydown', () => { began ||= performance.now(); }, {capture: true, once: true});
  const settled = () => requestAnimationFrame(() => setTimeout(() => done(performance.now() - began)));
  if (selector) {
    const seen = new MutationObserver(() => {
      if (document.querySelector(selector)) { seen.disconnect(); settled(); }
    });
    seen.observe(document.body, {subtree: true, childList: true, attributes: true});
  } else document.addEventListener('htmx:afterSettle', (event) => event.target.id === 'pane' && settled());
}); }"""


def front_desk(installation: Installation, effort: Effort) -> list[Figure]:
    """Needs Chromium, as the tests do; without one nothing is measured."""
    chromium = find_chromium()
    if chromium is None:
        print("  NOT MEASURED IN A BROWSER: Chromium is not installed")
        return []
    from playwright.sync_api import sync_playwright

    cookie = installation.house.logins["RECEPTIONIST"].cookie(installation.app)
    with (
        console(installation.environment, installation.directory) as running,
        sync_playwright() as playwright,
        playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS) as browser,
    ):
        name, value = cookie["Cookie"].split("=", 1)
        address = f"http://127.0.0.1:{running.port}"
        context = browser.new_context(base_url=address)
        context.add_cookies([{"name": name, "value": value, "url": address}])
        page, sizes = context.new_page(), dict[str, int]()
        page.on("response", lambda answer: _note(sizes, answer))
        paints = [_paint(page) for _load in range(LOADS)][WARM_UP:]
        visits = page.locator("#visit-rows tr[data-visit]").count()
        actions = ACTIONS if visits > 1 else ACTIONS[1:]
        felt = {what: _felt(page, press, shows) for what, press, shows in actions}
        return [_of_paint(paints), _of_scripts(sizes), *(_of_felt(what, times) for what, times in felt.items())]


def _note(sizes: dict[str, int], answer: Any) -> None:
    if answer.request.resource_type == "script" and answer.status == 200:
        sizes.setdefault(answer.url, len(gzip.compress(answer.body(), 6)))


def _paint(page: Any) -> float:
    page.goto("/desk/", wait_until="load")
    page.wait_for_function("() => performance.getEntriesByName('first-contentful-paint').length > 0")
    return float(page.evaluate(PAINTED))


def _felt(page: Any, press: Callable[[Any, int], None], shows: str) -> list[float]:
    times = []
    for number in range(PRESSES):
        page.evaluate(FELT, shows)
        press(page, number)
        times.append(float(page.evaluate("window.felt")))
        page.keyboard.press("Escape")
        page.evaluate("document.activeElement.blur()")
        page.wait_for_function(AT_REST)
    return times[WARM_UP:]


def _another_visit(page: Any, number: int) -> None:
    """Down, and up again; from the last one up first."""
    last = page.locator("#visit-rows tr[data-visit]").last.evaluate("row => row.classList.contains('on')")
    page.keyboard.press("ArrowUp" if last or number % 2 else "ArrowDown")


def _search(page: Any, number: int) -> None:
    page.keyboard.press("/")
    page.keyboard.press("Control+A")
    page.keyboard.type(("ka", "ra", "me", "an", "vi")[number % 5])


ACTIONS: tuple[tuple[str, Callable[[Any, int], None], str], ...] = (
    ("choose a visit", _another_visit, ""),
    ("new patient", lambda page, _number: page.keyboard.press("r"), ""),
    ("search", _search, "[role=listbox]:not([hidden]) [role=option]"),
)


def _of_paint(times: list[float]) -> Figure:
    detail = f"{len(times)} loads, median; slowest {max(times):.0f} ms"
    return Figure("desk", "first contentful paint", percentile(times, 0.5), "ms", "<", MOST_PAINT_MS, detail)


def _of_scripts(sizes: dict[str, int]) -> Figure:
    detail = f"{len(sizes)} scripts, gzip"
    return Figure("desk", "script of the page", sum(sizes.values()) / 1000, "kB", "<", MOST_SCRIPT_KB, detail)


def _of_felt(what: str, times: list[float]) -> Figure:
    detail = f"key to painted answer, {len(times)} times, p95; median {percentile(times, 0.5):.0f} ms"
    return Figure("desk", f"felt: {what}", percentile(times, 0.95), "ms", "<", MOST_FELT_MS, detail)
