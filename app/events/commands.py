"""`flask events list`."""

from __future__ import annotations

import click
from flask.cli import AppGroup

from app.events.base import EVENT_TYPES, LISTENERS

events = AppGroup("events", help="The event catalogue.")
CLI_COMMANDS = [events]


@events.command("list")
def list_command() -> None:
    """Every event type, its category and priority, and who listens."""
    for name, event in sorted(EVENT_TYPES.items()):
        heard = [item.name.rpartition(".")[2] for item in LISTENERS.values() if item.hears(name)]
        click.echo(f"{name:40} {event.category:14} {event.priority:8} {', '.join(heard)}")
