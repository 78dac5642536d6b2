"""Specialities, doctors and patients with their guardians and consents."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import DDL, Boolean, Date, Index, String, Table, Text, UniqueConstraint, Uuid, event, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.core import clock
from app.core.models import AwareTime, TenantModel, one_of, tenant_reference, tenant_relationship
from app.core.search import normalise_name
from app.tenancy.models import Location, Room


class AppointmentType(StrEnum):
    """How a doctor sees a patient (SPEC 0)."""

    IN_PERSON = "IN_PERSON"
    VIDEO_CALL = "VIDEO_CALL"
    HOME_VISIT = "HOME_VISIT"


class Gender(StrEnum):
    """Administrative gender, the codes of FHIR R4."""

    FEMALE = "female"
    MALE = "male"
    OTHER = "other"
    UNKNOWN = "unknown"


class ContactChannel(StrEnum):
    """Where a patient prefers to be written to; NONE is their wish to be left alone."""

    WHATSAPP = "WHATSAPP"
    EMAIL = "EMAIL"
    SMS = "SMS"
    NONE = "NONE"


class ConsentKind(StrEnum):
    """What a patient is asked to agree to."""

    TREATMENT = "TREATMENT"
    DATA_PROCESSING = "DATA_PROCESSING"
    MESSAGES = "MESSAGES"
    VIDEO_RECORDING = "VIDEO_RECORDING"


class Speciality(TenantModel):
    """A field of medicine that a clinic offers."""

    __tablename__ = "speciality"
    __table_args__ = (UniqueConstraint("clinic_id", "name", name="uq_speciality_name"),)
    __open_to_patients__ = True

    name: Mapped[str] = mapped_column(String(80), nullable=False)
    active: Mapped[bool] = mapped_column(Boolean, nullable=False, default=True)

    def __str__(self) -> str:
        return self.name


class Doctor(TenantModel):
    """A doctor as one clinic knows them. `types` are the appointment types they take."""

    __tablename__ = "doctor"
    __table_args__ = (
        UniqueConstraint("clinic_id", "registration_number", name="uq_doctor_registration_number"),
        Index("ix_doctor_search_name", "clinic_id", "search_name", postgresql_ops={"search_name": "text_pattern_ops"}),
    )
    __open_to_patients__ = True

    title: Mapped[str] = mapped_column(String(20), nullable=False, default="Dr")
    first_name: Mapped[str] = mapped_column(String(80), nullable=False)
    last_name: Mapped[str] = mapped_column(String(80), nullable=False, default="")
    search_name: Mapped[str] = mapped_column(String(200), nullable=False, default="")
    registration_number: Mapped[str | None] = mapped_column(String(40))
    registration_council: Mapped[str] = mapped_column(String(120), nullable=False, default="")
    qualifications: Mapped[str] = mapped_column(String(200), nullable=False, default="")
    about: Mapped[str] = mapped_column(Text, nullable=False, default="")
    languages: Mapped[list[str]] = mapped_column(JSONB, nullable=False, default=list)
    email: Mapped[str | None] = mapped_column(String(254))
    phone: Mapped[str | None] = mapped_column(String(20))
    types: Mapped[list[str]] = mapped_column(JSONB, nullable=False, default=lambda: [AppointmentType.IN_PERSON.value])
    default_room_id: Mapped[str | None] = tenant_reference("room", nullable=True)
    active: Mapped[bool] = mapped_column(Boolean, nullable=False, default=True)

    default_room: Mapped[Room | None] = tenant_relationship("Room", "Doctor.default_room_id")
    specialities: Mapped[list[Speciality]] = relationship(
        "Speciality",
        secondary="doctor_speciality",
        primaryjoin="Doctor.id == foreign(DoctorSpeciality.doctor_id)",
        secondaryjoin="Speciality.id == foreign(DoctorSpeciality.speciality_id)",
        order_by="Speciality.name",
        viewonly=True,
    )
    locations: Mapped[list[Location]] = relationship(
        "Location",
        secondary="doctor_location",
        primaryjoin="Doctor.id == foreign(DoctorLocation.doctor_id)",
        secondaryjoin="Location.id == foreign(DoctorLocation.location_id)",
        order_by="Location.name",
        viewonly=True,
    )

    @property
    def name(self) -> str:
        return " ".join(part for part in (self.title, self.first_name, self.last_name) if part)

    @property
    def short_name(self) -> str:
        """ "Dr Rao", where space is short and the full name stands nearby."""
        return f"{self.title} {self.last_name or self.first_name}".strip()

    def __str__(self) -> str:
        return self.name


class DoctorSpeciality(TenantModel):
    """A doctor practises a speciality."""

    __tablename__ = "doctor_speciality"
    __table_args__ = (UniqueConstraint("clinic_id", "doctor_id", "speciality_id", name="uq_doctor_speciality"),)

    doctor_id: Mapped[str] = tenant_reference("doctor")
    speciality_id: Mapped[str] = tenant_reference("speciality")

    doctor: Mapped[Doctor] = tenant_relationship("Doctor", "DoctorSpeciality.doctor_id")
    speciality: Mapped[Speciality] = tenant_relationship("Speciality", "DoctorSpeciality.speciality_id")

    def __str__(self) -> str:
        return str(self.speciality)


class DoctorLocation(TenantModel):
    """A doctor works at a location."""

    __tablename__ = "doctor_location"
    __table_args__ = (UniqueConstraint("clinic_id", "doctor_id", "location_id", name="uq_doctor_location"),)

    doctor_id: Mapped[str] = tenant_reference("doctor")
    location_id: Mapped[str] = tenant_reference("location")

    doctor: Mapped[Doctor] = tenant_relationship("Doctor", "DoctorLocation.doctor_id")
    location: Mapped[Location] = tenant_relationship("Location", "DoctorLocation.location_id")

    def __str__(self) -> str:
        return str(self.location)


def _prefix_index(name: str, column: str, **options: Any) -> Index:
    """Serves `~>=~` and `~<~`, the only prefix search that keeps its index behind row-level security (DESIGN 9)."""
    return Index(name, "clinic_id", column, postgresql_ops={column: "text_pattern_ops"}, **options)


class Patient(TenantModel):
    """A patient of a clinic. An unusable telephone number leaves `phone` empty; `phone_raw` keeps what was given."""

    __tablename__ = "patient"
    __table_args__ = (
        _prefix_index("uq_patient_mrn", "mrn", unique=True),
        _prefix_index("ix_patient_search_name", "search_name"),
        _prefix_index("ix_patient_search_last_first", "search_last_first"),
        _prefix_index("ix_patient_phone", "phone"),
        Index("ix_patient_date_of_birth", "clinic_id", "date_of_birth"),
        Index("ix_patient_created_at", "clinic_id", "created_at"),
        UniqueConstraint("clinic_id", "source_id", name="uq_patient_source_id"),
        one_of("gender", Gender, "ck_patient_gender"),
        one_of("preferred_channel", ContactChannel, "ck_patient_preferred_channel"),
    )
    __owner_column__ = "id"

    mrn: Mapped[str] = mapped_column(String(20), nullable=False)
    first_name: Mapped[str] = mapped_column(String(80), nullable=False)
    last_name: Mapped[str] = mapped_column(String(80), nullable=False, default="")
    search_name: Mapped[str] = mapped_column(String(400), nullable=False, default="")
    search_last_first: Mapped[str] = mapped_column(String(400), nullable=False, default="")
    gender: Mapped[str] = mapped_column(String(10), nullable=False, default=Gender.UNKNOWN.value)
    date_of_birth: Mapped[date | None] = mapped_column(Date)
    deceased_on: Mapped[date | None] = mapped_column(Date)
    phone: Mapped[str | None] = mapped_column(String(20))
    phone_raw: Mapped[str | None] = mapped_column(String(60))
    email: Mapped[str | None] = mapped_column(String(254))
    address: Mapped[str] = mapped_column(Text, nullable=False, default="")
    city: Mapped[str] = mapped_column(String(80), nullable=False, default="")
    state: Mapped[str] = mapped_column(String(80), nullable=False, default="")
    postal_code: Mapped[str] = mapped_column(String(20), nullable=False, default="")
    country: Mapped[str | None] = mapped_column(String(2))
    language: Mapped[str] = mapped_column(String(10), nullable=False, default="en")
    preferred_channel: Mapped[str] = mapped_column(String(10), nullable=False, default=ContactChannel.WHATSAPP.value)
    tags: Mapped[list[str]] = mapped_column(JSONB, nullable=False, default=list)
    alerts: Mapped[list[str]] = mapped_column(JSONB, nullable=False, default=list)
    photo_id: Mapped[str | None] = tenant_reference("stored_file", nullable=True)
    source_id: Mapped[str | None] = mapped_column(String(100))
    active: Mapped[bool] = mapped_column(Boolean, nullable=False, default=True)
    # The record that this one was found to be the same person as; always one that is merged into no other.
    merged_into_id: Mapped[str | None] = tenant_reference("patient", nullable=True)

    guardians: Mapped[list[Guardian]] = relationship(
        "Guardian",
        primaryjoin="Patient.id == foreign(Guardian.patient_id)",
        order_by="Guardian.created_at",
        viewonly=True,
    )
    consents: Mapped[list[Consent]] = relationship(
        "Consent",
        primaryjoin="Patient.id == foreign(Consent.patient_id)",
        order_by="Consent.given_at",
        viewonly=True,
    )

    merged_into: Mapped[Patient | None] = relationship(
        "Patient", primaryjoin="foreign(Patient.merged_into_id) == remote(Patient.id)", viewonly=True
    )

    @property
    def name(self) -> str:
        return f"{self.first_name} {self.last_name}".strip()

    def __str__(self) -> str:
        return self.name


class PatientMerge(TenantModel):
    """Two records that became one: what the survivor's fields were and became, how many rows came along."""

    __tablename__ = "patient_merge"
    __table_args__ = (
        Index(
            "uq_patient_merge_standing",
            "clinic_id",
            "merged_id",
            unique=True,
            postgresql_where=text("undone_at is null"),
        ),
    )
    __owner_column__ = "survivor_id"

    survivor_id: Mapped[str] = tenant_reference("patient")
    merged_id: Mapped[str] = tenant_reference("patient")
    merged_at: Mapped[datetime] = mapped_column(AwareTime, nullable=False, default=clock.now)
    merged_by_id: Mapped[str | None] = mapped_column(Uuid(as_uuid=False))
    reason: Mapped[str] = mapped_column(String(300), nullable=False, default="")
    before: Mapped[dict[str, Any]] = mapped_column(JSONB, nullable=False, default=dict)
    after: Mapped[dict[str, Any]] = mapped_column(JSONB, nullable=False, default=dict)
    moved: Mapped[dict[str, int]] = mapped_column(JSONB, nullable=False, default=dict)
    undone_at: Mapped[datetime | None] = mapped_column(AwareTime)
    undone_by_id: Mapped[str | None] = mapped_column(Uuid(as_uuid=False))
    undo_reason: Mapped[str] = mapped_column(String(300), nullable=False, default="")

    survivor: Mapped[Patient] = tenant_relationship("Patient", "PatientMerge.survivor_id", viewonly=True)
    merged: Mapped[Patient] = tenant_relationship("Patient", "PatientMerge.merged_id", viewonly=True)

    @property
    def rows(self) -> int:
        return sum(self.moved.values())

    @property
    def standing(self) -> bool:
        return self.undone_at is None

    def __str__(self) -> str:
        return f"{self.merged} → {self.survivor}"


