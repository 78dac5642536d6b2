"""What production refuses: weak secrets at the start, figures without a token, pages of development, plain HTTP."""

from __future__ import annotations

import base64
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from config import DEVELOPMENT_KEY, MissingSetting, Settings, get_settings
from tests.factories.access import bearer, make_user
from tests.security.conftest import METRICS_TOKEN, production_environment, random_key

SAME = random_key()
SHORT = base64.b64encode(os.urandom(16)).decode()
GUESSED = base64.b64encode(b"ab" * 16).decode()


def refusal(monkeypatch: pytest.MonkeyPatch, **changes: str | None) -> str:
    """Why production does not start with these; empty when it does."""
    with monkeypatch.context() as patch:
        for name, value in {**production_environment(), **changes}.items():
            if value is None:
                patch.delenv(name, raising=False)
            else:
                patch.setenv(name, value)
        get_settings.cache_clear()
        try:
            get_settings()
        except MissingSetting as error:
            return str(error)
        finally:
            get_settings.cache_clear()
    return ""


def test_good_secrets_start(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    assert refusal(monkeypatch) == ""
    assert refusal(monkeypatch, METRICS_TOKEN=None) == ""


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"SECRET_KEY": None}, "production needs SECRET_KEY"),
        ({"AUDIT_KEY": None}, "production needs AUDIT_KEY"),
        ({"ENCRYPTION_KEYS": None}, "production needs ENCRYPTION_KEYS"),
        ({"SECRET_KEY": ""}, "SECRET_KEY is too short"),
        ({"SECRET_KEY": "Kj8!s0Q-"}, "SECRET_KEY is too short"),
        ({"SECRET_KEY": "x" * 64}, "SECRET_KEY can be guessed"),
        ({"SECRET_KEY": "change-me-0123456789-abcdefghijklmnop"}, "SECRET_KEY is one of development"),
        ({"SECRET_KEY": DEVELOPMENT_KEY}, "SECRET_KEY is one of development"),
        ({"SECRET_KEY": base64.b64decode(DEVELOPMENT_KEY).decode()}, "SECRET_KEY is one of development"),
        ({"AUDIT_KEY": DEVELOPMENT_KEY}, "AUDIT_KEY is one of development"),
        ({"AUDIT_KEY": SHORT}, "AUDIT_KEY is too short"),
        ({"AUDIT_KEY": GUESSED}, "AUDIT_KEY can be guessed"),
        ({"AUDIT_KEY": "no base64, however long it may well be"}, "AUDIT_KEY is not base64"),
        ({"ENCRYPTION_KEYS": ","}, "ENCRYPTION_KEYS, entry 1, is too short"),
        ({"ENCRYPTION_KEYS": f"1:{DEVELOPMENT_KEY}"}, "ENCRYPTION_KEYS, entry 1, is one of development"),
        ({"ENCRYPTION_KEYS": f"2:{SAME},1:{SHORT}"}, "ENCRYPTION_KEYS, entry 2, is too short"),
        ({"ENCRYPTION_KEYS": f"2:{SAME},1:{SAME}"}, "each needs a secret of its own"),
        ({"AUDIT_KEY": SAME, "SECRET_KEY": SAME}, "SECRET_KEY and AUDIT_KEY are equal"),
        ({"AUDIT_KEY": SAME, "ENCRYPTION_KEYS": f"1:{SAME}"}, "each needs a secret of its own"),
        ({"METRICS_TOKEN": "tiny"}, "METRICS_TOKEN is too short"),
    ],
)
def test_a_secret_that_is_none_stops_the_start(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, changes: dict[str, str | None], words: str
) -> None:
    told = refusal(monkeypatch, **changes)
    assert words in told
    assert not [value for value in changes.values() if value and len(value) > 1 and value in told]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"ENCRYPTION_KEYS": "nonsense"}, "ENCRYPTION_KEYS: encryption key number 1 is not <version>:<base64>"),
        ({"ENCRYPTION_KEYS": f"1:{SHORT}"}, "ENCRYPTION_KEYS: encryption key version 1 has"),
        ({"ENCRYPTION_KEYS": ""}, "ENCRYPTION_KEYS: no encryption key is configured"),
        ({"AUDIT_KEY": "no base64"}, "AUDIT_KEY is not base64"),
    ],
)
def test_a_key_that_cannot_be_read_stops_any_start(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, changes: dict[str, str | None], words: str
) -> None:
    told = refusal(monkeypatch, APP_ENV="development", **changes)
    assert told.startswith(f"Clinic Console cannot start: {words}")


