"""The console's cookie: Flask's own, without its cost for requests that carry none."""

from __future__ import annotations

from typing import Any

from flask import Flask, Request, Response, request
from flask.sessions import SecureCookieSession, SecureCookieSessionInterface

FILES = "assets"  # app/core/assets.py


class BrowserSessions(SecureCookieSessionInterface):
    """Most requests of the API have a token and no cookie; the signer is made once, not for each of the others."""

    def __init__(self, app: Flask) -> None:
        self._signer = super().get_signing_serializer(app)

    def get_signing_serializer(self, app: Flask) -> Any:
        return self._signer

    def open_session(self, app: Flask, request: Request) -> SecureCookieSession | None:
        if self.get_cookie_name(app) not in request.cookies:
            return self.session_class()
        return super().open_session(app, request)

    def save_session(self, app: Flask, session: Any, response: Response) -> None:
        """Not with a file: it is the same for everybody, and a browser would ask for it anew with every new cookie. Nor
        where there was none and is none: whether anybody looked for one does not change what was answered.
        """
        nothing = not session and not session.modified and self.get_cookie_name(app) not in request.cookies
        if request.blueprint != FILES and not nothing:
            super().save_session(app, session, response)
