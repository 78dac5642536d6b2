"""Passwords: argon2id, with a decoy hash so that unknown names take as long as known ones."""

from __future__ import annotations

from functools import lru_cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from flask_babel import gettext as _

from app.core.errors import Invalid

MINIMUM_LENGTH = 12
MAXIMUM_LENGTH = 128
# OWASP's second recommended argon2id setting: 19 MiB, two passes.
_hasher = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)


def hash_password(password: str) -> str:
    return _hasher.hash(password)


def password_matches(stored: str | None, password: str) -> bool:
    """Whether the password is right; `None` (no such user) costs the same time and is always wrong."""
    try:
        return _hasher.verify(stored or _decoy(), password) and stored is not None
    except (VerificationError, InvalidHashError):
        return False


@lru_cache(maxsize=1)
def _decoy() -> str:
    return _hasher.hash("nobody has this password")


def check_new_password(password: str) -> None:
    """Raises Invalid for a password that is too short, too long, or a single repeated pattern (NIST SP 800-63B
    5.1.1.2).
    """
    if not MINIMUM_LENGTH <= len(password) <= MAXIMUM_LENGTH:
        text = _("Use %(least)s to %(most)s characters.", least=MINIMUM_LENGTH, most=MAXIMUM_LENGTH)
        raise Invalid(fields={"password": text})
    if len(set(password.lower())) < 5:
        raise Invalid(fields={"password": _("This password is too easy to guess.")})
