"""API of patients and doctors (SPEC 6, 20)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any
from uuid import UUID

from flask import Response
from flask_babel import gettext as _
from pydantic import Field
from pydantic.alias_generators import to_snake

from app.core.api import Api, Body, ListQuery, endpoint, read_raw, stands_for
from app.core.cache.regions import DOCTORS
from app.core.errors import BadRequest, NotFound
from app.core.files import StoredFile
from app.core.ids import is_id
from app.core.paging import page
from app.core.tenant import db
from app.people.models import AppointmentType, ConsentKind, Doctor, Patient, PatientMerge
from app.people.queries import doctors_by_name, find_duplicates, get_patient, patient_page, photo_url
from app.people.queries.duplicates import merges_of, records_alike
from app.people.queries.patient_search import count_patients
from app.people.queries.patients import survivor_id
from app.people.services import (
    merge_patients,
    register_patient,
    set_consent,
    set_guardians,
    set_photo,
    undo_merge,
    update_patient,
)
from app.people.services.photos import LARGEST_BYTES
from app.tenancy.cache import kept

stands_for("patient_id", survivor_id)


class GuardianBody(Body):
    name: str = Field(min_length=1, max_length=160)
    relation: str = Field("", max_length=40)
    phone: str | None = Field(None, max_length=60)
    email: str | None = Field(None, max_length=254)


class PatientChanges(Body):
    """Members that are left out stay as they are."""

    first_name: str = Field("", max_length=80)
    last_name: str | None = Field(None, max_length=80)
    phone: str | None = Field(None, max_length=60)
    email: str | None = Field(None, max_length=254)
    date_of_birth: date | None = None
    gender: str | None = Field(None, max_length=10)
    deceased_on: date | None = None
    address: str | None = Field(None, max_length=500)
    city: str | None = Field(None, max_length=80)
    state: str | None = Field(None, max_length=80)
    postal_code: str | None = Field(None, max_length=20)
    country: str | None = Field(None, max_length=2)
    language: str | None = Field(None, max_length=60)
    preferred_channel: str | None = Field(None, max_length=10)
    tags: list[str] | None = None
    alerts: list[str] | None = None
    guardians: list[GuardianBody] | None = Field(None, max_length=10)
    consents: dict[ConsentKind, bool] | None = None


class NewPatient(PatientChanges):
    first_name: str = Field(min_length=1, max_length=80)


class MergeBody(Body):
    """`duplicateId` becomes part of the patient of the path; `take` names fields whose values come from it."""

    duplicate_id: UUID
    take: list[str] = Field(default_factory=list, max_length=20)
    reason: str = Field("", max_length=300)


class UndoBody(Body):
    reason: str = Field("", max_length=300)


class PatientSearch(ListQuery):
    q: str = Field("", max_length=200, description="Name, telephone number, MRN or date of birth.")


class DuplicateQuery(Body):
    cursor: str | None = None


class DoctorSearch(ListQuery):
    type: AppointmentType | None = None
    location_id: UUID | None = None
    specialty: str | None = Field(None, max_length=80)


class PatientApi(Api):
    """Patients of the active clinic; a PATIENT sees only themselves."""

    openapi_tag = "Patients"

    @endpoint("GET", "/patients", resource="patient", action="read", query=PatientSearch)
    def patients(self, query: PatientSearch) -> dict[str, Any]:
        """Find patients by name, phone, MRN or date of birth."""
        rows, next_cursor = patient_page(query.q, query.limit, query.cursor)
        answer: dict[str, Any] = {"items": [_show_row(row) for row in rows], "nextCursor": next_cursor}
        return {"count": count_patients(query.q), **answer} if query.count else answer

    @endpoint("POST", "/patients", resource="patient", action="create", body=NewPatient, status=201)
    def register(self, body: NewPatient) -> dict[str, Any]:
        """Register a patient; `possibleDuplicates` are patients who may be the same person."""
        patient = register_patient(**_columns(body))
        _keep_relations(patient, body)
        twins = find_duplicates(
            patient.first_name, patient.last_name, patient.date_of_birth, patient.phone, except_id=patient.id
        )
        return {**_show(patient), "possibleDuplicates": [twin.id for twin in twins]}

    @endpoint("GET", "/patients/<id:patient_id>", resource="patient", action="read")
    def patient(self, patient_id: str) -> dict[str, Any]:
        """One patient."""
        return _show(get_patient(patient_id))

    @endpoint("GET", "/patients/<id:patient_id>/photo", resource="patient", action="read")
    def photo(self, patient_id: str) -> Response:
        """A patient's photograph (JPEG)."""
        patient = get_patient(patient_id)
        stored = db.session.get(StoredFile, patient.photo_id) if patient.photo_id else None
        if stored is None:
            raise NotFound
        return Response(stored.content, mimetype=stored.mime_type)

    @endpoint("PUT", "/patients/<id:patient_id>/photo", resource="patient", action="update")
    def replace_photo(self, patient_id: str) -> dict[str, Any]:
        """Replace the photograph by the body: a JPEG, PNG or WebP picture."""
        patient = get_patient(patient_id)
        set_photo(patient, read_raw(LARGEST_BYTES))
        return _show(patient)

    @endpoint("PUT", "/patients/<id:patient_id>", resource="patient", action="update", body=PatientChanges)
    def update(self, patient_id: str, body: PatientChanges) -> dict[str, Any]:
        """Change what is given of a patient."""
        patient = get_patient(patient_id)
        update_patient(patient, **_columns(body))
        _keep_relations(patient, body)
        return _show(patient)


