"""Long work (SPEC JOB-2): ordered, done in batches, watched, stopped.

A batch is done in the transaction that counts it: a killed worker repeats nothing and forgets nothing. A row that fails
is told and holds up no other.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

from flask_babel import gettext as _
from sqlalchemy import func, insert, select

from app.core import clock
from app.core.errors import AppError, Conflict, NotFound
from app.core.files import StoredFile, store_file
from app.core.ids import new_id
from app.core.logging.failures import describe
from app.core.principal import find_principal
from app.core.sockets import clinic_room, push, user_room
from app.core.tenant import db
from app.core.transaction import unit_of_work
from app.jobs.kinds import KINDS, Kind, declare_kind
from app.jobs.models import UNFINISHED, JobProblem, JobRun, JobStatus

__all__ = [
    "Kind",
    "cancel_run",
    "count_unfinished",
    "declare_kind",
    "get_run",
    "join_parts",
    "keep_part",
    "order",
    "progress_of",
    "work_on",
]

log = logging.getLogger(__name__)

MOST_PROBLEMS = 5000  # that are kept of a run; all are counted
PART = "job-part"


def order(kind: str, total: int, *, input_file: StoredFile | None = None, **options: Any) -> JobRun:
    """Order work on `total` rows; a worker begins after the commit. Raises Conflict where there is nothing to do."""
    from app.jobs.jobs import wake

    if not total:
        raise Conflict(_("There is nothing to do."), code="NOTHING_TO_DO")
    principal = find_principal()
    run = JobRun(
        id=new_id(),
        kind=KINDS[kind].name,
        status=JobStatus.QUEUED,
        options=options,
        total_count=total,
        input_file_id=input_file.id if input_file else None,
        requested_by_id=principal.user_id if principal else None,
    )
    db.session.add(run)
    db.session.flush()
    wake(run)
    return run


def get_run(run_id: str) -> JobRun:
    """Raises NotFound."""
    run = db.session.get(JobRun, run_id)
    if run is None:
        raise NotFound
    return run


def cancel_run(run_id: str) -> JobRun:
    """Stop after the batch under way; what is done stays. Raises NotFound, Conflict."""
    run = _lock(run_id, wait=True)
    if run is None:
        raise NotFound
    if run.over:
        raise Conflict(_("This run is over."), code="RUN_OVER", status=run.status)
    run.cancel_wanted = True
    if run.status == JobStatus.QUEUED:
        _end(run, JobStatus.CANCELLED)
    db.session.flush()
    return run


def work_on(run_id: str) -> None:
    """Do the run to its end from wherever it stands. Commits; leaves it to another worker that has it already."""
    with unit_of_work():
        run = _lock(run_id)
        if run is None or run.over:
            return
        kind, position = KINDS[run.kind], run.position
    try:
        rows = islice(iter(kind.rows(run)), position, None)
        _work(run_id, kind, rows, position)
    except Exception as error:
        log.exception("long work failed: %s", kind.name)
        with unit_of_work():
            _fail(run_id, error)


def _work(run_id: str, kind: Kind, rows: Iterator[Any], position: int) -> None:
    more = True
    while more:
        batch = list(islice(rows, kind.batch))
        try:
            with unit_of_work():
                more = _batch(run_id, kind, batch, position)
        except Exception:
            if not batch:
                raise
            log.exception("a batch failed; its rows are tried one by one")
            more = _one_by_one(run_id, kind, batch, position)
        position += len(batch)


def _one_by_one(run_id: str, kind: Kind, batch: Sequence[Any], position: int) -> bool:
    for place, row in enumerate(batch, position):
        try:
            with unit_of_work():
                more = _batch(run_id, kind, [row], place)
        except Exception as error:
            log.exception("a row failed")
            text = _("An unexpected failure (%(kind)s); see the log.", kind=type(error).__name__)
            with unit_of_work():
                more = _batch(run_id, kind, [row], place, failing=text)
        if not more:
            return False
    return True


def _batch(run_id: str, kind: Kind, batch: Sequence[Any], position: int, *, failing: str = "") -> bool:
    """Do the rows after `position`; whether there may be more. `failing`: they are known to fail, and why.

    A worker that was taken for dead and finds the run further on than it left it leaves it to the other one.
    """
    run = _lock(run_id, wait=True)
    if run is None or run.over or run.position != position:
        return False
    if run.status == JobStatus.QUEUED:
        run.become(JobStatus.RUNNING)
        run.started_at = clock.now()
    if run.cancel_wanted:
        _end(run, JobStatus.CANCELLED)
        return False
    if not batch:
        kind.finish(run)
        _end(run, JobStatus.DONE)
        return False
    _note(run, [failing] * len(batch) if failing else kind.do(run, batch))
    return True


def _note(run: JobRun, outcomes: Sequence[str]) -> None:
    """`outcomes`: why each row was left out, empty for one that is done."""
    first = run.position + 1
    problems = [(first + place, text) for place, text in enumerate(outcomes) if text]
    room = max(0, MOST_PROBLEMS - run.failed_count)
    if problems[:room]:
        rows = [{"run_id": run.id, "row": row, "text": text[:300]} for row, text in problems[:room]]
        db.session.execute(insert(JobProblem), rows)
    run.done_count += len(outcomes) - len(problems)
    run.failed_count += len(problems)
    run.beat_at = clock.now()
    db.session.flush()
    tell_progress(run)


def _fail(run_id: str, error: Exception) -> None:
    run = _lock(run_id, wait=True)
    if run is not None and not run.over:
        run.error = str(error.message) if isinstance(error, AppError) else describe(error).type.rpartition(".")[2]
        _end(run, JobStatus.FAILED)


def _end(run: JobRun, status: JobStatus) -> None:
    run.become(status)
    run.finished_at = clock.now()
    if status != JobStatus.DONE:
        for part in _parts(run):
            db.session.delete(part)
    db.session.flush()
    tell_progress(run)


def _lock(run_id: str, *, wait: bool = False) -> JobRun | None:
    """The run, unless another worker has it."""
    wanted = select(JobRun).where(JobRun.id == run_id).with_for_update(skip_locked=not wait)
    return db.session.scalar(wanted.execution_options(populate_existing=True))


# ---- results that grow with the run ----


def keep_part(run: JobRun, content: bytes) -> None:
    """Keep what a batch made, in its transaction."""
    store_file(PART, run.id, f"{run.position:09}", "application/octet-stream", content)


def join_parts(run: JobRun, name: str, mime_type: str, head: bytes = b"") -> None:
    """The result of the run: `head` and its parts in their order."""
    parts = _parts(run)
    content = head + b"".join(part.content for part in parts)
    run.result_file_id = store_file("job-result", run.id, name, mime_type, content).id
    for part in parts:
        db.session.delete(part)
    db.session.flush()


def _parts(run: JobRun) -> list[StoredFile]:
    wanted = select(StoredFile).where(StoredFile.owner_id == run.id, StoredFile.kind == PART).order_by(StoredFile.name)
    return list(db.session.scalars(wanted))


# ---- telling ----


def progress_of(run: JobRun) -> dict[str, Any]:
    """What a screen, the API and the socket tell."""
    return {
        "id": run.id,
        "kind": run.kind,
        "status": run.status,
        "total": run.total_count,
        "done": run.done_count,
        "failed": run.failed_count,
        "progress": run.progress,
        "startedAt": run.started_at,
        "finishedAt": run.finished_at,
    }


def tell_progress(run: JobRun) -> None:
    """After the commit, to whoever watches jobs and to who ordered it."""
    times = {"startedAt", "finishedAt"}
    news = {name: value for name, value in progress_of(run).items() if name not in times}
    rooms = [clinic_room(run.clinic_id, "runs")]
    if run.requested_by_id:
        rooms.append(user_room(run.clinic_id, run.requested_by_id))
    push("job", {**news, "job": run.kind}, *rooms)


def count_unfinished() -> int:
    """Runs of the clinic in scope that are not over."""
    return int(db.session.scalar(select(func.count()).where(JobRun.status.in_(UNFINISHED))) or 0)
