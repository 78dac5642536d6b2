"""An application that is loaded once and forked per call: a child starts in milliseconds, and may be killed.

`python -m tests.walk.zygote` reads a call per line and answers each with a line. It holds no connection and no thread
of its own, so that every child opens its own, as a fresh process does.
"""

from __future__ import annotations

import gc
import json
import os
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import timedelta
from importlib import import_module
from io import BytesIO
from pathlib import Path
from select import select
from typing import Any, BinaryIO

ROOT = Path(__file__).resolve().parents[2]
LONGEST_SECONDS = 60
PRELOADED = ("app.billing.documents.invoice", "worker", "tests.walk.house", "tests.walk.books", "tests.chaos.steps")


class ChildFailed(AssertionError):
    """A child ended in a way that the test did not ask for."""


@dataclass(frozen=True)
class Ended:
    """How a child ended: its answer, or the points that it passed until it was killed."""

    answer: Any = None
    points: tuple[str, ...] = ()
    killed: bool = False


@dataclass
class Zygote:
    """The parent's end."""

    environment: Mapping[str, str]
    log: Path
    warming: bool = False
    _process: subprocess.Popen[bytes] = field(init=False)

    def __post_init__(self) -> None:
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.walk.zygote"],
                cwd=ROOT,
                env={**os.environ, **self.environment},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
            )

    def call(self, target: str, *arguments: Any, later: float = 0) -> Any:
        """The answer of "module:function" in a child whose clock is `later` seconds ahead."""
        return self.mortal(target, *arguments, later=later, counted=False).answer

    def mortal(self, target: str, *arguments: Any, later: float = 0, counted: bool = True, kill_at: int = 0) -> Ended:
        """The same, with its points counted; it is killed by SIGKILL at its `kill_at`-th one."""
        call = {
            "target": target,
            "arguments": arguments,
            "later": later,
            "counted": counted,
            "kill_at": kill_at,
            "forked": not self.warming,
        }
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(json.dumps(call).encode() + b"\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise ChildFailed(f"the application did not start: {self.log.read_text()[-3000:]}")
        return _read(json.loads(line), kill_at)

    @contextmanager
    def warmed(self) -> Iterator[None]:
        """Calls run in the application itself, which is quicker at them, and so are its children, ever after."""
        self.warming = True
        yield
        self.warming = False

    def close(self) -> None:
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait(30)


def _read(said: dict[str, Any], kill_at: int) -> Ended:
    points = tuple(said["points"])
    if said["signal"] == signal.SIGKILL and kill_at and len(points) == kill_at:
        return Ended(points=points, killed=True)
    if said["signal"] or said["error"]:
        raise ChildFailed(said["error"] or f"ended by signal {said['signal']} after {points[-3:]}")
    return Ended(said["answer"], points)


# ---- the application's end ----


def main() -> None:
    app = _load()
    with os.fdopen(os.dup(1), "w", buffering=1) as answers:
        os.dup2(2, 1)  # whatever prints, prints to the log
        for line in sys.stdin.buffer:
            call = json.loads(line)
            answers.write(json.dumps(_fork(app, call) if call["forked"] else _run(app, call), default=str) + "\n")


def _run(app: Any, call: dict[str, Any]) -> dict[str, Any]:
    """Here and now; what it opened is closed again, since no connection may be forked."""
    try:
        return {"answer": _answer(app, call, BytesIO()), "points": [], "error": None, "signal": 0}
    except Exception:
        return {"answer": None, "points": [], "error": traceback.format_exc(), "signal": 0}
    finally:
        _disconnect(app)
        gc.collect()
        gc.freeze()  # pages that a collection never touches stay shared with the children


def _load() -> Any:
    from tests.network_guard import block_network

    block_network()
    from app import create_app

    app = create_app(TESTING=True, SOCKETIO_ASYNC_MODE="threading")
    for name in PRELOADED:
        import_module(name)
    _disconnect(app)
    return app


def _disconnect(app: Any) -> None:
    from app.core.jobs import redis_connection
    from app.core.tenant import db

    with app.app_context():
        for engine in db.engines.values():
            engine.dispose()
    redis_connection().connection_pool.disconnect()


def _fork(app: Any, call: dict[str, Any]) -> dict[str, Any]:
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        _live(app, call, os.fdopen(writing, "wb", buffering=0))
    os.close(writing)
    lines = _listen(child, reading).splitlines()
    _, status = os.waitpid(child, 0)
    said: dict[str, Any] = {"points": [], "answer": None, "error": None}
    for line in lines:
        kind, _, text = line.decode().partition(" ")
        if kind == "point":
            said["points"].append(text)
        else:
            said[kind] = json.loads(text)
    return {**said, "signal": os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0}


def _listen(child: int, reading: int) -> bytes:
    """All that the child says until its end; one that takes too long is ended (a job's own alarm excludes one here)."""
    deadline = time.monotonic() + LONGEST_SECONDS
    said = bytearray()
    with os.fdopen(reading, "rb", buffering=0) as pipe:
        while True:
            if not select([pipe], [], [], max(deadline - time.monotonic(), 0))[0]:
                os.kill(child, signal.SIGTERM)
                return bytes(said)
            piece = pipe.read(65536)
            if not piece:
                return bytes(said)
            said += piece


def _live(app: Any, call: dict[str, Any], pipe: BinaryIO) -> None:
    """The child: one call, and out without a word of good-bye."""
    try:
        answer = _answer(app, call, pipe)
        pipe.write(f"answer {json.dumps(answer, default=str)}\n".encode())
    except BaseException:
        pipe.write(f"error {json.dumps(traceback.format_exc())}\n".encode())
    finally:
        os._exit(0)


def _answer(app: Any, call: dict[str, Any], pipe: BinaryIO) -> Any:
    from app.core import clock
    from tests.chaos.switch import armed

    module, _, name = call["target"].partition(":")
    function = getattr(import_module(module), name)
    mortal = armed(pipe, call["kill_at"]) if call["counted"] else nullcontext()
    with app.app_context(), clock.travel(timedelta(seconds=call["later"])), mortal:
        return function(*call["arguments"])


if __name__ == "__main__":
    main()
