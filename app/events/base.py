"""The event class, the registry of events and the two ways of hearing one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase
from functools import cache
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel


class Category(StrEnum):
    USER_ACTIVITY = "USER_ACTIVITY"
    APPOINTMENT = "APPOINTMENT"
    EHR_RECORD = "EHR_RECORD"
    BILLING = "BILLING"
    CLINIC = "CLINIC"
    VIDEO = "VIDEO"
    COMMUNICATION = "COMMUNICATION"
    SYSTEM = "SYSTEM"
    SECURITY = "SECURITY"
    AUDIT = "AUDIT"


class Priority(StrEnum):
    CRITICAL = "CRITICAL"
    HIGH = "HIGH"
    NORMAL = "NORMAL"
    LOW = "LOW"


class Event(BaseModel):
    """A frozen fact with ids and plain, non-clinical values (SPEC EVT-2). Subclasses set `type` and `category`."""

    model_config = ConfigDict(frozen=True, alias_generator=to_camel, populate_by_name=True, defer_build=True)

    type: ClassVar[str] = ""
    category: ClassVar[Category]
    priority: ClassVar[Priority] = Priority.NORMAL
    version: ClassVar[str] = "1.0"
    planned: ClassVar[bool] = False  # named for later work: nothing publishes it yet
    subject: ClassVar[str] = ""  # the field that holds the id of what changed

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if cls.type:
            EVENT_TYPES[cls.type] = cls

    def payload(self) -> dict[str, Any]:
        return self.model_dump(mode="json", by_alias=True)

    @property
    def subject_id(self) -> str | None:
        return getattr(self, self.subject, None) if self.subject else None


EVENT_TYPES: dict[str, type[Event]] = {}

Handler = Callable[[Any], None]


@dataclass(frozen=True)
class Listener:
    """Something that hears an event in a worker. `queue` decides which worker; short ones share `event`."""

    name: str
    pattern: str
    handler: Handler
    queue: str

    def hears(self, event_type: str) -> bool:
        return matches(self.pattern, event_type)


REACTIONS: list[tuple[str, Handler]] = []
# Called with the records of whatever is published, in the publisher's transaction.
OBSERVERS: list[Callable[[Sequence[Any]], None]] = []
LISTENERS: dict[str, Listener] = {}


@cache
def matches(pattern: str, event_type: str) -> bool:
    """`ehr.**` hears everything below ehr; `ehr.*.created` one level; a plain name itself; `**` everything."""
    if pattern == "**":
        return True
    if pattern.endswith(".**"):
        return event_type.startswith(pattern[:-2])
    parts, wanted = event_type.split("."), pattern.split(".")
    return len(parts) == len(wanted) and all(fnmatchcase(a, b) for a, b in zip(parts, wanted, strict=True))


def _pattern(event: type[Event] | str) -> str:
    return event if isinstance(event, str) else event.type


def reacts_to(event: type[Event] | str) -> Callable[[Handler], Handler]:
    """Run the function inside the publisher's transaction: for invariants that must hold at every commit."""

    def declare(handler: Handler) -> Handler:
        REACTIONS.append((_pattern(event), handler))
        return handler

    return declare


def listens_to(event: type[Event] | str, *, queue: str = "event") -> Callable[[Handler], Handler]:
    """Run the function in a worker after the commit, in a transaction of its own, at least once."""

    def declare(handler: Handler) -> Handler:
        name = f"{handler.__module__}.{handler.__qualname__}"
        LISTENERS[name] = Listener(name, _pattern(event), handler, queue)
        return handler

    return declare
