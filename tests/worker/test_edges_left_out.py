"""A worker's application: every job and listener, no screen and no API."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

# In a process of its own: Flask-AppBuilder keeps one menu per process.
SCRIPT = """
import json
from app import create_app
from app.core.jobs import JOBS
app = create_app(edges=False)
print(json.dumps([[rule.rule for rule in app.url_map.iter_rules()], sorted(JOBS)]))
"""


def test_a_worker_serves_nothing_and_knows_every_job(settings: Any, app: Any, project_root: Path) -> None:
    from app.core.jobs import JOBS

    run = subprocess.run(
        [sys.executable, "-c", SCRIPT], cwd=project_root, capture_output=True, text=True, check=True, timeout=60
    )
    rules, jobs = json.loads(run.stdout.splitlines()[-1])
    assert jobs == sorted(JOBS)
    assert [rule for rule in rules if rule.startswith("/api/v1/billing") or "view/" in rule] == []
