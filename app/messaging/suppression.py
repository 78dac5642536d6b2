"""Addresses that nothing is sent to: put there by bounces, complaints, STOP, dead tokens and people; cleared by people
and START. Callers commit.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable
from contextlib import suppress as suppressed_error
from datetime import datetime, timedelta
from functools import lru_cache

from flask_babel import gettext as _
from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert

from app.core import clock
from app.core.crypto import derive_key
from app.core.errors import Conflict
from app.core.ids import is_id, new_id
from app.core.tenant import db, require_clinic
from app.messaging.channels.base import RecipientFact
from app.messaging.models.outbox import Channel
from app.messaging.models.receipts import DeviceToken
from app.messaging.models.suppression import SuppressedAddress, SuppressionReason
from config import get_settings

# Wire notes 0.3: a mailbox that is full for long rests a week, a telephone that is off a day.
SOFT_LIMITS = {Channel.EMAIL: 5}
SOFT_LIMIT = 3
SOFT_REST = {Channel.EMAIL: timedelta(days=7)}
REST = timedelta(days=1)


def suppress(
    channel: str, address: str, reason: str, *, source: str = "", until: datetime | None = None
) -> SuppressedAddress:
    """Send nothing to the address from now on (until then); a second call changes why."""
    row = _row(channel, address, SuppressionReason(reason))
    row.reason, row.source = SuppressionReason(reason).value, source[:80]
    row.since, row.until, row.cleared_at = clock.now(), until, None
    db.session.flush()
    return row


def is_suppressed(channel: str, address: str) -> bool:
    row = find_suppression(channel, address)
    return row is not None and row.active


def find_suppression(channel: str, address: str) -> SuppressedAddress | None:
    """What is known against an address, whether or not it is in force."""
    return db.session.scalar(
        select(SuppressedAddress).where(
            SuppressedAddress.channel == str(channel), SuppressedAddress.address_hash == address_hash(channel, address)
        )
    )


def suppressed_among(channel: str, addresses: Iterable[str]) -> dict[str, str]:
    """Of these addresses those that nothing is sent to, with the reason."""
    by_hash = {address_hash(channel, address): address for address in addresses}
    found = db.session.scalars(
        select(SuppressedAddress).where(
            SuppressedAddress.channel == str(channel), SuppressedAddress.address_hash.in_(by_hash)
        )
    )
    return {by_hash[row.address_hash]: row.reason for row in found if row.active}


def note_unreachable(channel: str, address: str, *, source: str = "") -> bool:
    """Count one more failure that says nothing for good; whether the address rests now."""
    row = _row(channel, address, SuppressionReason.UNREACHABLE)
    row.soft_failures += 1
    if row.soft_failures >= SOFT_LIMITS.get(Channel(channel), SOFT_LIMIT) and not row.active:
        rest = SOFT_REST.get(Channel(channel), REST)
        suppress(channel, address, SuppressionReason.UNREACHABLE, source=source, until=clock.now() + rest)
        row.soft_failures = 0
        return True
    db.session.flush()
    return False


def note_reached(channel: str, address: str) -> None:
    """A delivery ends the row of soft failures."""
    row = find_suppression(channel, address)
    if row is not None and row.soft_failures:
        row.soft_failures = 0


def allow_again(channel: str, address: str) -> bool:
    """The person asked for messages again (START); whether that changed anything."""
    row = find_suppression(channel, address)
    if row is None or not row.active:
        return False
    clear_suppression(row)
    return True


def clear_suppression(row: SuppressedAddress) -> None:
    """Send to the address again. Raises Conflict when nothing is suppressed."""
    if not row.active:
        raise Conflict(_("This address is not suppressed any more."))
    row.cleared_at, row.soft_failures = clock.now(), 0


def learn(channel: str, address: str, fact: str, *, source: str = "") -> None:
    """Take in what a provider said about an address (`RecipientFact`)."""
    if fact == RecipientFact.REACHED:
        note_reached(channel, address)
    elif fact == RecipientFact.UNREACHABLE:
        note_unreachable(channel, address, source=source)
    elif fact == RecipientFact.OPTED_IN:
        allow_again(channel, address)
    else:
        suppress(channel, address, SuppressionReason(fact.upper()), source=source)
        if channel == Channel.PUSH and is_id(address):
            db.session.execute(delete(DeviceToken).where(DeviceToken.id == address))


def _row(channel: str, address: str, reason: SuppressionReason) -> SuppressedAddress:
    """The address's row, locked; made where there is none."""
    key = address_hash(channel, address)
    fresh = insert(SuppressedAddress).values(
        id=new_id(),
        clinic_id=require_clinic(),
        channel=str(channel),
        address_hash=key,
        masked=masked_address(channel, address),
        reason=reason.value,
        source="",
        soft_failures=0,
    )
    db.session.execute(fresh.on_conflict_do_nothing(index_elements=["clinic_id", "channel", "address_hash"]))
    wanted = select(SuppressedAddress).where(
        SuppressedAddress.channel == str(channel), SuppressedAddress.address_hash == key
    )
    return db.session.scalars(wanted.with_for_update()).one()


def address_hash(channel: str, address: str) -> str:
    """Keyed, so that a copy of the table cannot be searched with a list of telephone numbers."""
    text = f"{require_clinic()}:{channel}:{normalised(channel, address)}"
    return hmac.new(_key(get_settings().audit_key.get_secret_value()), text.encode(), "sha256").hexdigest()


@lru_cache(maxsize=2)
def _key(secret: str) -> bytes:
    return derive_key(secret.encode(), "suppressed-address")


def normalised(channel: str, address: str) -> str:
    """One spelling per address: mail in lower case with an ASCII domain (IDNA), everything else without spaces."""
    if channel != Channel.EMAIL:
        return "".join(address.split())
    local, _at, domain = address.strip().lower().rpartition("@")
    with suppressed_error(UnicodeError):
        domain = domain.encode("idna").decode()
    return f"{local}@{domain}"


def masked_address(channel: str, address: str) -> str:
    """Enough to recognise an address by, too little to write to: m•••@example.com, +9198••••10."""
    text = address.strip()
    if channel == Channel.EMAIL:
        local, _at, domain = text.rpartition("@")
        return f"{local[:1]}•••@{domain}"[:80]
    if channel == Channel.PUSH:
        return f"…{text[-6:]}"
    return f"{text[:5]}••••{text[-2:]}"
