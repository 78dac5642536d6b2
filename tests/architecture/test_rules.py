"""The rules that keep the house whole (docs/architecture.md), read from the code itself."""

from __future__ import annotations

import ast
import re
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
APP = ROOT / "app"
# What other slices may import of a slice; everything else is its own business.
SHARED = {"models", "services", "queries", "events"}
EDGES = {"api", "views", "sockets", "jobs", "listeners", "reactions", "commands", "hooks"}
KERNEL = {"core", "embedded", "sandbox"}


@dataclass(frozen=True)
class Source:
    """What the rules ask of a file, read once for all of them. `functions`: name and number of lines."""

    path: Path
    calls: frozenset[str]
    imports: tuple[str, ...]
    functions: tuple[tuple[str, int], ...]


def files(*folders: Path) -> list[Path]:
    return [path for folder in folders for path in sorted(folder.rglob("*.py"))]


def sources(*folders: Path) -> list[Source]:
    return [read(path) for path in files(*(folders or (APP,)))]


@cache
def read(path: Path) -> Source:
    called, imported, functions = set(), [], []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call):
            called.add(getattr(node.func, "attr", getattr(node.func, "id", "")))
        elif isinstance(node, ast.Import):
            imported += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            imported.append(node.module)
        elif isinstance(node, ast.FunctionDef) and node.end_lineno:
            functions.append((node.name, node.end_lineno - node.lineno + 1))
    return Source(path.relative_to(ROOT), frozenset(called), tuple(imported), tuple(functions))


def test_only_the_unit_of_work_commits() -> None:
    committing = {str(it.path) for it in sources() if "commit" in it.calls and "sandbox" not in it.path.parts}
    # core/connections.py is the COMMIT that the driver sends: it decides how, not when.
    assert committing <= {"app/core/transaction.py", "app/core/connections.py", "app/embedded/database.py"}


# Past the walls go: log-in (no clinic yet), the relays and sweepers (they look for work of every clinic), and commands.
PAST_THE_WALLS = {
    "app/access/cache.py",
    "app/access/principals.py",
    "app/access/services.py",
    "app/access/sessions.py",
    "app/audit/commands.py",
    "app/billing/jobs/bulk.py",
    "app/billing/jobs/subscriptions.py",
    "app/demo/abroad.py",
    "app/demo/commands.py",
    "app/demo/house.py",
    "app/demo/outside.py",
    "app/events/jobs.py",
    "app/integrations/commands.py",
    "app/integrations/jobs.py",
    "app/jobs/jobs.py",
    "app/messaging/jobs.py",
    "app/messaging/notice_jobs.py",
    "app/messaging/receipts.py",
    "app/payments/jobs.py",
    "app/scheduling/jobs.py",
    "app/tenancy/api.py",
    "app/tenancy/cache.py",
    "app/tenancy/providers.py",
    "app/tenancy/rounds.py",
}


def test_every_way_past_the_walls_is_listed() -> None:
    found = {str(it.path) for it in sources() if "all_tenants" in it.calls}
    assert found == PAST_THE_WALLS


def test_work_for_every_clinic_goes_the_round_that_one_clinics_fault_does_not_end() -> None:
    """app/tenancy/rounds.py: a job that chose the clinics itself would stop at the first that fails."""
    jobs = [it for it in sources() if "jobs" in it.path.parts[2:-1] or it.path.stem.endswith("jobs")]
    assert len(jobs) > 10
    assert [str(it.path) for it in jobs if "app.tenancy.models" in it.imports] == []


def test_the_network_is_reached_through_few_doors() -> None:
    doors = {
        str(it.path)
        for it in sources()
        if {"requests", "smtplib", "http.client", "urllib.request", "boto3"} & set(it.imports)
        and "sandbox" not in it.path.parts
        and "embedded" not in it.path.parts
    }
    # The demo's are clients of the sandbox and the console itself; aws_client.py holds boto3 to the rules of http.py.
    demo = {f"app/demo/{name}.py" for name in ("message_providers", "outside", "walk_clients")}
    channels = {f"app/messaging/channels/{name}.py" for name in ("smtp", "aws_client")}
    assert doors <= {"app/core/http.py", *channels, *demo}


