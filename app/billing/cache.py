"""What of billing the cache keeps: the first page of a patient's invoices, with the patient's name on it."""

from __future__ import annotations

from app.billing.models import Invoice
from app.core.cache.regions import USER_INVOICES
from app.core.cache.rows import hangs_on
from app.people.models import Patient

hangs_on(USER_INVOICES, Invoice, by="patient_id")
hangs_on(USER_INVOICES, Patient, by="id")
