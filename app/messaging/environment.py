"""Global accounts for messages, made of settings: for clinics that have none of their own (SPEC TEN-2)."""

from __future__ import annotations

from typing import Any

from app.messaging.channels.smtp import SmtpCredentials
from app.tenancy.providers import environment_account
from config import Settings


@environment_account("email", "smtp")
def mail_from_environment(settings: Settings) -> dict[str, Any] | None:
    """SMTP_URL makes the global account."""
    if settings.smtp_url is None or not settings.smtp_url.get_secret_value():
        return None
    return SmtpCredentials.from_url(settings.smtp_url.get_secret_value()).plain()


@environment_account("whatsapp", "whatsapp_cloud")
def whatsapp_from_environment(settings: Settings) -> dict[str, Any] | None:
    """WHATSAPP_PHONE_NUMBER_ID, _ACCESS_TOKEN, _APP_SECRET and _VERIFY_TOKEN make the global account."""
    if not settings.whatsapp_phone_number_id or settings.whatsapp_access_token is None:
        return None
    names = ("access_token", "app_secret", "verify_token")
    secrets = {name: getattr(settings, f"whatsapp_{name}") for name in names}
    known = {name: secret.get_secret_value() for name, secret in secrets.items() if secret is not None}
    return {"phone_number_id": settings.whatsapp_phone_number_id, **known}
