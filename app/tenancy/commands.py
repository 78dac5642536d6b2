"""Commands of the operator."""

from __future__ import annotations

import click
from flask.cli import with_appcontext

from app.tenancy.providers import rotate_accounts


@click.command("rotate-keys")
@with_appcontext
def rotate_keys() -> None:
    """Seal all provider credentials under the first of ENCRYPTION_KEYS; run it after putting a new key in front."""
    result = rotate_accounts()
    click.echo(f"{result.changed} accounts were sealed under the current key.")
    if result.unreadable:
        raise click.ClickException("No configured key opens the accounts " + ", ".join(result.unreadable))


CLI_COMMANDS = (rotate_keys,)
