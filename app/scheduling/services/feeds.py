"""Calendar feeds: a secret link per device, which can be taken back (SPEC SCH-8). Callers commit."""

from __future__ import annotations

from datetime import timedelta

from flask_babel import gettext as _
from sqlalchemy import select
from sqlalchemy.orm import joinedload

from app.core import clock
from app.core.errors import Forbidden, NotFound
from app.core.ids import new_id
from app.core.principal import current_principal, find_principal
from app.core.public_links import hash_of, new_token
from app.core.tenant import db
from app.people.queries import get_doctor
from app.scheduling.models import Appointment, AppointmentStatus, CalendarFeed
from config import get_settings

BACK, AHEAD = timedelta(days=30), timedelta(days=180)
MOST_VISITS = 5000
# A declined or cancelled visit leaves the doctor's calendar by being absent from the next answer.
SHOWN = frozenset(AppointmentStatus) - {
    AppointmentStatus.DECLINED, AppointmentStatus.CANCELLED, AppointmentStatus.NO_SHOW
}  # fmt: skip


def make_feed(doctor_id: str, label: str = "") -> tuple[CalendarFeed, str]:
    """A link to the doctor's calendar and its address: known now and never again. Raises NotFound, Forbidden."""
    get_doctor(doctor_id)
    _check_own(doctor_id)
    token = new_token()
    feed = CalendarFeed(
        id=new_id(),
        doctor_id=doctor_id,
        label=label.strip() or _("Calendar"),
        token_hash=hash_of(token),
        made_by_id=current_principal().user_id,
    )
    db.session.add(feed)
    db.session.flush()
    return feed, f"{get_settings().base_url}/calendar/{token}.ics"


def revoke_feed(feed_id: str) -> CalendarFeed:
    """The link leads nowhere from now on; a second call changes nothing. Raises NotFound, Forbidden."""
    feed = db.session.get(CalendarFeed, feed_id)
    if feed is None:
        raise NotFound
    _check_own(feed.doctor_id)
    feed.revoked_at = feed.revoked_at or clock.now()
    db.session.flush()
    return feed


def feeds_of(doctor_id: str) -> list[CalendarFeed]:
    """The doctor's links, the latest first. Raises NotFound, Forbidden."""
    get_doctor(doctor_id)
    _check_own(doctor_id)
    wanted = select(CalendarFeed).where(CalendarFeed.doctor_id == doctor_id)
    return list(db.session.scalars(wanted.order_by(CalendarFeed.id.desc())))


def feed_of_token(token: str) -> CalendarFeed:
    """The live feed of a token of the clinic in scope. Raises NotFound."""
    feed = db.session.scalar(select(CalendarFeed).where(CalendarFeed.token_hash == hash_of(token)))
    if feed is None or feed.revoked_at is not None:
        raise NotFound
    return feed


def note_read(feed: CalendarFeed) -> None:
    """When a calendar last came by, to the hour: calendars ask all day."""
    now = clock.now()
    if feed.last_read_at is None or feed.last_read_at < now - timedelta(hours=1):
        feed.last_read_at = now


def visits_in_feed(doctor_id: str) -> list[Appointment]:
    """The last month and the next half year."""
    now = clock.now()
    wanted = select(Appointment).where(
        Appointment.doctor_id == doctor_id,
        Appointment.starts_at >= now - BACK,
        Appointment.starts_at < now + AHEAD,
        Appointment.status.in_(SHOWN),
    )
    ordered = wanted.options(joinedload(Appointment.location)).order_by(Appointment.starts_at).limit(MOST_VISITS)
    return list(db.session.scalars(ordered))


def _check_own(doctor_id: str) -> None:
    """A doctor has their own calendar only."""
    principal = find_principal()
    if principal is not None and principal.role == "DOCTOR" and principal.doctor_id != doctor_id:
        raise Forbidden
