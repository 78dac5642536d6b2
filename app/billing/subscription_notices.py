"""What patients hear of their subscriptions, by WhatsApp and e-mail."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from flask_babel import gettext as _
from sqlalchemy import select

from app.billing.models import OWED, Invoice, Subscription
from app.billing.notices import addresses, wants_peace
from app.billing.papers import day_text
from app.billing.periods import period_name
from app.billing.services.pay_links import make_pay_link
from app.core import clock
from app.core.formatting import money
from app.core.i18n import written_for
from app.core.ids import new_id
from app.core.state import WrongState
from app.core.tenant import db
from app.messaging.models import Message
from app.messaging.services import queue_message
from app.people.models import Patient
from app.tenancy.queries import clinic_in_scope

# Whoever has a period billed in order to pay it is at the checkout now, and is asked only if they leave it.
PAYING_TIME = timedelta(minutes=30)


def confirm_subscription(subscription: Subscription) -> list[Message]:
    """The confirmation of a new subscription: one message per channel, however often it is asked for."""
    if wants_peace(subscription.patient):
        return []
    return _confirm(subscription, f"subscription-confirmed:{subscription.id}")


def confirm_again(subscription: Subscription) -> list[Message]:
    """The confirmation once more, because somebody asks for it; none where the patient has no address.

    Raises WrongState for one that has ended: nothing is to be confirmed any more.
    """
    if not subscription.live:
        raise WrongState(_("This subscription has ended."), status=subscription.status)
    return _confirm(subscription, f"subscription-confirmed:{subscription.id}:{new_id()}")


def _confirm(subscription: Subscription, key: str) -> list[Message]:
    with written_for(subscription.patient.language):
        price = f"{money(subscription.price)} / {period_name(subscription.period)}"
        visits = _("unlimited") if subscription.quota is None else str(subscription.quota)
    return _send(subscription, "subscription_confirmed", {"price": price, "visits": visits}, key)


def tell_payment_due(subscription: Subscription, invoice_id: str, step: int) -> list[Message]:
    """What is owed, with a link to pay it; once per bill and step. Nothing for what is settled before it leaves."""
    invoice = db.session.scalar(select(Invoice).where(Invoice.id == invoice_id))
    if invoice is None or invoice.status not in OWED or wants_peace(subscription.patient):
        return []
    key = f"subscription-due:{invoice.id}:{step}"
    _link, address = make_pay_link(invoice)
    with written_for(subscription.patient.language):
        variables = {
            "invoice_id": invoice.id,
            "amount": money(invoice.amount_due),
            "link": address,
            "due": day_text(invoice.due_on) if invoice.due_on else "",
        }
    if step:
        return _send(subscription, "subscription_unpaid", variables, key)
    return _send(subscription, "subscription_due", variables, key, clock.now() + PAYING_TIME)


def tell_cancelled(subscription: Subscription) -> list[Message]:
    """Once per channel."""
    if wants_peace(subscription.patient):
        return []
    return _send(subscription, "subscription_cancelled", {}, f"subscription-cancelled:{subscription.id}")


def _send(
    subscription: Subscription, template: str, variables: Mapping[str, str], key: str, send_at: datetime | None = None
) -> list[Message]:
    patient: Patient = subscription.patient
    known = {"patient": patient.name, "plan": subscription.plan.name, "clinic": clinic_in_scope().name, **variables}
    return [
        queue_message(
            channel,
            to,
            template,
            known,
            dedupe_key=key,
            patient_id=patient.id,
            language=patient.language,
            send_at=send_at,
        )
        for channel, to in addresses(patient)
    ]
