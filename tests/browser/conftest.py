"""A real server and a real Chromium, one of each per process."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from werkzeug.middleware.shared_data import SharedDataMiddleware
from werkzeug.serving import make_server

from tests.browser.held import Holding
from tests.browser.looks import AXE_RULES, EVERY_LOOK, Look, rest

# What passed is not told, and what did not is named by its own markup. The navigation's shut groups are taken out
# meanwhile: nobody sees them, and reading them would take axe a third of its time (the open ones have the same markup).
JUDGE = """async rules => {
  const shut = [...document.querySelectorAll('.nav-group:not([open]) > .nav-list')].map(list => [list.parentNode, list])
  shut.forEach(([, list]) => list.remove())
  try {
    const { violations } = await axe.run(document, { runOnly: rules, reporter: 'no-passes', selectors: false })
    return violations.map(({ id, nodes }) => `${id}: ${nodes.map(node => node.html.slice(0, 120)).join(' | ')}`)
  } finally {
    shut.forEach(([group, list]) => group.append(list))
  }
}"""
AXE = "/tests/axe.js"
REFUSED = "the server responded with a status of"
CUT_OFF = ("net::ERR_INTERNET_DISCONNECTED", "htmx:afterRequest", "htmx:sendError")  # which only a test does
PATIENCE_MS = 30_000  # a machine that is busy with tests is slow; what was measured is asserted elsewhere


@pytest.fixture(scope="session")
def answers(app: Any) -> Holding:
    return Holding(app)


@pytest.fixture
def holding(answers: Holding) -> Iterator[Holding]:
    yield answers
    answers.forget()


@pytest.fixture(scope="session")
def server(answers: Holding, project_root: Path) -> Iterator[str]:
    """The application behind a threaded server on a free port; its address.

    Axe comes from there too: what a browser has loaded and compiled once it need not load and compile for each page.
    """
    whole = SharedDataMiddleware(answers, {AXE: str(project_root / "node_modules/axe-core/axe.min.js")})
    running = make_server("127.0.0.1", 0, whole, threaded=True)
    thread = threading.Thread(target=running.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{running.server_port}"
    running.shutdown()
    thread.join()


@pytest.fixture(scope="session")
def contexts(chromium: Any, server: str) -> Any:
    from tests.browser.contexts import Contexts

    return Contexts(chromium, server)


@pytest.fixture
def open_browser(contexts: Any) -> Iterator[Callable[..., Any]]:
    """`open_browser(width=820, dark=True)`: a fresh page; what the browser complains about fails the test."""
    from playwright.sync_api import expect

    expect.set_options(timeout=PATIENCE_MS)
    taken, complaints = [], []

    def make(*, width: int = 1280, height: int = 800, dark: bool = False, locale: str = "en-GB") -> Any:
        context = contexts.take(locale)
        taken.append(context)
        [page] = context.pages
        page.set_viewport_size({"width": width, "height": height})
        page.emulate_media(color_scheme="dark" if dark else "light")
        page.set_default_timeout(PATIENCE_MS)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
        return page

    yield make
    for context in taken:
        contexts.give_back(context)
    assert [text for text in complaints if not any(meant in text for meant in (REFUSED, *CUT_OFF))] == []


@pytest.fixture
def enter(app: Any, open_browser: Callable[..., Any], server: str, clinic: Any) -> Callable[..., Any]:
    """`enter(user, language="hi", dark=True)`: an empty page of somebody who is there already, logged in.

    By the session's cookie: typing a password is for tests of just that.
    """
    from app.access.edge import SESSION_COOKIE_KEY
    from tests.factories.access import make_session

    signer = app.session_interface.get_signing_serializer(app)

    def make(user: Any, language: str = "en", **options: Any) -> Any:
        page = open_browser(**options)
        value = signer.dumps({SESSION_COOKIE_KEY: make_session(user, clinic.id), "locale": language})
        cookie = {"name": app.config["SESSION_COOKIE_NAME"], "value": value, "url": server}
        page.context.add_cookies([{**cookie, "httpOnly": True, "sameSite": "Lax"}])
        return page

    return make


@pytest.fixture
def log_in(enter: Callable[..., Any], clinic: Any) -> Callable[..., Any]:
    """`log_in("RECEPTIONIST", dark=True)`: an empty page of somebody new with that role in the first clinic."""
    from tests.factories.access import make_member

    def make(role: str, links: dict[str, Any] | None = None, **options: Any) -> Any:
        return enter(make_member(clinic.id, role, **(links or {})), **options)

    return make


@pytest.fixture
def violations() -> Callable[..., list[str]]:
    """`violations(page)`: what axe finds wrong with the page once it rests; of `rules` alone, if they are given."""

    def check(page: Any, rules: list[str] = AXE_RULES) -> list[str]:
        if not rest(page).evaluate("Boolean(window.axe)"):
            page.add_script_tag(url=AXE)
        found = page.evaluate(JUDGE, rules)
        return [str(item) for item in found]

    return check


@pytest.fixture
def barriers(violations: Callable[..., list[str]]) -> Callable[..., list[tuple[Any, ...]]]:
    """`barriers(page)`: what keeps somebody from using the page as it stands, in both lights and at both widths."""
    from playwright.sync_api import expect

    def check(page: Any, looks: tuple[Look, ...] = EVERY_LOOK) -> list[tuple[Any, ...]]:
        found: list[tuple[Any, ...]] = []
        for (width, height), light, rules in looks:
            page.set_viewport_size({"width": width, "height": height})
            page.emulate_media(color_scheme=light)
            expect(page.locator("html")).to_have_attribute("data-theme", light)
            found += [(width, light, item) for item in violations(page, rules)]
            if not page.evaluate("document.documentElement.scrollWidth <= innerWidth"):
                found.append((width, light, "does not fit"))
        return found

    return check


@pytest.fixture
def barriers_at(barriers: Callable[..., list[tuple[Any, ...]]]) -> Callable[..., list[tuple[Any, ...]]]:
    """`barriers_at(page, paths)`: the barriers of each of these pages, every one of which is there."""

    def check(page: Any, paths: Iterable[str], looks: tuple[Look, ...] = EVERY_LOOK) -> list[tuple[Any, ...]]:
        found: list[tuple[Any, ...]] = []
        for path in paths:
            answer = page.goto(path)
            assert answer is not None and answer.status == 200, path
            found += [(path, *item) for item in barriers(page, looks)]
        return found

    return check
