"""What the database holds in the end, told as plain facts."""

from __future__ import annotations

from typing import Any

from sqlalchemy import func, select

from app.audit.chain import verify
from app.billing.models import Invoice, Receipt
from app.core.files import StoredFile
from app.core.money import Money
from app.core.series import NumberSeries
from app.core.tenant import db, tenant_scope
from app.events.models import DeliveryStatus, EventDelivery, EventRecord
from app.ledger.accounts import AccountCode
from app.ledger.models import JournalEntry
from app.ledger.queries import balance, trial_balance, trial_balance_totals
from app.messaging.models import Message, MessageStatus
from app.payments.models import OperationStatus, Payment, PaymentOperation, Refund, WebhookEvent, WebhookStatus
from app.scheduling.models import Appointment

WAITING = {
    "deliveries": (EventDelivery, (DeliveryStatus.PENDING, DeliveryStatus.PARKED)),
    "webhooks": (WebhookEvent, (WebhookStatus.RECEIVED, WebhookStatus.WAITING, WebhookStatus.PARKED)),
    "operations": (PaymentOperation, (OperationStatus.STARTED, OperationStatus.UNKNOWN)),
    "messages": (Message, (MessageStatus.QUEUED, MessageStatus.SENDING)),
}


def waiting(clinic_id: str) -> dict[str, int]:
    """How much of each kind is not at its end yet; only what there is."""
    with tenant_scope(clinic_id):
        found = {}
        for name, (model, statuses) in WAITING.items():
            number = db.session.scalar(select(func.count()).select_from(model).where(model.status.in_(statuses)))
            if number:
                found[name] = int(number)
        return found


def facts(clinic_id: str, patient_id: str) -> dict[str, Any]:
    """A patient's money, visit, papers and messages."""
    with tenant_scope(clinic_id):
        payments = db.session.scalars(select(Payment).where(Payment.patient_id == patient_id)).all()
        invoices = db.session.scalars(select(Invoice).where(Invoice.patient_id == patient_id)).all()
        visits = db.session.scalars(select(Appointment).where(Appointment.patient_id == patient_id)).all()
        return {
            "payments": [_payment(payment) for payment in payments],
            "visits": [visit.status for visit in visits],
            "invoices": [_invoice(invoice) for invoice in invoices],
            "refunds": [
                {"status": refund.status, "amount": refund.amount_minor}
                for refund in db.session.scalars(select(Refund).join(Payment).where(Payment.patient_id == patient_id))
            ],
            "entries": _entries(patient_id),
            "events": _events([*payments, *invoices, *visits]),
            "owed": {
                "credit": balance(AccountCode.PATIENT_CREDIT, patient_id).minor,
                "receivable": balance(AccountCode.RECEIVABLE, patient_id).minor,
            },
            "messages": [
                {name: getattr(row, name) for name in ("id", "channel", "template", "status", "reason")}
                for row in db.session.scalars(select(Message).where(Message.patient_id == patient_id))
            ],
        }


def _payment(payment: Payment) -> dict[str, Any]:
    return {
        "id": payment.id,
        "status": payment.status,
        "order_id": payment.order_id,
        "captured": payment.captured_minor,
        "refunded": payment.refunded_minor,
        "attempts": len(payment.attempts),
        "in_doubt": payment.in_doubt,
    }


def _invoice(invoice: Invoice) -> dict[str, Any]:
    files = db.session.scalars(select(StoredFile).where(StoredFile.owner_id == invoice.id)).all()
    newest = next((file for file in files if file.id == invoice.pdf_file_id), None)
    return {
        "status": invoice.status,
        "number": invoice.number,
        "total": invoice.total_minor,
        "paid": invoice.paid_minor,
        "is_pdf": newest is not None and bytes(newest.content).startswith(b"%PDF-"),
    }


def _entries(patient_id: str) -> dict[str, int]:
    """Journal entries with a line of the patient's, by kind."""
    wanted = (
        select(JournalEntry.kind, func.count(func.distinct(JournalEntry.id)))
        .where(JournalEntry.lines.any(patient_id=patient_id))
        .group_by(JournalEntry.kind)
    )
    return {kind: int(number) for kind, number in db.session.execute(wanted)}


def _events(rows: list[Any]) -> dict[str, int]:
    wanted = select(EventRecord.type, func.count()).where(EventRecord.subject_id.in_([row.id for row in rows]))
    return {kind: int(number) for kind, number in db.session.execute(wanted.group_by(EventRecord.type))}


def clinic_facts(clinic_id: str) -> dict[str, Any]:
    """What must hold of the clinic as a whole."""
    with tenant_scope(clinic_id):
        series: dict[str, int] = {}
        for name, last in db.session.execute(select(NumberSeries.name, NumberSeries.last)):
            series[name] = series.get(name, 0) + last
        totals: tuple[tuple[Money, Money], ...] = tuple(trial_balance_totals(trial_balance()))
        return {
            "balanced": all(debits == credits for debits, credits in totals),
            "invoice_numbers": sorted(filter(None, db.session.scalars(select(Invoice.number)))),
            "receipt_numbers": sorted(db.session.scalars(select(Receipt.number))),
            "last_numbers": series,
            "audit": [finding.text for finding in verify(clinic_id)],
            "parked": _parked(),
            "security": _security(),
            "webhooks": int(db.session.scalar(select(func.count()).select_from(WebhookEvent)) or 0),
        }


def _parked() -> int:
    wanted = select(func.count()).select_from(Message).where(Message.status == MessageStatus.PARKED)
    return int(db.session.scalar(wanted) or 0)


def _security() -> list[str]:
    wanted = select(EventRecord.type).where(EventRecord.category == "SECURITY").order_by(EventRecord.id)
    return list(db.session.scalars(wanted))