class PatientMergeRow(TenantModel):
    """A row that a merge gave to the survivor, and what else of it changed: what undoing it has to give back."""

    __tablename__ = "patient_merge_row"
    __table_args__ = (
        UniqueConstraint("clinic_id", "merge_id", "table_name", "row_id", name="uq_patient_merge_row"),
        Index("ix_patient_merge_row_row", "clinic_id", "table_name", "row_id"),
    )
    __audited__ = False  # the merge is in the trail with how many they are

    merge_id: Mapped[str] = tenant_reference("patient_merge")
    table_name: Mapped[str] = mapped_column(String(63), nullable=False)
    row_id: Mapped[str] = mapped_column(Uuid(as_uuid=False), nullable=False)
    before: Mapped[dict[str, Any] | None] = mapped_column(JSONB)

    merge: Mapped[PatientMerge] = tenant_relationship("PatientMerge", "PatientMergeRow.merge_id")

    def __str__(self) -> str:
        return f"{self.table_name} {self.row_id}"


class Guardian(TenantModel):
    """Who speaks for a patient: a minor's parent, a carer."""

    __tablename__ = "guardian"

    patient_id: Mapped[str] = tenant_reference("patient")
    name: Mapped[str] = mapped_column(String(160), nullable=False)
    relation: Mapped[str] = mapped_column(String(40), nullable=False, default="")
    phone: Mapped[str | None] = mapped_column(String(20))
    email: Mapped[str | None] = mapped_column(String(254))

    patient: Mapped[Patient] = tenant_relationship("Patient", "Guardian.patient_id")

    def __str__(self) -> str:
        return f"{self.name} ({self.relation})" if self.relation else self.name


