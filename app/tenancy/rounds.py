"""Going from clinic to clinic, as nightly work does: what goes wrong at one keeps no other from theirs."""

from __future__ import annotations

import logging
from collections.abc import Callable

from rq.timeouts import BaseTimeoutException
from sqlalchemy import Select, select
from sqlalchemy.exc import OperationalError

from app.core.connections import is_away
from app.core.logging import bound
from app.core.tenant import all_tenants, db, tenant_scope
from app.tenancy.models import Clinic

log = logging.getLogger(__name__)


class ClinicsFailed(Exception):
    """What was to be done for every clinic could not be done for some; the log tells for which, and why."""


def in_every_clinic(work: Callable[[], int], *, among: Select[str] | None = None) -> int:
    """Do `work` in the scope of each clinic that is not archived, `among` these ids if told; the sum of its answers.

    Raises ClinicsFailed once all had their turn; at once what holds for all: a database that is away, a job's time-out.
    """
    done, failed = 0, 0
    clinics = _clinics(among)
    for clinic_id in clinics:
        try:
            with bound(clinic_id=clinic_id), tenant_scope(clinic_id):
                done += work()
        except Exception as error:
            if _holds_for_all(error):
                raise
            failed += 1
            with bound(clinic_id=clinic_id):
                log.exception("the regular work for a clinic failed")
    if failed:
        raise ClinicsFailed(f"the work failed for {failed} of {len(clinics)} clinics")
    return done


def _clinics(among: Select[str] | None) -> list[str]:
    """The oldest first. An archived one asks and tells nobody: nobody there could see what came of it."""
    wanted = select(Clinic.id).where(Clinic.archived.is_(False)).order_by(Clinic.id)
    with all_tenants():
        if among is not None:
            wanted = wanted.where(Clinic.id.in_(set(db.session.scalars(among.distinct()))))
        return list(db.session.scalars(wanted))


def _holds_for_all(error: Exception) -> bool:
    return isinstance(error, BaseTimeoutException) or (isinstance(error, OperationalError) and is_away(error))
