"""What changed: told to every process through Redis, heard from every process, kept while Redis is away."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from threading import Lock

from app.core.cache.figures import CHANGES
from app.core.cache.local import LOCAL_SECONDS
from app.core.cache.place import EVERYTHING
from app.core.cache.remote import Away, RemoteStore

STALENESS_SECONDS = 0.5
KEPT_CHANGES = 10_000


class Changes:
    """`drop` forgets what this process holds under some tags."""

    def __init__(self, remote: RemoteStore, now: Callable[[], float], drop: Callable[[Iterable[str]], None]) -> None:
        self._remote = remote
        self._now = now
        self._drop = drop
        self._kept: dict[str, None] = {}
        self.start_over()

    def start_over(self) -> None:
        self._place: str | None = None
        self._heard_at = float("-inf")
        self._hearing = Lock()
        self._keeping = Lock()

    def covers(self, taken_at: float) -> bool:
        """Whether a copy taken then can miss no change older than half a second."""
        return max(taken_at, self._heard_at) + STALENESS_SECONDS >= self._now()

    def tell(self, tag_keys: Iterable[str]) -> bool:
        """Tell everybody; False if Redis is away, then it is told with the next read or change."""
        changed = tuple(tag_keys)
        try:
            self._send(changed)
        except Away:
            CHANGES.inc(outcome="kept")
            return False
        else:
            CHANGES.inc(outcome="sent")
            return True
        finally:
            self._drop(changed)

    def hear(self) -> None:
        """Drop what others changed; asks Redis at most every half second and leaves things as they are without it."""
        if self._recent():
            return
        with self._hearing:
            if self._recent():
                return
            try:
                self._hear()
            except Away:
                self._place = None  # it may come back without what was told meanwhile

    def _recent(self) -> bool:
        return 0 <= self._now() - self._heard_at < STALENESS_SECONDS

    def _hear(self) -> None:
        asked_at = self._now()
        self._drop(self._send())
        gap = asked_at - self._heard_at
        heard = self._remote.changes_since(self._place) if self._place and gap <= LOCAL_SECONDS else None
        if heard is None:  # too long ago to know what was missed
            heard = self._remote.latest_change(), [EVERYTHING]
        self._place, changed = heard
        self._drop(changed)
        self._heard_at = asked_at

    def _keep(self, tag_keys: Iterable[str]) -> None:
        """Remember what is to be told; too much of it becomes everything."""
        with self._keeping:
            self._kept.update(dict.fromkeys(tag_keys))
            if len(self._kept) > KEPT_CHANGES:
                self._kept = {EVERYTHING: None}

    def _send(self, changed: tuple[str, ...] = ()) -> tuple[str, ...]:
        """Send these and what was kept, and say what that was; on failure all of it is kept."""
        with self._keeping:
            kept, self._kept = self._kept, {}
        together = tuple({**kept, **dict.fromkeys(changed)})
        try:
            if together:
                self._remote.change(together)
        except BaseException:
            self._keep(together)
            raise
        return together
