"""The demo clinic that bills in dollars, founded on first use: PayPal refuses rupees, by its own rule."""

from __future__ import annotations

from random import Random

from sqlalchemy import select

from app.access.models import User
from app.audit.services import record
from app.core import clock
from app.core.tenant import all_tenants, db, tenant_scope
from app.core.transaction import unit_of_work
from app.demo.cast import HARBOUR
from app.demo.crowd import add_patients
from app.demo.house import add_staff, furnish
from app.tenancy.models import Clinic
from app.tenancy.queries import settings_in_scope
from app.tenancy.services import create_clinic

PATIENTS = 12


def found_abroad() -> bool:
    """Found it unless it is there, without a history; whether it was founded now. `connect_clinics` comes next."""
    with all_tenants(), unit_of_work():
        if db.session.scalar(select(User.id).where(User.username == f"patient@{HARBOUR.domain}")):
            return False
        known = db.session.scalar(select(Clinic.id).where(Clinic.subdomain == HARBOUR.subdomain))
        founded = known or create_clinic(name=HARBOUR.name, subdomain=HARBOUR.subdomain, settings=HARBOUR.settings).id
    with tenant_scope(founded), unit_of_work():
        house = furnish(founded, HARBOUR)
        today = clock.today(settings_in_scope().zone)
        patients = add_patients(HARBOUR, today, Random(HARBOUR.subdomain), PATIENTS)
        add_staff(house, patients[0])
        record("demo.loaded", Clinic.__tablename__, founded, rows=len(patients))
    return True