class PatientMergeApi(Api):
    """Two records of one person."""

    openapi_tag = "Patients"

    @endpoint("GET", "/patients/duplicates", resource="patient_merge", action="read", query=DuplicateQuery)
    def duplicates(self, query: DuplicateQuery) -> dict[str, Any]:
        """Pairs of records that look like one person, the newest first."""
        if query.cursor and not is_id(query.cursor):
            raise BadRequest(_("The cursor is not valid."), code="BAD_CURSOR")
        pairs, following = records_alike(query.cursor)
        items = [{"newer": _show_row(pair.newer), "older": _show_row(pair.older), "sameBy": pair.by} for pair in pairs]
        return {"items": items, "nextCursor": following}

    @endpoint("GET", "/patients/<id:patient_id>/merges", resource="patient_merge", action="read")
    def merges(self, patient_id: str) -> dict[str, Any]:
        """What was merged into the patient or the patient into, the last first."""
        get_patient(patient_id)
        return {"items": [_show_merge(merge) for merge in merges_of(patient_id)]}

    @endpoint("POST", "/patients/<id:patient_id>/merge", resource="patient", action="merge", body=MergeBody)
    def merge(self, patient_id: str, body: MergeBody) -> dict[str, Any]:
        """Make another record part of this one; its id and number lead here from then on."""
        fields = [to_snake(name) for name in body.take]
        return _show_merge(merge_patients(patient_id, str(body.duplicate_id), take=fields, reason=body.reason))

    @endpoint("POST", "/patients/merges/<id:merge_id>/undo", resource="patient", action="merge", body=UndoBody)
    def undo(self, merge_id: str, body: UndoBody) -> dict[str, Any]:
        """Let both records stand alone again, each with its own."""
        return _show_merge(undo_merge(merge_id, body.reason))


class DoctorApi(Api):
    """Doctors of the active clinic."""

    openapi_tag = "Doctors"

    @endpoint("GET", "/doctors", resource="doctor", action="read", query=DoctorSearch)
    def doctors(self, query: DoctorSearch) -> dict[str, Any]:
        """Working doctors by name."""
        wanted = doctors_by_name(
            type=query.type,
            location_id=str(query.location_id) if query.location_id else None,
            speciality=query.specialty,
        )
        return _kept_doctors(query, lambda: page(wanted, [Doctor.search_name, Doctor.id], query, _show_doctor))


def _kept_doctors(query: DoctorSearch, load: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """The cache keeps first pages; not those by specialty, which people may write in many ways."""
    if query.cursor or query.count or query.specialty:
        return load()
    answer: dict[str, Any] = kept(DOCTORS, f"{query.limit}:{query.type}:{query.location_id}", load)
    return answer


def _columns(body: PatientChanges) -> dict[str, Any]:
    return body.model_dump(exclude_unset=True, exclude={"guardians", "consents"})


def _keep_relations(patient: Patient, body: PatientChanges) -> None:
    if body.guardians is not None:
        set_guardians(patient, [guardian.model_dump() for guardian in body.guardians])
    for kind, given in (body.consents or {}).items():
        set_consent(patient, kind, given)


def _show_row(row: Any) -> dict[str, Any]:
    return {
        "id": row.id,
        "mrn": row.mrn,
        "name": f"{row.first_name} {row.last_name}".strip(),
        "phone": row.phone,
        "dateOfBirth": row.date_of_birth,
    }


def _show(patient: Patient) -> dict[str, Any]:
    return {
        **_show_row(patient),
        "firstName": patient.first_name,
        "lastName": patient.last_name,
        "gender": patient.gender,
        "deceasedOn": patient.deceased_on,
        "phoneRaw": patient.phone_raw,
        "email": patient.email,
        "address": patient.address,
        "city": patient.city,
        "state": patient.state,
        "postalCode": patient.postal_code,
        "country": patient.country,
        "language": patient.language,
        "preferredChannel": patient.preferred_channel,
        "tags": patient.tags,
        "alerts": patient.alerts,
        "photoUrl": photo_url(patient),
        "guardians": [_show_guardian(guardian) for guardian in patient.guardians],
        "consents": [_show_consent(consent) for consent in patient.consents],
        "active": patient.active,
        "createdAt": patient.created_at.isoformat(),
        "updatedAt": patient.updated_at.isoformat(),
    }


def _show_merge(merge: PatientMerge) -> dict[str, Any]:
    return {
        "id": merge.id,
        "patientId": merge.survivor_id,
        "mergedId": merge.merged_id,
        "mergedAt": merge.merged_at.isoformat(),
        "reason": merge.reason,
        "rows": merge.moved,
        "undoneAt": merge.undone_at.isoformat() if merge.undone_at else None,
        "undoReason": merge.undo_reason,
    }


def _show_guardian(guardian: Any) -> dict[str, Any]:
    shown = ("id", "name", "relation", "phone", "email")
    return {name: getattr(guardian, name) for name in shown}


def _show_consent(consent: Any) -> dict[str, Any]:
    return {"kind": consent.kind, "givenAt": consent.given_at, "withdrawnAt": consent.withdrawn_at}


def _show_doctor(row: Any) -> dict[str, Any]:
    return {
        "id": row.id,
        "name": " ".join(part for part in (row.title, row.first_name, row.last_name) if part),
        "specialties": list(row.specialities),
        "types": row.types,
    }
