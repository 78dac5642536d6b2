"""Message accounts: set over the API, or made of the environment for clinics that have none."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from app.messaging.channels import channel_with_code
from app.tenancy.providers import accounts_for
from config import MissingSetting, get_settings
from tests.contract.providers import rigs

pytest_plugins = ["tests.api_caller"]
TOKEN = "a-very-long-access-token-5678"
WHATSAPP = {"phoneNumberId": "1001", "accessToken": TOKEN}
MAIL = {"fromAddress": "desk@sunrise.example.com", "host": "mail.example.com"}


@contextmanager
def environment(monkeypatch: pytest.MonkeyPatch, **values: str) -> Iterator[None]:
    with monkeypatch.context() as patch:
        for name, value in values.items():
            patch.setenv(name, value)
        get_settings.cache_clear()
        yield
    get_settings.cache_clear()


def account(provider: str, credentials: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"provider": provider, "enabled": True, "credentials": credentials, **more}


# ---- over the API ----


def test_channels_are_set_and_shown_masked(in_clinic: Any, caller: Callable[..., Any]) -> None:
    admin = caller("CLINIC_ADMIN")
    path = f"/clinics/{in_clinic.id}/communication/config"
    nothing = {"primary": None, "fallback": []}
    assert admin.get(path).get_json() == {"email": nothing, "sms": nothing, "whatsapp": nothing, "push": nothing}
    first, second = account("smtp", MAIL, label="Main"), account("smtp", MAIL, label="Spare")
    wanted = {
        "email": {"primary": first, "fallback": [second]},
        "whatsapp": {"primary": account("whatsapp_cloud", WHATSAPP)},
    }
    answer = admin.put(path, json=wanted)
    assert answer.status_code == 200, answer.text
    shown = admin.get(path).get_json()
    assert shown == answer.get_json()
    assert [item["label"] for item in (shown["email"]["primary"], *shown["email"]["fallback"])] == ["Main", "Spare"]
    assert TOKEN not in answer.text
    assert shown["whatsapp"]["primary"]["credentials"]["access_token"].endswith("5678")
    assert [item.credentials["access_token"] for item in accounts_for("whatsapp")] == [TOKEN]


def test_a_channel_that_is_left_out_stays(in_clinic: Any, caller: Callable[..., Any]) -> None:
    admin = caller("CLINIC_ADMIN")
    path = f"/clinics/{in_clinic.id}/communication/config"
    admin.put(path, json={"whatsapp": {"primary": account("whatsapp_cloud", WHATSAPP)}})
    admin.put(path, json={"email": {"primary": account("smtp", MAIL)}})
    assert [item.provider for item in accounts_for("whatsapp")] == ["whatsapp_cloud"]
    admin.put(path, json={"whatsapp": {"primary": None}})
    assert accounts_for("whatsapp") == []


@pytest.mark.parametrize(
    ("wanted", "field"),
    [
        ({"whatsapp": {"primary": account("whatsapp_cloud", {"phoneNumberId": "x"})}}, "whatsapp.primary.access_token"),
        ({"sms": {"primary": account("smtp", MAIL)}}, "sms.primary.channel"),
        ({"push": {"primary": account("nobody", {})}}, "push.primary.provider"),
    ],
)
def test_what_cannot_work_is_told_by_its_place(
    in_clinic: Any, caller: Callable[..., Any], wanted: dict[str, Any], field: str
) -> None:
    answer = caller("CLINIC_ADMIN").put(f"/clinics/{in_clinic.id}/communication/config", json=wanted)
    assert answer.status_code == 422
    assert field in answer.get_json()["error"]["fields"]
    assert accounts_for(next(iter(wanted))) == []


@pytest.mark.parametrize(
    ("elsewhere", "changed"),
    [({"baseUrl": "https://thief.example"}, {}), ({}, {"host": "thief.example"})],
    ids=["base-url", "host"],
)
def test_a_masked_password_does_not_follow_to_another_server(
    in_clinic: Any, caller: Callable[..., Any], elsewhere: dict[str, str], changed: dict[str, str]
) -> None:
    admin = caller("CLINIC_ADMIN")
    path = f"/clinics/{in_clinic.id}/communication/config"
    channel = "email" if changed else "whatsapp"
    stored = account("smtp", {**MAIL, "password": TOKEN}) if changed else account("whatsapp_cloud", WHATSAPP)
    shown = admin.put(path, json={channel: {"primary": stored}}).get_json()[channel]["primary"]
    moved = {**shown, **elsewhere, "credentials": {**shown["credentials"], **changed}}
    answer = admin.put(path, json={channel: {"primary": moved}})
    assert answer.status_code == 422
    secret = "password" if changed else "access_token"
    assert "type this secret again" in answer.get_json()["error"]["fields"][f"{channel}.primary.{secret}"]
    typed = {**moved, "credentials": {**moved["credentials"], secret: TOKEN}}
    assert admin.put(path, json={channel: {"primary": typed}}).status_code == 200


def test_another_clinics_config_is_not_found(in_clinic: Any, other_clinic: Any, caller: Callable[..., Any]) -> None:
    admin = caller("CLINIC_ADMIN")
    path = f"/clinics/{other_clinic.id}/communication/config"
    assert admin.get(path).status_code == 404
    assert admin.put(path, json={"email": {"primary": account("smtp", MAIL)}}).status_code == 404


# ---- of the environment ----


def test_the_environment_makes_mail_and_whatsapp_accounts(in_clinic: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    assert accounts_for("email") == accounts_for("whatsapp") == []
    url = "smtp+starttls://desk:secret-of-mail@mail.example.org?from=desk@example.org"
    number = {"WHATSAPP_PHONE_NUMBER_ID": "2002", "WHATSAPP_ACCESS_TOKEN": TOKEN, "WHATSAPP_APP_SECRET": "app"}
    with environment(monkeypatch, SMTP_URL=url, **number):
        (mail,), (whatsapp,) = accounts_for("email"), accounts_for("whatsapp")
    assert (mail.credentials["host"], mail.credentials["port"]) == ("mail.example.org", 587)
    assert (mail.credentials["username"], mail.credentials["from_address"]) == ("desk", "desk@example.org")
    assert whatsapp.credentials == {"phone_number_id": "2002", "access_token": TOKEN, "app_secret": "app"}
    assert "secret-of-mail" not in repr(mail)


AWS = {"ACCESS_KEY_ID": "AKIA0000000000000001", "SECRET_ACCESS_KEY": "aws-secret-of-mail"}
APPLICATION = "arn:aws:sns:ap-south-1:123456789012:app/GCM/console"
EVERYTHING = {
    "ZEPTOMAIL_TOKEN": TOKEN,
    "ZEPTOMAIL_FROM_ADDRESS": "desk@example.org",
    "ZEPTOMAIL_BASE_URL": "https://api.zeptomail.in",
    "ZEPTOMAIL_WEBHOOK_KEY": "hook",
    **{f"SES_{name}": value for name, value in AWS.items()},
    "SES_REGION": "ap-south-1",
    "SES_FROM_ADDRESS": "desk@example.org",
    "SES_TOPIC_ARN": "arn:aws:sns:ap-south-1:123456789012:ses",
    "SMTP_URL": "smtp://mail.example.org:25?from=desk@example.org",
    "WHATSAPP_PHONE_NUMBER_ID": "2002",
    "WHATSAPP_ACCESS_TOKEN": TOKEN,
    "TWILIO_ACCOUNT_SID": "AC" + "1" * 32,
    "TWILIO_AUTH_TOKEN": TOKEN,
    "TWILIO_SMS_SENDER": "+15005550006",
    "TWILIO_WHATSAPP_SENDER": "+15005550007",
    "TWILIO_CONTENT_SIDS": f"invoice_paid HX{'a' * 32},visit_confirmed hi HX{'b' * 32}",
    **{f"SNS_{name}": value for name, value in AWS.items()},
    "SNS_REGION": "ap-south-1",
    "SNS_PLATFORM_APPLICATION_ARN": APPLICATION,
}


def test_the_environment_makes_an_account_of_every_provider_in_their_order(
    in_clinic: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = rigs.RIGS["fcm"].credentials["service_account"]
    with environment(monkeypatch, **EVERYTHING, FCM_SERVICE_ACCOUNT=key):
        found = {channel: accounts_for(channel) for channel in ("email", "whatsapp", "sms", "push")}
    assert {channel: [item.provider for item in items] for channel, items in found.items()} == {
        "email": ["zeptomail", "ses", "smtp"],
        "whatsapp": ["whatsapp_cloud", "twilio_whatsapp"],
        "sms": ["twilio_sms"],
        "push": ["fcm", "sns_push"],
    }
    # Each one opens: nothing that its adapter needs is missing.
    for account in (item for items in found.values() for item in items):
        opened = channel_with_code(account.provider).open(account.credentials, base_url=account.base_url)
        assert TOKEN not in repr(opened)
    assert found["email"][0].base_url == "https://api.zeptomail.in"
    (sms,) = found["sms"]
    assert sms.credentials == {"account_sid": "AC" + "1" * 32, "auth_token": TOKEN, "sender": "+15005550006"}


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"WHATSAPP_PHONE_NUMBER_ID": "2002"}, "WHATSAPP_PHONE_NUMBER_ID and WHATSAPP_ACCESS_TOKEN go together"),
        ({"RAZORPAY_KEY_SECRET": "s3cret-of-nobody"}, "RAZORPAY_KEY_ID and RAZORPAY_KEY_SECRET go together"),
        ({"SMTP_URL": "mail.example.org:25"}, "SMTP_URL starts with one of smtp://"),
        ({"WHATSAPP_PHONE_NUMBER_ID": "+91 98", "WHATSAPP_ACCESS_TOKEN": "x"}, "made of digits"),
        ({"ZEPTOMAIL_TOKEN": "s3cret-of-nobody"}, "ZEPTOMAIL_TOKEN and ZEPTOMAIL_FROM_ADDRESS go together"),
        ({"TWILIO_ACCOUNT_SID": "AC1"}, "TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN go together"),
        ({"SES_ACCESS_KEY_ID": "AKIA"}, "SES_ACCESS_KEY_ID and SES_SECRET_ACCESS_KEY go together"),
    ],
)
def test_half_an_account_stops_the_start(
    app: Any, monkeypatch: pytest.MonkeyPatch, values: dict[str, str], words: str
) -> None:
    with environment(monkeypatch, **values), pytest.raises(MissingSetting) as refused:
        get_settings()
    assert words in str(refused.value)
    assert "s3cret-of-nobody" not in str(refused.value)
