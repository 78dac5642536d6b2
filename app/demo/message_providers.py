"""The demo clinics' further message accounts at the provider sandbox: fallbacks for mail and WhatsApp, SMS, push."""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

import requests

from app.demo.cast import DemoClinic
from app.messaging.routing import EVENT_OF
from config import Settings

SECONDS = 5
TOPIC = "arn:aws:sns:ap-south-1:123456789012:ses-events"
APPLICATION = "arn:aws:sns:ap-south-1:123456789012:app/GCM/console"
SENDER = "+15005550006"


@dataclass(frozen=True)
class DemoAccount:
    """Both sides of an account: what we keep, and what the sandbox knows of it."""

    channel: str
    provider: str
    path: str
    priority: int
    credentials: dict[str, Any] = field(repr=False)
    there: dict[str, Any] = field(repr=False)


def message_accounts(settings: Settings, demo: DemoClinic, clinic_id: str) -> list[DemoAccount]:
    """Beside the first ones for mail and WhatsApp. Raises requests.RequestException where the sandbox is away."""
    hooks = f"http://127.0.0.1:{settings.port}/api/messaging/{{}}/webhook?clinicId={clinic_id}"
    return [
        _zeptomail(demo, hooks.format("zeptomail")),
        _ses(settings, demo, hooks.format("ses")),
        *_twilio(demo, hooks.format("twilio_sms")),
        _fcm(settings, demo),
        _sns(demo),
    ]


def _zeptomail(demo: DemoClinic, hook: str) -> DemoAccount:
    token, key = f"{demo.subdomain}-demo-mail-token", f"{demo.subdomain}-demo-mail-hook"
    credentials = {"token": token, "from_address": demo.settings["email"], "webhook_key": key}
    there = {"provider": "zeptomail", "mailAgent": demo.subdomain, "token": token, "webhookKey": key}
    return DemoAccount("email", "zeptomail", "/zeptomail", 0, credentials, {**there, "webhookUrl": hook})


def _aws(demo: DemoClinic) -> tuple[dict[str, str], dict[str, str]]:
    key, secret = f"AKIA{demo.subdomain.upper():0<16}"[:20], f"{demo.subdomain}-demo-aws-secret"
    return (
        {"access_key_id": key, "secret_access_key": secret, "region": "ap-south-1"},
        {"accessKeyId": key, "secretAccessKey": secret, "region": "ap-south-1"},
    )


def _ses(settings: Settings, demo: DemoClinic, hook: str) -> DemoAccount:
    ours, theirs = _aws(demo)
    root = _fetched(settings, "/ses/sns/root.pem")
    trusted = {"certificate_hosts": f"127.0.0.1:{settings.sandbox_port}", "certificate_root": root}
    sender = {"from_address": demo.settings["email"], "configuration_set": "console", "topic_arn": TOPIC}
    there = {"provider": "ses", **theirs, "topicArn": TOPIC, "webhookUrl": hook}
    return DemoAccount("email", "ses", "/ses", 1, {**ours, **sender, **trusted}, there)


def _twilio(demo: DemoClinic, hook: str) -> list[DemoAccount]:
    """One account there serves both channels; what people write goes to the SMS address."""
    sid, token = f"AC{demo.subdomain.encode().hex():0<32}"[:34], f"{demo.subdomain}-demo-auth-token"
    ours = {"account_sid": sid, "auth_token": token, "sender": SENDER}
    whatsapp = {**ours, "content_sids": _content_sids(demo)}
    there = {"provider": "twilio", "accountSid": sid, "authToken": token, "friendlyName": demo.name, "webhookUrl": hook}
    return [
        DemoAccount("sms", "twilio_sms", "/twilio", 0, ours, there),
        DemoAccount("whatsapp", "twilio_whatsapp", "/twilio", 1, whatsapp, there),
    ]


def _content_sids(demo: DemoClinic) -> str:
    """A content template of its own for each message that patients get, as WhatsApp would have approved it."""
    sids = ((name, sha256(f"{demo.subdomain}:{name}".encode()).hexdigest()[:32]) for name in EVENT_OF)
    return "\n".join(f"{name} HX{sid}" for name, sid in sids)


def _fcm(settings: Settings, demo: DemoClinic) -> DemoAccount:
    there = {"provider": "fcm", "projectId": demo.subdomain}
    register(settings, there)  # the key file is made for a project that is known there
    key_file = _fetched(settings, f"/fcm/service-account/{demo.subdomain}.json")
    return DemoAccount("push", "fcm", "/fcm", 0, {"service_account": key_file}, there)


def _sns(demo: DemoClinic) -> DemoAccount:
    ours, theirs = _aws(demo)
    there = {"provider": "sns", **theirs, "platformApplicationArn": APPLICATION}
    return DemoAccount("push", "sns_push", "/sns", 1, {**ours, "platform_application_arn": APPLICATION}, there)


def register(settings: Settings, account: dict[str, Any]) -> None:
    """Raises requests.RequestException."""
    url = f"http://127.0.0.1:{settings.sandbox_port}/_control/accounts"
    requests.post(url, json=account, timeout=SECONDS).raise_for_status()


def _fetched(settings: Settings, path: str) -> str:
    answer = requests.get(f"http://127.0.0.1:{settings.sandbox_port}{path}", timeout=SECONDS)
    answer.raise_for_status()
    return answer.text
