"""The demo clinics without their year, and a walk: called in a child of the installation's application."""

from __future__ import annotations

from random import Random

from flask import current_app

from app.core import clock
from app.core.tenant import tenant_scope
from app.core.transaction import unit_of_work
from app.demo.crowd import add_patients
from app.demo.house import add_staff, create_clinics, furnish
from app.demo.outside import connect_clinics

PATIENTS = 3


def found_clinics() -> list[str]:
    """Names of those that were connected to the sandbox."""
    for clinic_id, cast in create_clinics():
        with tenant_scope(clinic_id), unit_of_work():
            house = furnish(clinic_id, cast)
            patients = add_patients(cast, clock.today("Asia/Kolkata"), Random(cast.subdomain), PATIENTS)
            add_staff(house, patients[0])
    return connect_clinics()


def walk(gateway: str) -> tuple[int, str]:
    """Exit code and output of `flask demo walk`."""
    result = current_app.test_cli_runner().invoke(args=["demo", "walk", "--gateway", gateway])
    return result.exit_code, result.output
