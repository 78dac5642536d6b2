"""Access tokens: signed by the sandbox with the account's secret, so that they need no memory."""

from __future__ import annotations

import hmac
from typing import Any

from flask import g, request

from app.sandbox import clock
from app.sandbox.ids import random_text
from app.sandbox.sandbox import current_sandbox
from app.sandbox.simulators.phonepe.account import CODE, PhonePeAccount
from app.sandbox.simulators.phonepe.errors import PhonePeError, TokenRefused, unauthorized
from app.sandbox.simulators.phonepe.merchant import Merchant
from app.sandbox.simulators.phonepe.signatures import body_hmac

SCHEME = "O-Bearer "
PARTS = 4


def issue_token(form: dict[str, str]) -> dict[str, Any]:
    """Raises TokenRefused for anything but the account's id, secret and version."""
    if form.get("grant_type") != "client_credentials":
        raise PhonePeError("grant_type must be client_credentials")
    account = current_sandbox().accounts.find(CODE, form.get("client_id", ""))
    given = (form.get("client_secret", ""), form.get("client_version", ""))
    if not isinstance(account, PhonePeAccount) or not _same(given, account):
        raise TokenRefused
    token = _sealed(account, int(clock.seconds()) + account.token_seconds)
    issued = clock.timestamp() + account.clock_ahead
    return {
        "access_token": token, "encrypted_access_token": token, "expires_in": account.token_seconds,
        "issued_at": issued, "expires_at": issued + account.token_seconds,
        "session_expires_at": issued + account.token_seconds, "token_type": SCHEME.strip(),
    }  # fmt: skip


def _same(given: tuple[str, str], account: PhonePeAccount) -> bool:
    wanted = f"{account.client_secret}\0{account.client_version}"
    return hmac.compare_digest("\0".join(given).encode(), wanted.encode())


def _sealed(account: PhonePeAccount, ends_at: int) -> str:
    text = f"{account.client_id}.{ends_at}.{random_text(12)}"
    return f"{text}.{body_hmac(account.client_secret, text.encode())}"


def authenticate() -> None:
    """The call's merchant by its token; the vendor's scheme is `O-Bearer`."""
    header = request.headers.get("Authorization", "")
    parts = header.removeprefix(SCHEME).split(".")
    account = current_sandbox().accounts.find(CODE, parts[0])
    if not header.startswith(SCHEME) or len(parts) != PARTS or not isinstance(account, PhonePeAccount):
        raise unauthorized()
    made = body_hmac(account.client_secret, ".".join(parts[:-1]).encode())
    if not hmac.compare_digest(made.encode(), parts[-1].encode()) or int(parts[1]) <= clock.seconds():
        raise unauthorized()
    g.merchant = Merchant(account, current_sandbox())


def claimed_client_id() -> str:
    """Whose call this says it is."""
    if request.form.get("client_id"):
        return request.form["client_id"]
    return request.headers.get("Authorization", "").removeprefix(SCHEME).partition(".")[0][:80]
