"""The clinic that is measured: doctors with hours, prices, and a person of each kind that the checks act as."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import time, timedelta
from decimal import Decimal
from typing import Any

from app.access.edge import SESSION_COOKIE_KEY
from app.access.models import LoginSession, Member, User
from app.access.tokens import make_access_token
from app.catalog.models import Service, ServicePrice, TaxKind, TaxRate
from app.core import clock
from app.core.ids import new_id
from app.core.tenant import all_tenants, db, tenant_scope
from app.core.transaction import unit_of_work
from app.people.models import Doctor, DoctorLocation
from app.scheduling.models import AvailabilityRule
from app.tenancy.models import Location
from app.tenancy.services import create_clinic

ROLES = ("CLINIC_ADMIN", "RECEPTIONIST")
OPENS, CLOSES = time(8), time(18)


@dataclass(frozen=True)
class Login:
    """A session that lives as long as the data."""

    user_id: str
    session_id: str

    def bearer(self) -> dict[str, str]:
        """Header of a fresh access token, valid for 15 minutes."""
        return {"Authorization": f"Bearer {make_access_token(self.user_id, self.session_id)}"}

    def cookie(self, app: Any) -> dict[str, str]:
        """Header of the console's session cookie, signed with the application's key."""
        signer = app.session_interface.get_signing_serializer(app)
        return {"Cookie": f"{app.config['SESSION_COOKIE_NAME']}={signer.dumps({SESSION_COOKIE_KEY: self.session_id})}"}


@dataclass(frozen=True)
class House:
    """Ids that the checks need."""

    clinic_id: str
    location_id: str
    doctor_ids: list[str]
    logins: dict[str, Login]


def build_house(doctors: int, subdomain: str = "bench") -> House:
    """Make the clinic in the database of the present application."""
    with all_tenants(), unit_of_work():
        clinic_id = create_clinic(name="Bench Clinic", subdomain=subdomain).id
    with tenant_scope(clinic_id), unit_of_work():
        location_id = _location()
        doctor_ids = [_doctor(number, location_id) for number in range(doctors)]
        _prices()
    logins = {role: _login(clinic_id, role, f"{subdomain}-{role.lower()}") for role in ROLES}
    return House(clinic_id, location_id, doctor_ids, logins)


def _location() -> str:
    location = Location(id=new_id(), name="Main")
    db.session.add(location)
    db.session.flush()
    return location.id


def _doctor(number: int, location_id: str) -> str:
    doctor = Doctor(id=new_id(), first_name="Doctor", last_name=f"No {number:02d}", registration_number=f"B-{number}")
    db.session.add(doctor)
    db.session.flush()
    db.session.add(DoctorLocation(doctor_id=doctor.id, location_id=location_id))
    for weekday in range(7):
        hours = {"weekday": weekday, "opens": OPENS, "closes": CLOSES, "slot_minutes": 15}
        db.session.add(AvailabilityRule(doctor_id=doctor.id, location_id=location_id, **hours))
    db.session.flush()
    return doctor.id


def _prices() -> None:
    tax = TaxRate(id=new_id(), name="Exempt", kind=TaxKind.EXEMPT, percent=Decimal(0))
    db.session.add(tax)
    db.session.flush()
    service = Service(id=new_id(), code="CONS", name="Consultation", visit=True, tax_rate_id=tax.id)
    db.session.add(service)
    db.session.flush()
    db.session.add(ServicePrice(service_id=service.id, price_minor=80000, currency="INR"))
    db.session.flush()


def _login(clinic_id: str, role: str, username: str) -> Login:
    login, now = Login(new_id(), new_id()), clock.now()
    with all_tenants(), unit_of_work():
        db.session.add(
            User(id=login.user_id, username=username, first_name="Bench", password_hash="!")  # noqa: S106
        )
        db.session.flush()
        db.session.add(
            LoginSession(
                id=login.session_id,
                user_id=login.user_id,
                clinic_id=clinic_id,
                expires_at=now + timedelta(days=3650),
                last_used_at=now,
            )
        )
    with tenant_scope(clinic_id), unit_of_work():
        db.session.add(Member(user_id=login.user_id, role=role))
    return login
