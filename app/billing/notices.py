"""What billing tells people: patients about their invoices and refunds, staff about money that waits for them."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import select

from app.access.models import Member, User
from app.billing.models import OWED, Invoice
from app.billing.services.files import ensure_pdf
from app.billing.services.pay_links import make_pay_link
from app.core.formatting import money
from app.core.i18n import written_for
from app.core.ids import new_id
from app.core.money import Money
from app.core.tenant import db
from app.messaging.models import Channel, Message
from app.messaging.services import push_addresses, queue_message
from app.people.models import ContactChannel, Patient
from app.tenancy.queries import clinic_in_scope

MONEY_ROLES = ("FINANCE_BILLING", "CLINIC_ADMIN")
DESK_ROLES = (*MONEY_ROLES, "RECEPTIONIST")


def tell_paid(invoice: Invoice) -> list[Message]:
    """The paid invoice by WhatsApp and e-mail: one message per channel, however often it is asked for."""
    if wants_peace(invoice.patient):
        return []
    document = ensure_pdf(invoice.id)
    return [
        _send(invoice, channel, to, "invoice_paid", invoice.amount_paid, document.id, f"invoice-paid:{invoice.id}")
        for channel, to in addresses(invoice.patient)
    ]


def send_invoice(invoice: Invoice, channel: Channel) -> Message | None:
    """The invoice as it stands now, because somebody asks for it; None where the patient has no such address.

    What is still due is asked for with a pay link.
    """
    to = dict(addresses(invoice.patient)).get(channel)
    if to is None:
        return None
    document = ensure_pdf(invoice.id)
    key = f"invoice-sent:{new_id()}"
    if invoice.status in OWED and invoice.amount_due:
        _link, address = make_pay_link(invoice)
        return _send(invoice, channel, to, "invoice_due", invoice.amount_due, document.id, key, link=address)
    return _send(invoice, channel, to, "invoice_paid", invoice.amount_paid, document.id, key)


def ask_for_fee(invoice: Invoice, visit_fee_id: str) -> None:
    """A missed or late visit's fee with a pay link, once per channel."""
    if wants_peace(invoice.patient):
        return
    document = ensure_pdf(invoice.id)
    _link, address = make_pay_link(invoice)
    for channel, to in addresses(invoice.patient):
        key = f"visit-fee:{visit_fee_id}"
        _send(invoice, channel, to, "invoice_due", invoice.amount_due, document.id, key, link=address)


def tell_refunded(patient: Patient, amount: Money, number: str, refund_id: str) -> None:
    """The patient has the money back."""
    if wants_peace(patient):
        return
    variables = {**_about(patient, amount), "number": number}
    for channel, to in addresses(patient):
        queue_message(
            channel,
            to,
            "refund_settled",
            variables,
            dedupe_key=f"refund-settled:{refund_id}",
            patient_id=patient.id,
            language=patient.language,
        )


def alert_staff(template: str, variables: dict[str, str], key: str, roles: tuple[str, ...] = MONEY_ROLES) -> None:
    """An in-app message to everybody who can act on it; the same `key` alerts nobody twice."""
    members = select(User.id, User.language).join(Member, Member.user_id == User.id)
    for user_id, language in db.session.execute(members.where(Member.role.in_(roles), Member.active.is_(True))):
        queue_message(
            Channel.IN_APP,
            user_id,
            template,
            variables,
            dedupe_key=f"{key}:{user_id}",
            user_id=user_id,
            language=language,
            priority="HIGH",
        )


def tell_user(user_id: str, template: str, variables: dict[str, str], key: str) -> None:
    """An in-app message to one person."""
    queue_message(
        Channel.IN_APP,
        user_id,
        template,
        variables,
        dedupe_key=f"{template}:{key}:{user_id}",
        user_id=user_id,
        language=db.session.scalar(select(User.language).where(User.id == user_id)) or "en",
    )


def wants_peace(patient: Patient) -> bool:
    """Nothing is sent by itself; what they ask for at the desk still is."""
    return patient.preferred_channel == ContactChannel.NONE


def addresses(patient: Patient) -> Iterator[tuple[Channel, str]]:
    """Where a patient's documents go."""
    if patient.phone:
        yield Channel.WHATSAPP, patient.phone
    if patient.email:
        yield Channel.EMAIL, patient.email
    yield from ((Channel.PUSH, device) for device in push_addresses(patient.id))


def _send(
    invoice: Invoice, channel: Channel, to: str, template: str, amount: Money, document_id: str, key: str, **more: str
) -> Message:
    patient: Patient = invoice.patient
    return queue_message(
        channel,
        to,
        template,
        {**_about(patient, amount), "number": invoice.number or "", **more},
        dedupe_key=key,
        patient_id=patient.id,
        attachments=[document_id],
        language=patient.language,
    )


def _about(patient: Patient, amount: Money) -> dict[str, str]:
    with written_for(patient.language):
        return {"patient": patient.name, "amount": money(amount), "clinic": clinic_in_scope().name}
