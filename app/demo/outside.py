"""The demo clinics' accounts at the provider sandbox, on both sides: ours in the database, theirs in the sandbox."""

from __future__ import annotations

from typing import Any

import requests
from sqlalchemy import select

from app.core.ids import new_id
from app.core.tenant import all_tenants, db, tenant_scope
from app.core.transaction import unit_of_work
from app.demo.cast import CLINICS, HARBOUR, DemoClinic
from app.demo.message_providers import DemoAccount, message_accounts, register
from app.desk.providers import REGISTRY
from app.tenancy.models import Clinic, ProviderAccount
from app.tenancy.providers import save_account
from config import Settings, get_settings

LABEL = "Demo"
SECONDS = 5
# After Razorpay, which keeps on being the first choice; plain mail after ZeptoMail and SES (SPEC MSG-1).
PRIORITIES = {"phonepe": 1, "stripe": 2, "paypal": 3, "smtp": 2}


class SandboxAway(RuntimeError):
    """The sandbox does not answer."""


def connect_clinics() -> list[str]:
    """Point the demo clinics' accounts at the sandbox where it runs now; names of the clinics. Raises SandboxAway."""
    settings = get_settings()
    root = _paypal_root(settings)
    done = []
    for clinic_id, demo in _demo_clinics():
        further = _message_accounts(settings, demo, clinic_id)
        with tenant_scope(clinic_id), unit_of_work():
            _save(settings, demo, root)
            for item in further:
                _save_account(
                    item.channel, item.provider, _sandbox(settings) + item.path, item.credentials, item.priority
                )
        for account in (*_sandbox_accounts(settings, clinic_id, demo), *(item.there for item in further)):
            _register(settings, account)
        done.append(demo.name)
    return done


def _demo_clinics() -> list[tuple[str, DemoClinic]]:
    with all_tenants():
        known = dict(db.session.execute(select(Clinic.subdomain, Clinic.id)).tuples().all())
    return [(known[demo.subdomain], demo) for demo in (*CLINICS, HARBOUR) if demo.subdomain in known]


def _save(settings: Settings, demo: DemoClinic, paypal_root: str) -> None:
    """`paypal_root`: what the certificate hangs on that signs PayPal's webhooks there."""
    sandbox = _sandbox(settings)
    wanted: list[tuple[str, str, str, dict[str, Any]]] = [
        ("payment", "razorpay", f"{sandbox}/razorpay", _razorpay(demo)),
        ("payment", "phonepe", f"{sandbox}/phonepe", _phonepe(demo)),
        ("payment", "stripe", f"{sandbox}/stripe", _stripe(demo)),
        ("payment", "paypal", f"{sandbox}/paypal", {**_paypal(demo), "webhook_root": paypal_root}),
        ("whatsapp", "whatsapp_cloud", f"{sandbox}/whatsapp", _whatsapp(demo)),
        (
            "email",
            "smtp",
            f"smtp://127.0.0.1:{settings.smtp_port}",
            {"from_address": demo.settings["email"], "from_name": demo.name},
        ),
    ]
    for channel, provider, base_url, credentials in wanted:
        _save_account(channel, provider, base_url, credentials, PRIORITIES.get(provider, 0))


def _save_account(channel: str, provider: str, base_url: str, credentials: dict[str, Any], priority: int) -> None:
    row = db.session.scalar(
        select(ProviderAccount).where(ProviderAccount.provider == provider, ProviderAccount.label == LABEL)
    )
    row = row or ProviderAccount(id=new_id(), channel=channel, provider=provider, label=LABEL)
    save_account(row, REGISTRY, credentials=credentials, base_url=base_url, priority=priority)


def _sandbox(settings: Settings) -> str:
    return f"http://127.0.0.1:{settings.sandbox_port}"


def _message_accounts(settings: Settings, demo: DemoClinic, clinic_id: str) -> list[DemoAccount]:
    try:
        return message_accounts(settings, demo, clinic_id)
    except requests.RequestException as error:
        raise SandboxAway(f"The provider sandbox on port {settings.sandbox_port} does not answer.") from error


def _razorpay(demo: DemoClinic) -> dict[str, str]:
    name = demo.subdomain
    return {
        "key_id": f"rzp_test_{name}0000001",
        "key_secret": f"{name}-demo-key-secret",
        "webhook_secret": f"{name}-demo-webhook-secret",
    }


