"""What of payments the cache keeps: the first page of a patient's payments."""

from __future__ import annotations

from app.core.cache.regions import USER_PAYMENTS
from app.core.cache.rows import hangs_on
from app.payments.models import Payment

hangs_on(USER_PAYMENTS, Payment, by="patient_id")
