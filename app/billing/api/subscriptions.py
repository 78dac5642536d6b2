"""API of subscriptions (SPEC BIL-2)."""

from __future__ import annotations

from typing import Any

from flask_babel import gettext as _

from app.billing.api.bodies import PayBody, amount_of
from app.billing.api.subscription_bodies import CancelBody, NewSubscription, SubscriptionChanges, SubscriptionQuery
from app.billing.api.subscription_shapes import show_subscription, show_subscription_row, show_usage
from app.billing.models import Subscription
from app.billing.queries import patient_of_user
from app.billing.services import begin_invoice_payment
from app.billing.services.autopay import set_autopay
from app.billing.services.plan_changes import change_plan_at_once, change_plan_later
from app.billing.services.subscription_locks import lock_row
from app.billing.services.subscriptions import (
    cancel_subscription,
    invoice_to_pay,
    renew_subscription,
    reset_quota,
    set_terms,
    subscribe,
)
from app.billing.subscription_notices import confirm_again
from app.billing.subscription_queries import (
    active_subscription,
    get_plan,
    get_subscription,
    subscription_rows,
    usage_of,
)
from app.core.api import Api, endpoint
from app.core.cache.regions import USER_SUBSCRIPTIONS
from app.core.errors import Conflict, Forbidden, Invalid, NotFound
from app.core.paging import is_first_page, page
from app.core.principal import own_patient_id
from app.core.transaction import unit_of_work
from app.payments.queries import get_payment
from app.payments.services import start_checkout
from app.tenancy.cache import kept

SUBSCRIPTION = "/billing/subscriptions/<id:subscription_id>"


class SubscriptionApi(Api):
    """Who has which plan; a PATIENT sees and changes their own."""

    openapi_tag = "Subscriptions"

    @endpoint(
        "POST", "/billing/subscriptions", resource="subscription", action="create", body=NewSubscription, status=201,
        idempotent=True,
    )  # fmt: skip
    def create(self, body: NewSubscription) -> dict[str, Any]:
        """Subscribe: a trial, or the first bill; the plan's period begins when that is paid."""
        try:
            plan = get_plan(body.plan_id)
        except NotFound:
            raise Invalid(fields={"planId": _("There is no such plan.")}) from None
        return show_subscription(subscribe(_patient_of(body), plan, auto_renew=body.auto_renew))

    @endpoint("GET", "/billing/subscriptions", resource="subscription", action="read", query=SubscriptionQuery)
    def subscriptions(self, query: SubscriptionQuery) -> dict[str, Any]:
        """Subscriptions, the newest first; a patient's own."""
        return _page(query, query.patient_id)

    @endpoint("GET", "/billing/subscriptions/user/<id:user_id>", resource="subscription", action="read",
              query=SubscriptionQuery)  # fmt: skip
    def subscriptions_of_user(self, user_id: str, query: SubscriptionQuery) -> dict[str, Any]:
        """Subscriptions of a user or patient, the newest first."""
        patient_id = patient_of_user(user_id)
        if not is_first_page(query):
            return _page(query, patient_id)
        name = f"{patient_id}:{query.limit}"
        answer: dict[str, Any] = kept(USER_SUBSCRIPTIONS, name, lambda: _page(query, patient_id), part=patient_id)
        return answer

    @endpoint("GET", "/billing/subscriptions/user/<id:user_id>/active", resource="subscription", action="read")
    def active_of_user(self, user_id: str) -> dict[str, Any]:
        """The subscription that pays for a user's or patient's visits now; 404 if there is none."""
        return show_subscription(active_subscription(patient_of_user(user_id)))

    @endpoint("GET", SUBSCRIPTION, resource="subscription", action="read")
    def subscription(self, subscription_id: str) -> dict[str, Any]:
        """One subscription with what is owed for it."""
        return show_subscription(get_subscription(subscription_id))

    @endpoint("PUT", SUBSCRIPTION, resource="subscription", action="update", body=SubscriptionChanges)
    def change(self, subscription_id: str, body: SubscriptionChanges) -> dict[str, Any]:
        """Change the plan, the unused part of the old one paying for the new; or whether it renews."""
        get_subscription(subscription_id)
        if body.auto_renew is not None:
            set_terms(lock_row(subscription_id), auto_renew=body.auto_renew)
        if "autopay_method_id" in body.model_fields_set:
            set_autopay(lock_row(subscription_id), body.autopay_method_id)
        if body.plan_id is not None:
            _change_plan(subscription_id, body.plan_id, body.at_period_end)
        return show_subscription(get_subscription(subscription_id))

    @endpoint("POST", f"{SUBSCRIPTION}/cancel", resource="subscription", action="cancel", body=CancelBody,
              idempotent=True)  # fmt: skip
    def cancel(self, subscription_id: str, body: CancelBody) -> dict[str, Any]:
        """End it now, or with the period that is paid."""
        get_subscription(subscription_id)
        if body.credit_unused and own_patient_id() is not None:
            raise Forbidden(_("Please ask the clinic about the unused part."))
        ended = cancel_subscription(
            subscription_id, body.reason, at_period_end=body.at_period_end, give_unused_back=body.credit_unused
        )
        return show_subscription(ended)

    @endpoint("POST", f"{SUBSCRIPTION}/renew", resource="subscription", action="renew", idempotent=True)
    def renew(self, subscription_id: str) -> dict[str, Any]:
        """Bill the next period now; it begins, with a new quota, when it is paid."""
        get_subscription(subscription_id)
        return show_subscription(renew_subscription(subscription_id))

    @endpoint("POST", f"{SUBSCRIPTION}/reset-quota", resource="subscription", action="reset-quota", idempotent=True)
    def reset_quota(self, subscription_id: str) -> dict[str, Any]:
        """The whole quota again within the same period."""
        return show_subscription(reset_quota(get_subscription(subscription_id).id))

    @endpoint("POST", f"{SUBSCRIPTION}/send-confirmation", resource="subscription", action="send-confirmation",
              idempotent=True)  # fmt: skip
    def send_confirmation(self, subscription_id: str) -> dict[str, Any]:
        """Send the confirmation once more, by WhatsApp and e-mail."""
        messages = confirm_again(get_subscription(subscription_id))
        if not messages:
            raise Conflict(_("The patient has no address for this."), code="NO_ADDRESS")
        sent = [{"id": item.id, "channel": item.channel, "status": item.status} for item in messages]
        return {"subscriptionId": subscription_id, "messages": sent}

    @endpoint(
        "POST", f"{SUBSCRIPTION}/process-payment", resource="subscription", action="process-payment", body=PayBody,
        status=201, idempotent=True, steps=True,
    )  # fmt: skip
    def pay(self, subscription_id: str, body: PayBody) -> dict[str, Any]:
        """Begin to pay what is due on the gateway's hosted page; in a trial the first period is billed now."""
        with unit_of_work():
            get_subscription(subscription_id)
            amount = amount_of(body.amount, body.currency)
            invoice = invoice_to_pay(subscription_id)
            payment_id = begin_invoice_payment(invoice, provider=body.provider, amount=amount).id
        return _checkout(subscription_id, payment_id)

    @endpoint("GET", f"{SUBSCRIPTION}/usage-stats", resource="subscription", action="read")
    def usage_stats(self, subscription_id: str) -> dict[str, Any]:
        """How much of the quota is used, and what became of covered visits."""
        subscription = get_subscription(subscription_id)
        return show_usage(subscription, usage_of(subscription))