def test_browsers_are_told_to_come_by_https_only(production_app: Any) -> None:
    """Also when the proxy that ends TLS hands the request on as a plain one."""
    answer = production_app.test_client().get("/login/")
    assert answer.headers["Strict-Transport-Security"].startswith("max-age=31536000")


def test_a_plain_installation_says_nothing_of_https(app: Any) -> None:
    assert "Strict-Transport-Security" not in app.test_client().get("/login/").headers


def test_figures_want_the_token_even_from_this_machine(production_app: Any) -> None:
    client = production_app.test_client()
    for given in ({}, {"Authorization": "Bearer"}, {"Authorization": "Bearer wrong"}, {"Authorization": METRICS_TOKEN}):
        answer = client.get("/metrics", headers=given)
        assert (answer.status_code, "clinic_queue_jobs" in answer.text) == (403, False)
    shown = client.get("/metrics", headers={"Authorization": f"Bearer {METRICS_TOKEN}"})
    assert (shown.status_code, "clinic_queue_jobs" in shown.text) == (200, True)


def test_figures_without_any_token_are_nobodys(production_app: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("METRICS_TOKEN")
    get_settings.cache_clear()
    client = production_app.test_client()
    for given in ({}, {"Authorization": "Bearer "}, {"Authorization": "Bearer None"}):
        assert client.get("/metrics", headers=given).status_code == 403


def test_development_shows_figures_to_its_own_machine_only(app: Any) -> None:
    assert app.test_client().get("/metrics").status_code == 200
    assert app.test_client().get("/metrics", environ_base={"REMOTE_ADDR": "203.0.113.9"}).status_code == 403


def test_the_components_are_shown_to_staff(app: Any, caller: Callable[..., Any]) -> None:
    nurse, patient = caller("NURSE"), caller("PATIENT")
    nurse.prefix = patient.prefix = ""
    assert nurse.get("/console/styleguide").status_code == 200
    assert patient.get("/console/styleguide").status_code == 403
    assert app.test_client().get("/console/styleguide").status_code == 401


def test_the_components_are_not_shown_in_production(production_app: Any, clinic: Any) -> None:
    keeper = bearer(make_user(super_admin=True), clinic.id)
    client = production_app.test_client()
    assert client.get("/console/styleguide").status_code == 404
    assert client.get("/console/styleguide", headers=keeper).status_code == 404


@pytest.mark.parametrize(
    "command",
    [
        ("-m", "gunicorn", "--config", "gunicorn.conf.py", "--bind", "127.0.0.1:0", "app:create_app()"),
        ("-m", "flask", "audit", "verify"),
        ("worker.py", "work"),
    ],
    ids=lambda command: command[-1],
)
def test_every_program_tells_a_missing_secret_without_a_traceback(project_root: Path, command: tuple[str, ...]) -> None:
    environment = {**os.environ, **production_environment(), "FLASK_APP": "app", "WEB_CONCURRENCY": "1"}
    del environment["AUDIT_KEY"]
    told = run_program(project_root, command, environment)
    assert "Clinic Console cannot start: production needs AUDIT_KEY" in told
    assert "Traceback" not in told


def test_a_command_without_a_database_says_so_in_one_line(project_root: Path) -> None:
    nowhere = "postgresql+psycopg://clinic:s3cret@127.0.0.1:1/clinic"
    environment = {**os.environ, "DATABASE_URL": nowhere, "FLASK_APP": "app"}
    told = run_program(project_root, ("-m", "flask", "audit", "verify"), environment)
    assert told.startswith("Error: DATABASE_URL is wrong, or its server is down: ")
    assert len(told.splitlines()) == 1 and "s3cret" not in told


def run_program(root: Path, command: tuple[str, ...], environment: dict[str, str]) -> str:
    """What a program that cannot start says before it ends by itself."""
    done = subprocess.run(
        [sys.executable, *command], cwd=root, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode != 0
    return done.stdout + done.stderr
