"""What an account at PayPal needs."""

from __future__ import annotations

from pydantic import SecretStr, field_validator

from app.core.credentials import CredentialModel, credential
from app.core.providers import N_
from app.payments.gateways.paypal_certificates import is_certificate


class PayPalCredentials(CredentialModel):
    """The REST app and its webhook. `webhook_root` is for a stand-in of PayPal only."""

    client_id: str = credential(N_("Client id"), min_length=1)
    client_secret: SecretStr = credential(N_("Client secret"), min_length=1)
    webhook_id: str | None = credential(
        N_("Webhook id"), default=None, help_text=N_("Without it payments are found only by asking PayPal.")
    )
    webhook_root: str | None = credential(
        N_("Root certificate of webhooks"),
        default=None,
        help_text=N_("Empty for PayPal itself. A test stand-in signs with a root of its own."),
        multiline=True,
        trust=True,
    )

    @field_validator("webhook_root")
    @classmethod
    def _is_certificate(cls, value: str | None) -> str | None:
        if value and not is_certificate(value):
            raise ValueError(N_("This is not a certificate in PEM form."))
        return value or None