class Consent(TenantModel):
    """A patient's agreement; withdrawn, never deleted."""

    __tablename__ = "consent"
    __table_args__ = (one_of("kind", ConsentKind, "ck_consent_kind"),)

    patient_id: Mapped[str] = tenant_reference("patient")
    kind: Mapped[str] = mapped_column(String(20), nullable=False)
    given_at: Mapped[datetime] = mapped_column(AwareTime, nullable=False, default=clock.now)
    withdrawn_at: Mapped[datetime | None] = mapped_column(AwareTime)

    patient: Mapped[Patient] = tenant_relationship("Patient", "Consent.patient_id")

    def __str__(self) -> str:
        return self.kind


def search_names(first_name: str, last_name: str) -> tuple[str, str]:
    """The normal form of a name read both ways: first name first, last name first."""
    first, last = normalise_name(first_name or ""), normalise_name(last_name or "")
    return f"{first} {last}".strip(), f"{last} {first}".strip()


@event.listens_for(Patient, "before_insert")
@event.listens_for(Patient, "before_update")
def _index_patient(_mapper: Any, _connection: Any, patient: Patient) -> None:
    patient.search_name, patient.search_last_first = search_names(patient.first_name, patient.last_name)


@event.listens_for(Doctor, "before_insert")
@event.listens_for(Doctor, "before_update")
def _index_doctor(_mapper: Any, _connection: Any, doctor: Doctor) -> None:
    doctor.search_name = search_names(doctor.first_name, doctor.last_name)[0]


