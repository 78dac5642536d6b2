from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.embedded import children
from app.embedded.children import Child
from app.embedded.processes import Program
from tests.embedded.processes import eventually


@pytest.fixture
def speak(area: Path) -> Iterator[object]:
    """Runs a script as a child and gives the lines read from it."""
    started: list[Child] = []

    def run(script: str) -> tuple[Child, list[str]]:
        program = Program("worker", (sys.executable, "-c", script), os.environ, area)
        child = Child(program, area / "worker.log")
        started.append(child)
        child.start()
        lines: list[str] = []

        def ended() -> bool:
            some, end = child.read_lines()
            lines.extend(some)
            return end

        eventually(ended, "the child never closed its output")
        return child, lines

    yield run
    for child in started:
        child.close_output()
        child.close_log()
        if child.process:
            child.process.wait(30)


def test_lines_arrive_whole_and_the_last_needs_no_end(speak) -> None:
    child, lines = speak("import sys, time; w = sys.stdout; w.write('a'); w.flush(); time.sleep(.05); w.write('b\\nc')")
    assert lines == ["ab", "c"]
    assert child.last_words == "c"


def test_an_endless_line_is_cut(speak) -> None:
    _, lines = speak(f"print('x' * {children.LONGEST_LINE_BYTES * 3})")
    assert len(lines) > 1
    assert sum(map(len, lines)) == children.LONGEST_LINE_BYTES * 3


def test_bytes_that_are_no_text_do_no_harm(speak) -> None:
    _, lines = speak("import sys; sys.stdout.buffer.write(b'\\xff\\xfe ok\\n')")
    assert lines == ["\ufffd\ufffd ok"]


def test_a_large_log_is_put_aside(speak, area: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(children, "LOG_LIMIT_BYTES", 100)
    speak("import time\nfor _ in range(3): print('y' * 150, flush=True); time.sleep(.05)")
    assert (area / "worker.log.1").exists()
    assert (area / "worker.log").stat().st_size <= 302


def test_the_delay_doubles_up_to_half_a_minute(area: Path) -> None:
    child = Child(Program("worker", ("true",), {}, area), area / "log", started_at=children.time.monotonic())
    assert [child.plan_restart() for _ in range(9)] == [0.5, 1, 2, 4, 8, 16, 30, 30, 30]
    child.started_at -= children.HEALTHY_SECONDS + 1
    assert child.plan_restart() == 0.5
