"""Patients from and to files, as long work: an import with a report per row, and an export of everybody."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from flask_babel import gettext as _
from flask_babel import lazy_gettext
from sqlalchemy import func, select

from app.audit.services import record
from app.core.files import StoredFile, store_file
from app.core.spreadsheet import CSV, UTF8_MARK, csv_table
from app.core.tenant import db
from app.jobs.models import JobRun
from app.jobs.services import Kind, declare_kind, join_parts, keep_part, order
from app.people.models import Patient
from app.people.patient_csv import CsvRow, UnusableFile, rows_of
from app.people.patient_import import Outcome, import_batch

IMPORT, EXPORT = "patient-import", "patient-export"
REPORT_COLUMNS = ("row", "source_id", "outcome", "mrn", "reasons")
EXPORTED = (
    "mrn", "source_id", "first_name", "last_name", "gender", "date_of_birth", "deceased_on", "phone", "email",
    "address", "city", "state", "postal_code", "country", "language", "active", "created_at",
)  # fmt: skip
_LEFT_OUT = (Outcome.REJECTED, Outcome.DUPLICATE)


def order_import(content: bytes) -> JobRun:
    """Take the patients of a CSV file over. Raises UnusableFile for what would stop it half-way."""
    total = sum(1 for _row in rows_of(content))
    if not total:
        raise UnusableFile(_("The file has a header but no rows."))
    file = store_file("patient-import", None, "patients.csv", CSV, content)
    return order(IMPORT, total, input_file=file)


def order_export() -> JobRun:
    """Write every patient of the clinic to a file. Raises Conflict where there is none."""
    record("exported", "patient", None)
    return order(EXPORT, int(db.session.scalar(select(func.count()).select_from(Patient)) or 0))


def _rows_to_import(run: JobRun) -> Iterator[CsvRow]:
    return rows_of(db.session.get_one(StoredFile, run.input_file_id).content)


def _import(run: JobRun, rows: Sequence[CsvRow]) -> list[str]:
    reports = import_batch(rows)
    lines = [[item.row, item.source_id, item.outcome, item.mrn, item.why] for item in reports]
    keep_part(run, _csv(lines))
    return [item.why if item.outcome in _LEFT_OUT else "" for item in reports]


def _finish_import(run: JobRun) -> None:
    """The report takes the place of the file, which nobody needs any more."""
    join_parts(run, "patients.report.csv", CSV, _head(REPORT_COLUMNS))
    file, run.input_file_id = db.session.get_one(StoredFile, run.input_file_id), None
    db.session.flush()
    db.session.delete(file)


def _rows_to_export(run: JobRun) -> list[str]:
    """Ids grow with time: whoever is registered meanwhile comes after those that were counted."""
    return list(db.session.scalars(select(Patient.id).order_by(Patient.id).limit(run.total_count)))


def _export(run: JobRun, patient_ids: Sequence[str]) -> list[str]:
    columns = [getattr(Patient, name) for name in EXPORTED]
    rows = db.session.execute(select(*columns).where(Patient.id.in_(patient_ids)).order_by(Patient.id))
    keep_part(run, _csv(rows))
    return [""] * len(patient_ids)


def _head(columns: Sequence[str]) -> bytes:
    return UTF8_MARK.encode() + _csv([columns])


def _csv(rows: object) -> bytes:
    """Lines without a header."""
    text = "".join(csv_table((), rows))  # type: ignore[arg-type]
    return text.partition("\r\n")[2].encode()


declare_kind(
    Kind(
        IMPORT, lazy_gettext("Import of patients"), "bulk-ehr-import", _rows_to_import, _import, _finish_import,
        download=("patient", "import"),
    )
)  # fmt: skip
declare_kind(
    Kind(
        EXPORT, lazy_gettext("Export of patients"), "report", _rows_to_export, _export,
        lambda run: join_parts(run, "patients.csv", CSV, _head(EXPORTED)), download=("patient", "export"), batch=1000,
    )
)  # fmt: skip
