"""An answer that stays on its way: the server has done what was asked, the page does not know it yet."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from threading import Event, Lock
from typing import Any

from tests.waiting import wait_until

LONGEST = 60  # seconds


class HeldAnswer:
    """To the next request whose path ends with `path`."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._done, self._may_go = Event(), Event()

    def keep(self) -> None:
        self._done.set()
        assert self._may_go.wait(LONGEST)

    def wait_for_it(self) -> None:
        wait_until(self._done.is_set)

    def let_go(self) -> None:
        self.wait_for_it()
        self._may_go.set()


class Holding:
    """Around an application: `hold("/call-next")` keeps one answer back, in the server, where no request slips by."""

    def __init__(self, app: Callable[..., Iterable[bytes]]) -> None:
        self._app = app
        self._lock = Lock()
        self._wanted: list[HeldAnswer] = []

    def hold(self, path: str) -> HeldAnswer:
        answer = HeldAnswer(path)
        self._wanted.append(answer)
        return answer

    def forget(self) -> None:
        """What a test wanted and did not get must not meet the next one."""
        self._wanted.clear()

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        wanted = self._take(environ["PATH_INFO"])
        answered = self._app(environ, start_response)
        if wanted:
            wanted.keep()
        return answered

    def _take(self, path: str) -> HeldAnswer | None:
        with self._lock:
            found = next((answer for answer in self._wanted if path.endswith(answer.path)), None)
            if found:
                self._wanted.remove(found)
        return found
