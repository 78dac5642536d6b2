"""API of clinics and their provider accounts."""

from __future__ import annotations

from typing import Any

from pydantic import Field
from sqlalchemy import select

from app.core.api import Api, Body, ListQuery, endpoint
from app.core.errors import NotFound
from app.core.paging import page
from app.core.principal import current_principal
from app.core.tenant import all_tenants, db
from app.core.transaction import unit_of_work
from app.tenancy.cache import wait_until_heard
from app.tenancy.models import Clinic
from app.tenancy.queries import clinic_in_scope
from app.tenancy.services import archive_clinic, create_clinic, update_clinic


class NewClinic(Body):
    name: str = Field(min_length=1, max_length=120)
    subdomain: str = Field(pattern="^[a-z0-9][a-z0-9-]{1,38}$")
    app_name: str = Field("Clinic Console", max_length=60)
    settings: dict[str, Any] = Field(default_factory=dict)


class ClinicChanges(Body):
    name: str | None = Field(None, min_length=1, max_length=120)
    app_name: str | None = Field(None, max_length=60)
    settings: dict[str, Any] | None = None


class ClinicApi(Api):
    """Clinics: a member sees their own, a SUPER_ADMIN all."""

    openapi_tag = "Clinics"

    @endpoint("GET", "/clinics", resource="clinic", action="read", query=ListQuery)
    def clinics(self, query: ListQuery) -> dict[str, Any]:
        """The clinics that I may enter."""
        mine = [item.clinic_id for item in current_principal().memberships]
        columns = select(Clinic.id, Clinic.name, Clinic.subdomain, Clinic.app_name, Clinic.archived)
        return page(columns.where(Clinic.id.in_(mine)), [Clinic.id], query, _show)

    @endpoint("POST", "/clinics", resource="clinic", action="create", body=NewClinic, status=201, steps=True)
    def create(self, body: NewClinic) -> dict[str, Any]:
        """Make a clinic."""
        with all_tenants(), unit_of_work():
            return _show(create_clinic(**body.model_dump()))

    @endpoint("GET", "/clinics/<id:clinic_id>", resource="clinic", action="read")
    def clinic(self, clinic_id: str) -> dict[str, Any]:
        """A clinic and its settings."""
        return _show_all(_mine(clinic_id))

    @endpoint("PUT", "/clinics/<id:clinic_id>", resource="clinic", action="update", body=ClinicChanges, steps=True)
    def update(self, clinic_id: str, body: ClinicChanges) -> dict[str, Any]:
        """Change the active clinic and its settings; they hold everywhere when this answers."""
        with unit_of_work():
            update_clinic(_active(clinic_id), **body.model_dump(exclude_none=True))
        if body.settings:
            wait_until_heard()
        return _show_all(_active(clinic_id))

    @endpoint("DELETE", "/clinics/<id:clinic_id>", resource="clinic", action="delete")
    def archive(self, clinic_id: str) -> None:
        """Archive the active clinic."""
        archive_clinic(_active(clinic_id))


def _mine(clinic_id: str) -> Clinic:
    if clinic_id not in {item.clinic_id for item in current_principal().memberships}:
        raise NotFound
    return db.session.get_one(Clinic, clinic_id)


def _active(clinic_id: str) -> Clinic:
    clinic = clinic_in_scope()
    if clinic.id != clinic_id:
        raise NotFound
    return clinic


def _show_all(clinic: Clinic) -> dict[str, Any]:
    return {**_show(clinic), "settings": clinic.settings.model_dump(mode="json")}


def _show(clinic: Any) -> dict[str, Any]:
    return {
        "id": clinic.id,
        "name": clinic.name,
        "subdomain": clinic.subdomain,
        "appName": clinic.app_name,
        "archived": clinic.archived,
    }
