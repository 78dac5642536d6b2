"""Devices that push messages go to. A message's recipient is the device's id, so that no token stands in the outbox.
Callers commit.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert

from app.core import clock
from app.core.ids import is_id, new_id
from app.core.tenant import db, require_clinic
from app.messaging.models import Channel, DeviceToken
from app.messaging.suppression import allow_again

# Wire notes 4: a token that no app has shown for two months is not worth a message.
IDLE = timedelta(days=60)
MOST_DEVICES = 20


def register_device(*, user_id: str, patient_id: str | None, platform: str, token: str, kind: str) -> DeviceToken:
    """Send pushes for this person to the device from now on; a device that changed hands belongs to the last one."""
    values = {
        "clinic_id": require_clinic(),
        "token": token,
        "token_hash": token_hash(token),
        "user_id": user_id,
        "patient_id": patient_id,
        "platform": platform,
        "kind": kind,
        "seen_at": clock.now(),
    }
    changed = {name: values[name] for name in ("user_id", "patient_id", "platform", "kind", "seen_at")}
    statement = insert(DeviceToken).values(id=new_id(), **values)
    device_id = db.session.scalars(
        statement.on_conflict_do_update(index_elements=["clinic_id", "token_hash"], set_=changed).returning(
            DeviceToken.id
        )
    ).one()
    device = db.session.get_one(DeviceToken, device_id, populate_existing=True)
    allow_again(Channel.PUSH, device.id)
    _keep_the_newest(user_id)
    return device


def unregister_device(device: DeviceToken) -> None:
    """The person logged out there, or wants no pushes there."""
    db.session.delete(device)
    db.session.flush()


def devices_of(*, user_id: str | None = None, patient_id: str | None = None) -> Sequence[DeviceToken]:
    """A person's devices that were seen lately, the last one first. Raises ValueError for nobody."""
    if not user_id and not patient_id:
        raise ValueError("whose devices?")
    wanted = select(DeviceToken).where(DeviceToken.seen_at > clock.now() - IDLE)
    if user_id:
        wanted = wanted.where(DeviceToken.user_id == user_id)
    if patient_id:
        wanted = wanted.where(DeviceToken.patient_id == patient_id)
    return db.session.scalars(wanted.order_by(DeviceToken.seen_at.desc())).all()


def push_target(recipient: str) -> tuple[str, str] | None:
    """Token and kind of the device that a message names; None when it is registered no more."""
    device = db.session.get(DeviceToken, recipient) if is_id(recipient) else None
    return None if device is None else (device.token, device.kind.lower())


def token_hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _keep_the_newest(user_id: str) -> None:
    """A person has a few devices; who registers made-up ones pushes out their own."""
    mine = select(DeviceToken.id).where(DeviceToken.user_id == user_id).order_by(DeviceToken.seen_at.desc())
    db.session.execute(delete(DeviceToken).where(DeviceToken.id.in_(mine.offset(MOST_DEVICES))))
