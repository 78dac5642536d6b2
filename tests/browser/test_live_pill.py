"""What a page says of its line to the server, where the server refuses some of what the page follows."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from app.core.errors import Forbidden
from app.core.sockets import SOCKET_HANDLERS

LATE_SECONDS = 2  # the socket is there by then


def test_a_page_that_is_refused_does_not_call_itself_live(
    log_in: Callable[..., Page], monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse_money(monkeypatch)
    page = log_in("RECEPTIONIST")
    page.goto("/desk/")
    pill = page.locator("[data-live-pill]").first
    expect(pill).to_have_text("partly live", ignore_case=True)
    assert "Load it again" in str(pill.get_attribute("title"))
    assert "warn" in str(pill.get_attribute("class"))


def test_what_a_late_part_of_the_page_follows_is_confirmed_as_well(
    log_in: Callable[..., Page], monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse_money(monkeypatch)
    page = log_in("RECEPTIONIST")

    def answer_late(route: Route) -> None:
        time.sleep(LATE_SECONDS)
        route.continue_()

    page.route("**/js/desk_live.js", answer_late)
    page.goto("/desk/")
    expect(page.locator("html")).to_have_attribute("data-live", "refused")


def refuse_money(monkeypatch: pytest.MonkeyPatch) -> None:
    subscribe = SOCKET_HANDLERS["subscribe"]

    def refuse(data: dict[str, Any]) -> Any:
        if data.get("topic") == "payments":
            raise Forbidden
        return subscribe(data)

    monkeypatch.setitem(SOCKET_HANDLERS, "subscribe", refuse)


def test_a_page_asks_only_for_what_its_reader_may_see(log_in: Callable[..., Page]) -> None:
    page = log_in("NURSE")  # who reads no payments
    page.goto("/desk/")
    expect(page.locator("html")).to_have_attribute("data-live", "live")
