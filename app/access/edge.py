"""Who is asking: runs before every request, puts principal and clinic in scope, and takes both out again."""

from __future__ import annotations

import re
from typing import Any

from flask import Flask, Request, Response, g, request, session
from werkzeug.local import LocalProxy

from app.access.principals import find_principal_of, in_clinic
from app.access.sessions import note_visit
from app.access.tokens import read_access_token
from app.core import rate_limit
from app.core.errors import Unauthorized
from app.core.ids import is_id
from app.core.principal import Principal, find_principal, set_principal
from app.core.tenant import Scope, enter_scope, leave_scope
from app.extensions import csrf
from config import get_settings

SESSION_COOKIE_KEY = "sid"
USER_COOKIE_KEY = "uid"
ACCESS_COOKIE = "clinic_access"
REFRESH_COOKIE = "clinic_refresh"
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
# Paths that carry no person: assets and probes are public; what providers send, and whom they send back, is signed.
# A provider's Authorization header is not ours to judge.
ANONYMOUS_PREFIXES = ("/static/", "/healthz", "/readyz", "/metrics")
WEBHOOK_PATH = re.compile(r"/api/(payments|messaging)/[^/]+/webhook")
RETURN_PATH = re.compile(r"/pay/return/[^/]+")
FORGER = "forger"
# The sender's fault, and not yet counted: a failure of ours must not turn a gateway away.
REFUSALS = frozenset(range(400, 500)) - {429}

acting_principal = LocalProxy(find_principal)


def install(app: Flask) -> None:
    """Register the hooks; must come before Flask-AppBuilder's own."""
    app.before_request(_enter)
    app.after_request(_count_forger)
    app.teardown_request(_leave)


def _enter() -> None:
    set_principal(None)
    enter_scope(Scope())
    g.scope_entered = True
    if request.path.startswith(ANONYMOUS_PREFIXES):
        return
    if WEBHOOK_PATH.fullmatch(request.path):
        rate_limit.turn_away(FORGER, _address())
        return
    principal = _person()
    if principal is None:
        _limit_anonymous()
        return
    set_principal(principal)
    leave_scope()
    enter_scope(Scope(clinic_id=principal.clinic_id))


def _person() -> Principal | None:
    """Who asks, in the clinic that they name. Raises Unauthorized, Forbidden, TooManyRequests, and for a forgery."""
    if RETURN_PATH.fullmatch(request.path):
        return None
    try:
        principal, by_cookie = authenticate(request)
    except Unauthorized:
        _limit_anonymous()
        raise
    if principal is None:
        return None
    _check_csrf(by_cookie)
    return _in_named_clinic(principal, request.headers.get("X-Clinic-Id"))


def _count_forger(response: Response) -> Response:
    """A provider may send as much as it signs, a day's notices in a minute; who is refused all the time may not."""
    if response.status_code in REFUSALS and WEBHOOK_PATH.fullmatch(request.path):
        rate_limit.count_refused(FORGER, _address(), get_settings().requests_per_minute)
    return response


def _in_named_clinic(principal: Principal, clinic_id: str | None) -> Principal:
    if not clinic_id or clinic_id == principal.clinic_id:
        return principal
    visitor = in_clinic(principal, clinic_id)
    if visitor.super_admin:
        note_visit(visitor)
    return visitor


def _leave(_error: BaseException | None) -> None:
    if g.pop("scope_entered", False):
        leave_scope()
    set_principal(None)


def authenticate(asking: Request) -> tuple[Principal | None, bool]:
    """The principal and whether a cookie (not a bearer token) proved it. A wrong bearer token raises Unauthorized."""
    header = asking.headers.get("Authorization", "")
    if header:
        scheme, _, token = header.partition(" ")
        if scheme.lower() != "bearer":
            raise Unauthorized(code="INVALID_TOKEN")
        named = read_access_token(token.strip())
        principal = find_principal_of(named.session_id, counted_for=named.user_id)
        if principal is None:
            raise Unauthorized(code="SESSION_ENDED")
        return principal, False
    return _from_cookie(asking), True


def _from_cookie(asking: Request) -> Principal | None:
    session_id: Any = session.get(SESSION_COOKIE_KEY)
    if is_id(session_id):
        return find_principal_of(session_id, counted_for=session.get(USER_COOKIE_KEY) or session_id)
    token = asking.cookies.get(ACCESS_COOKIE)
    if not token:
        return None
    try:
        named = read_access_token(token)
    except Unauthorized:
        return None
    return find_principal_of(named.session_id, counted_for=named.user_id)


def _check_csrf(by_cookie: bool) -> None:
    if by_cookie and request.method not in SAFE_METHODS:
        csrf.protect()


def _limit_anonymous() -> None:
    rate_limit.hit("address", _address(), get_settings().requests_per_minute)


def _address() -> str:
    return request.remote_addr or "-"


def authenticate_socket(auth: Any) -> Principal | None:
    """The principal behind a Socket.IO handshake: a bearer token in `auth.token`, or the console's cookie."""
    try:
        if isinstance(auth, dict) and auth.get("token"):
            named = read_access_token(str(auth["token"]))
            principal = find_principal_of(named.session_id, counted_for=named.user_id)
        else:
            principal = _from_cookie(request)
        wanted = auth.get("clinicId") if isinstance(auth, dict) else None
        return _in_named_clinic(principal, str(wanted)) if principal and wanted else principal
    except Exception:
        return None


def socket_still_valid(principal: Principal) -> bool:
    """Whether the session behind an open socket, and the membership that it was opened with, still stand."""
    known = find_principal_of(principal.session_id)
    return known is not None and any(item == principal.active for item in known.memberships)
