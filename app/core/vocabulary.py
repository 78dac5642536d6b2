"""The words of the codes that screens show (statuses with their colour, roles, kinds), the same everywhere."""

from __future__ import annotations

from typing import Any

from flask_babel import lazy_gettext as _

OK, WARN, BAD, INFO, MUTE = "ok", "warn", "bad", "info", "mute"

# ok: as it should be · info: under way · warn: waits for somebody · bad: went wrong · mute: over, nothing to do
STATUSES: dict[str, tuple[str, Any]] = {
    # appointments
    "REQUESTED": (WARN, _("Requested")),
    "SCHEDULED": (WARN, _("Scheduled")),
    "CONFIRMED": (OK, _("Confirmed")),
    "CHECKED_IN": (INFO, _("Checked in")),
    "IN_PROGRESS": (OK, _("With doctor")),
    "COMPLETED": (OK, _("Completed")),
    "DECLINED": (BAD, _("Declined")),
    "CANCELLED": (MUTE, _("Cancelled")),
    "NO_SHOW": (BAD, _("No-show")),
    # tokens
    "WAITING": (WARN, _("Waiting")),
    "CALLED": (INFO, _("Called")),
    "SERVING": (OK, _("With doctor")),
    "HELD": (WARN, _("On hold")),
    "SKIPPED": (MUTE, _("Skipped")),
    "TRANSFERRED": (MUTE, _("Transferred")),
    "RECLASSED": (MUTE, _("Class changed")),
    "SERVED": (OK, _("Served")),
    "LEFT": (MUTE, _("Left")),
    # payments and refunds
    "PENDING": (WARN, _("Pending")),
    "AUTHORIZED": (INFO, _("Authorised")),
    "FAILED": (BAD, _("Failed")),
    "UNKNOWN": (WARN, _("Unknown")),
    "PARTIALLY_REFUNDED": (INFO, _("Partly refunded")),
    "REFUNDED": (MUTE, _("Refunded")),
    "CHEQUE_RETURNED": (BAD, _("Cheque returned")),
    "RETURN_UNDONE": (MUTE, _("Return undone")),
    "VOIDED": (MUTE, _("Voided")),
    "APPROVED": (OK, _("Approved")),
    "REJECTED": (BAD, _("Rejected")),
    "SETTLED": (OK, _("Settled")),
    "DISPUTED": (BAD, _("Disputed")),
    # invoices and subscriptions
    "DRAFT": (MUTE, _("Draft")),
    "OPEN": (INFO, _("Open")),
    "ISSUED": (INFO, _("Issued")),
    "PARTIALLY_PAID": (WARN, _("Partly paid")),
    "PAID": (OK, _("Paid")),
    "OVERDUE": (BAD, _("Overdue")),
    "VOID": (MUTE, _("Void")),
    "WRITTEN_OFF": (MUTE, _("Written off")),
    "WITHDRAWN": (MUTE, _("Withdrawn")),
    "DUE": (WARN, _("Due")),
    "PLANNED": (MUTE, _("Planned")),
    "DEFAULTED": (BAD, _("Defaulted")),
    "TRIALING": (INFO, _("On trial")),
    "ACTIVE": (OK, _("Active")),
    "PAST_DUE": (BAD, _("Past due")),
    "EXPIRED": (MUTE, _("Expired")),
    "AWAITING_PAYMENT": (WARN, _("Awaiting payment")),
    "COVERED": (OK, _("Covered")),
    "RETURNED": (MUTE, _("Returned")),
    "FORFEITED": (WARN, _("Used up")),
    # drawers and their handovers
    "OFFERED": (WARN, _("Being handed over")),
    "COUNTED": (WARN, _("Difference waits for approval")),
    "CLOSED": (MUTE, _("Closed")),
    # payments that are reviewed first
    "LARGE_AMOUNT": (WARN, _("Large amount")),
    "VELOCITY": (WARN, _("Many payments at once")),
    "REPEATED_FAILURE": (WARN, _("Many failed attempts")),
    "MISMATCH": (BAD, _("Another amount came")),
    "RELEASED": (OK, _("Released")),
    # reconciliation and disputes
    "MISSING_OURS": (BAD, _("Not in our books")),
    "MISSING_THEIRS": (BAD, _("Not in the gateway's list")),
    "WRONG_AMOUNT": (BAD, _("Another amount")),
    "WRONG_FEE": (WARN, _("Another fee")),
    "WRONG_CURRENCY": (BAD, _("Another currency")),
    "DUPLICATE": (BAD, _("Listed twice")),
    "RESOLVED": (OK, _("Resolved")),
    "UNDER_REVIEW": (WARN, _("Under review")),
    "WON": (OK, _("Won")),
    "LOST": (BAD, _("Lost")),
    # claims
    "SUBMITTED": (INFO, _("Submitted")),
    "ACCEPTED": (INFO, _("Accepted")),
    "IN_REVIEW": (INFO, _("In review")),
    "FREE": (OK, _("Free")),
    "TAKEN": (BAD, _("Taken")),
    "PASSED_BY": (MUTE, _("In the past")),
    "TOO_FAR_AHEAD": (MUTE, _("Too far ahead")),
    "OFFER_OPEN": (INFO, _("Slot offered")),
    "BOOKED": (OK, _("Booked")),
    "PASSED": (MUTE, _("Passed on")),
    "PARTIALLY_APPROVED": (WARN, _("Partly approved")),
    "DENIED": (BAD, _("Denied")),
    "APPEALED": (INFO, _("Appealed")),
    # messages, events, jobs, webhooks
    "QUEUED": (INFO, _("Queued")),
    "RUNNING": (INFO, _("Running")),
    "STARTED": (INFO, _("Under way")),
    "SENDING": (INFO, _("Sending")),
    "SENT": (OK, _("Sent")),
    "DELIVERED": (OK, _("Delivered")),
    "READ": (OK, _("Read")),
    "SUPPRESSED": (MUTE, _("Suppressed")),
    "CLEARED": (OK, _("Cleared")),
    "DIGESTED": (OK, _("In a digest")),
    "RETRYING": (WARN, _("Retrying")),
    "PARKED": (BAD, _("Parked")),
    "DONE": (OK, _("Done")),
    "DEAD": (BAD, _("Dead")),
    "RECEIVED": (INFO, _("Received")),
    "PROCESSED": (OK, _("Processed")),
    "IGNORED": (MUTE, _("Ignored")),
    # people and clinics
    "DISABLED": (MUTE, _("Disabled")),
    "ARCHIVED": (MUTE, _("Archived")),
    "LOCKED": (BAD, _("Locked")),
}