def _phonepe(demo: DemoClinic) -> dict[str, str]:
    name = demo.subdomain
    return {
        "client_id": f"{name.upper()}_DEMO",
        "client_secret": f"{name}-demo-client-secret",
        "webhook_username": f"{name}_hook"[:20],
        "webhook_password": f"{name[:10]}Hook2026",
    }


def _stripe(demo: DemoClinic) -> dict[str, str]:
    name = demo.subdomain
    return {"secret_key": f"sk_test_{name}0000003", "webhook_secret": f"whsec_{name}-demo-webhook-secret"}


def _paypal(demo: DemoClinic) -> dict[str, str]:
    name = demo.subdomain
    return {
        "client_id": f"{name}-demo-client",
        "client_secret": f"{name}-demo-paypal-secret",
        "webhook_id": f"{name.upper()}DEMO0000004",
    }


def _whatsapp(demo: DemoClinic) -> dict[str, str]:
    name = demo.subdomain
    return {
        "phone_number_id": f"1{demo.phone_prefix}0001",
        "access_token": f"{name}-demo-access-token",
        "app_secret": f"{name}-demo-app-secret",
        "verify_token": f"{name}-demo-verify-token",
    }


def _sandbox_accounts(settings: Settings, clinic_id: str, demo: DemoClinic) -> list[dict[str, Any]]:
    razorpay, phonepe, stripe, whatsapp = _razorpay(demo), _phonepe(demo), _stripe(demo), _whatsapp(demo)
    own = f"http://127.0.0.1:{settings.port}"
    return [
        {
            "provider": "razorpay",
            "keyId": razorpay["key_id"],
            "keySecret": razorpay["key_secret"],
            "webhookSecret": razorpay["webhook_secret"],
            "webhookUrl": f"{own}/api/payments/razorpay/webhook?clinicId={clinic_id}",
        },
        {
            "provider": "phonepe",
            "clientId": phonepe["client_id"],
            "clientSecret": phonepe["client_secret"],
            "webhookUsername": phonepe["webhook_username"],
            "webhookPassword": phonepe["webhook_password"],
            "webhookUrl": f"{own}/api/payments/phonepe/webhook?clinicId={clinic_id}",
            "refundSeconds": 5,
        },
        {
            "provider": "stripe",
            "accountId": f"acct_{demo.subdomain}0000003",
            "secretKey": stripe["secret_key"],
            "webhookSecret": stripe["webhook_secret"],
            "webhookUrl": f"{own}/api/payments/stripe/webhook?clinicId={clinic_id}",
        },
        _paypal_account(f"{own}/api/payments/paypal/webhook?clinicId={clinic_id}", demo),
        {
            "provider": "whatsapp",
            "phoneNumberId": whatsapp["phone_number_id"],
            "accessToken": whatsapp["access_token"],
            "appSecret": whatsapp["app_secret"],
            "verifyToken": whatsapp["verify_token"],
            "verifiedName": demo.name,
            "webhookUrl": f"{own}/api/messaging/whatsapp_cloud/webhook?clinicId={clinic_id}",
        },
    ]


def _paypal_account(webhook_url: str, demo: DemoClinic) -> dict[str, Any]:
    paypal = _paypal(demo)
    return {
        "provider": "paypal",
        "clientId": paypal["client_id"],
        "clientSecret": paypal["client_secret"],
        "webhookId": paypal["webhook_id"],
        "webhookUrl": webhook_url,
    }


def _paypal_root(settings: Settings) -> str:
    url = f"http://127.0.0.1:{settings.sandbox_port}/paypal/v1/notifications/certs/ROOT"
    try:
        answer = requests.get(url, timeout=SECONDS)
        answer.raise_for_status()
    except requests.RequestException as error:
        raise SandboxAway(f"The provider sandbox on port {settings.sandbox_port} does not answer.") from error
    return answer.text


def _register(settings: Settings, account: dict[str, Any]) -> None:
    try:
        register(settings, account)
    except requests.RequestException as error:
        raise SandboxAway(f"The provider sandbox on port {settings.sandbox_port} does not answer.") from error
