"""The console's language in a browser."""

from __future__ import annotations

from playwright.sync_api import Page


def speak(page: Page, language: str) -> None:
    """Switch the console's language as the menu does."""
    page.goto("/console/styleguide")
    page.evaluate(
        "language => fetch('/session/language', {method: 'POST', headers: {'X-CSRFToken': "
        "document.querySelector('meta[name=csrf-token]').content}, body: new URLSearchParams({language})})",
        language,
    )
