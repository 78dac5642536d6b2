"""A supervised process: its output, its log file, and when to start it again."""

from __future__ import annotations

import os
import re
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from app.embedded.processes import Program, spawn

FIRST_DELAY_SECONDS = 0.5
LONGEST_DELAY_SECONDS = 30.0
# One that ran this long counts as healthy: the next crash starts with the short delay again.
HEALTHY_SECONDS = 60.0
LOG_LIMIT_BYTES = 20_000_000
LONGEST_LINE_BYTES = 64_000
READ_BYTES = 65_536
ERROR = re.compile(r"[\w.]*(Error|Exception|MissingSetting)\b")


@dataclass
class Child:
    """One program with the process that runs it now, if any."""

    program: Program
    log_path: Path
    process: subprocess.Popen[bytes] | None = None
    output: int = -1
    failures: int = 0
    started_at: float = 0.0
    restart_at: float | None = None
    last_line: str = ""
    last_error: str = ""
    _log: BinaryIO | None = None
    _rest: bytes = field(default=b"", repr=False)

    def start(self) -> int:
        """Returns the descriptor to read its output from."""
        self.output, writing = os.pipe()
        try:
            self.process = spawn(self.program, writing)
        finally:
            os.close(writing)
        os.set_blocking(self.output, False)
        self.started_at = time.monotonic()
        self.restart_at = None
        self.last_error = ""
        return self.output

    @property
    def last_words(self) -> str:
        """The last line of a traceback if there was one, else the last line of all."""
        return self.last_error or self.last_line or "it wrote nothing"

    @property
    def is_running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def read_lines(self) -> tuple[list[str], bool]:
        """The whole lines that arrived, logged too, and whether the output has ended."""
        try:
            data = os.read(self.output, READ_BYTES)
        except BlockingIOError:
            return [], False
        lines, ended = self._split(data), not data
        self._log_lines(lines)
        return [line.decode("utf-8", errors="replace") for line in lines], ended

    def close_output(self) -> None:
        if self.output >= 0:
            os.close(self.output)
            self.output = -1

    def close_log(self) -> None:
        if self._log:
            self._log.close()
            self._log = None

    def plan_restart(self) -> float:
        """Notes a crash; the seconds to wait: doubling up to half a minute."""
        if time.monotonic() - self.started_at > HEALTHY_SECONDS:
            self.failures = 0
        delay = min(LONGEST_DELAY_SECONDS, FIRST_DELAY_SECONDS * 2**self.failures)
        self.failures += 1
        self.restart_at = time.monotonic() + delay
        return delay

    def _split(self, data: bytes) -> list[bytes]:
        *lines, self._rest = (self._rest + data).split(b"\n")
        if self._rest and (not data or len(self._rest) > LONGEST_LINE_BYTES):
            lines.append(self._rest)
            self._rest = b""
        return [line.rstrip(b"\r") for line in lines]

    def _log_lines(self, lines: list[bytes]) -> None:
        if not lines:
            return
        self._remember(lines)
        with suppress(OSError):  # a full disk must not stop the console
            log = self._open_log()
            log.writelines(line + b"\n" for line in lines)
            log.flush()

    def _remember(self, lines: list[bytes]) -> None:
        for line in lines:
            text = line.decode("utf-8", errors="replace").strip()
            self.last_line = text or self.last_line
            if ERROR.match(text):
                self.last_error = text

    def _open_log(self) -> BinaryIO:
        if self._log and self._log.tell() > LOG_LIMIT_BYTES:
            self._log.close()
            self._log = None
            self.log_path.replace(self.log_path.with_suffix(".log.1"))
        if self._log is None:
            self._log = self.log_path.open("ab")
        return self._log
