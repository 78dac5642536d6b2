"""Takes the pictures of README.md and docs/desk.md from a running console with fresh demo data, in its working hours:

    .venv/bin/python -m tests.browser.pictures [http://127.0.0.1:8000]

The invoice needs pdftoppm (Debian: poppler-utils). Pictures go to docs/images; look at them before you keep them.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

from tests.chromium import ARGUMENTS, CHROMIUM

IMAGES = Path(__file__).resolve().parents[2] / "docs" / "images"
PASSWORD = "Demo-pass-2026"  # noqa: S105 - published in the README; such log-ins never exist in production
SIZE = {"width": 1280, "height": 800}
WIDE = {"width": 1366, "height": 800}
CALM = 1_500  # milliseconds until what is pushed has arrived and what moves has come to rest
PATIENCE = 60_000


@contextmanager
def logged_in(browser: Browser, address: str, role: str, size: dict[str, int] | None = None) -> Iterator[Page]:
    """The console as one of Sunrise's demo users sees it."""
    context = browser.new_context(base_url=address, viewport=size or SIZE, locale="en-IN", color_scheme="light")
    context.set_default_timeout(PATIENCE)
    page = context.new_page()
    page.goto("/login/")
    page.fill("#username", f"{role}@sunrise.demo")
    page.fill("#password", PASSWORD)
    page.click("#login button")
    page.wait_for_url(lambda url: "/login" not in url)
    yield page
    context.close()


def take(page: Page, name: str, path: str = "") -> None:
    """One picture; what has just been said is left out of it."""
    if path:
        page.goto(path)
    page.wait_for_timeout(CALM)
    page.screenshot(path=IMAGES / f"{name}.png")
    shrink(name)


def shrink(name: str) -> None:
    """A palette is enough for a page, and a third of the size."""
    path = IMAGES / f"{name}.png"
    with Image.open(path) as picture:
        few = picture.convert("RGB").quantize(256, dither=Image.Dither.NONE, kmeans=1)
    few.save(path, optimize=True)
    print(path.name)


def choose_due(page: Page) -> None:
    """The first visit of the day that is still to be paid."""
    page.goto("/desk/")
    page.wait_for_timeout(CALM)
    with page.expect_response("**/desk/visits/*"):
        page.locator("#visit-rows tr[data-visit]", has_text="₹").first.click()
    page.wait_for_timeout(CALM)
    page.get_by_role("button", name="Collect cash").wait_for()


def press(page: Page, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)
        page.wait_for_timeout(CALM)


def front_desk(browser: Browser, address: str) -> None:
    """Money, check-in and two calls, so that what follows has somebody to show."""
    with logged_in(browser, address, "receptionist") as page:
        choose_due(page)
        take(page, "front-desk")
        press(page, "s")
        page.keyboard.type("300")
        press(page, "Tab", "Tab", "=")
        take(page, "front-desk-split")
    with logged_in(browser, address, "receptionist", WIDE) as page:
        choose_due(page)
        press(page, "c")
        page.keyboard.type("2000")
        press(page, "Enter", "i", "n")
        page.keyboard.type("4n")
        page.wait_for_timeout(5 * CALM)  # what was said goes away
        take(page, "desk")


def other_screens_of_the_desk(browser: Browser, address: str) -> None:
    with logged_in(browser, address, "receptionist") as page:
        for name, path in (
            ("calendar", "/calendar/"),
            ("queue", "/queue/"),
            ("waiting-list", "/waitinglistentryview/list/"),
        ):
            take(page, name, path)
        page.goto("/patients/duplicates/")
        page.get_by_role("link", name="Compare").first.click()
        take(page, "merge")
        page.goto("/board/")
        page.locator("main .card a").first.click()
        page.set_viewport_size({"width": 1366, "height": 720})
        take(page, "board")


def ask_for_refunds(browser: Browser, address: str) -> None:
    """So that finance has something to decide."""
    api = browser.new_context(base_url=f"{address}/api/v1/").request
    login = {"username": "receptionist@sunrise.demo", "password": PASSWORD}
    bearer = {"Authorization": f"Bearer {api.post('auth/login', data=login).json()['accessToken']}"}
    paid = api.get("billing/payments?status=COMPLETED&limit=2", headers=bearer).json()["items"]
    for payment, reason in zip(paid, ("Charged as a first visit", "The dressing was not needed"), strict=True):
        wanted = {"amount": 200, "reason": reason}
        api.post(f"billing/payments/{payment['id']}/refund", headers=bearer, data=wanted)


def other_people(browser: Browser, address: str) -> None:
    for role, name, path in (
        ("doctor", "doctor", "/my-day/"),
        ("finance-billing", "finance", "/finance/"),
        ("location-head", "location", "/location/"),
    ):
        with logged_in(browser, address, role, WIDE if name == "finance" else SIZE) as page:
            take(page, name, path)


def leave(browser: Browser, address: str) -> None:
    """A doctor's next working day, before anything is decided."""
    with logged_in(browser, address, "clinic-admin") as page:
        doctor = page.request.get("/api/v1/doctors?limit=1").json()["items"][0]["id"]
        for days in range(1, 8):
            day = date.today() + timedelta(days=days)
            page.goto(f"/leave/?doctor={doctor}&starts_at={day}T08:00&ends_at={day}T13:30&reason=Conference")
            if page.locator("main table select").count() > 1:
                break
        take(page, "leave")


def invoice(browser: Browser, address: str) -> None:
    """The newest paid invoice, as it goes out."""
    with logged_in(browser, address, "clinic-admin") as page:
        found = page.request.get("/api/v1/billing/invoices?status=PAID&limit=1").json()["items"][0]
        paper = page.request.get(f"/api/v1/billing/invoices/{found['id']}").json()["pdfUrl"]
        document = page.request.get(paper).body()
    command = ["pdftoppm", "-png", "-r", "70", "-singlefile", "-", IMAGES / "invoice"]
    subprocess.run(command, input=document, check=True)  # noqa: S603
    shrink("invoice")


def main(address: str) -> None:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        for part in (front_desk, other_screens_of_the_desk, ask_for_refunds, other_people, leave, invoice):
            part(browser, address)
        browser.close()


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "http://127.0.0.1:8000")
