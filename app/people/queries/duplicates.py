"""Records that look like one person, and what became of those that were found to be one."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import literal, or_, select, true, union_all
from sqlalchemy.orm import aliased, joinedload

from app.core.tenant import db
from app.people.models import Patient, PatientMerge

# Looked at in one go, the newest first: the list answers at once however many patients there are.
LOOKED_AT = 2_000
MOST_PAIRS = 50
MOST_MERGES = 50


@dataclass(frozen=True)
class Alike:
    """Two records with the same name and birth date, or with the same telephone and one of the two."""

    newer: Patient
    older: Patient
    by: str


def records_alike(before: str | None = None) -> tuple[list[Alike], str | None]:
    """Pairs among the patients registered before the id `before`, the newest first; and from where to look on."""
    looked = select(Patient.id).where(Patient.active.is_(True)).order_by(Patient.id.desc()).limit(LOOKED_AT)
    ids = list(db.session.scalars(looked.where(Patient.id < before) if before else looked))
    if not ids:
        return [], None
    newer, older = aliased(Patient, name="newer"), aliased(Patient, name="older")
    same_name, same_birth = older.search_name == newer.search_name, older.date_of_birth == newer.date_of_birth
    ways = {"name": same_name & same_birth, "phone": (older.phone == newer.phone) & or_(same_name, same_birth)}
    pairs = [
        select(newer.id.label("newer"), older.id.label("older"), literal(by).label("by")).where(
            newer.id.in_(ids), newer.active.is_(True), older.active.is_(True), older.id < newer.id, alike
        )
        for by, alike in ways.items()
    ]
    found: dict[tuple[str, str], str] = {}
    both = union_all(*pairs).subquery()
    for row in db.session.execute(select(both).order_by(both.c.newer.desc(), both.c.older)):
        found.setdefault((row.newer, row.older), row.by)
    shown = dict(list(found.items())[:MOST_PAIRS])
    last = list(shown)[-1][0] if len(found) > MOST_PAIRS else ids[-1]
    return _with_patients(shown), last if len(found) > MOST_PAIRS or len(ids) == LOOKED_AT else None


def _with_patients(pairs: dict[tuple[str, str], str]) -> list[Alike]:
    ids = {patient_id for pair in pairs for patient_id in pair}
    people = {patient.id: patient for patient in db.session.scalars(select(Patient).where(Patient.id.in_(ids)))}
    return [Alike(people[newer], people[older], by) for (newer, older), by in pairs.items()]


def merges_of(patient_id: str) -> list[PatientMerge]:
    """What was merged into the patient, or the patient into, the last first; what was undone as well."""
    about = or_(PatientMerge.survivor_id == patient_id, PatientMerge.merged_id == patient_id)
    return _merges(about)


def latest_merges() -> list[PatientMerge]:
    return _merges(true())


def _merges(about: object) -> list[PatientMerge]:
    wanted = select(PatientMerge).where(about).order_by(PatientMerge.id.desc()).limit(MOST_MERGES)  # type: ignore[arg-type]
    both = joinedload(PatientMerge.survivor), joinedload(PatientMerge.merged)
    return list(db.session.scalars(wanted.options(*both)))
