"""Walking every clinic's trail, so that a break is found by us before somebody asks."""

from __future__ import annotations

import logging

from app.audit.verdicts import check_trail, note_ends
from app.core.jobs import job
from app.core.transaction import unit_of_work
from app.tenancy.rounds import in_every_clinic

log = logging.getLogger(__name__)


@job("report", attempts=1, timeout=3600, every=6 * 3600)
def check_trails() -> int:
    """Each clinic in its own scope; how many trails do not hold."""
    return in_every_clinic(_is_broken)


def _is_broken() -> bool:
    findings = check_trail().findings
    if findings:
        log.error("the audit trail of a clinic does not hold: %d findings", findings)
        return True
    with unit_of_work():  # what does not hold must not become what later checks hold it against
        note_ends()
    return False
