"""API of what the clinic offers: a doctor's profile with their fees, and services."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from app.catalog.models import Service
from app.catalog.queries import VisitPrice, fees_of_doctor
from app.catalog.tax import tax_line
from app.core.api import Api, ListQuery, endpoint
from app.core.paging import page
from app.people.models import Doctor
from app.people.queries import get_doctor


class ServiceSearch(ListQuery):
    visit: bool | None = None


class DoctorProfileApi(Api):
    """One doctor; here and not with the other people, because the fees are part of the profile."""

    openapi_tag = "Doctors"

    @endpoint("GET", "/doctors/<id:doctor_id>", resource="doctor", action="read")
    def doctor(self, doctor_id: str) -> dict[str, Any]:
        """A doctor's profile, locations and fees."""
        doctor = get_doctor(doctor_id)
        fees = fees_of_doctor(doctor.id, doctor.types)
        return {**_show_doctor(doctor), "fees": [_show_fee(type, price) for type, price in fees.items()]}


class ServiceApi(Api):
    """What the clinic sells."""

    openapi_tag = "Catalogue"

    @endpoint("GET", "/services", resource="service", action="read", query=ServiceSearch)
    def services(self, query: ServiceSearch) -> dict[str, Any]:
        """Services on offer by code."""
        columns = (Service.id, Service.code, Service.name, Service.visit, Service.hsn, Service.duration_minutes)
        wanted: Any = select(*columns).where(Service.active.is_(True))
        if query.visit is not None:
            wanted = wanted.where(Service.visit.is_(query.visit))
        return page(wanted, [Service.code, Service.id], query, _show_service)


def _show_doctor(doctor: Doctor) -> dict[str, Any]:
    return {
        "id": doctor.id,
        "name": doctor.name,
        "specialties": [speciality.name for speciality in doctor.specialities],
        "types": doctor.types,
        "registrationNumber": doctor.registration_number,
        "registrationCouncil": doctor.registration_council,
        "qualifications": doctor.qualifications,
        "languages": doctor.languages,
        "about": doctor.about,
        "locations": [{"id": location.id, "name": location.name} for location in doctor.locations],
        "active": doctor.active,
    }


def _show_fee(type: str, price: VisitPrice) -> dict[str, Any]:
    taxed = tax_line(price.unit_price, price.tax)
    return {
        "type": type,
        "serviceId": price.service_id,
        "name": price.name,
        "price": taxed.net.to_json(),
        "tax": taxed.tax.to_json(),
        "total": taxed.gross.to_json(),
        "currency": price.unit_price.currency,
    }


def _show_service(row: Any) -> dict[str, Any]:
    return {
        "id": row.id,
        "code": row.code,
        "name": row.name,
        "visit": row.visit,
        "hsn": row.hsn,
        "durationMinutes": row.duration_minutes,
    }
