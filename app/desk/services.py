"""The desk's own verbs: each joins verbs of several slices into one step of its work. Callers commit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from flask_babel import gettext as _

from app.billing.models import InvoiceStatus
from app.billing.services.checkout import Collected, collect_at_desk
from app.billing.services.invoices import open_invoice
from app.billing.services.pay_links import make_pay_link
from app.billing.services.split_tender import Part, SplitCollected, collect_split
from app.billing.services.visits import invoice_for_visit
from app.core.amounts import read_money
from app.core.errors import Conflict, Invalid
from app.core.formatting import money
from app.core.money import Money
from app.messaging.models import Channel
from app.messaging.services import queue_message
from app.payments.models import TenderKind
from app.people.models import ContactChannel, Patient
from app.scheduling.models import Appointment
from app.tenancy.queries import clinic_in_scope, settings_in_scope

REFERENCED = (TenderKind.UPI, TenderKind.CARD_TERMINAL)
# Two cards, since families pay with more than one.
SPLIT_WAYS = (
    TenderKind.CASH,
    TenderKind.UPI,
    TenderKind.CARD_TERMINAL,
    TenderKind.CARD_TERMINAL,
    TenderKind.CHEQUE,
)


@dataclass(frozen=True)
class Taken:
    """Money taken for a visit, and what the patient gets back of the cash they gave."""

    collected: Collected
    change: Money


class NoAddress(Conflict):
    """The patient can be reached neither by telephone nor by e-mail."""

    code = "NO_ADDRESS"


def read_amount(text: str, field: str) -> Money:
    """An amount as it is typed, in the clinic's currency. Raises Invalid."""
    return read_money(text, settings_in_scope().currency, field)


def take_tender(
    visit: Appointment, tender: str, amount: Money, *, tendered: Money | None = None, reference: str = ""
) -> Taken:
    """Take money for a visit at the desk. Raises Invalid, AlreadyPaid, NotPayable, NoPrice."""
    if tender not in (TenderKind.CASH, *REFERENCED):
        raise Invalid(fields={"method": _("This is not taken at the desk.")})
    if tender in REFERENCED and not reference:
        raise Invalid(fields={"reference": _("Type the reference of the transfer or the slip.")})
    if tendered is not None and tendered < amount:
        raise Invalid(fields={"tendered": _("This is less than the amount to collect.")})
    collected = collect_at_desk(visit, tender, amount, reference, tendered=tendered)
    return Taken(collected, tendered - amount if tendered is not None else Money.zero(amount.currency))


def take_split(visit: Appointment, typed: Sequence[tuple[str, str]]) -> SplitCollected:
    """Take exactly what is due, in parts; an amount and what stands beside it for each of SPLIT_WAYS.

    Beside cash stands what was handed over, beside the others their reference. Raises as collect_split() does.
    """
    parts = []
    for kind, (amount, beside) in zip(SPLIT_WAYS, typed, strict=False):
        if not amount:
            continue
        if kind == TenderKind.CASH:
            tendered = read_amount(beside, "beside") if beside else None
            parts.append(Part(kind, read_amount(amount, "amount"), tendered=tendered))
        else:
            parts.append(Part(kind, read_amount(amount, "amount"), beside[:80]))
    return collect_split(visit, parts)


def send_pay_link(visit: Appointment) -> str:
    """Open the visit's invoice and send a link to pay it; the channel it goes by. Raises Conflict."""
    invoice = invoice_for_visit(visit)
    channel, address = _address_of(visit.patient)
    if invoice.status == InvoiceStatus.DRAFT:
        open_invoice(invoice)
    link, url = make_pay_link(invoice)
    variables = {
        "patient": visit.patient.name,
        "number": invoice.number or "",
        "amount": money(invoice.amount_due),
        "link": url,
        "clinic": clinic_in_scope().name,
    }
    queue_message(
        channel,
        address,
        "invoice_due",
        variables,
        dedupe_key=f"pay-link:{link.id}",
        patient_id=visit.patient_id,
        language=visit.patient.language,
    )
    return str(channel)


def _address_of(patient: Patient) -> tuple[Channel, str]:
    """WhatsApp where there is a telephone, unless the patient prefers e-mail."""
    if patient.email and (patient.preferred_channel == ContactChannel.EMAIL or not patient.phone):
        return Channel.EMAIL, patient.email
    if patient.phone:
        return Channel.WHATSAPP, patient.phone
    raise NoAddress(_("The patient has neither a telephone number nor an e-mail address."))
