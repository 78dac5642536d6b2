"""`flask webhooks rotate-keys`."""

from __future__ import annotations

import click
from flask.cli import AppGroup
from sqlalchemy import select

from app.core.tenant import all_tenants, db
from app.core.transaction import unit_of_work
from app.integrations.models import WebhookEndpoint
from app.integrations.signing import reseal
from app.tenancy.keys import keyring

webhooks = AppGroup("webhooks", help="Webhooks to the clinics' own systems.")
CLI_COMMANDS = [webhooks]


@webhooks.command("rotate-keys")
def rotate_keys() -> None:
    """Seal all signing secrets under the first of ENCRYPTION_KEYS; run it after putting a new key in front."""
    with all_tenants(), unit_of_work():
        outdated = [row for row in db.session.scalars(select(WebhookEndpoint)) if keyring().needs_rotation(row.secret)]
        for endpoint in outdated:
            reseal(endpoint)
    click.echo(f"{len(outdated)} signing secrets were sealed under the current key.")
