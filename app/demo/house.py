"""Setting up a demo clinic: house, staff, doctors with their hours, prices, and accounts at the sandbox."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import time
from decimal import Decimal
from typing import Any

from app.access.models import Member, User
from app.access.passwords import hash_password
from app.catalog.models import Service, ServicePrice, TaxKind, TaxRate
from app.core.ids import new_id
from app.core.tenant import all_tenants, db
from app.core.transaction import unit_of_work
from app.demo.cast import CLINICS, PASSWORD, STAFF, SUPER_ADMIN, DemoClinic, DemoDoctor
from app.ledger.services import open_accounts
from app.people.models import Doctor, DoctorLocation, DoctorSpeciality, Speciality
from app.scheduling.models import AvailabilityRule
from app.tenancy.models import Clinic, Location, Room
from app.tenancy.services import create_clinic

MORNING, EVENING = (time(9), time(13)), (time(16), time(19))
SLOT_MINUTES = 15


@dataclass(frozen=True)
class House:
    """What later steps need of a clinic that was set up."""

    clinic_id: str
    demo: DemoClinic
    location_id: str
    doctors: tuple[tuple[str, DemoDoctor], ...]
    service_ids: dict[str, str]


def create_clinics() -> list[tuple[str, DemoClinic]]:
    """The clinics and the SUPER_ADMIN, who belongs to none."""
    with all_tenants(), unit_of_work():
        made = [(create_clinic(name=c.name, subdomain=c.subdomain, settings=c.settings).id, c) for c in CLINICS]
        db.session.add(_user(SUPER_ADMIN, "Sam", "Superadmin", hash_password(PASSWORD), super_admin=True))
    return made


def _user(username: str, first: str, last: str, password_hash: str, **columns: Any) -> User:
    return User(
        id=new_id(),
        username=username,
        first_name=first,
        last_name=last,
        password_hash=password_hash,
        demo=True,
        email=username if "." in username.partition("@")[2] else None,
        **columns,
    )


def furnish(clinic_id: str, demo: DemoClinic) -> House:
    """Locations, rooms, doctors, hours, prices and the ledger's accounts of the clinic in scope."""
    db.session.get_one(Clinic, clinic_id)
    locations = {name: _location(name, address, rooms) for name, address, rooms in demo.locations}
    first, rooms = next(iter(locations.values()))
    doctors = tuple((_doctor(doctor, first.id, rooms[doctor.room]), doctor) for doctor in demo.doctors)
    services = _services()
    for doctor_id, doctor in doctors:
        _prices(doctor_id, doctor, services, demo.currency)
    open_accounts()
    db.session.flush()
    return House(clinic_id, demo, first.id, doctors, services)


def _location(name: str, address: str, rooms: tuple[str, ...]) -> tuple[Location, dict[str, str]]:
    location = Location(id=new_id(), name=name, address=address, state_code="29")
    db.session.add(location)
    db.session.flush()
    ids = {room: new_id() for room in rooms}
    db.session.add_all(Room(id=room_id, location_id=location.id, name=room) for room, room_id in ids.items())
    db.session.flush()
    return location, ids


def _doctor(demo: DemoDoctor, location_id: str, room_id: str) -> str:
    doctor = Doctor(
        id=new_id(),
        first_name=demo.first_name,
        last_name=demo.last_name,
        registration_number=demo.registration,
        qualifications="MBBS, MD",
        types=list(demo.types),
        default_room_id=room_id,
    )
    speciality = Speciality(id=new_id(), name=demo.speciality)
    db.session.add_all([doctor, speciality])
    db.session.flush()
    db.session.add(DoctorSpeciality(doctor_id=doctor.id, speciality_id=speciality.id))
    db.session.add(DoctorLocation(doctor_id=doctor.id, location_id=location_id))
    for weekday in range(7):
        for opens, closes in (MORNING, EVENING) if weekday < 6 else (MORNING,):
            db.session.add(
                AvailabilityRule(
                    doctor_id=doctor.id,
                    location_id=location_id,
                    room_id=room_id,
                    weekday=weekday,
                    opens=opens,
                    closes=closes,
                    types=list(demo.types),
                    slot_minutes=SLOT_MINUTES,
                )
            )
    db.session.flush()
    return doctor.id


def _services() -> dict[str, str]:
    """One service per appointment type; consultations are exempt from GST, which Indian law says of health care."""
    exempt = TaxRate(id=new_id(), name="GST exempt", kind=TaxKind.EXEMPT, percent=Decimal(0))
    standard = TaxRate(id=new_id(), name="GST 18 %", kind=TaxKind.CGST_SGST, percent=Decimal(18))
    db.session.add_all([exempt, standard])
    db.session.flush()
    ids = {}
    for type, code, name in (
        ("IN_PERSON", "CONS", "Consultation"),
        ("VIDEO_CALL", "VIDEO", "Video consultation"),
        ("HOME_VISIT", "HOME", "Home visit"),
    ):
        service = Service(
            id=new_id(),
            code=code,
            name=name,
            visit=True,
            hsn="999312",
            tax_rate_id=exempt.id,
            duration_minutes=SLOT_MINUTES,
        )
        db.session.add(service)
        ids[type] = service.id
    db.session.add(Service(id=new_id(), code="CERT", name="Medical certificate", hsn="999799", tax_rate_id=standard.id))
    db.session.flush()
    return ids


def fee_of(doctor: DemoDoctor, type: str) -> int:
    """Minor units: a video visit costs three quarters, a home visit twice as much."""
    factor = {"IN_PERSON": Decimal(1), "VIDEO_CALL": Decimal("0.75"), "HOME_VISIT": Decimal(2)}[type]
    return int(doctor.fee * factor) * 100


def _prices(doctor_id: str, doctor: DemoDoctor, services: dict[str, str], currency: str) -> None:
    for type in doctor.types:
        db.session.add(
            ServicePrice(
                service_id=services[type],
                doctor_id=doctor_id,
                appointment_type=type,
                price_minor=fee_of(doctor, type),
                currency=currency,
            )
        )


def add_staff(house: House, patient_id: str) -> None:
    """One log-in per role, named after it."""
    hashed = hash_password(PASSWORD)
    doctor_id, doctor = house.doctors[0]
    people: dict[str, tuple[str, str, dict[str, str]]] = {
        role: (first, last, {}) for role, (first, last) in STAFF.items()
    }
    people["LOCATION_HEAD"] = (*STAFF["LOCATION_HEAD"], {"location_id": house.location_id})
    people["DOCTOR"] = (doctor.first_name, doctor.last_name, {"doctor_id": doctor_id})
    people["PATIENT"] = ("Meera", "Iyer", {"patient_id": patient_id})
    for role, (first, last, links) in people.items():
        username = f"{role.lower().replace('_', '-')}@{house.demo.domain}"
        user = _user(username, first, last, hashed)
        db.session.add(user)
        db.session.flush()
        db.session.add(Member(user_id=user.id, role=role, **links))
