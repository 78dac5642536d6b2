"""Pushes that belong to a stream reach the clients of a process in the stream's order.

Two processes that change the same thing one after the other may tell of it the other way round: what is told after the
commit is no longer under the lock. So a push names its `stream`, its `revision` and the `previous` one; what comes too
early waits shortly for what it follows. A push carries the whole state: what was overtaken for good is dropped.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import RLock
from typing import Any

PATIENCE_SECONDS = 0.3
MOST_STREAMS = 10_000

Message = dict[str, Any]


@dataclass
class Stream:
    """The last revision that was delivered, and what came too early, by revision."""

    revision: int
    early: dict[int, Message] = field(default_factory=dict)


class PushOrder:
    """`deliver(message)` at once or in its turn; `later(seconds, function)` runs something in the background."""

    def __init__(self, deliver: Callable[[Message], None], later: Callable[[float, Callable[[], None]], None]) -> None:
        self._deliver = deliver
        self._later = later
        self._streams: OrderedDict[str, Stream] = OrderedDict()
        self._lock = RLock()

    def take(self, message: Message) -> None:
        """A push, from this process or another one."""
        told = told_by(message)
        if told is None:
            self._deliver(message)
            return
        with self._lock:
            self._take(message, told)

    def _take(self, message: Message, told: Message) -> None:
        stream = self._streams.get(told["stream"])
        if stream is None:
            # The first that this process hears of the stream: nothing says that anything is missing.
            stream = self._streams[told["stream"]] = Stream(told["previous"])
            if len(self._streams) > MOST_STREAMS:
                self._streams.popitem(last=False)
        self._streams.move_to_end(told["stream"])
        if told["revision"] <= stream.revision:
            return
        stream.early[told["revision"]] = message
        self._drain(stream)
        if stream.early:
            self._later(PATIENCE_SECONDS, lambda: self._give_up(stream, told["revision"]))

    def _drain(self, stream: Stream, up_to: int | None = None) -> None:
        """Deliver what follows on what was delivered, and everything up to a revision whatever it follows."""
        for revision in sorted(stream.early):
            told = told_by(stream.early[revision])
            if told is None or (told["previous"] > stream.revision and (up_to is None or revision > up_to)):
                return
            stream.revision = revision
            self._deliver(stream.early.pop(revision))

    def _give_up(self, stream: Stream, revision: int) -> None:
        """What this one waited for is lost: its process died between commit and push."""
        with self._lock:
            if revision in stream.early:
                self._drain(stream, revision)
                self._drain(stream)


def told_by(message: Message) -> Message | None:
    """What the push says of its place in a stream; None when it belongs to none."""
    data = message["data"][0] if isinstance(message.get("data"), list) and message["data"] else None
    known = isinstance(data, dict) and data.get("stream") is not None and data.get("previous") is not None
    return data if known else None
