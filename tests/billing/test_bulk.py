"""Many invoices in one go: every row done once, told when it cannot be, and nothing lost with a worker."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
import socketio
from sqlalchemy import select

from app.billing.jobs.bulk import issue_in_bulk, sweep_bulk_runs
from app.billing.models import BulkInvoiceItem, BulkInvoiceRun, Invoice, InvoiceStatus
from app.billing.services import bulk, collect_at_desk, draft_invoice, open_invoice
from app.billing.services.bulk import cancel_run, retry_failures, start_bulk_drafts, start_bulk_visits
from app.billing.services.lines import NewLine
from app.billing.services.visits import visit_price, visit_prices
from app.catalog.queries import NoPrice
from app.core import clock
from app.core.errors import Conflict, Invalid
from app.core.jobs import queue_named
from app.core.tenant import db, tenant_scope
from app.core.transaction import unit_of_work
from app.events.models import EventRecord
from app.ledger.accounts import AccountCode
from app.ledger.queries import balance, trial_balance, trial_balance_totals
from app.scheduling.models import Appointment
from tests.billing.conftest import Api
from tests.daytime import ZONE_NAME
from tests.factories.access import bearer, make_member
from tests.factories.billing import collect, make_invoice, make_priced_doctor, rupees
from tests.factories.bulk import make_held_visits
from tests.factories.catalog import make_price, make_service
from tests.factories.payments import reread
from tests.factories.people import make_patient
from tests.factories.scheduling import make_open_doctor
from tests.live_server import running_server

ApiAs = Callable[..., Api]


def this_week() -> tuple[Any, Any]:
    today = clock.today(ZONE_NAME)
    return today - timedelta(days=90), today


def ordered(*of: str) -> BulkInvoiceRun:
    with unit_of_work():
        if of:
            return start_bulk_drafts(of)
        return start_bulk_visits(*this_week())


def invoices() -> list[Invoice]:
    return list(db.session.scalars(select(Invoice).order_by(Invoice.number)))


def numbers() -> list[int]:
    return [int((invoice.number or "").rpartition("/")[2]) for invoice in invoices() if invoice.number]


def woken(run: BulkInvoiceRun) -> list[Any]:
    """The jobs that wait to work on the run."""
    return [job for job in queue_named("bulk-invoice").get_jobs() if run.id in job.args]


def test_every_held_visit_gets_its_invoice_and_the_books_agree(in_clinic: Any) -> None:
    visits = make_held_visits(230, make_priced_doctor("100.00", percent="18"))
    run = ordered()
    issue_in_bulk(in_clinic.id, run.id)
    run = reread(run)
    assert (run.status, run.total_count, run.done_count, run.failed_count, run.progress) == ("DONE", 230, 230, 0, 100)
    made = invoices()
    assert {invoice.appointment_id for invoice in made} == set(visits)
    assert {(invoice.status, str(invoice.total)) for invoice in made} == {("OPEN", "118.00 INR")}
    assert numbers() == list(range(1, 231))
    assert balance(AccountCode.RECEIVABLE) == rupees("27140.00")
    assert balance(AccountCode.TAX_PAYABLE) == rupees("4140.00")
    assert all(debits == credits for debits, credits in trial_balance_totals(trial_balance()))
    told = db.session.scalars(select(EventRecord.type).where(EventRecord.type.like("billing.invoice.%"))).all()
    assert sorted(told) == ["billing.invoice.created"] * 230 + ["billing.invoice.drafted"] * 230


def test_a_second_run_finds_nothing_and_a_second_wake_up_repeats_nothing(in_clinic: Any) -> None:
    make_held_visits(3, make_priced_doctor("100.00"))
    run = ordered()
    for _ in range(2):
        issue_in_bulk(in_clinic.id, run.id)
    assert len(invoices()) == 3
    with pytest.raises(Conflict), unit_of_work():
        start_bulk_visits(*this_week())


def test_a_visit_without_a_price_is_told_and_holds_up_no_other(in_clinic: Any) -> None:
    make_held_visits(2, make_priced_doctor("100.00"))
    make_held_visits(1, make_open_doctor())
    run = ordered()
    issue_in_bulk(in_clinic.id, run.id)
    assert (reread(run).done_count, reread(run).failed_count) == (2, 1)
    (failed,) = db.session.scalars(select(BulkInvoiceItem).where(BulkInvoiceItem.status == "FAILED"))
    assert "price" in failed.error and failed.invoice_id is None
    with unit_of_work():
        again = retry_failures(run.id)
    assert again.total_count == 1


def test_chosen_drafts_are_opened_and_only_drafts_can_be_chosen(in_clinic: Any) -> None:
    drafts = [make_invoice("10.00", opened=False) for _ in range(3)]
    make_invoice("10.00", opened=False)
    issued = make_invoice("10.00")
    with pytest.raises(Invalid), unit_of_work():
        start_bulk_drafts([issued.id])
    run = ordered(*(draft.id for draft in drafts))
    collect(drafts[0])  # somebody was faster
    issue_in_bulk(in_clinic.id, run.id)
    assert (reread(run).done_count, reread(run).failed_count) == (3, 0)
    assert sorted(invoice.status for invoice in invoices()) == ["DRAFT", "OPEN", "OPEN", "OPEN", "PAID"]
    assert numbers() == [1, 2, 3, 4]


def test_a_worker_that_dies_half_way_is_followed_by_another(in_clinic: Any) -> None:
    """As kill -9 leaves it: some batches committed, the run under way, nobody working on it."""
    make_held_visits(150, make_priced_doctor("100.00"))
    run = ordered()
    with unit_of_work():
        assert bulk._batch(run.id, 70) is True
    assert (reread(run).status, reread(run).done_count) == ("RUNNING", 70)
    sweep_bulk_runs()
    assert woken(run) == []  # it may still be alive
    with clock.travel(by=timedelta(minutes=1)):
        sweep_bulk_runs()
        (waking,) = woken(run)
        waking.perform()
    assert (reread(run).status, reread(run).done_count, len(invoices())) == ("DONE", 150, 150)
    assert numbers() == list(range(1, 151))


def test_a_failure_in_a_batch_costs_its_own_row_alone(in_clinic: Any) -> None:
    drafts = [make_invoice("10.00", opened=False) for _ in range(4)]
    run = ordered(*(draft.id for draft in drafts))
    taken = make_invoice("10.00")
    with unit_of_work():  # a number that somebody else's row has: the database refuses the whole batch
        clash = (taken.number or "").replace("000001", "000003")
        db.session.execute(
            Invoice.__table__.insert().values(  # type: ignore[attr-defined]
                id=drafts[0].id.replace(drafts[0].id[:4], "ffff", 1), clinic_id=in_clinic.id, number=clash,
                status=InvoiceStatus.VOID, patient_id=taken.patient_id, currency="INR", subtotal_minor=0,
                discount_minor=0, tax_minor=0, total_minor=0, paid_minor=0, credited_minor=0, discount_reason="",
                notes="", void_reason="", pdf_state="", created_at=clock.now(), updated_at=clock.now(),
            )
        )  # fmt: skip
    issue_in_bulk(in_clinic.id, run.id)
    assert reread(run).status == "DONE"
    assert (reread(run).done_count, reread(run).failed_count) == (1, 3)
    failed = db.session.scalars(select(BulkInvoiceItem.error).where(BulkInvoiceItem.status == "FAILED")).all()
    assert all("IntegrityError" in error for error in failed)


def test_a_cancelled_run_stops_and_keeps_what_is_issued(in_clinic: Any) -> None:
    make_held_visits(30, make_priced_doctor("100.00"))
    run = ordered()
    with unit_of_work():
        bulk._batch(run.id, 10)
    with unit_of_work():
        cancel_run(run.id)
    issue_in_bulk(in_clinic.id, run.id)
    assert (reread(run).status, reread(run).done_count, len(invoices())) == ("CANCELLED", 10, 10)
    with pytest.raises(Conflict), unit_of_work():
        cancel_run(run.id)


def test_desks_number_on_while_a_run_is_under_way(app: Any, clinic: Any) -> None:
    with tenant_scope(clinic.id):
        make_held_visits(60, make_priced_doctor("100.00"))
        patients = [make_patient().id for _ in range(4)]
        run_id = ordered().id

    def work(patient_id: str | None) -> None:
        with app.app_context(), tenant_scope(clinic.id):
            if patient_id is None:
                while bulk_goes_on(run_id):
                    pass
                return
            for _ in range(5):
                with unit_of_work():
                    collect_at_desk(open_invoice(draft_invoice(patient_id, [NewLine("Item", rupees("10"))])), "CASH")

    with ThreadPoolExecutor(6) as pool:  # two workers that were woken for the same run, four desks
        list(pool.map(work, [None, *patients, None]))
    with tenant_scope(clinic.id):
        run = db.session.get_one(BulkInvoiceRun, run_id)
        assert (run.status, run.done_count, len(invoices())) == ("DONE", 60, 80)
        assert numbers() == list(range(1, 81))
        assert all(debits == credits for debits, credits in trial_balance_totals(trial_balance()))


def bulk_goes_on(run_id: str) -> bool:
    """Work on small batches, so that desks come in between; False at the end."""
    with unit_of_work():
        if bulk._batch(run_id, 7):
            return True
    with unit_of_work():
        return db.session.get_one(BulkInvoiceRun, run_id, populate_existing=True).status in ("QUEUED", "RUNNING")


def test_progress_is_pushed_to_whoever_watches(app: Any, in_clinic: Any) -> None:
    finance = make_member(in_clinic.id, "FINANCE_BILLING")
    token = bearer(finance, in_clinic.id)["Authorization"].removeprefix("Bearer ")
    make_held_visits(120, make_priced_doctor("100.00"))
    run = ordered()
    with running_server(app) as address:
        watcher = socketio.SimpleClient(reconnection=False, handle_sigint=False)
        watcher.connect(address, namespace="/live", transports=["websocket"], auth={"token": token})
        assert watcher.call("subscribe", {"topic": "bulk"}, timeout=60) == {"ok": True}
        issue_in_bulk(in_clinic.id, run.id)
        news = [watcher.receive(timeout=60) for _ in range(3)]
        watcher.client.eio.ws.shutdown()
    assert [(name, item["status"], item["done"], item["progress"]) for name, item in news] == [
        ("job", "RUNNING", 100, 83), ("job", "RUNNING", 120, 100), ("job", "DONE", 120, 100),
    ]  # fmt: skip


def test_many_visits_cost_what_each_of_them_does(in_clinic: Any) -> None:
    """The follow-up price within its days, the full one before and after."""
    doctor = make_open_doctor()
    service = make_service(name="Consultation", follow_up_days=1)
    make_price(service, "100.00", doctor_id=doctor.id, follow_up="40.00")
    make_held_visits(5, doctor)
    free = make_open_doctor()
    make_held_visits(1, free)
    visits = list(db.session.scalars(select(Appointment).where(Appointment.status == "COMPLETED")))
    together = dict(visit_prices(visits))
    for visit in visits:
        price = together[visit]
        if visit.doctor_id == free.id:
            assert isinstance(price, NoPrice)
        else:
            assert price == visit_price(visit)
    costs = [price.unit_price.minor for price in together.values() if not isinstance(price, NoPrice)]
    assert sorted(costs) == [40_00] * 4 + [100_00]
