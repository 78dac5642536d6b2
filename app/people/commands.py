"""`flask import-patients FILE.csv --clinic sunrise`: patients of another system, with a report per row."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from flask.cli import with_appcontext
from sqlalchemy import select

from app.core import lean
from app.core.errors import AppError
from app.core.ids import is_id
from app.core.tenant import db, tenant_scope
from app.core.transaction import unit_of_work
from app.people.patient_csv import count_rows, read_rows
from app.people.patient_import import Outcome, RowReport, import_batch
from app.tenancy.models import Clinic

if TYPE_CHECKING:
    from rich.progress import Progress

BATCH_ROWS = 200
REPORT_COLUMNS = ("row", "source_id", "outcome", "mrn", "reasons")
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


@click.command("import-patients")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--clinic", "clinic_name", required=True, help="Subdomain or id of the clinic.")
@click.option("--report", type=click.Path(path_type=Path), help="Where the report goes. Default: beside FILE.")
@with_appcontext
def import_patients(file: Path, clinic_name: str, report: Path | None) -> None:
    """Add the patients of FILE to a clinic, in batches; run it again to go on after an interruption."""
    clinic_id = _clinic_id(clinic_name)
    try:
        rows = count_rows(file)
    except AppError as error:
        raise click.ClickException(str(error.message)) from None
    with _report_file(report or _beside(file), demanded=report is not None) as (place, writer):
        outcomes = _import(file, clinic_id, rows, writer)
    click.echo(f"{rows} rows: " + ", ".join(f"{outcomes[outcome]} {outcome}" for outcome in Outcome) + ".")
    click.echo(f"Report: {place}")


def _clinic_id(name: str) -> str:
    key = Clinic.id == name if is_id(name) else Clinic.subdomain == name.lower()
    clinic_id = db.session.scalar(select(Clinic.id).where(key, Clinic.archived.is_(False)))
    db.session.rollback()
    if clinic_id is None:
        raise click.ClickException(f"There is no clinic {name!r}. Give its subdomain or its id.")
    return str(clinic_id)


def _import(file: Path, clinic_id: str, total: int, writer: Any) -> Counter[str]:
    outcomes: Counter[str] = Counter()
    with _progress() as progress:
        task = progress.add_task("Patients", total=total)
        for batch in _batches(read_rows(file)):
            with tenant_scope(clinic_id), unit_of_work():
                reports = import_batch(batch)
            _write(writer, reports)
            outcomes.update(report.outcome for report in reports)
            progress.advance(task, len(reports))
    return outcomes


def _progress() -> Progress:
    # Here, as every process reads the commands and only this one draws (3 MB).
    lean.reveal("rich")
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    return Progress(*columns, console=Console(stderr=True))


def _batches(rows: Iterator[Any]) -> Iterator[list[Any]]:
    while batch := list(islice(rows, BATCH_ROWS)):
        yield batch


def _beside(file: Path) -> Path:
    return file.with_name(f"{file.stem}.report.csv")


@contextmanager
def _report_file(place: Path, *, demanded: bool) -> Iterator[tuple[Path, Any]]:
    """The open report; in the working directory where the file's own cannot be written."""
    try:
        handle = place.open("w", encoding="utf-8", newline="")
    except OSError as error:
        if demanded or place.parent.resolve() == Path.cwd():
            raise click.ClickException(f"The report cannot be written to {place}: {error.strerror}.") from None
        with _report_file(Path.cwd() / place.name, demanded=True) as opened:
            yield opened
        return
    with handle:
        writer = csv.writer(handle)
        writer.writerow(REPORT_COLUMNS)
        yield place, writer


def _write(writer: Any, reports: Iterable[RowReport]) -> None:
    for item in reports:
        writer.writerow([item.row, _cell(item.source_id), item.outcome, item.mrn, item.why])


def _cell(text: str) -> str:
    """A source id that a spreadsheet must not take for a formula (OWASP CSV injection)."""
    return f"'{text}" if text.startswith(FORMULA_STARTS) else text


CLI_COMMANDS = [import_patients]
