"""How persons want to be written to: channels that they want nothing on, their own quiet hours, a digest."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import time
from typing import Any

from flask_babel import gettext as _
from sqlalchemy import or_, select

from app.core import clock
from app.core.errors import Invalid
from app.core.tenant import db
from app.messaging.models import Channel, Message, MessagePreference

# What nobody can want nothing of: the console's own bell.
MUTABLE = tuple(channel.value for channel in Channel if channel is not Channel.IN_APP)


def preferences_of(messages: Iterable[Message]) -> dict[str, MessagePreference]:
    """By patient or user id; who has not said anything is not in it."""
    rows = list(messages)
    patients = {row.patient_id for row in rows if row.patient_id}
    users = {row.user_id for row in rows if row.user_id}
    if not patients and not users:
        return {}
    about = or_(MessagePreference.patient_id.in_(patients), MessagePreference.user_id.in_(users))
    found = db.session.scalars(select(MessagePreference).where(about))
    return {str(row.patient_id or row.user_id): row for row in found}


def find_preference(*, patient_id: str | None = None, user_id: str | None = None) -> MessagePreference | None:
    """Raises ValueError for nobody, which would be anybody."""
    return db.session.scalar(select(MessagePreference).where(_whose(patient_id, user_id)))


def _whose(patient_id: str | None, user_id: str | None) -> Any:
    if patient_id is not None:
        return MessagePreference.patient_id == patient_id
    if user_id is None:
        raise ValueError("whose preference?")
    return MessagePreference.user_id == user_id


def set_preference(
    *,
    patient_id: str | None = None,
    user_id: str | None = None,
    muted: Sequence[str] = (),
    quiet_from: time | None = None,
    quiet_until: time | None = None,
    zone: str | None = None,
    digest: bool = False,
) -> MessagePreference:
    """Replace what a patient, or else a user, said. Raises Invalid with a text per field."""
    _check(muted, quiet_from, quiet_until, zone)
    row = find_preference(patient_id=patient_id, user_id=user_id)
    if row is None:
        row = MessagePreference(patient_id=patient_id, user_id=None if patient_id else user_id)
        db.session.add(row)
    row.muted = sorted(set(muted))
    row.quiet_from, row.quiet_until, row.zone, row.digest = quiet_from, quiet_until, zone, digest
    db.session.flush()
    return row


def _check(muted: Sequence[str], quiet_from: time | None, quiet_until: time | None, zone: str | None) -> None:
    wrong: dict[str, str] = {}
    if set(muted) - set(MUTABLE):
        wrong["muted"] = _("There is no such channel.")
    if (quiet_from is None) != (quiet_until is None):
        wrong["quietUntil"] = _("Quiet hours have a beginning and an end.")
    if zone is not None and zone not in clock.zones():
        wrong["zone"] = _("There is no such time zone.")
    if wrong:
        raise Invalid(fields=wrong)
