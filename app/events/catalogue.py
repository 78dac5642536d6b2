"""The catalogue of events, read from their classes: for the command line and docs/events.md."""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterator
from typing import Any

from pydantic.alias_generators import to_camel

from app.events.base import EVENT_TYPES, LISTENERS, REACTIONS, Category, Event, Priority, matches

INTRODUCTION = """\
# Events

Made by `flask events docs` from the event classes; a test keeps it true. An event is a row (table `event`) written in
the transaction of the change that it tells. Reactions run in that transaction; listeners run in a worker, at least
once, each in a transaction of its own, and are tried again with growing pauses, then parked (Set-up › Event deliveries
› Replay). A clinic's own systems hear of them through webhooks (Set-up › Webhook endpoints). What is marked *planned*
belongs to later work and is not published yet.

`flask events list` prints the same in one line each. Payloads hold ids and plain values; amounts are in minor units.
"""


def events() -> list[type[Event]]:
    """Every event of the product by name."""
    return [EVENT_TYPES[name] for name in sorted(EVENT_TYPES) if EVENT_TYPES[name].__module__.startswith("app.")]


def reactions_to(event_type: str) -> list[str]:
    """What runs in the publisher's transaction, as `slice.function`; by name, since imports register in any order."""
    return sorted(
        _name(handler.__module__, handler.__qualname__)
        for pattern, handler in REACTIONS
        if matches(pattern, event_type)
    )


def listeners_of(event_type: str) -> list[str]:
    """What runs in a worker, as `slice.function (queue)`."""
    return sorted(
        f"{_name(*listener.name.rsplit('.', 1))} ({listener.queue})"
        for listener in LISTENERS.values()
        if listener.hears(event_type)
    )


def _name(module: str, function: str) -> str:
    return f"{module.split('.')[1]}.{function}"


def schemas() -> dict[str, Any]:
    """What programs read: the envelope's JSON Schema, and of every event its place and its payload's schema."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "envelope": envelope_schema(),
        "events": [
            {
                "type": event.type,
                "category": str(event.category),
                "priority": str(event.priority),
                "version": event.version,
                "planned": event.planned,
                "payload": payload_schema(event),
            }
            for event in events()
        ],
    }


def payload_schema(event: type[Event]) -> dict[str, Any]:
    """JSON Schema (2020-12) of the payload, without the titles that pydantic makes of names."""
    schema = event.model_json_schema(by_alias=True, mode="serialization")
    properties = {name: _untitled(value) for name, value in schema.get("properties", {}).items()}
    return {"type": "object", "required": schema.get("required", []), "properties": properties}


def envelope_schema() -> dict[str, Any]:
    """JSON Schema of what surrounds every payload (SPEC EVT-2)."""
    text, moment = {"type": "string"}, {"type": "string", "format": "date-time"}
    uuid = {"type": "string", "format": "uuid"}
    return {
        "type": "object",
        "required": ["eventId", "eventType", "category", "priority", "timestamp", "source", "version", "payload"],
        "properties": {
            "eventId": uuid,
            "eventType": text,
            "category": {"enum": [str(item) for item in Category]},
            "priority": {"enum": [str(item) for item in Priority]},
            "timestamp": moment,
            "source": text,
            "version": text,
            "userId": {"anyOf": [uuid, {"type": "null"}]},
            "clinicId": uuid,
            "payload": {"type": "object"},
            "metadata": {"type": "object"},
        },
    }


def _untitled(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _untitled(item) for key, item in value.items() if key != "title"}
    return [_untitled(item) for item in value] if isinstance(value, list) else value


def markdown() -> str:
    """The whole of docs/events.md."""
    return "\n".join([INTRODUCTION, "## Envelope", "", *_fenced(envelope_schema()), *_contents(), *_sections()])


def _contents() -> Iterator[str]:
    yield "## Catalogue"
    yield ""
    yield "| event | category | priority | reactions | listeners |"
    yield "|---|---|---|---|---|"
    for event in events():
        heard = ", ".join(reactions_to(event.type)) or "–", ", ".join(listeners_of(event.type)) or "–"
        link = f"[`{event.type}`](#{_anchor(event.type)})"
        link += " *planned*" if event.planned else ""
        yield f"| {link} | {event.category} | {event.priority} | {' | '.join(heard)} |"
    yield ""


def _sections() -> Iterator[str]:
    for event in events():
        yield f"### {event.type}"
        yield ""
        if event.__doc__ and event.__doc__ != event.__base__.__doc__:
            yield inspect.cleandoc(event.__doc__)
            yield ""
        subject = f" · about `{to_camel(event.subject)}`" if event.subject else ""
        publisher = "planned" if event.planned else f"published by {event.__module__.split('.')[1]}"
        yield f"version {event.version} · {publisher}{subject}"
        yield ""
        yield from _fenced(payload_schema(event))


def _anchor(event_type: str) -> str:
    """The address that Markdown viewers give a heading: points vanish."""
    return event_type.replace(".", "")


def _fenced(schema: dict[str, Any]) -> list[str]:
    return ["```json", _compact(schema), "```", ""]


def _compact(schema: dict[str, Any]) -> str:
    """One property a line: a schema that is read, not only parsed."""
    properties = schema["properties"].items()
    lines = ",\n".join(f"    {json.dumps(name)}: {json.dumps(value)}" for name, value in properties)
    required = json.dumps(schema["required"])
    return f'{{\n  "type": "object",\n  "required": {required},\n  "properties": {{\n{lines}\n  }}\n}}'
