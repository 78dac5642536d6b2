"""What PostgreSQL and Redis have in common when we start them ourselves."""

from __future__ import annotations

import subprocess
import time
from abc import ABC, abstractmethod
from pathlib import Path

from app.embedded.errors import StartFailed
from app.embedded.processes import Program, spawn, stop

START_SECONDS = 60.0


class EmbeddedServer(ABC):
    """A server out of a wheel. `make run` supervises its program; tests and single commands call start() and stop()."""

    name: str
    title: str
    log: Path
    _process: subprocess.Popen[bytes] | None = None
    _program: Program | None = None

    @abstractmethod
    def prepare(self) -> Program:
        """Makes its files on first use and says how to run it. Raises StartFailed."""

    @abstractmethod
    def is_ready(self) -> bool:
        """Whether it answers; false while it recovers from a crash."""

    @abstractmethod
    def url(self) -> str:
        """As the application writes it in its settings."""

    def make_usable(self) -> None:  # noqa: B027 - few have something
        """What is left to do once it answers."""

    def start(self) -> None:
        """Starts it as our child and waits till it answers. Raises StartFailed with the server's last words."""
        self._program = self.prepare()
        with self.log.open("ab") as log:
            self._process = spawn(self._program, log)
        deadline = time.monotonic() + START_SECONDS
        while not self.is_ready():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise StartFailed(f"{self.title} did not start: {last_line(self.log)} (see {self.log})")
            time.sleep(0.02)
        self.make_usable()

    def stop(self) -> None:
        """Returns when it is gone. Harmless when it does not run."""
        if self._process and self._program:
            stop(self._process, self._program)
            self._process = None

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None


def last_line(log: Path) -> str:
    """The newest line that says something."""
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines() if log.exists() else []
    return next((line.strip() for line in reversed(lines) if line.strip()), "it wrote nothing")
