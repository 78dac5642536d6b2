"""The looks that a page is judged in, and when it has come to rest."""

from __future__ import annotations

from typing import NamedTuple

from playwright.sync_api import Page

AXE_RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
AXE_RULES_OF_COLOURS = ["color-contrast", "link-in-text-block"]
DESK, TABLET = (1280, 800), (820, 1180)
# Drawn, in its fonts, and listening as far as it may: what a page asks for once it is there has come.
AT_REST = """() => document.readyState === 'complete' && document.fonts.status === 'loaded'
  && !document.querySelector('.htmx-request')
  && !['connecting', 'reconnecting'].includes(document.documentElement.dataset.live)
  && [...document.querySelectorAll('[data-chart-box] canvas')].every(canvas => window.Chart?.getChart(canvas))"""


class Look(NamedTuple):
    """A width and a light, and what axe is asked there."""

    size: tuple[int, int]
    light: str
    rules: list[str] = AXE_RULES


# Another light changes nothing but colours, so that only their rules are asked again.
AT_A_DESK = (Look(DESK, "light"), Look(DESK, "dark", AXE_RULES_OF_COLOURS))
LIGHT_DESK_DARK_TABLET = (Look(DESK, "light"), Look(TABLET, "dark"))
EVERY_LOOK = (*AT_A_DESK, Look(TABLET, "light"), Look(TABLET, "dark", AXE_RULES_OF_COLOURS))
# Other words are wider or narrower, and of the same colours.
IN_LANGUAGE = {"en": EVERY_LOOK, "hi": LIGHT_DESK_DARK_TABLET}


def rest(page: Page) -> Page:
    """Wait until nothing on the page is still on its way."""
    page.wait_for_function(AT_REST)
    for frame in page.frames[1:]:
        frame.wait_for_url(lambda url: url != "about:blank")
    return page
