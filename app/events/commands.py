"""`flask events list` and `flask events docs`."""

from __future__ import annotations

from pathlib import Path

import click
from flask.cli import AppGroup

from app.events import catalogue

events = AppGroup("events", help="The event catalogue.")
CLI_COMMANDS = [events]
DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "events.md"


@events.command("list")
def list_command() -> None:
    """Every event type, its category and priority, and who hears it: in the transaction, then in a worker."""
    for event in catalogue.events():
        heard = [f"{name} (at once)" for name in catalogue.reactions_to(event.type)]
        heard += catalogue.listeners_of(event.type)
        told = " (planned)" if event.planned else ""
        click.echo(f"{event.type:40} {event.category:14} {event.priority:8} {', '.join(heard) or '-'}{told}")


@events.command("docs")
@click.option("--output", type=click.Path(path_type=Path), default=DOCUMENT, show_default="docs/events.md")
def docs_command(output: Path) -> None:
    """Write the catalogue with the JSON Schema of every event."""
    output.write_text(catalogue.markdown())
    click.echo(f"{len(catalogue.events())} events in {output.name}")
