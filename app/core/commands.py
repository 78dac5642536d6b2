"""Commands that say in one line what keeps them from their work."""

from __future__ import annotations

from typing import Any

import click
from sqlalchemy.exc import OperationalError


def in_words(command: click.Command) -> click.Command:
    """The command itself, telling of a database that cannot be reached without a traceback."""
    invoke = command.invoke

    def plainly(ctx: click.Context) -> Any:
        try:
            return invoke(ctx)
        except OperationalError as error:
            if getattr(error.orig, "sqlstate", None) is not None:  # it was reached, and refused a statement
                raise
            reason = str(error.orig).partition("\n")[0]
            raise click.ClickException(f"DATABASE_URL is wrong, or its server is down: {reason}") from None

    command.invoke = plainly  # type: ignore[method-assign]
    return command
