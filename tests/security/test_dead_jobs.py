"""Dead jobs of a clinic are that clinic's: nobody else's administrator sees, retries or discards them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from rq import SimpleWorker
from rq.job import Job as RqJob

from app.core.ids import new_id
from app.core.jobs import clinic_of, queue_named, redis_connection
from app.core.tenant import all_tenants, tenant_scope
from app.core.transaction import unit_of_work
from app.events.jobs import sweep_deliveries
from app.payments.jobs import check_payment
from app.reports.jobs import sum_up_days
from tests.factories.access import bearer, make_user

HTML = {"Accept": "text/html"}


def queued(name: str) -> list[RqJob]:
    return [job for job in queue_named(name).jobs if job is not None]


@pytest.fixture
def dead(app: Any, clinic: Any, other_clinic: Any) -> dict[str, str]:
    """The id of a dead job of each clinic, and of one that is everybody's."""
    queue = queue_named("report")
    owners = {"ours": clinic.id, "theirs": other_clinic.id, "all": None}
    made = {
        name: queue.enqueue_call("json.loads", args=("no json",), meta={"clinic_id": clinic_id}).id
        for name, clinic_id in owners.items()
    }
    SimpleWorker([queue], connection=redis_connection()).work(burst=True)
    assert queue.failed_job_registry.count == 3
    return made


def shown(page: str, dead: dict[str, str]) -> set[str]:
    return {name for name, job_id in dead.items() if job_id in page}


def test_an_administrator_sees_the_clinics_own(client_as: Callable[..., Any], dead: dict[str, str]) -> None:
    page = client_as("CLINIC_ADMIN").get("/queues-and-workers/", headers=HTML).text
    assert shown(page, dead) == {"ours"}


def test_own_dead_jobs_are_found_behind_many_of_others(
    client_as: Callable[..., Any], dead: dict[str, str], other_clinic: Any
) -> None:
    queue = queue_named("report")
    for _ in range(60):
        queue.enqueue_call("json.loads", args=("no json",), meta={"clinic_id": other_clinic.id})
    SimpleWorker([queue], connection=redis_connection()).work(burst=True)
    page = client_as("CLINIC_ADMIN").get("/queues-and-workers/", headers=HTML).text
    assert shown(page, dead) == {"ours"}


@pytest.mark.parametrize("do", ["retry", "discard"])
def test_nobody_settles_what_is_not_theirs(client_as: Callable[..., Any], dead: dict[str, str], do: str) -> None:
    admin = client_as("CLINIC_ADMIN")
    for name, status in (("theirs", 404), ("all", 404), ("ours", 302)):
        answer = admin.post(f"/queues-and-workers/dead/{dead[name]}", data={"do": do}, headers=HTML)
        assert (name, answer.status_code) == (name, status)
    left = queue_named("report").failed_job_registry.get_job_ids()
    assert set(left) == {dead["theirs"], dead["all"]}


def test_a_super_admin_settles_all(app: Any, clinic: Any, dead: dict[str, str]) -> None:
    client, keeper = app.test_client(), {**HTML, **bearer(make_user(super_admin=True), clinic.id)}
    assert shown(client.get("/queues-and-workers/", headers=keeper).text, dead) == set(dead)
    for job_id in dead.values():
        answer = client.post(f"/queues-and-workers/dead/{job_id}", data={"do": "discard"}, headers=keeper)
        assert answer.status_code == 302
    assert queue_named("report").failed_job_registry.count == 0


def test_a_job_knows_whose_it_is(app_context: Any, clinic: Any, other_clinic: Any) -> None:
    with all_tenants(), unit_of_work():
        check_payment.enqueue(clinic.id, new_id())
    with tenant_scope(other_clinic.id), unit_of_work():
        sum_up_days.enqueue()
    with all_tenants(), unit_of_work():
        sweep_deliveries.enqueue()
    assert [clinic_of(job) for job in queued("payment")] == [clinic.id]
    assert [clinic_of(job) for job in queued("report")] == [other_clinic.id]
    assert [clinic_of(job) for job in queued("event")] == [None]
