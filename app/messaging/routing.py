"""Which event goes out on which channels (SPEC EVT-4): one table; a clinic may switch its entries off.

Patterns are those of listeners: `ehr.**` is everything below ehr. Of several that match, the longest counts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from flask_babel import lazy_gettext as _

from app.events.base import matches
from app.messaging.models import Channel
from app.messaging.rules import Rules

PUSH, EMAIL, WHATSAPP, SMS, IN_APP = Channel.PUSH, Channel.EMAIL, Channel.WHATSAPP, Channel.SMS, Channel.IN_APP
EVERY = tuple(Channel)


@dataclass(frozen=True)
class Route:
    """The channels of the events that `pattern` matches. `preferred`: WhatsApp or SMS takes the place of mail for
    patients who prefer it or have no mail address.
    """

    pattern: str
    title: Any
    channels: tuple[Channel, ...]
    priority: str = "NORMAL"
    preferred: bool = False


ROUTES = (
    Route("appointment.**", _("Visits"), (IN_APP, PUSH, EMAIL), preferred=True),
    Route("appointment.reminder.due", _("Reminders of visits"), (IN_APP, PUSH, EMAIL), preferred=True),
    Route("queue.token.**", _("The queue: you are next"), (IN_APP, PUSH, WHATSAPP, SMS), "HIGH", preferred=True),
    Route("ehr.**", _("Records"), (IN_APP, PUSH, EMAIL)),
    Route("ehr.vital.created", _("New vital signs"), (IN_APP, PUSH, EMAIL), "HIGH"),
    Route("ehr.vital.critical", _("Critical vital signs"), EVERY, "CRITICAL"),
    Route("billing.**", _("Billing"), (PUSH, EMAIL)),
    Route("billing.invoice.**", _("Invoices"), (PUSH, EMAIL, WHATSAPP)),
    Route("billing.subscription.**", _("Subscriptions"), (PUSH, EMAIL, WHATSAPP)),
    Route("payment.refunded", _("Refunds"), (PUSH, EMAIL, WHATSAPP)),
)
# What a clinic cannot switch off: somebody's life may hang on it.
ALWAYS = frozenset({"ehr.vital.critical"})

# The event that each template tells of. What is not here is asked for by a person, or is for staff in the console.
EVENT_OF: Mapping[str, str] = {
    "appointment_confirmed": "appointment.confirmed",
    "appointment_cancelled": "appointment.cancelled",
    "appointment_rescheduled": "appointment.rescheduled",
    "appointment_declined": "appointment.declined",
    "appointment_reminder": "appointment.reminder.due",
    "slot_offered": "appointment.slot.offered",
    "queue_next": "queue.token.next",
    "invoice_paid": "billing.invoice.paid",
    "invoice_due": "billing.invoice.created",
    "invoice_overdue": "billing.invoice.overdue",
    "instalment_due": "billing.invoice.overdue",
    "refund_settled": "payment.refunded",
    "subscription_confirmed": "billing.subscription.created",
    "subscription_due": "billing.subscription.updated",
    "subscription_unpaid": "billing.subscription.updated",
    "subscription_cancelled": "billing.subscription.cancelled",
}


def route_of(event_type: str) -> Route | None:
    """The most particular entry for an event."""
    found = [route for route in ROUTES if matches(route.pattern, event_type)]
    return max(found, key=lambda route: len(route.pattern), default=None)


def channels_of(event_type: str, rules: Rules) -> tuple[Channel, ...]:
    """The channels on which the clinic wants an event to be told."""
    route = route_of(event_type)
    if route is None:
        return ()
    return tuple(channel for channel in route.channels if not switched_off(route, channel, rules))


def switched_off(route: Route, channel: str, rules: Rules) -> bool:
    return route.pattern not in ALWAYS and switch(route.pattern, channel) in rules.switched_off


def switch(pattern: str, channel: str) -> str:
    """How the rules name one entry of the table."""
    return f"{pattern}:{channel}"


def switches() -> Iterator[tuple[Route, Channel]]:
    """Every entry that a clinic may switch off; a preferred route is also taken by WhatsApp and SMS."""
    for route in ROUTES:
        if route.pattern in ALWAYS:
            continue
        for channel in Channel:
            if channel in route.channels or (route.preferred and channel in (WHATSAPP, SMS)):
                yield route, channel


def template_switched_off(template: str, channel: str, rules: Rules) -> bool:
    """Whether the clinic wants nothing of this sort on this channel."""
    route = route_of(EVENT_OF.get(template, ""))
    return route is not None and switched_off(route, channel, rules)


def priority_of(template: str) -> str:
    route = route_of(EVENT_OF.get(template, ""))
    return route.priority if route is not None else "NORMAL"
