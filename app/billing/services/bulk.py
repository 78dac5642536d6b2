"""Issuing many invoices at once (SPEC BIL-4, JOB-2): a run and its rows, done in batches, each in one transaction.

A row is done in the transaction that issues its invoice: a killed worker repeats nothing and forgets nothing. What
cannot be issued is told per row and holds up no other.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any

from flask_babel import gettext as _
from sqlalchemy import func, insert, select

from app.billing.models import (
    UNFINISHED,
    BulkInvoiceItem,
    BulkInvoiceRun,
    BulkKind,
    BulkStatus,
    Invoice,
    InvoiceStatus,
    ItemStatus,
)
from app.billing.services.bulk_rows import issue_drafts, issue_visits, uninvoiced_visits
from app.core import clock
from app.core.errors import Conflict, Invalid, NotFound
from app.core.ids import new_id
from app.core.principal import find_principal
from app.core.sockets import clinic_room, push
from app.core.tenant import db, require_clinic
from app.core.transaction import unit_of_work

log = logging.getLogger(__name__)

BATCH = 100
MOST_ROWS = 50_000
ROWS_AT_ONCE = 5_000
LONGEST_PERIOD_DAYS = 366


def start_bulk_visits(first: date, last: date) -> BulkInvoiceRun:
    """Order invoices for a period's completed visits that have none. Raises Invalid, Conflict for nothing to do."""
    if not first <= last or (last - first).days > LONGEST_PERIOD_DAYS:
        raise Invalid(fields={"to": _("A period of at most a year, its end not before its beginning.")})
    visits = uninvoiced_visits(first, last, MOST_ROWS)
    run = _start(BulkKind.VISITS, len(visits), first_on=first, last_on=last)
    _add_items(run, ({"appointment_id": visit_id, "invoice_id": None} for visit_id in visits))
    return run


def start_bulk_drafts(invoice_ids: Sequence[str] | None = None) -> BulkInvoiceRun:
    """Order that drafts be opened: the chosen ones, or all. Raises Invalid for what is no draft, Conflict."""
    wanted = select(Invoice.id).where(Invoice.status == InvoiceStatus.DRAFT).order_by(Invoice.created_at, Invoice.id)
    if invoice_ids is not None:
        wanted = wanted.where(Invoice.id.in_(invoice_ids))
    found = list(db.session.scalars(wanted.limit(MOST_ROWS)))
    if invoice_ids is not None and len(found) != len(set(invoice_ids)):
        raise Invalid(fields={"invoiceIds": _("Choose drafts only.")})
    run = _start(BulkKind.DRAFTS, len(found))
    _add_items(run, ({"appointment_id": None, "invoice_id": invoice_id} for invoice_id in found))
    return run


def get_run(run_id: str) -> BulkInvoiceRun:
    """Raises NotFound."""
    run = db.session.get(BulkInvoiceRun, run_id)
    if run is None:
        raise NotFound
    return run


def cancel_run(run_id: str) -> BulkInvoiceRun:
    """Stop after the batch under way; what is issued stays. Raises NotFound, WrongState."""
    run = _lock(run_id, wait=True)
    if run is None:
        raise NotFound
    if run.status == BulkStatus.QUEUED:
        _finish(run, BulkStatus.CANCELLED)
    elif run.status != BulkStatus.RUNNING:
        raise Conflict(_("This run is over."), code="RUN_OVER", status=run.status)
    run.cancel_wanted = True
    db.session.flush()
    return run


def work_on(run_id: str) -> None:
    """Do the run to its end, batch by batch. Commits; leaves it to another worker that has it already."""
    more = True
    while more:
        try:
            with unit_of_work():
                more = _batch(run_id, BATCH)
        except Exception:
            log.exception("a batch of invoices failed; its rows are tried one by one")
            more = _one_by_one(run_id)


def _one_by_one(run_id: str) -> bool:
    """The next batch with a transaction per row: the row that failed it is told and left out."""
    more = True
    for _row in range(BATCH):
        if not more:
            break
        try:
            with unit_of_work():
                more = _batch(run_id, 1)
        except Exception as error:
            log.exception("an invoice could not be issued")
            with unit_of_work():
                _fail_next(run_id, type(error).__name__)
    return more


