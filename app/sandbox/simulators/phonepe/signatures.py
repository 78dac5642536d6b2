"""How PhonePe proves its webhooks: a constant header, an HMAC of the body, or a salted checksum of version 1."""

from __future__ import annotations

import hashlib
import hmac
import json

from app.sandbox.simulators.phonepe.account import PhonePeAccount


def user_hash(username: str, password: str) -> str:
    """The same for every webhook of the merchant."""
    return hashlib.sha256(f"{username}:{password}".encode()).hexdigest()


def body_hmac(secret: str, body: bytes) -> str:
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def x_verify(text: str, salt_key: str, salt_index: int, path: str = "") -> str:
    """Calls put their path between text and salt; callbacks have none."""
    return f"{hashlib.sha256(f'{text}{path}{salt_key}'.encode()).hexdigest()}###{salt_index}"


def webhook_headers(account: PhonePeAccount, body: bytes) -> dict[str, str]:
    """By the account's scheme; unsigned where the dashboard has no secret for it."""
    headers = {"Content-Type": "application/json", "User-Agent": "PhonePe-Webhook"}
    if account.scheme == "hmac" and account.hmac_secret:
        headers["x-phonepe-checksum-signature"] = body_hmac(account.hmac_secret, body)
        headers["x-phonepe-checksum-key-id"] = f"WH{account.merchant_id}"
    elif account.scheme == "v1" and account.salt_key:
        headers["X-VERIFY"] = x_verify(_response(body), account.salt_key, account.salt_index)
    elif account.webhook_username and account.webhook_password:
        headers["Authorization"] = user_hash(account.webhook_username, account.webhook_password)
    return headers


def _response(body: bytes) -> str:
    try:
        document = json.loads(body)
    except ValueError:
        return ""
    return str(document.get("response", "")) if isinstance(document, dict) else ""
