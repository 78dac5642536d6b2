"""Takes patients over from another system, row by row: what can be kept is kept, what was wrong is told."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any

from flask_babel import gettext as _
from sqlalchemy import func, select, tuple_

from app.core import clock
from app.core.tenant import db, require_clinic
from app.people.demographics import LENGTHS, problems_between, read_all, read_country
from app.people.models import Gender, Patient, search_names
from app.people.patient_csv import CsvRow
from app.people.services import add_patient
from app.tenancy.queries import settings_in_scope

# A value that cannot be read loses its field, not its patient; any other (name, dates) refuses the row.
DISPENSABLE = {"phone": None, "email": None, "gender": Gender.UNKNOWN.value, "language": "en", "country": None}
_LOCK = "import-patients"


class Outcome(StrEnum):
    ACCEPTED = "accepted"
    WITH_NOTES = "accepted with notes"
    DUPLICATE = "duplicate"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True)
class RowReport:
    """What became of a row. Reasons name fields, never their contents."""

    row: int
    source_id: str
    outcome: Outcome
    mrn: str = ""
    reasons: tuple[str, ...] = ()

    @property
    def why(self) -> str:
        """The reasons as one sentence each."""
        return " ".join(reason if reason.endswith((".", "।")) else f"{reason}." for reason in self.reasons)


@dataclass(slots=True)
class Candidate:
    """A row on its way: stored forms, what is worth telling, and what forbids it."""

    row: int
    values: dict[str, Any]
    notes: list[str]
    faults: list[str]

    @property
    def source_id(self) -> str:
        return self.values.get("source_id") or ""

    @property
    def identity(self) -> tuple[str, date | None]:
        return search_names(self.values["first_name"], self.values["last_name"])[0], self.values["date_of_birth"]


def import_batch(rows: Iterable[CsvRow]) -> list[RowReport]:
    """Register the new patients among the rows. A source id that the clinic knows adds nobody. Callers commit."""
    db.session.execute(select(func.pg_advisory_xact_lock(func.hashtext(f"{_LOCK} {require_clinic()}"))))
    candidates = [_candidate(row) for row in rows]
    known = _known_source_ids(candidates)
    twins = _record_numbers([candidate for candidate in candidates if not candidate.faults])
    return [_take(candidate, known, twins) for candidate in candidates]


def _candidate(row: CsvRow) -> Candidate:
    if row.cells is None:
        return Candidate(row.number, {}, [], [_("The row has not as many cells as the header.")])
    settings = settings_in_scope()
    read, problems = read_all(row.cells, _region(row.cells, settings.phone_region))
    problems = problems_between(read, clock.today(settings.zone)) | problems
    candidate = Candidate(row.number, read, _remarks(read), [])
    for name, problem in problems.items():
        (candidate.notes if name in DISPENSABLE else candidate.faults).append(problem)
        read[name] = DISPENSABLE.get(name)
    if "phone" in problems:
        read["phone_raw"] = _storable(row.cells["phone"])[: LENGTHS["phone"]]
    if not read["source_id"] and not candidate.faults:
        candidate.faults.append(_("Source id: missing"))
    return candidate


def _region(cells: dict[str, str], usual: str) -> str:
    """Where the row's telephone number is dialled."""
    try:
        return read_country(cells.get("country", "").strip()) or usual
    except ValueError:
        return usual


def _remarks(values: dict[str, Any]) -> list[str]:
    name = f"{values.get('first_name', '')}{values.get('last_name', '')}"
    return [_("The name has digits.")] if any(letter.isdigit() for letter in name) else []


def _storable(text: str) -> str:
    return text.strip().replace("\x00", "")


def _known_source_ids(candidates: list[Candidate]) -> set[str]:
    wanted = [candidate.source_id for candidate in candidates if candidate.source_id]
    return set(db.session.scalars(select(Patient.source_id).where(Patient.source_id.in_(wanted))))


def _record_numbers(candidates: list[Candidate]) -> dict[tuple[str, date | None], str]:
    """MRNs of patients who have the name and the date of birth of one of the candidates."""
    wanted = [candidate.identity for candidate in candidates if candidate.values["date_of_birth"]]
    same = tuple_(Patient.search_name, Patient.date_of_birth).in_(wanted)
    rows = db.session.execute(select(Patient.search_name, Patient.date_of_birth, Patient.mrn).where(same))
    return {(row.search_name, row.date_of_birth): row.mrn for row in rows}


def _take(candidate: Candidate, known: set[str], twins: dict[tuple[str, date | None], str]) -> RowReport:
    if candidate.faults:
        reasons = (*candidate.faults, *candidate.notes)
        return RowReport(candidate.row, candidate.source_id, Outcome.REJECTED, reasons=reasons)
    if candidate.source_id in known:
        reason = _("The clinic has a patient with this source id.")
        return RowReport(candidate.row, candidate.source_id, Outcome.DUPLICATE, reasons=(reason,))
    twin = twins.get(candidate.identity)
    if twin:
        candidate.notes.append(_("Same name and date of birth as MRN %(mrn)s.", mrn=twin))
    patient = add_patient(candidate.values)
    known.add(candidate.source_id)
    if patient.date_of_birth:
        twins.setdefault(candidate.identity, patient.mrn)
    outcome = Outcome.WITH_NOTES if candidate.notes else Outcome.ACCEPTED
    return RowReport(candidate.row, candidate.source_id, outcome, patient.mrn, tuple(candidate.notes))
