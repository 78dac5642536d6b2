"""API of the clinic's payment accounts (SPEC TEN-2)."""

from __future__ import annotations

from typing import Any

from flask_babel import gettext as _

from app.core.api import Api, Body, endpoint
from app.core.errors import NotFound
from app.core.ids import is_id
from app.core.tenant import db
from app.core.transaction import unit_of_work
from app.payments.gateways import GATEWAYS
from app.tenancy.channel_config import ChannelBody, channel_config, save_channel_config
from app.tenancy.models import ProviderAccount
from app.tenancy.providers import test_account

CHANNEL = "payment"


class PaymentConfig(Body):
    payment: ChannelBody


class AccountToTest(Body):
    """Without an id the primary account is tested."""

    account_id: str | None = None


class PaymentConfigApi(Api):
    """Accounts at payment gateways, the primary first."""

    openapi_tag = "Payment accounts"

    @endpoint("GET", "/billing/config", resource="provider_account", action="read")
    def config(self) -> dict[str, Any]:
        """The clinic's payment accounts, secrets masked."""
        return _shown()

    @endpoint("PUT", "/billing/config", resource="provider_account", action="update", body=PaymentConfig)
    def change(self, body: PaymentConfig) -> dict[str, Any]:
        """Set the primary account and its fallbacks; a masked secret keeps its value."""
        save_channel_config(CHANNEL, body.payment, GATEWAYS)
        return _shown()

    @endpoint(
        "POST", "/billing/config/test", resource="provider_account", action="test", body=AccountToTest, steps=True
    )
    def test(self, body: AccountToTest) -> dict[str, Any]:
        """Make a real call to a gateway with the stored credentials."""
        with unit_of_work():
            account_id = _account(body.account_id)
        report = test_account(account_id, GATEWAYS)
        return {"ok": report.ok, "result": str(report.result), "message": _(report.text), "detail": report.detail}


def _shown() -> dict[str, Any]:
    return {CHANNEL: channel_config(CHANNEL, GATEWAYS)}


def _account(account_id: str | None) -> str:
    """An account of this clinic. Raises NotFound."""
    if account_id is None:
        primary = channel_config(CHANNEL, GATEWAYS)["primary"]
        if primary is None:
            raise NotFound(_("No payment account is set up."))
        return str(primary["id"])
    row = db.session.get(ProviderAccount, account_id) if is_id(account_id) else None
    if row is None or row.channel != CHANNEL:
        raise NotFound
    return row.id
