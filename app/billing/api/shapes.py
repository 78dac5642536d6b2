"""How invoices and what belongs to them look in JSON (SPEC 20)."""

from __future__ import annotations

from typing import Any

from app.billing.models import OWED, PAYABLE, ApprovalKind, CreditNote, Instalment, Invoice, InvoiceLine, PaymentPlan
from app.billing.queries import credit_notes_of, payments_that_settled, today
from app.billing.services.approvals import latest_approval
from app.billing.services.downloads import download_url
from app.core.money import Money


def show_invoice(invoice: Invoice) -> dict[str, Any]:
    """One invoice with all that belongs to it."""
    return {
        **_head(invoice),
        "lines": [_line(line) for line in invoice.lines],
        "discountReason": invoice.discount_reason,
        "notes": invoice.notes,
        "voidReason": invoice.void_reason or None,
        "payments": [_payment(*row) for row in payments_that_settled(invoice.id)],
        "creditNotes": [show_credit_note(note) for note in credit_notes_of(invoice.id)],
        "discountApproval": _discount_approval(invoice),
        "pdfUrl": download_url(invoice),
    }


def _discount_approval(invoice: Invoice) -> dict[str, Any] | None:
    """What a draft's discount waits for, or was told."""
    known = latest_approval(invoice, ApprovalKind.DISCOUNT)
    return {"id": known.id, "status": known.status} if known is not None else None


def show_row(row: Any) -> dict[str, Any]:
    """An invoice in a list: a row of LISTED."""
    return {**_head(row), "patientName": f"{row.first_name} {row.last_name}".strip(), "mrn": row.mrn}


def show_approval(row: Any) -> dict[str, Any]:
    """An approval, or a row with its columns."""
    return {
        "id": row.id,
        "invoiceId": row.invoice_id,
        "kind": row.kind,
        "status": row.status,
        "amount": _major(row.amount_minor, row.currency),
        "basis": _major(row.basis_minor, row.currency),
        "currency": row.currency,
        "reason": row.reason,
        "requestedBy": row.requested_by_id,
        "decidedBy": row.decided_by_id,
        "decidedAt": row.decided_at,
        "note": row.decision_note or None,
        "createdAt": row.created_at,
    }


def show_payment_plan(plan: PaymentPlan) -> dict[str, Any]:
    """One plan with its schedule."""
    return {
        "id": plan.id,
        "invoiceId": plan.invoice_id,
        "invoiceNumber": plan.invoice.number,
        "patientId": plan.patient_id,
        "status": plan.status,
        "interval": plan.interval,
        "total": plan.total.to_json(),
        "paid": plan.paid.to_json(),
        "outstanding": plan.outstanding.to_json(),
        "currency": plan.currency,
        "nextDueOn": plan.next_due_on,
        "autopayMethodId": plan.autopay_method_id,
        "notes": plan.notes,
        "cancelReason": plan.cancel_reason or None,
        "createdAt": plan.created_at,
        "instalments": [_instalment(item) for item in plan.instalments],
    }


def _instalment(item: Instalment) -> dict[str, Any]:
    return {
        "id": item.id,
        "position": item.position,
        "dueOn": item.due_on,
        "amount": item.amount.to_json(),
        "paid": item.paid.to_json(),
        "status": item.shown_status,
        "daysLate": max(item.days_late(today()), 0) if item.outstanding else 0,
    }


def show_credit_note(note: CreditNote) -> dict[str, Any]:
    return {
        "id": note.id,
        "number": note.number,
        "amount": note.total.to_json(),
        "tax": note.tax.to_json(),
        "currency": note.currency,
        "reason": note.reason,
        "refundId": note.refund_id,
        "lines": [
            {
                "lineId": line.invoice_line_id,
                "quantity": float(line.quantity) or None,
                "amount": line.amount.to_json(),
                "tax": line.tax.to_json(),
            }
            for line in note.lines
        ],
        "issuedAt": note.issued_at,
    }


def _head(row: Any) -> dict[str, Any]:
    due = row.total_minor - row.paid_minor - row.credited_minor if row.status in PAYABLE else 0
    return {
        "id": row.id,
        "number": row.number,
        "status": row.status,
        "overdue": row.status in OWED and row.due_on is not None and row.due_on < today(),
        "patientId": row.patient_id,
        "appointmentId": row.appointment_id,
        "doctorId": row.doctor_id,
        "locationId": row.location_id,
        "subtotal": _major(row.subtotal_minor, row.currency),
        "discount": _major(row.discount_minor, row.currency),
        "tax": _major(row.tax_minor, row.currency),
        "total": _major(row.total_minor, row.currency),
        "amountPaid": _major(row.paid_minor, row.currency),
        "amountCredited": _major(row.credited_minor, row.currency),
        "amountDue": _major(due, row.currency),
        "currency": row.currency,
        "dueOn": row.due_on,
        "openedAt": row.opened_at,
        "createdAt": row.created_at,
    }


def _line(line: InvoiceLine) -> dict[str, Any]:
    return {
        "id": line.id,
        "description": line.description,
        "code": line.code or None,
        "hsn": line.hsn or None,
        "serviceId": line.service_id,
        "quantity": float(line.quantity),
        "unitPrice": line.unit_price.to_json(),
        "discount": line.discount.to_json(),
        "taxable": line.taxable.to_json(),
        "tax": line.tax.to_json(),
        "taxes": [
            {"label": item["label"], "percent": float(item["percent"]), "amount": _major(item["minor"], line.currency)}
            for item in line.tax_components
        ],
        "total": line.amount.to_json(),
    }


def _payment(allocation: Any, payment: Any, receipt: Any) -> dict[str, Any]:
    return {
        "id": payment.id,
        "amount": allocation.amount.to_json(),
        "currency": payment.currency,
        "provider": payment.provider,
        "method": payment.method or None,
        "receiptNumber": receipt.number,
        "completedAt": payment.completed_at,
    }


def _major(minor: int, currency: str) -> int | float:
    return Money(minor, currency).to_json()
