"""What billing tells people: patients about their invoices and refunds, staff about money that waits for them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sqlalchemy import select

from app.access.models import Member, User
from app.billing.models import OWED, Instalment, Invoice
from app.billing.queries import invoices_of_payment
from app.billing.services.files import ensure_pdf
from app.billing.services.pay_links import make_pay_link
from app.core.formatting import money
from app.core.i18n import written_for
from app.core.ids import new_id
from app.core.money import Money
from app.core.tenant import db
from app.messaging.conditions import leaves_only_if
from app.messaging.models import Channel, Message
from app.messaging.services import push_addresses, queue_message
from app.payments.models import Payment
from app.people.models import ContactChannel, Patient
from app.tenancy.queries import clinic_in_scope

MONEY_ROLES = ("FINANCE_BILLING", "CLINIC_ADMIN")
DESK_ROLES = (*MONEY_ROLES, "RECEPTIONIST")
LETTERS = (Channel.WHATSAPP, Channel.EMAIL)


def tell_paid(invoice: Invoice) -> list[Message]:
    """The paid invoice by WhatsApp and e-mail: one message per channel, however often it is asked for."""
    if wants_peace(invoice.patient):
        return []
    document = ensure_pdf(invoice.id)
    return [
        _send(invoice, channel, to, "invoice_paid", invoice.amount_paid, document.id, _paid_key(invoice.id))
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


def ask_after_return(invoice: Invoice, refund_id: str) -> None:
    """What is due again of an invoice whose cheque came back, with a pay link; once per invoice and channel."""
    if wants_peace(invoice.patient) or invoice.status not in OWED or not invoice.amount_due:
        return
    document = ensure_pdf(invoice.id)
    _link, address = make_pay_link(invoice)
    for channel, to in addresses(invoice.patient):
        key = _returned_key(refund_id, invoice.id)
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
            dedupe_key=_refunded_key(refund_id),
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


@leaves_only_if("invoice_due", "invoice_overdue", "instalment_due", "subscription_due", "subscription_unpaid")
def is_still_owed(message: Message) -> bool:
    """Nobody is asked for what was paid or called off while the message waited.

    Nothing is locked: a payment may hold several invoices, and one batch asks about many.
    """
    invoice_id, instalment_id = (message.variables.get(name) for name in ("invoice_id", "instalment_id"))
    wanted = select(Invoice.id).where(Invoice.id == invoice_id, Invoice.status.in_(OWED))
    if instalment_id:
        unpaid = Instalment.paid_minor < Instalment.amount_minor
        wanted = wanted.where(select(Instalment.id).where(Instalment.id == instalment_id, unpaid).exists())
    return invoice_id is None or db.session.scalar(wanted) is not None


def told_of(payments: Sequence[Payment]) -> list[Message]:
    """What patients were told in letters about payments and what became of them, the first in front."""
    keys = []
    for payment in payments:
        settled = [invoice.id for invoice in invoices_of_payment(payment.id)]
        keys += [_paid_key(invoice_id) for invoice_id in settled]
        keys += [_refunded_key(refund.id) for refund in payment.refunds]
        keys += [_returned_key(refund.id, invoice_id) for refund in payment.refunds for invoice_id in settled]
    wanted = select(Message).where(Message.channel.in_(LETTERS), Message.dedupe_key.in_(keys))
    return list(db.session.scalars(wanted.order_by(Message.created_at, Message.id)))


def _paid_key(invoice_id: str) -> str:
    return f"invoice-paid:{invoice_id}"


def _refunded_key(refund_id: str) -> str:
    return f"refund-settled:{refund_id}"


def _returned_key(refund_id: str, invoice_id: str) -> str:
    return f"cheque-returned:{refund_id}:{invoice_id}"


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
        {**_about(patient, amount), "number": invoice.number or "", "invoice_id": invoice.id, **more},
        dedupe_key=key,
        patient_id=patient.id,
        attachments=[document_id],
        language=patient.language,
    )


def _about(patient: Patient, amount: Money) -> dict[str, str]:
    with written_for(patient.language):
        return {"patient": patient.name, "amount": money(amount), "clinic": clinic_in_scope().name}
