from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from app.embedded.leftovers import end_leftovers, mark
from app.embedded.places import DataDirectory, open_data_directory

DEAF = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('ready', flush=True); time.sleep(600)"
CALM = "import time; print('ready', flush=True); time.sleep(600)"
Leave = Callable[[DataDirectory, str], subprocess.Popen[str]]


@pytest.fixture
def leave() -> Iterator[Leave]:
    """A process as a killed supervisor leaves it."""
    left: list[subprocess.Popen[str]] = []

    def start(data: DataDirectory, script: str) -> subprocess.Popen[str]:
        environment = {**os.environ, **mark(data)}
        process = subprocess.Popen([sys.executable, "-c", script], env=environment, stdout=subprocess.PIPE, text=True)
        left.append(process)
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
        return process

    yield start
    for process in left:
        process.kill()
        process.communicate()


def test_what_was_left_is_ended_and_told(area: Path, leave: Leave) -> None:
    data = open_data_directory(area / "data")
    process = leave(data, CALM)
    assert len(end_leftovers(data)) == 1
    assert process.wait(30) == -signal.SIGTERM
    assert end_leftovers(data) == []


def test_what_ignores_the_signal_is_killed(area: Path, leave: Leave, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.embedded.leftovers.PATIENCE_SECONDS", 0.2)
    data = open_data_directory(area / "data")
    process = leave(data, DEAF)
    end_leftovers(data)
    assert process.wait(30) == -signal.SIGKILL


def test_another_directory_s_processes_are_left_alone(area: Path, leave: Leave) -> None:
    data = open_data_directory(area / "data")
    shutil.copytree(area / "data", area / "copy")
    process = leave(data, CALM)
    for other in ("copy", "new"):
        assert end_leftovers(open_data_directory(area / other)) == []
    assert process.poll() is None
