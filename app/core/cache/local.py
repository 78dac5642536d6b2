"""The copies of this process: few, short-lived, dropped by tag."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from threading import Lock

LOCAL_SECONDS = 60.0
LOCAL_BYTES = 32 * 1024 * 1024


@dataclass(frozen=True)
class Copy:
    """`payload` stays serialised, so that no caller can change what the next one reads."""

    payload: bytes
    tag_keys: tuple[str, ...]
    taken_at: float
    expires_at: float


class LocalCopies:
    """Least recently used ones go first when `capacity` bytes are exceeded."""

    def __init__(self, capacity: int = LOCAL_BYTES) -> None:
        self._capacity = capacity
        self.clear()

    def clear(self) -> None:
        self._lock = Lock()
        self._copies: OrderedDict[str, Copy] = OrderedDict()
        self._by_tag: dict[str, set[str]] = {}
        self._size = 0

    def get(self, key: str, now: float) -> Copy | None:
        with self._lock:
            copy = self._copies.get(key)
            if copy is None or copy.expires_at <= now:
                return None
            self._copies.move_to_end(key)
            return copy

    def put(self, key: str, copy: Copy) -> None:
        with self._lock:
            self._remove(key)
            self._copies[key] = copy
            self._size += len(copy.payload)
            for tag in copy.tag_keys:
                self._by_tag.setdefault(tag, set()).add(key)
            while self._size > self._capacity and self._copies:
                self._remove(next(iter(self._copies)))

    def drop(self, tag_keys: Iterable[str]) -> None:
        with self._lock:
            for tag in tag_keys:
                for key in tuple(self._by_tag.get(tag, ())):
                    self._remove(key)

    def __len__(self) -> int:
        return len(self._copies)

    def _remove(self, key: str) -> None:
        copy = self._copies.pop(key, None)
        if copy is None:
            return
        self._size -= len(copy.payload)
        for tag in copy.tag_keys:
            keys = self._by_tag[tag]
            keys.discard(key)
            if not keys:
                del self._by_tag[tag]