def test_slices_share_only_models_services_queries_and_events() -> None:
    wrong = []
    for it in sources():
        own = it.path.parts[1]
        if own in KERNEL or own.endswith(".py"):
            continue
        for name in it.imports:
            parts = name.split(".")
            if len(parts) > 2 and parts[0] == "app" and parts[1] not in {own, *KERNEL} and parts[2] in EDGES:
                wrong.append((str(it.path), name))
    assert wrong == []


def test_no_file_is_longer_than_400_lines() -> None:
    every = files(APP, ROOT / "tests", ROOT / "bench")
    long = [(str(path), count) for path in every if (count := path.read_text().count("\n")) > 400]
    assert len(every) > 500
    assert long == []


def test_no_function_is_longer_than_50_lines() -> None:
    long = [
        (str(it.path), name, lines) for it in sources(APP, ROOT / "bench") for name, lines in it.functions if lines > 50
    ]
    assert long == []


def templates() -> list[Path]:
    return sorted((ROOT / "templates").rglob("*.html"))


@pytest.mark.parametrize(
    ("rule", "pattern"),
    [
        ("an inline handler", re.compile(r"<[^>]+\son[a-z]+\s*=", re.I)),
        ("an inline script", re.compile(r"<script(?![^>]*\bsrc=)(?![^>]*application/json)[^>]*>", re.I)),
        ("another origin", re.compile(r"(?:src|href)\s*=\s*[\"']?(?:https?:)?//", re.I)),
    ],
)
def test_pages_hold_no(rule: str, pattern: re.Pattern[str]) -> None:
    found = [str(path.relative_to(ROOT)) for path in templates() if pattern.search(path.read_text())]
    assert found == [], rule


def test_pages_hold_no_inline_style() -> None:
    # Documents that are no web pages carry their own style: PDF and e-mail.
    printed = {"invoice_pdf.html", "receipt_pdf.html", "email.html"}
    styled = [path for path in templates() if path.name not in printed and "pdf" not in path.name]
    found = [str(path) for path in styled if re.search(r"<style|\sstyle\s*=", path.read_text(), re.I)]
    assert found == []


def test_every_job_names_one_of_the_fourteen_queues() -> None:
    from app import SLICES
    from app.core.jobs import JOBS, PRIORITIES, QUEUES
    from app.core.loader import load_declarations

    load_declarations(SLICES)

    assert len(QUEUES) == 14
    assert list(QUEUES.values()) == sorted(QUEUES.values(), key=PRIORITIES.index)  # emptied in that order
    assert QUEUES["lab-report"] == "HIGH" and QUEUES["invoice-pdf"] == "NORMAL"
    assert JOBS
    assert all(job.queue in QUEUES for job in JOBS.values())


def test_a_job_is_tried_as_often_as_its_queue_says(monkeypatch: pytest.MonkeyPatch) -> None:
    from app.core import jobs

    monkeypatch.setattr(jobs, "JOBS", {})
    declared = [jobs.job(queue)(print) for queue in ("report", "video-recording")]
    assert [item.attempts for item in declared] == [3, 2]
    assert jobs.job("video-recording", attempts=1)(print).attempts == 1


def test_nothing_of_this_machine_is_in_the_repository() -> None:
    leak = re.compile("/wo" + "rk/|/root/\\.|pypi" + "\\.org|registry" + "\\.npmjs|deb" + "\\.debian")
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True, text=True).stdout
    pictures = {".png", ".jpg", ".woff2", ".ttf"}
    tracked = [ROOT / name for name in listed.split("\0") if name and Path(name).suffix not in pictures]
    found = [str(path) for path in tracked if path.is_file() and leak.search(path.read_text(errors="replace"))]
    assert tracked
    assert found == []
