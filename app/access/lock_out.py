"""What a refused log-in tells: the same for a name that somebody has and for one that nobody has.

Names of users are counted in the database. Names of nobody are counted in Redis, by a keyed hash; while Redis is away
they do not lock.
"""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from flask_babel import gettext as _
from redis.exceptions import RedisError

from app.access.models import User
from app.core import clock
from app.core.errors import AppError, TooManyRequests, Unauthorized
from app.core.round_trip import ask
from config import get_settings

# Somebody's wrong tries are remembered until they log in; nobody's for longer than anyone waits to tell them apart.
REMEMBERED_SECONDS = 7 * 24 * 3600


class WrongCredentials(Unauthorized):
    """One text for a wrong name and a wrong password."""

    code = "WRONG_CREDENTIALS"


@contextmanager
def refused_in_equal_time() -> Iterator[None]:
    """No refusal is told before its time: how long the work took says whose name was tried."""
    started = time.monotonic()
    try:
        yield
    except AppError:
        time.sleep(max(0.0, get_settings().failed_login_seconds - (time.monotonic() - started)))
        raise


def wrong_credentials() -> WrongCredentials:
    return WrongCredentials(_("The user name or the password is wrong."))


def locked_out(seconds: int) -> TooManyRequests:
    return TooManyRequests(max(1, seconds), _("Too many wrong passwords. Please wait and try again."))


def seconds_locked(user: User) -> int:
    """How long the user has to wait; 0 when they need not."""
    left = (user.locked_until - clock.now()).total_seconds() if user.locked_until else 0
    return max(1, int(left)) if left > 0 else 0


def count_failure(user: User) -> None:
    """One more wrong password for a locked row of a user."""
    settings = get_settings()
    user.failed_logins += 1
    if user.failed_logins >= settings.lock_out_after:
        user.locked_until = clock.now() + timedelta(seconds=settings.lock_out_seconds)
        user.failed_logins = 0


def refuse_nobody(username: str) -> AppError:
    """The refusal of a name that nobody has; counts it."""
    name = hmac.new(get_settings().secret_key.get_secret_value().encode(), username.encode(), hashlib.sha256)
    key = f"lock-out:{name.hexdigest()}"
    try:
        return _count_nobody(key, f"{key}:until")
    except RedisError:
        return wrong_credentials()


def _count_nobody(tries: str, lock: str) -> AppError:
    settings = get_settings()
    left = int(ask(("TTL", lock))[0])
    if left > 0:
        return locked_out(left)
    count, _expiry = ask(("INCR", tries), ("EXPIRE", tries, REMEMBERED_SECONDS))
    if count >= settings.lock_out_after:
        ask(("SET", lock, 1, "EX", settings.lock_out_seconds), ("DEL", tries))
    return wrong_credentials()
