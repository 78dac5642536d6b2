"""Rules, wishes and wording of messages, and addresses that nothing is sent to: what the screens of messages show."""

from __future__ import annotations

from datetime import time, timedelta

from sqlalchemy import select

from app.core import clock
from app.core.tenant import db
from app.messaging.models import SuppressionReason
from app.messaging.preferences import set_preference
from app.messaging.rules import change_rules
from app.messaging.suppression import suppress
from app.messaging.wording import save_wording
from app.people.models import Patient

# In the order in which providers tell: channel, address, why, who says so.
UNREACHABLE = (
    ("email", "old.mailbox@example.net", SuppressionReason.BOUNCED, "smtp:550"),
    ("email", "no.more@example.net", SuppressionReason.COMPLAINED, "ses:complaint"),
    ("sms", "+919000000017", SuppressionReason.OPTED_OUT, "twilio:STOP"),
    ("whatsapp", "+919000000018", SuppressionReason.INVALID, "whatsapp_cloud:131026"),
)
RECEIPT = "Dear {{ patient }},\n\nthank you for your visit. Your receipt for invoice {{ number }} is attached.\n\n{{ clinic }}"


def add_correspondence() -> None:
    """For the clinic in scope. Quiet hours stay off: whoever tries the demo at night wants to see messages leave."""
    change_rules(whatsapp_cost="0.88", sms_cost="0.25", email_cost="0.02", daily_cap="5000")
    for channel, address, reason, source in UNREACHABLE:
        suppress(channel, address, reason, source=source)
    rest = clock.now() + timedelta(days=7)
    suppress("email", "full.mailbox@example.net", SuppressionReason.UNREACHABLE, source="smtp:452", until=rest)
    some = db.session.scalars(select(Patient.id).order_by(Patient.mrn).offset(30).limit(2)).all()
    set_preference(patient_id=some[0], muted=["sms", "push"])
    set_preference(patient_id=some[1], digest=True, quiet_from=time(21), quiet_until=time(8))
    save_wording("invoice_paid", "email", "en", subject="Your receipt for invoice {{ number }}", body=RECEIPT)
