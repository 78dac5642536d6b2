"""What a web process and a worker do in a walk; each function is one process that may die in the middle."""

from __future__ import annotations

from typing import Any

from flask import current_app

from app.core.jobs import QUEUES, scheduled_jobs


def ask(method: str, path: str, body: Any = None, headers: dict[str, str] | None = None) -> dict[str, Any]:
    """One request to a web process."""
    answer = current_app.test_client().open(path, method=method, json=body, headers=headers)
    return {"status": answer.status_code, "body": answer.get_json(silent=True)}


def take_notices(notices: list[dict[str, Any]]) -> list[int]:
    """Webhooks as providers post them, one after the other; the statuses that they saw."""
    client = current_app.test_client()
    return [client.post(item["path"], data=item["body"], headers=item["headers"]).status_code for item in notices]


def work() -> None:
    """A worker that runs until every queue is empty."""
    from worker import work as run

    run(list(QUEUES), forking=False, burst=True)


def sweep() -> None:
    """What the scheduler has a worker do, and all that it wakes."""
    for item in scheduled_jobs():
        item()
    work()
