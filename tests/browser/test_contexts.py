"""A context that is used again remembers nothing of the test before."""

from __future__ import annotations

from typing import Any

from tests.browser.contexts import Contexts

REMEMBER = """async () => {
  localStorage.setItem('kept', '1')
  sessionStorage.setItem('kept', '1')
  document.cookie = 'kept=1'
  await caches.open('kept')
  await new Promise(done => { indexedDB.open('kept').onsuccess = done })
  addEventListener('pagehide', () => localStorage.setItem('late', '1'))
}"""
REMEMBERED = """async () => [localStorage.length, sessionStorage.length, document.cookie, await caches.keys(),
  (await indexedDB.databases()).length]"""


def test_nothing_but_files_is_kept(chromium: Any, server: str) -> None:
    contexts = Contexts(chromium, server)
    first = contexts.take("en-GB")
    [page] = first.pages
    page.goto("/login/")
    page.evaluate(REMEMBER)
    contexts.give_back(first)
    again = contexts.take("en-GB")
    assert again is first
    [page] = again.pages
    assert page.url == "about:blank"
    page.goto("/login/")
    assert page.evaluate(REMEMBERED) == [0, 0, "", [], 0]
    again.close()
