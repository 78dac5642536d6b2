"""The headers that tell a browser what our pages may do: a strict Content-Security-Policy and its companions.

No inline script, no inline style, no third-party origin. A page that must post to a payment page or show a video room
widens one directive for its own answer with `allow_source`.
"""

from __future__ import annotations

import re
from functools import lru_cache

from flask import Flask, Response, g, request

from config import get_settings

POLICY: dict[str, tuple[str, ...]] = {
    "default-src": ("'self'",),
    "script-src": ("'self'",),
    "style-src": ("'self'",),
    "img-src": ("'self'", "data:"),
    "font-src": ("'self'",),
    "connect-src": ("'self'",),
    "object-src": ("'none'",),
    "base-uri": ("'none'",),
    "form-action": ("'self'",),
    "frame-ancestors": ("'none'",),
}
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(self), microphone=(self), geolocation=(), payment=(), usb=()",
}
_ALWAYS = tuple((name, name.lower(), value) for name, value in HEADERS.items())
HOST = re.compile(r"[\w.\-]+(:\d+)?|\[[\da-fA-F:.]+\](:\d+)?", re.ASCII)
ASSETS = "/static/"
ONE_YEAR = "max-age=31536000; includeSubDomains"


def init_app(app: Flask) -> None:
    app.after_request(add_headers)


def allow_source(directive: str, source: str) -> None:
    """Let this one answer use `source` for `directive`, for example ("form-action", "https://pay.example")."""
    if directive not in POLICY:
        raise KeyError(directive)
    if any(mark in source for mark in " ;,\r\n"):
        raise ValueError("a source is one word")
    g.setdefault("csp_sources", []).append((directive, source))


def add_headers(response: Response) -> Response:
    headers = response.headers
    present = {name.lower() for name in headers.keys()}  # noqa: SIM118 - headers iterate as pairs
    for name, known_as, value in _ALWAYS:
        if known_as not in present:
            headers.add(name, value)
    if "content-security-policy" not in present:
        headers.add("Content-Security-Policy", content_security_policy())
    if request.is_secure or get_settings().base_url.startswith("https://"):
        # Behind a proxy that ends TLS a request may look plain; a browser ignores this header on a plain one.
        headers.setdefault("Strict-Transport-Security", ONE_YEAR)
    if not request.path.startswith(ASSETS) and "no-store" not in headers.get("Cache-Control", ""):
        # Answers show patients: neither a proxy nor a disk nor the back button after log-out may bring one back.
        headers["Cache-Control"] = "no-store"
    return response


def content_security_policy() -> str:
    """The policy of the present answer, with what `allow_source` added."""
    return _policy(request.host, request.is_secure, tuple(g.get("csp_sources", ())))


@lru_cache(maxsize=256)
def _policy(host: str, secure: bool, added: tuple[tuple[str, str], ...]) -> str:
    policy = {name: list(sources) for name, sources in POLICY.items()}
    if HOST.fullmatch(host):  # not every browser counts a web socket of the same host as 'self'
        policy["connect-src"].append(f"{'wss' if secure else 'ws'}://{host}")
    for directive, source in added:
        policy[directive].append(source)
    return "; ".join(f"{name} {' '.join(sources)}" for name, sources in policy.items())