# A row that is written for a merged record, by whoever had its id from before, belongs to the survivor. The lock makes
# a row that comes while a merge is under way wait for it, and a merge wait for the row: none stays behind.
RESOLVE_FUNCTION = """
create or replace function resolve_merged_patient() returns trigger language plpgsql as $$
declare
  survivor uuid;
begin
  loop
    select merged_into_id into survivor from patient where id = new.patient_id for key share;
    exit when survivor is null;
    new.patient_id := survivor;
  end loop;
  return new;
end $$
"""


event.listen(Patient.__table__, "after_create", DDL(RESOLVE_FUNCTION.replace("%", "%%")))


@event.listens_for(Table, "after_create")
def _resolve_merged(table: Table, connection: Any, **_options: Any) -> None:
    """Every table with a patient, whichever slice it is of; its migration may be older than the rule, which then comes
    with the rule's own."""
    column = table.columns.get("patient_id")
    if column is not None and column.info.get("tenant_reference") == "patient":
        connection.execute(
            DDL(
                "do $$ begin if to_regprocedure('resolve_merged_patient()') is not null then "
                f"create trigger {table.name}_patient before insert on {table.name} "
                "for each row when (new.patient_id is not null) execute function resolve_merged_patient(); "
                "end if; end $$"
            )
        )
