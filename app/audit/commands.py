"""`flask audit verify`."""

from __future__ import annotations

import sys

import click
from flask.cli import AppGroup
from sqlalchemy import func, select

from app.audit.chain import verify
from app.audit.models import AuditChain
from app.core.tenant import all_tenants, db, tenant_scope
from app.tenancy.models import Clinic

audit = AppGroup("audit", help="The audit trail.")
CLI_COMMANDS = [audit]


def _clinics() -> list[tuple[str, str]]:
    with all_tenants():
        return [(row.id, row.name) for row in db.session.execute(select(Clinic.id, Clinic.name).order_by(Clinic.name))]


@audit.command("verify")
def verify_command() -> None:
    """Check every clinic's chain; exit code 1 where one does not hold."""
    broken = 0
    for clinic_id, name in _clinics():
        with tenant_scope(clinic_id):
            findings = verify(clinic_id)
            length = db.session.scalar(select(func.sum(AuditChain.length))) or 0
        click.echo(f"{name}: {length} entries, " + ("holds" if not findings else f"{len(findings)} finding(s)"))
        for finding in findings:
            click.echo(f"  {finding.text}")
        broken += bool(findings)
    sys.exit(1 if broken else 0)


@audit.command("anchor")
def anchor_command() -> None:
    """Print the sealed end of every lane of every chain, to be kept elsewhere.

    With it, even a restored old copy of the database shows.
    """
    for clinic_id, name in _clinics():
        with tenant_scope(clinic_id):
            for head in db.session.scalars(select(AuditChain).order_by(AuditChain.lane)):
                click.echo(f"{clinic_id} {head.lane} {head.length} {head.mac} {head.seal} {name}")
