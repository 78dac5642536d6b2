"""Every generated screen answers for the roles that may read it and for no other."""

from __future__ import annotations

from typing import Any

import pytest

from app.access.roles import Role, role_may
from app.core.views import CrudView


@pytest.fixture
def screens(app: Any) -> list[CrudView]:
    from app.extensions import appbuilder

    return [view for view in appbuilder.baseviews if isinstance(view, CrudView)]


def test_every_list_add_form_and_chart_answers(app: Any, client_as: Any, screens: list[CrudView]) -> None:
    client = client_as("CLINIC_ADMIN")
    failed = []
    for view in screens:
        paths = ["list/"]
        if "add" not in view.exclude_route_methods and role_may(
            "CLINIC_ADMIN", str(view.class_permission_name), "create"
        ):
            paths.append("add")
        if view.charts:
            paths.append("chart/")
        for path in paths:
            answer = client.get(f"{view.route_base}/{path}", headers={"Accept": "text/html"})
            if answer.status_code != 200:
                failed.append((view.route_base, path, answer.status_code))
    assert screens
    assert failed == []


@pytest.mark.parametrize("role", [str(role) for role in Role if role is not Role.SUPER_ADMIN])
def test_lists_follow_the_role_matrix(app: Any, client_as: Any, screens: list[CrudView], role: str) -> None:
    client = client_as(role)
    wrong = []
    for view in screens:
        allowed = role_may(role, str(view.class_permission_name), "read")
        status = client.get(f"{view.route_base}/list/", headers={"Accept": "text/html"}).status_code
        if (status == 200) != allowed:
            wrong.append((view.route_base, status, allowed))
    assert wrong == []


def test_the_menu_shows_only_what_the_role_may_read(app: Any, client_as: Any) -> None:
    page = client_as("CLINIC_ADMIN").get("/roomview/list/", headers={"Accept": "text/html"}).text
    assert "/auditentryview/list/" in page
    page = client_as("RECEPTIONIST").get("/roomview/list/", headers={"Accept": "text/html"}).text
    assert "/auditentryview/list/" not in page


def test_an_anonymous_visitor_is_sent_to_the_log_in_page(app: Any) -> None:
    answer = app.test_client().get("/roomview/list/")
    assert answer.status_code == 302
    assert answer.location.startswith("/login/?next=")


def test_metrics_tell_requests_queues_and_workers(app: Any) -> None:
    client = app.test_client()
    client.get("/healthz")
    text = client.get("/metrics").text
    assert 'clinic_queue_jobs{queue="event-queue"} 0.0' in text
    assert "clinic_request_seconds_count" in text


def test_metrics_are_not_for_strangers(app: Any) -> None:
    answer = app.test_client().get("/metrics", environ_base={"REMOTE_ADDR": "203.0.113.9"})
    assert answer.status_code == 403


def test_a_dead_job_is_shown_and_retried(app: Any, client_as: Any, clinic: Any) -> None:
    from rq import SimpleWorker

    from app.core.jobs import queue_named, redis_connection

    queue = queue_named("report")
    job = queue.enqueue_call("json.loads", args=("not json",), meta={"clinic_id": clinic.id})
    SimpleWorker([queue], connection=redis_connection()).work(burst=True)
    admin = client_as("CLINIC_ADMIN")
    page = admin.get("/queues-and-workers/", headers={"Accept": "text/html"}).text
    assert "JSONDecodeError" in page
    assert client_as("RECEPTIONIST").post(f"/queues-and-workers/dead/{job.id}", data={"do": "retry"}).status_code == 403
    assert admin.post(f"/queues-and-workers/dead/{job.id}", data={"do": "retry"}).status_code == 302
    assert queue.count == 1
    assert admin.post(f"/queues-and-workers/dead/{job.id}", data={"do": "discard"}).status_code == 404
