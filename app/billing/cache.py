"""What of billing the cache keeps: plans, and the first page of a patient's invoices and subscriptions."""

from __future__ import annotations

from app.billing.models import Invoice, Plan, Subscription
from app.core.cache.regions import BILLING_PLANS, USER_INVOICES, USER_SUBSCRIPTIONS
from app.core.cache.rows import hangs_on
from app.people.models import Patient

hangs_on(USER_INVOICES, Invoice, by="patient_id")
hangs_on(USER_INVOICES, Patient, by="id")
hangs_on(BILLING_PLANS, Plan)
hangs_on(USER_SUBSCRIPTIONS, Subscription, by="patient_id")
hangs_on(USER_SUBSCRIPTIONS, Plan)
