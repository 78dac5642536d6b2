"""Where a process may die: right before and right after every commit, provider call and wake-up, and job begun."""

from __future__ import annotations

import os
import signal
import smtplib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO
from unittest import mock

import requests
from rq import Queue, SimpleWorker


class KillSwitch:
    """Tells every point to whoever started the process, and kills the process at one of them."""

    def __init__(self, pipe: BinaryIO, kill_at: int) -> None:
        self._pipe = pipe
        self._kill_at = kill_at
        self._passed = 0

    def point(self, name: str) -> None:
        self._passed += 1
        self._pipe.write(f"point {name}\n".encode())
        if self._passed == self._kill_at:
            os.kill(os.getpid(), signal.SIGKILL)

    def around(self, name: Callable[..., str], function: Callable[..., Any]) -> Callable[..., Any]:
        """The function with a point before and one after it; an empty name is none."""

        def mortal(*args: Any, **options: Any) -> Any:
            what = name(*args, **options)
            if what:
                self.point(f"before {what}")
            answer = function(*args, **options)
            if what:
                self.point(f"after {what}")
            return answer

        return mortal


@contextmanager
def armed(pipe: BinaryIO, kill_at: int) -> Iterator[None]:
    """The process is mortal inside; nothing of the product knows of it."""
    from app.core.tenant import db
    from app.events import jobs

    switch = KillSwitch(pipe, kill_at)
    targets: list[tuple[Any, str, Callable[..., str]]] = [
        (requests.Session, "send", _call),
        (smtplib.SMTP, "data", lambda *_: "mail"),
        (Queue, "enqueue_call", lambda *_, **__: "wake-up"),
        (jobs, "add_waiting", lambda *_, **__: "wake-up of the relay"),
        (SimpleWorker, "perform_job", lambda _worker, job, *_: f"job {job.func_name.rpartition('.')[2]}"),
        *((engine.dialect, "do_commit", _commit) for engine in db.engines.values()),
    ]
    patches = [
        mock.patch.object(holder, name, switch.around(label, getattr(holder, name))) for holder, name, label in targets
    ]
    for patch in patches:
        patch.start()
    try:
        yield
    finally:
        for patch in patches:
            patch.stop()


def _call(_session: Any, prepared: requests.PreparedRequest, **_: Any) -> str:
    """What the call is for, without its ids."""
    words = [word for word in (prepared.path_url or "").partition("?")[0].split("/") if word.isalpha()]
    return f"call {prepared.method} {'/'.join(words[-2:])}"


def _commit(connection: Any) -> str:
    """A transaction that wrote nothing ends without a trace: no point."""
    number = connection.cursor().execute("select pg_current_xact_id_if_assigned()").fetchone()
    return "commit" if number and number[0] else ""
