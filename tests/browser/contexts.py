"""Browser contexts that are emptied and used again: what one test's pages loaded, the next one's need not load anew.

Cookies, stored data, permissions and pages are one test's alone; only the cache of what the server lets be kept stays.
"""

from __future__ import annotations

from collections import defaultdict

from playwright.sync_api import Browser, BrowserContext, Page

KEPT_BY_PAGES = "cookies,file_systems,indexeddb,local_storage,service_workers,cache_storage"


class Contexts:
    """`take(locale)` and, at the end of the test, `give_back(context)`."""

    def __init__(self, browser: Browser, address: str) -> None:
        self._browser, self._address = browser, address
        self._idle: dict[str, list[BrowserContext]] = defaultdict(list)
        self._locales: dict[BrowserContext, str] = {}

    def take(self, locale: str) -> BrowserContext:
        """With one empty page."""
        if self._idle[locale]:
            return self._idle[locale].pop()
        context = self._browser.new_context(base_url=self._address, locale=locale)
        context.new_page()
        self._locales[context] = locale
        return context

    def give_back(self, context: BrowserContext) -> None:
        used = context.pages
        empty = context.new_page()
        for page in used:
            page.close()
        self._forget(empty)
        self._idle[self._locales[context]].append(context)

    def _forget(self, page: Page) -> None:
        """After the last page is closed, which may write to the end."""
        page.context.clear_cookies()
        page.context.clear_permissions()
        browser = page.context.new_cdp_session(page)
        browser.send("Storage.clearDataForOrigin", {"origin": self._address, "storageTypes": KEPT_BY_PAGES})
        browser.detach()