ROLES: dict[str, Any] = {
    "SUPER_ADMIN": _("Super admin"),
    "CLINIC_ADMIN": _("Clinic admin"),
    "LOCATION_HEAD": _("Location head"),
    "DOCTOR": _("Doctor"),
    "NURSE": _("Nurse"),
    "RECEPTIONIST": _("Receptionist"),
    "PHARMACIST": _("Pharmacist"),
    "LAB_TECHNICIAN": _("Lab technician"),
    "PATIENT": _("Patient"),
    "ACCOUNTANT": _("Accountant"),
    "FINANCE_BILLING": _("Finance and billing"),
    "INVENTORY_MANAGER": _("Inventory manager"),
    "SYSTEM_AUDITOR": _("System auditor"),
}

KINDS: dict[str, Any] = {
    # accounts of the ledger
    "ASSET": _("Asset"),
    "LIABILITY": _("Liability"),
    "EQUITY": _("Equity"),
    "INCOME": _("Income"),
    "EXPENSE": _("Expense"),
    # why visits are called off
    "PATIENT_REQUEST": _("The patient asked for it"),
    "PATIENT_UNWELL": _("The patient is unwell"),
    "DOCTOR_UNAVAILABLE": _("The doctor is not available"),
    "CLINIC_CLOSED": _("The clinic is closed"),
    "BOOKED_IN_ERROR": _("Booked in error"),
    "UNPAID": _("Not paid in time"),
    # of events, messages and queues: how urgent, and of what
    "CRITICAL": _("Critical"),
    "HIGH": _("High"),
    "NORMAL": _("Normal"),
    "LOW": _("Low"),
    "USER_ACTIVITY": _("Users"),
    "APPOINTMENT": _("Visits"),
    "EHR_RECORD": _("Records"),
    "BILLING": _("Billing"),
    "CLINIC": _("Clinic"),
    "VIDEO": _("Video"),
    "COMMUNICATION": _("Messages"),
    "SYSTEM": _("System"),
    "SECURITY": _("Security"),
    "AUDIT": _("Audit trail"),
    "IN_PERSON": _("In person"),
    "VIDEO_CALL": _("Video"),
    "HOME_VISIT": _("Home visit"),
    "FOLLOW_UP": _("Follow-up"),
    "MISSED": _("Missed visit"),
    "LATE_CANCEL": _("Cancelled late"),
    "FEMALE": _("Female"),
    "MALE": _("Male"),
    "OTHER": _("Other"),
    "desk": _("At the desk"),
    "razorpay": "Razorpay",
    "phonepe": "PhonePe",
    "paypal": "PayPal",
    "stripe": "Stripe",
    "CASH": _("Cash"),
    "UPI": _("UPI"),
    "upi": _("UPI"),  # as gateways write it
    "emi": "EMI",
    "CARD_TERMINAL": _("Card terminal"),
    "CHEQUE": _("Cheque"),
    "BANK": _("Bank transfer"),
    "ORIGINAL": _("As it was paid"),
    "TENDER": _("Taken"),
    "RETURNED": _("Refund that came back"),
    "FLOAT": _("Opening float"),
    "PAID_IN": _("Paid in"),
    "PAID_OUT": _("Paid out"),
    "DIFFERENCE": _("Cash over or short"),
    "EMPTIED": _("Emptied into the safe"),
    "SAFE": _("Safe"),
    "PETTY_EXPENSES": _("Petty expenses"),
    "OTHER_INCOME": _("Other income"),
    "DISCOUNT": _("Discount"),
    "WRITE_OFF": _("Write-off"),
    "WEEK": _("Weekly"),
    "FORTNIGHT": _("Every two weeks"),
    "MONTH": _("Monthly"),
    "VISITS": _("Completed visits"),
    "DRAFTS": _("Drafts"),
    "CREATE_ORDER": _("Open the order"),
    "CAPTURE": _("Capture"),
    "VOID": _("Void"),
    "PAYMENT": _("Payment"),
    "REFUND": _("Refund"),
    "FETCH": _("Watch"),
}


