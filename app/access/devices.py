"""What a browser says about itself, in words that its owner recognises."""

from __future__ import annotations

# A browser names those that it descends from as well: the first one found is the one.
BROWSERS = (("Edg", "Edge"), ("OPR/", "Opera"), ("Firefox", "Firefox"), ("Chrome", "Chrome"), ("Safari", "Safari"))
SYSTEMS = (
    ("Android", "Android"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Windows", "Windows"),
    ("Mac OS", "macOS"),
    ("CrOS", "ChromeOS"),
    ("Linux", "Linux"),
)


def device_name(user_agent: str | None) -> str:
    """'Firefox, Windows'; a program that is no browser by its own first word, nothing as an empty text."""
    text = user_agent or ""
    found = [next((name for mark, name in marks if mark in text), "") for marks in (BROWSERS, SYSTEMS)]
    return ", ".join(part for part in found if part) or text.partition("/")[0][:40]
