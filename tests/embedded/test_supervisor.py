from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.embedded.processes import eventually, is_alive

Supervised = Callable[..., "Running"]


class Running:
    """A supervisor process and what it printed so far."""

    def __init__(self, process: subprocess.Popen[bytes], printed: Path) -> None:
        self.process = process
        self._printed = printed

    @property
    def printed(self) -> str:
        return self._printed.read_text()

    def wait_for(self, text: str, times: int = 1) -> None:
        eventually(lambda: self.printed.count(text) >= times, f"{text!r} not printed {times} times: {self.printed}")

    @property
    def workers(self) -> list[int]:
        """The process ids that the program printed, oldest first."""
        return [int(pid) for pid in re.findall(r"│ ready (\d+)", self.printed)]


@pytest.fixture
def supervise(area: Path, project_root: Path) -> Iterator[Supervised]:
    running: list[Running] = []

    def start(behaviour: str, *, nohup: bool = False) -> Running:
        script = Path(__file__).with_name("supervised.py")
        ignore = (lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN)) if nohup else None
        with (area / "printed").open("wb") as printed:
            process = subprocess.Popen(
                [sys.executable, str(script), str(area), behaviour],
                cwd=project_root,
                env={**os.environ, "PYTHONPATH": str(project_root)},
                stdout=printed,
                stderr=printed,
                preexec_fn=ignore,
            )
        running.append(Running(process, area / "printed"))
        return running[-1]

    yield start
    for each in running:
        each.process.kill()
        each.process.wait()


def test_a_crashed_child_is_started_again_and_said(supervise: Supervised) -> None:
    run = supervise("calm")
    run.wait_for("supervising")
    os.kill(run.workers[0], signal.SIGKILL)
    run.wait_for("ready", times=2)
    assert "! worker ended (killed by SIGKILL); starting it again in 0.5 s" in run.printed
    assert is_alive(run.workers[1])


def test_each_crash_waits_longer_and_three_end_the_start(supervise: Supervised) -> None:
    run = supervise("broken")
    assert run.process.wait(30) == 1
    assert re.findall(r"again in ([\d.]+) s", run.printed) == ["0.5", "1", "2"]
    assert "✗ worker does not start: cannot find the thing it needs (see " in run.printed


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_stops_everything(supervise: Supervised, number: signal.Signals) -> None:
    run = supervise("calm")
    run.wait_for("supervising")
    run.process.send_signal(number)
    assert run.process.wait(30) == 0
    assert not is_alive(run.workers[0])


def test_a_closed_terminal_does_not_stop_it_under_nohup(supervise: Supervised) -> None:
    run = supervise("calm", nohup=True)
    run.wait_for("supervising")
    run.process.send_signal(signal.SIGHUP)
    os.kill(run.workers[0], signal.SIGKILL)
    run.wait_for("ready", times=2)
    assert run.process.poll() is None


def test_a_child_that_ignores_the_signal_is_killed(supervise: Supervised) -> None:
    run = supervise("deaf")
    run.wait_for("supervising")
    run.process.terminate()
    assert run.process.wait(30) == 0
    assert not is_alive(run.workers[0])
    assert "worker did not stop by itself and was killed" in run.printed


def test_what_a_child_started_ends_too(supervise: Supervised) -> None:
    run = supervise("parent")
    run.wait_for("supervising")
    grandchild = run.workers[0]
    run.process.terminate()
    assert run.process.wait(30) == 0
    eventually(lambda: not is_alive(grandchild), "the grandchild is still there")


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells children of their parent's death")
def test_children_die_with_a_killed_supervisor(supervise: Supervised) -> None:
    run = supervise("calm")
    run.wait_for("supervising")
    run.process.kill()
    eventually(lambda: not is_alive(run.workers[0]), "the child outlived its supervisor")


def test_output_is_kept_in_a_log_file(supervise: Supervised, area: Path) -> None:
    run = supervise("calm")
    run.wait_for("supervising")
    assert (area / "worker.log").read_text() == f"ready {run.workers[0]}\n"
    assert f"worker  │ ready {run.workers[0]}\n" in run.printed