# What the journal's entries are about, by their kind.
BOOKINGS: dict[str, Any] = {
    "invoice": _("Invoice issued"),
    "payment.captured": _("Payment received"),
    "payment-applied": _("Payment used for an invoice"),
    "payment-unapplied": _("Payment taken off an invoice"),
    "credit-note": _("Credit note issued"),
    "write-off": _("Debt written off"),
    "payment.fee": _("Fee of the gateway"),
    "refund.sent": _("Refund sent"),
    "refund.settled": _("Refund paid out"),
    "payment.fee.corrected": _("Fee of the gateway, corrected"),
    "settlement.paid": _("Paid out by the gateway"),
    "settlement.charge": _("Charge of the gateway"),
    "dispute.lost": _("Dispute lost"),
    "reversal": _("Reversal"),
    "drawer.float": _("Float of a drawer"),
    "drawer.paid-in": _("Paid into a drawer"),
    "drawer.paid-out": _("Paid out of a drawer"),
    "drawer.difference": _("Cash over or short"),
    "drawer.emptied": _("Drawer emptied into the safe"),
    "safe.opening": _("Opening balance of the safe"),
    "safe.counted": _("Safe over or short"),
    "safe.to-bank": _("Cash taken to the bank"),
    "safe.from-bank": _("Cash fetched from the bank"),
    "tender.cleared": _("Card, UPI or cheque at the bank"),
    "cheque.charge": _("Bank's charge for a cheque that came back"),
    "patient.merged": _("Balance of a record merged into another"),
    "patient.unmerged": _("Balance given back to a record that stands alone again"),
}


def booking_name(kind: str) -> str:
    """The kind of a journal entry in words."""
    return str(BOOKINGS.get(kind) or in_words(kind.replace(".", " ").replace("-", " ")))


def label_of(status: str) -> str:
    """The word of a status; one that is not in the table becomes its own words ('ON_LEAVE' -> 'On leave')."""
    known = STATUSES.get(status.upper())
    return str(known[1]) if known else in_words(status)


def role_name(role: str) -> Any:
    """Translated when it is shown, so that choices may be made while the application starts."""
    return ROLES.get(role) or in_words(role)


def kind_name(kind: str) -> Any:
    """An appointment type, a gender or a tender in words, translated when it is shown.

    A step that has no word of its own is called as the status it leads to.
    """
    known = STATUSES.get(kind)
    return KINDS.get(kind) or (known[1] if known else in_words(kind))


def in_words(code: str) -> str:
    """A code that is in no table: 'PRODUCT_NOT_RECEIVED' -> 'Product not received'."""
    return code.replace("_", " ").capitalize()


def tone_of(status: str) -> str:
    known = STATUSES.get(status.upper())
    return known[0] if known else MUTE
