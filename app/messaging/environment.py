"""Global accounts for messages, made of settings: for clinics that have none of their own (SPEC TEN-2).

Within a channel the first one declared is the primary account, the others are its fallbacks.
"""

from __future__ import annotations

from typing import Any

from pydantic import SecretStr

from app.messaging.channels.smtp import SmtpCredentials
from app.tenancy.providers import environment_account
from config import Settings


@environment_account("email", "zeptomail")
def zeptomail_from_environment(settings: Settings) -> dict[str, Any] | None:
    """ZEPTOMAIL_TOKEN and _FROM_ADDRESS make the global account; _BASE_URL and _WEBHOOK_KEY belong to it."""
    token = _plain(settings.zeptomail_token)
    if not token:
        return None
    found = {"token": token, "from_address": settings.zeptomail_from_address}
    return _with(found, base_url=settings.zeptomail_base_url, webhook_key=_plain(settings.zeptomail_webhook_key))


@environment_account("email", "ses")
def ses_from_environment(settings: Settings) -> dict[str, Any] | None:
    """SES_ACCESS_KEY_ID, _SECRET_ACCESS_KEY and _FROM_ADDRESS make it; _REGION, _CONFIGURATION_SET, _TOPIC_ARN."""
    if not settings.ses_access_key_id:
        return None
    return {
        "access_key_id": settings.ses_access_key_id,
        "secret_access_key": _plain(settings.ses_secret_access_key),
        "region": settings.ses_region,
        "from_address": settings.ses_from_address,
        "configuration_set": settings.ses_configuration_set,
        "topic_arn": settings.ses_topic_arn,
    }


@environment_account("email", "smtp")
def mail_from_environment(settings: Settings) -> dict[str, Any] | None:
    """SMTP_URL makes the global account."""
    url = _plain(settings.smtp_url)
    return SmtpCredentials.from_url(url).plain() if url else None


@environment_account("whatsapp", "whatsapp_cloud")
def whatsapp_from_environment(settings: Settings) -> dict[str, Any] | None:
    """WHATSAPP_PHONE_NUMBER_ID, _ACCESS_TOKEN, _APP_SECRET and _VERIFY_TOKEN make the global account."""
    if not settings.whatsapp_phone_number_id or settings.whatsapp_access_token is None:
        return None
    return _with(
        {"phone_number_id": settings.whatsapp_phone_number_id},
        access_token=_plain(settings.whatsapp_access_token),
        app_secret=_plain(settings.whatsapp_app_secret),
        verify_token=_plain(settings.whatsapp_verify_token),
    )


@environment_account("whatsapp", "twilio_whatsapp")
def twilio_whatsapp_from_environment(settings: Settings) -> dict[str, Any] | None:
    """TWILIO_WHATSAPP_SENDER with the TWILIO_ account; TWILIO_CONTENT_SIDS has a template per comma."""
    if not settings.twilio_whatsapp_sender:
        return None
    lines = settings.twilio_content_sids.replace(",", "\n")
    return _twilio(settings, sender=settings.twilio_whatsapp_sender, content_sids=lines)


@environment_account("sms", "twilio_sms")
def twilio_sms_from_environment(settings: Settings) -> dict[str, Any] | None:
    """TWILIO_SMS_SENDER or TWILIO_MESSAGING_SERVICE_SID with the TWILIO_ account."""
    service = settings.twilio_messaging_service_sid
    if not settings.twilio_sms_sender and not service:
        return None
    return _twilio(settings, sender=settings.twilio_sms_sender, messaging_service_sid=service)


@environment_account("push", "fcm")
def fcm_from_environment(settings: Settings) -> dict[str, Any] | None:
    """FCM_SERVICE_ACCOUNT is the JSON of the key file."""
    text = _plain(settings.fcm_service_account)
    return {"service_account": text} if text else None


@environment_account("push", "sns_push")
def sns_from_environment(settings: Settings) -> dict[str, Any] | None:
    """SNS_ACCESS_KEY_ID, _SECRET_ACCESS_KEY and _PLATFORM_APPLICATION_ARN make it; _REGION."""
    if not settings.sns_access_key_id:
        return None
    return {
        "access_key_id": settings.sns_access_key_id,
        "secret_access_key": _plain(settings.sns_secret_access_key),
        "region": settings.sns_region,
        "platform_application_arn": settings.sns_platform_application_arn,
    }


def _twilio(settings: Settings, **more: str | None) -> dict[str, Any] | None:
    token = _plain(settings.twilio_auth_token)
    if not settings.twilio_account_sid or not token:
        return None
    return _with({"account_sid": settings.twilio_account_sid, "auth_token": token}, **more)


def _plain(secret: SecretStr | None) -> str | None:
    return secret.get_secret_value() if secret is not None else None


def _with(found: dict[str, Any], **more: str | None) -> dict[str, Any]:
    """With what is set of the rest."""
    return {**found, **{name: value for name, value in more.items() if value}}
