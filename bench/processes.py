"""Web servers and workers as production starts them, one process each."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from bench.client import once, request

ROOT = Path(__file__).resolve().parents[1]
START_SECONDS = 180
STOP_SECONDS = 15
MEGABYTE = 1_000_000


@dataclass(frozen=True)
class Running:
    """A process of ours with its children. `port` is 0 for workers."""

    process: subprocess.Popen[bytes]
    port: int = 0

    def memory(self) -> float:
        """MB (10^6) of resident memory of the largest process: the web worker, not the arbiter above it."""
        family = [psutil.Process(self.process.pid), *psutil.Process(self.process.pid).children(recursive=True)]
        return max(item.memory_info().rss for item in family) / MEGABYTE


@contextmanager
def web(application: str, environment: Mapping[str, str], log: Path) -> Iterator[Running]:
    """gunicorn with one gevent worker, by the product's own configuration."""
    port = _free_port()
    command = ["-m", "gunicorn", "--config", str(ROOT / "gunicorn.conf.py"), application]
    with _started(command, {**environment, "PORT": str(port), "WEB_CONCURRENCY": "1"}, log) as process:
        _wait_until_it_answers(port, process, log)
        yield Running(process, port)


@contextmanager
def console(environment: Mapping[str, str], directory: Path) -> Iterator[Running]:
    """The product."""
    with web("app:create_app()", environment, directory / "console.log") as running:
        yield running


@contextmanager
def beside(application: str, environment: Mapping[str, str], directory: Path) -> Iterator[tuple[Running, Running]]:
    """The product and what it is compared with, both running."""
    with ExitStack() as stack:
        ours = stack.enter_context(console(environment, directory))
        yield ours, stack.enter_context(web(application, environment, directory / "bare.log"))


@contextmanager
def worker(arguments: Sequence[str], environment: Mapping[str, str], directory: Path) -> Iterator[Running]:
    """`python worker.py <arguments>`."""
    with _started(["worker.py", *arguments], environment, directory / "worker.log") as process:
        yield Running(process)


@contextmanager
def program(arguments: Sequence[str], environment: Mapping[str, str], log: Path) -> Iterator[Running]:
    """`python <arguments>`."""
    with _started(arguments, environment, log) as process:
        yield Running(process)


@contextmanager
def _started(arguments: Sequence[str], environment: Mapping[str, str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, *arguments], cwd=ROOT, env={**os.environ, **environment}, stdout=output, stderr=output
        )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_until_it_answers(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        try:
            once(port, request("GET", "/healthz"))
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise RuntimeError(f"the server did not start, see {log}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port