def _batch(run_id: str, size: int) -> bool:
    """Issue the next rows; whether there may be more."""
    run = _lock(run_id)
    if run is None or run.status not in UNFINISHED:
        return False
    if run.status == BulkStatus.QUEUED:
        run.become(BulkStatus.RUNNING)
        run.started_at = clock.now()
    items = [] if run.cancel_wanted else _next_items(run, size)
    if not items:
        _finish(run, BulkStatus.CANCELLED if run.cancel_wanted else BulkStatus.DONE)
        return False
    _note(run, items, issue_visits(items) if run.kind == BulkKind.VISITS else issue_drafts(items))
    return True


def _note(run: BulkInvoiceRun, items: Sequence[BulkInvoiceItem], failures: dict[str, str]) -> None:
    """`failures` by the item's id; every other item is done."""
    for item in items:
        item.status = ItemStatus.FAILED if item.id in failures else ItemStatus.DONE
        item.error = failures.get(item.id, "")[:300]
    run.done_count += len(items) - len(failures)
    run.failed_count += len(failures)
    run.beat_at = clock.now()
    db.session.flush()
    tell_progress(run)


def _fail_next(run_id: str, why: str) -> None:
    run = _lock(run_id, wait=True)
    items = _next_items(run, 1) if run is not None else []
    if run is not None and items:
        _note(run, items, {items[0].id: _("An unexpected failure (%(kind)s); see the log.", kind=why)})


def _next_items(run: BulkInvoiceRun, size: int) -> list[BulkInvoiceItem]:
    wanted = select(BulkInvoiceItem).where(
        BulkInvoiceItem.run_id == run.id, BulkInvoiceItem.status == ItemStatus.PENDING
    )
    return list(db.session.scalars(wanted.order_by(BulkInvoiceItem.position).limit(size)))


def _lock(run_id: str, *, wait: bool = False) -> BulkInvoiceRun | None:
    """The run, unless another worker has it."""
    wanted = select(BulkInvoiceRun).where(BulkInvoiceRun.id == run_id).with_for_update(skip_locked=not wait)
    return db.session.scalar(wanted.execution_options(populate_existing=True))


def _finish(run: BulkInvoiceRun, status: BulkStatus) -> None:
    run.become(status)
    run.finished_at = clock.now()
    db.session.flush()
    tell_progress(run)


def _start(kind: BulkKind, count: int, **columns: Any) -> BulkInvoiceRun:
    if not count:
        raise Conflict(_("There is nothing to issue."), code="NOTHING_TO_ISSUE")
    principal = find_principal()
    run = BulkInvoiceRun(
        id=new_id(),
        kind=kind,
        status=BulkStatus.QUEUED,
        total_count=count,
        done_count=0,
        failed_count=0,
        cancel_wanted=False,
        requested_by_id=principal.user_id if principal else None,
        **columns,
    )
    db.session.add(run)
    db.session.flush()
    return run


def _add_items(run: BulkInvoiceRun, targets: Iterable[dict[str, str | None]]) -> None:
    fixed = {"clinic_id": require_clinic(), "run_id": run.id, "status": ItemStatus.PENDING, "error": ""}
    rows = [{"id": new_id(), "position": at, **fixed, **target} for at, target in enumerate(targets, 1)]
    for start in range(0, len(rows), ROWS_AT_ONCE):
        db.session.execute(insert(BulkInvoiceItem), rows[start : start + ROWS_AT_ONCE])


def retry_failures(run_id: str) -> BulkInvoiceRun:
    """A new run over the rows of a finished one that failed. Raises NotFound, Conflict."""
    old = get_run(run_id)
    failed = select(BulkInvoiceItem.appointment_id, BulkInvoiceItem.invoice_id).where(
        BulkInvoiceItem.run_id == old.id, BulkInvoiceItem.status == ItemStatus.FAILED
    )
    rows = [row._asdict() for row in db.session.execute(failed.order_by(BulkInvoiceItem.position))]
    if old.status in UNFINISHED:
        raise Conflict(_("This run is not over yet."), code="RUN_NOT_OVER")
    run = _start(BulkKind(old.kind), len(rows), first_on=old.first_on, last_on=old.last_on)
    _add_items(run, rows)
    return run


def progress_of(run: BulkInvoiceRun) -> dict[str, Any]:
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


def tell_progress(run: BulkInvoiceRun) -> None:
    """After the commit, to whoever watches bulk runs."""
    times = {"startedAt", "finishedAt"}
    news = {name: value for name, value in progress_of(run).items() if name not in times}
    push("job", {**news, "job": "bulk-invoice"}, clinic_room(run.clinic_id, "bulk"))


def count_waiting() -> int:
    """Runs of the clinic in scope that are not over."""
    return int(db.session.scalar(select(func.count()).where(BulkInvoiceRun.status.in_(UNFINISHED))) or 0)
