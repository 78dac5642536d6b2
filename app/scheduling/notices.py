"""Where messages of visits go: the channel that a patient prefers, their devices, and whoever logs in for them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime

from babel.dates import format_datetime
from flask_babel import get_locale, get_timezone
from sqlalchemy import select

from app.access.models import Member, User
from app.core.i18n import written_for
from app.core.tenant import db
from app.messaging.models import Channel
from app.messaging.services import push_addresses, queue_message
from app.people.models import ContactChannel, Doctor, Patient
from app.tenancy.queries import clinic_in_scope

# What a message says, in a language.
Said = Callable[[str], Mapping[str, str]]


def tell_patient(
    patient: Patient,
    template: str,
    said: Said,
    key: str,
    *,
    priority: str = "NORMAL",
    attachments: Mapping[Channel, list[str]] | None = None,
    mail: bool = True,
) -> None:
    """Queue one message per way to the patient; the same `key` tells nobody twice.

    `mail=False`: it is of use for minutes only, so that it goes to the phone, whatever they prefer to be written on.
    """
    for channel, to, language in recipients(patient, mail=mail):
        in_app = channel is Channel.IN_APP
        queue_message(
            channel,
            to,
            template,
            said(language),
            dedupe_key=f"{template}:{key}" + (f":{to}" if in_app else ""),
            patient_id=patient.id,
            user_id=to if in_app else None,
            language=language,
            priority=priority,
            attachments=(attachments or {}).get(channel, []),
        )


def recipients(patient: Patient, *, mail: bool = True) -> Iterator[tuple[Channel, str, str]]:
    """Channel, address and language of every way. Who wants no messages finds them in the console only."""
    reachable = preferred_address(patient, mail=mail)
    if reachable is not None:
        yield *reachable, patient.language
    if patient.preferred_channel != ContactChannel.NONE:
        yield from ((Channel.PUSH, device, patient.language) for device in push_addresses(patient.id))
    users = select(User.id, User.language).join(Member, Member.user_id == User.id)
    for user_id, language in db.session.execute(users.where(Member.patient_id == patient.id, Member.active.is_(True))):
        yield Channel.IN_APP, user_id, language


def is_written_to(patient: Patient, channel: Channel) -> bool:
    """Whether it is the channel that their messages take."""
    found = preferred_address(patient)
    return found is not None and found[0] is channel


def preferred_address(patient: Patient, *, mail: bool = True) -> tuple[Channel, str] | None:
    """The preferred channel where there is an address for it, else the other one; None for who wants no messages."""
    known = {Channel.WHATSAPP: patient.phone, Channel.EMAIL: patient.email if mail else None}
    order = [Channel.EMAIL, Channel.WHATSAPP] if patient.preferred_channel == ContactChannel.EMAIL else list(known)
    if patient.preferred_channel == ContactChannel.NONE:
        return None
    return next(((channel, to) for channel in order if (to := known[channel])), None)


def about_visit(patient: Patient, doctor_id: str, starts_at: datetime, language: str) -> dict[str, str]:
    """Who sees whom, when and where, in words."""
    doctor = db.session.get_one(Doctor, doctor_id)
    when = in_words(starts_at, language)
    return {"patient": patient.name, "doctor": doctor.name, "when": when, "clinic": clinic_in_scope().name}


def in_words(moment: datetime, language: str) -> str:
    """'Tue 24 Nov 2026, 10:00' by the clinic's clock."""
    with written_for(language):
        return format_datetime(moment.astimezone(get_timezone()), "EEE d MMM yyyy, HH:mm", locale=get_locale())
