"""Commands of the operator: keys of provider accounts, the cache."""

from __future__ import annotations

import click
from flask.cli import AppGroup

from app.tenancy.cache import shared_cache
from app.tenancy.providers import environment_accounts, rotate_accounts, stored_accounts

accounts = AppGroup("accounts", help="Accounts at providers.")
cache = AppGroup("cache", help="The cache in front of the database.")
CLI_COMMANDS = [accounts, cache]


@accounts.command("list")
def list_accounts() -> None:
    """Every account by clinic and channel, without its credentials."""
    for clinic, row in stored_accounts():
        state = "enabled" if row.enabled else "disabled"
        click.echo(f"{clinic or 'global':36} {row.channel:9} {row.provider:16} {row.priority} {state:9} {row.label}")
    for account in environment_accounts():
        click.echo(f"{'environment':36} {account.channel:9} {account.provider:16} - enabled")


@accounts.command("rotate")
def rotate() -> None:
    """Seal all credentials under the first of ENCRYPTION_KEYS; run it after putting a new key in front."""
    result = rotate_accounts()
    click.echo(f"{result.changed} accounts were sealed under the current key.")
    if result.unreadable:
        raise click.ClickException("No configured key opens the accounts " + ", ".join(result.unreadable))


@cache.command("clear")
def clear() -> None:
    """Forget every cached value of every clinic; needed after rows were changed past the console."""
    if not shared_cache().clear():
        raise click.ClickException("Redis does not answer; what it holds expires within half an hour.")
    click.echo("The cache is empty.")