def _patient_of(body: NewSubscription) -> str:
    """Whoever is named; a PATIENT who names nobody is meant themselves. Raises Invalid, NotFound."""
    if body.patient_id is not None:
        return body.patient_id
    named = patient_of_user(body.user_id) if body.user_id is not None else own_patient_id()
    if named is None:
        raise Invalid(fields={"patientId": _("Say who subscribes.")})
    return named


def _change_plan(subscription_id: str, plan_id: str, later: bool) -> Subscription:
    try:
        plan = get_plan(plan_id)
    except NotFound:
        raise Invalid(fields={"planId": _("There is no such plan.")}) from None
    return (change_plan_later if later else change_plan_at_once)(subscription_id, plan)


def _page(query: SubscriptionQuery, patient_id: str | None) -> dict[str, Any]:
    rows = subscription_rows(statuses=query.status, patient_id=patient_id, plan_id=query.plan_id)
    return page(rows, [Subscription.created_at, Subscription.id], query, show_subscription_row, descending=True)


def _checkout(subscription_id: str, payment_id: str) -> dict[str, Any]:
    """Open the hosted page, outside any transaction. After ProviderUnavailable the next try takes up this payment."""
    checkout = start_checkout(payment_id)
    payment = get_payment(payment_id)
    return {
        "paymentId": payment.id,
        "subscriptionId": subscription_id,
        "invoiceId": payment.invoice_id,
        "provider": checkout.provider,
        "orderId": checkout.order_id,
        "checkoutUrl": checkout.page_url,
        "status": payment.status,
        "amount": payment.amount.to_json(),
        "currency": payment.currency,
    }
