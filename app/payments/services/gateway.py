"""From a stored account to an open adapter, and the guard that keeps its calls out of transactions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from flask_babel import gettext as _

from app.core.credentials import InvalidCredentials
from app.core.errors import Invalid, ProviderUnavailable
from app.core.money import Money
from app.core.providers import NO_ANSWER, TIMED_OUT, UNREACHABLE, UNTRUSTED, ProviderError, UnknownProvider
from app.core.tenant import db
from app.payments.gateways import gateway_with_code
from app.payments.gateways.base import Gateway
from app.payments.models import Payment
from app.payments.services.health import note_gateway
from app.tenancy.providers import ResolvedAccount, account_with_id, accounts_for, environment_account
from config import Settings

CHANNEL = "payment"
SILENCE = frozenset({UNREACHABLE, TIMED_OUT, NO_ANSWER, UNTRUSTED})
T = TypeVar("T")


class CallInsideTransaction(RuntimeError):
    """A gateway was about to be called while a transaction is open: a bug of the caller."""


def choose_account(
    provider: str | None = None, amount: Money | None = None, *, reserve: bool = False
) -> ResolvedAccount:
    """The clinic's account for a new payment: the first (of the wanted provider) that can take the amount.

    Where none can, it is the primary: whoever checks the amount says what is wrong. Raises Invalid without any.
    """
    found = accounts_for(CHANNEL, provider)
    if not found:
        raise Invalid(_("No payment gateway is set up."), code="NO_GATEWAY", fields={"provider": _("not set up")})
    return next((account for account in found if amount and _takes(account, amount, reserve)), found[0])


def providers_for(amount: Money) -> list[str]:
    """Where a payer can choose to pay an amount, the clinic's primary gateway in front."""
    return list(dict.fromkeys(item.provider for item in accounts_for(CHANNEL) if _takes(item, amount, reserve=False)))


def next_account(payment: Payment) -> ResolvedAccount | None:
    """The fallback after a payment's account, in the clinic's order, that can take the payment too."""
    found = accounts_for(CHANNEL)
    ids = [account.id for account in found]
    after = found[ids.index(payment.account_id) + 1 :] if payment.account_id in ids else []
    return next((account for account in after if _takes(account, payment.amount, payment.manual_capture)), None)


def _takes(account: ResolvedAccount, amount: Money, reserve: bool) -> bool:
    gateway = gateway_with_code(account.provider)
    try:
        gateway.check_charge(amount)
    except ProviderError:
        return False
    return gateway.capabilities.manual_capture or not reserve


def open_gateway(account_id: str | None) -> Gateway[Any]:
    """The adapter of a payment's account. Reads the database: use it before the call, not around it."""
    if account_id is None:
        raise ProviderUnavailable(_("This payment has no gateway account."))
    return open_account(account_with_id(account_id))


def open_account(account: ResolvedAccount) -> Gateway[Any]:
    """Raises ProviderUnavailable where the account's credentials no longer fit its adapter."""
    try:
        return gateway_with_code(account.provider).open(account.credentials, base_url=account.base_url)
    except (UnknownProvider, InvalidCredentials):
        raise ProviderUnavailable(_("The account at %(provider)s is not set up.", provider=account.provider)) from None


def call(gateway: Gateway[Any], work: Callable[[], T]) -> T:
    """Run the calls to a gateway, and remember whether it answers. Raises ProviderError, CallInsideTransaction."""
    if db.session().in_transaction():
        raise CallInsideTransaction
    try:
        answer = work()
    except ProviderError as error:
        note_gateway(gateway.code, up=error.code not in SILENCE)
        raise
    note_gateway(gateway.code, up=True)
    return answer


def unavailable(error: ProviderError, **extra: Any) -> ProviderUnavailable:
    """The failure as its user sees it; the gateway's own words are for staff and stand on the operation."""
    return ProviderUnavailable(code="GATEWAY_UNAVAILABLE", reason=error.code, **extra)


@environment_account(CHANNEL, "razorpay")
def razorpay_from_environment(settings: Settings) -> dict[str, str] | None:
    """RAZORPAY_KEY_ID, RAZORPAY_KEY_SECRET and RAZORPAY_WEBHOOK_SECRET make the global account."""
    if not settings.razorpay_key_id or settings.razorpay_key_secret is None:
        return None
    secrets = {"key_id": settings.razorpay_key_id, "key_secret": settings.razorpay_key_secret.get_secret_value()}
    if settings.razorpay_webhook_secret is not None:
        secrets["webhook_secret"] = settings.razorpay_webhook_secret.get_secret_value()
    return secrets


@environment_account(CHANNEL, "phonepe")
def phonepe_from_environment(settings: Settings) -> dict[str, str] | None:
    """PHONEPE_CLIENT_ID, PHONEPE_CLIENT_SECRET and PHONEPE_HMAC_SECRET (of the webhook) make the global account."""
    if not settings.phonepe_client_id or settings.phonepe_client_secret is None:
        return None
    secrets = {
        "client_id": settings.phonepe_client_id,
        "client_secret": settings.phonepe_client_secret.get_secret_value(),
    }
    if settings.phonepe_hmac_secret is not None:
        secrets["hmac_secret"] = settings.phonepe_hmac_secret.get_secret_value()
    return secrets


@environment_account(CHANNEL, "stripe")
def stripe_from_environment(settings: Settings) -> dict[str, str] | None:
    """STRIPE_SECRET_KEY and STRIPE_WEBHOOK_SECRET make the global account."""
    if settings.stripe_secret_key is None:
        return None
    secrets = {"secret_key": settings.stripe_secret_key.get_secret_value()}
    if settings.stripe_webhook_secret is not None:
        secrets["webhook_secret"] = settings.stripe_webhook_secret.get_secret_value()
    return secrets
