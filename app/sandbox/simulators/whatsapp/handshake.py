"""The GET that Meta sends once, when a webhook address is entered on its dashboard."""

from __future__ import annotations

from typing import Any

import requests

from app.sandbox.errors import SandboxError, UnknownRecord
from app.sandbox.ids import random_text
from app.sandbox.sandbox import Sandbox
from app.sandbox.simulators.whatsapp.account import CODE, WhatsAppAccount


def verify_webhook(sandbox: Sandbox, command: dict[str, Any]) -> dict[str, Any]:
    """Whether the address echoes the challenge. Raises SandboxError when the account has none."""
    account = sandbox.accounts.find(CODE, str(command.get("account")))
    if not isinstance(account, WhatsAppAccount):
        raise UnknownRecord("account must be a known phoneNumberId")
    if not account.webhook_url or not account.verify_token:
        raise SandboxError("the account needs a webhookUrl and a verifyToken")
    challenge = random_text(10, "123456789")
    query = {"hub.mode": "subscribe", "hub.verify_token": account.verify_token, "hub.challenge": challenge}
    with requests.Session() as session:
        session.trust_env = False
        try:
            answer = session.get(account.webhook_url, params=query, timeout=sandbox.settings.webhook_timeout)
        except requests.RequestException as error:
            return {"verified": False, "status": None, "error": type(error).__name__}
    return {"verified": answer.ok and answer.text == challenge, "status": answer.status_code, "error": None}
