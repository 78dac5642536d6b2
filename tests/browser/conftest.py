"""A real server and a real Chromium, one of each per process."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from werkzeug.serving import make_server

PATIENCE_MS = 30_000  # a machine that is busy with tests is slow; what was measured is asserted elsewhere
SIZES = [(1280, 800), (820, 1180)]
AXE_RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
AXE_RULES_OF_COLOURS = ["color-contrast", "link-in-text-block"]


@pytest.fixture(scope="session")
def server(app: Any) -> Iterator[str]:
    """The application behind a threaded server on a free port; its address."""
    running = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=running.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{running.server_port}"
    running.shutdown()
    thread.join()


@pytest.fixture
def open_browser(chromium: Any, server: str) -> Iterator[Callable[..., Any]]:
    """`open_browser(width=820, dark=True)`: a fresh page; what the browser complains about fails the test."""
    from playwright.sync_api import expect

    expect.set_options(timeout=PATIENCE_MS)
    contexts, complaints = [], []

    def make(*, width: int = 1280, height: int = 800, dark: bool = False, locale: str = "en-GB") -> Any:
        context = chromium.new_context(
            base_url=server,
            viewport={"width": width, "height": height},
            color_scheme="dark" if dark else "light",
            locale=locale,
        )
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(PATIENCE_MS)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
        return page

    yield make
    for context in contexts:
        context.close()
    assert [text for text in complaints if "the server responded with a status of" not in text] == []


@pytest.fixture
def log_in(app: Any, open_browser: Callable[..., Any], server: str, clinic: Any) -> Callable[..., Any]:
    """`log_in("RECEPTIONIST", dark=True)`: an empty page of somebody with that role in the first clinic, logged in.

    By the session's cookie: typing a password is for tests of just that.
    """
    from app.access.edge import SESSION_COOKIE_KEY
    from tests.factories.access import make_member, make_session

    signer = app.session_interface.get_signing_serializer(app)

    def make(role: str, links: dict[str, Any] | None = None, **options: Any) -> Any:
        user = make_member(clinic.id, role, **(links or {}))
        page = open_browser(**options)
        value = signer.dumps({SESSION_COOKIE_KEY: make_session(user, clinic.id)})
        cookie = {"name": app.config["SESSION_COOKIE_NAME"], "value": value, "url": server}
        page.context.add_cookies([{**cookie, "httpOnly": True, "sameSite": "Lax"}])
        return page

    return make


@pytest.fixture
def violations(project_root: Path) -> Callable[..., list[str]]:
    """`violations(page)`: what axe finds wrong with the page as it stands; of `rules` alone, if they are given."""
    script = (project_root / "node_modules/axe-core/axe.min.js").read_text()

    def check(page: Any, rules: list[str] = AXE_RULES) -> list[str]:
        if not page.evaluate("Boolean(window.axe)"):
            page.evaluate(script)
        found = page.evaluate(
            "rules => axe.run(document, {runOnly: rules}).then(result => result.violations.map("
            "item => item.id + ': ' + item.nodes.map(node => node.html.slice(0, 120)).join(' | ')))",
            rules,
        )
        return [str(item) for item in found]

    return check


@pytest.fixture
def barriers(violations: Callable[..., list[str]]) -> Callable[[Any], list[tuple[Any, ...]]]:
    """`barriers(page)`: what keeps somebody from using the page as it stands, in both lights and at both widths.

    Another light changes nothing but colours, so that only their rules are asked again.
    """
    from playwright.sync_api import expect

    def check(page: Any) -> list[tuple[Any, ...]]:
        found: list[tuple[Any, ...]] = []
        for width, height in SIZES:
            page.set_viewport_size({"width": width, "height": height})
            for scheme, rules in (("light", AXE_RULES), ("dark", AXE_RULES_OF_COLOURS)):
                page.emulate_media(color_scheme=scheme)
                expect(page.locator("html")).to_have_attribute("data-theme", scheme)
                found += [(width, scheme, item) for item in violations(page, rules)]
            if not page.evaluate("document.documentElement.scrollWidth <= innerWidth"):
                found.append((width, "does not fit"))
        return found

    return check
