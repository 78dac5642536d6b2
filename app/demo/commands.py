"""`flask demo load`, `flask demo connect` and `flask demo walk`."""

from __future__ import annotations

import sys
from random import Random

import click
from flask.cli import AppGroup
from sqlalchemy import select

from app.audit.services import record
from app.core import clock
from app.core.tenant import all_tenants, db, tenant_scope
from app.core.transaction import unit_of_work
from app.demo.abroad import found_abroad
from app.demo.cast import HARBOUR, SUNRISE, DemoClinic
from app.demo.correspondence import add_correspondence
from app.demo.crowd import add_patients
from app.demo.house import add_staff, create_clinics, furnish
from app.demo.outside import SandboxAway, connect_clinics
from app.demo.today import add_present
from app.demo.walk import GATEWAYS, Walk
from app.demo.walk_clients import WalkFailed
from app.demo.year import add_year
from app.tenancy.models import Clinic
from app.tenancy.queries import settings_in_scope
from config import get_settings

SEED = 2026
demo = AppGroup("demo", help="Demo data; refused in production.")
CLI_COMMANDS = [demo]


def _refuse_production() -> None:
    if get_settings().production:
        click.echo("Demo data is never loaded in production.", err=True)
        sys.exit(2)


@demo.command("load")
def load() -> None:
    """Two clinics with a year of visits, and a log-in per role."""
    _refuse_production()
    with all_tenants():
        if db.session.scalar(select(Clinic.id).limit(1)):
            click.echo("There are clinics already; demo data goes into an empty database only.", err=True)
            sys.exit(1)
    for clinic_id, cast in create_clinics():
        click.echo(f"{cast.name}: {_fill(clinic_id, cast)} rows of history")


def _fill(clinic_id: str, cast: DemoClinic) -> int:
    random = Random(f"{SEED}:{cast.subdomain}")
    with tenant_scope(clinic_id), unit_of_work():
        today = clock.today(settings_in_scope().zone)
        house = furnish(clinic_id, cast)
        patients = add_patients(cast, today, random)
        add_staff(house, patients[0])
        written = add_year(house, patients, today, random)
        record("demo.loaded", Clinic.__tablename__, clinic_id, rows=written)
    with tenant_scope(clinic_id), unit_of_work():
        add_present(house, patients, today, random)
        add_correspondence()
    return written


@demo.command("connect")
def connect() -> None:
    """Point the demo clinics' provider accounts at the sandbox where it runs now."""
    _refuse_production()
    try:
        for name in connect_clinics():
            click.echo(f"{name}: connected to the provider sandbox")
    except SandboxAway as error:
        click.echo(str(error), err=True)
        sys.exit(1)


@demo.command("walk")
@click.option("--gateway", type=click.Choice(GATEWAYS), required=True, help="Whose payment to walk through.")
def walk(gateway: str) -> None:
    """A visit from booking to reconciliation over one gateway, as clients of the running console."""
    _refuse_production()
    settings = get_settings()
    house = HARBOUR if gateway == "paypal" else SUNRISE
    walking = Walk(
        gateway, house, f"http://127.0.0.1:{settings.port}", f"http://127.0.0.1:{settings.sandbox_port}", click.echo
    )
    try:
        walking.check_servers()
        if house is HARBOUR:
            _go_abroad(walking)
        walking.go()
    except (WalkFailed, SandboxAway) as error:
        click.echo(f"\u2717 {error}", err=True)
        sys.exit(1)


def _go_abroad(walking: Walk) -> None:
    founded = found_abroad()
    if founded:
        connect_clinics()
    state = "was founded just now for this walk" if founded else "is there from an earlier walk"
    walking.done(f"PayPal takes no rupees: {HARBOUR.name}, which bills in US dollars, {state}")
