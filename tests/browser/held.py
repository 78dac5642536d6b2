"""An answer that stays on its way: the server has done what was asked, the page does not know it yet."""

from __future__ import annotations

from playwright.sync_api import APIResponse, Page, Route

from tests.waiting import wait_until


class HeldAnswer:
    """Holds the answer to the next request to `address` until `let_go()`."""

    def __init__(self, page: Page, address: str) -> None:
        self._page = page
        self._held: tuple[Route, APIResponse] | None = None
        page.route(address, self._hold, times=1)

    def _hold(self, route: Route) -> None:
        self._held = (route, route.fetch())

    def wait_for_it(self) -> None:
        wait_until(lambda: self._page.evaluate("1") and self._held is not None)

    def let_go(self) -> None:
        self.wait_for_it()
        assert self._held is not None
        route, answer = self._held
        route.fulfill(response=answer)
