"""Walking every clinic's trail, so that a break is found by us before somebody asks."""

from __future__ import annotations

import logging

from sqlalchemy import select

from app.audit.verdicts import check_trail, note_ends
from app.core.jobs import job
from app.core.tenant import all_tenants, db, tenant_scope
from app.core.transaction import unit_of_work
from app.tenancy.models import Clinic

log = logging.getLogger(__name__)


@job("report", attempts=1, timeout=3600, every=6 * 3600)
def check_trails() -> int:
    """Each clinic in its own scope; how many trails do not hold."""
    with all_tenants():
        clinics = list(db.session.scalars(select(Clinic.id).where(Clinic.archived.is_(False))))
    broken = 0
    for clinic_id in clinics:
        with tenant_scope(clinic_id):
            findings = check_trail().findings
            if not findings:  # what does not hold must not become what later checks hold it against
                with unit_of_work():
                    note_ends()
        if findings:
            log.error("the audit trail of a clinic does not hold: %d findings", findings)
            broken += 1
    return broken
