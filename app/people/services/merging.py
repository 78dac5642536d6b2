"""Two records of one person become one, and two again. Callers commit.

Everything that refers to the merged record goes to the survivor (moving.py), its balances by one entry of the journal
(balances.py). The merged record itself stays as it was: its id and its MRN lead to the survivor.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from flask_babel import gettext as _
from psycopg.errors import DeadlockDetected, LockNotAvailable
from sqlalchemy import select, text
from sqlalchemy.exc import OperationalError

from app.access.services import forget_members_of
from app.audit.services import record
from app.core import clock
from app.core.cache.rows import changed_past_the_session
from app.core.errors import Conflict, Invalid, NotFound
from app.core.ids import new_id
from app.core.principal import find_principal
from app.core.tenant import db
from app.events.services import publish
from app.people.events import PatientMerged, PatientUnmerged
from app.people.models import Patient, PatientMerge
from app.people.services.balances import balances_back, balances_over
from app.people.services.moving import give_back, move_rows

# What one chooses between; tags and alerts of both are kept, because an allergy must not get lost.
FIELDS = (
    "first_name", "last_name", "gender", "date_of_birth", "deceased_on", "phone", "email", "address", "city", "state",
    "postal_code", "country", "language", "preferred_channel", "photo_id",
)  # fmt: skip
JOINED = ("tags", "alerts")
TOGETHER = {"phone": ("phone", "phone_raw")}
# Shorter than the second after which PostgreSQL looks for deadlocks: it is the merge that steps back, never a booking.
LOCK_WAIT = "400ms"
ATTEMPTS = 5


class AlreadyMerged(Conflict):
    """One of the records was merged before."""

    code = "ALREADY_MERGED"


class PatientBusy(Conflict):
    """Others were changing the patient all the while."""

    code = "PATIENT_BUSY"


def merge_patients(survivor_id: str, merged_id: str, *, take: Iterable[str] = (), reason: str = "") -> PatientMerge:
    """Make `merged_id` part of `survivor_id`; `take` names the FIELDS whose values come from the merged record.

    Raises NotFound, Invalid, AlreadyMerged, PatientBusy.
    """
    chosen = list(take)
    if survivor_id == merged_id:
        raise Invalid(fields={"duplicateId": _("This is the same record.")})
    if not set(chosen) <= set(FIELDS):
        raise Invalid(fields={"take": _("There is no such field.")})
    return _patiently(lambda: _merge(survivor_id, merged_id, chosen, reason.strip()[:300]))


def undo_merge(merge_id: str, reason: str = "") -> PatientMerge:
    """Both records stand alone again, each with its own. Raises NotFound, Conflict, PatientBusy."""
    return _patiently(lambda: _undo(merge_id, reason.strip()[:300]))


def _patiently(deed: Callable[[], PatientMerge]) -> PatientMerge:
    """The deed; where others hold what it needs, it lets go of everything and tries again. Raises PatientBusy."""
    for _attempt in range(ATTEMPTS):
        try:
            with db.session.begin_nested():
                db.session.execute(text(f"set local lock_timeout = '{LOCK_WAIT}'"))
                done = deed()
                db.session.flush()
            db.session.execute(text("set local lock_timeout to default"))
            return done
        except OperationalError as error:
            if not isinstance(error.orig, (LockNotAvailable, DeadlockDetected)):
                raise
    raise PatientBusy(_("Somebody is working on this patient. Please try again."))


def _merge(survivor_id: str, merged_id: str, take: list[str], reason: str) -> PatientMerge:
    survivor, merged = _lock(survivor_id, merged_id)
    if survivor.merged_into_id or merged.merged_into_id:
        raise AlreadyMerged(_("This record was merged into another already."))
    merge = _note(survivor, merged, take, reason)
    balances_over(merge)
    merge.moved = move_rows(merge)
    for name, value in merge.after.items():
        setattr(survivor, name, _from_json(name, value))
    merged.active, merged.merged_into_id = False, survivor.id
    db.session.flush()
    _tell("merge", merge, PatientMerged, reason)
    return merge


def _undo(merge_id: str, reason: str) -> PatientMerge:
    merge = db.session.scalar(select(PatientMerge).where(PatientMerge.id == merge_id))
    if merge is None:
        raise NotFound
    survivor, merged = _lock(merge.survivor_id, merge.merged_id)
    db.session.refresh(merge, with_for_update=True)
    if not merge.standing:
        raise Conflict(_("This merge was undone already."), code="ALREADY_UNDONE")
    if survivor.merged_into_id is not None:
        raise Conflict(_("The record was itself merged since then: undo that first."), code="MERGED_FURTHER")
    give_back(merge)
    merged.merged_into_id, merged.active = None, bool(merge.before["merged_active"])
    for name, value in merge.after.items():
        if _to_json(getattr(survivor, name)) == value:  # what somebody changed since then stays
            setattr(survivor, name, _from_json(name, merge.before[name]))
    merge.undone_at, merge.undone_by_id, merge.undo_reason = clock.now(), _who(), reason
    db.session.flush()
    balances_back(merge)
    _tell("unmerge", merge, PatientUnmerged, reason)
    return merge


def _lock(*patient_ids: str) -> tuple[Patient, Patient]:
    """Both, locked against everything that refers to them, in the order in which everybody locks. Raises NotFound."""
    wanted = select(Patient).where(Patient.id.in_(patient_ids)).order_by(Patient.id).with_for_update()
    found = {row.id: row for row in db.session.scalars(wanted, execution_options={"populate_existing": True})}
    if len(found) < 2:
        raise NotFound
    return found[patient_ids[0]], found[patient_ids[1]]


def _note(survivor: Patient, merged: Patient, take: list[str], reason: str) -> PatientMerge:
    """What will change of the survivor, with the values before and after."""
    wanted = {column: getattr(merged, column) for name in take for column in TOGETHER.get(name, (name,))}
    wanted |= {name: list(dict.fromkeys([*getattr(survivor, name), *getattr(merged, name)])) for name in JOINED}
    changed = {name: value for name, value in wanted.items() if value != getattr(survivor, name)}
    before = {name: _to_json(getattr(survivor, name)) for name in changed}
    merge = PatientMerge(
        id=new_id(),
        survivor_id=survivor.id,
        merged_id=merged.id,
        merged_at=clock.now(),
        merged_by_id=_who(),
        reason=reason,
        before={**before, "merged_active": merged.active},
        after={name: _to_json(value) for name, value in changed.items()},
    )
    db.session.add(merge)
    db.session.flush()
    return merge


def _tell(action: str, merge: PatientMerge, event: type[PatientMerged] | type[PatientUnmerged], reason: str) -> None:
    """The trail, the caches, whoever is logged in as the patient, and listeners."""
    db.session.expire_all()
    record(action, Patient.__tablename__, merge.merged_id, reason=reason, survivor=merge.survivor_id, merge=merge.id)
    changed_past_the_session(db.session(), merge.moved)
    for patient_id in (merge.survivor_id, merge.merged_id):
        forget_members_of(patient_id)
    publish(event(patient_id=merge.survivor_id, merged_id=merge.merged_id, merge_id=merge.id))


def _to_json(value: Any) -> Any:
    return value.isoformat() if hasattr(value, "isoformat") else value


def _from_json(name: str, value: Any) -> Any:
    kind = Patient.__table__.columns[name].type.python_type
    return kind.fromisoformat(value) if value is not None and hasattr(kind, "fromisoformat") else value


def _who() -> str | None:
    principal = find_principal()
    return principal.user_id if principal else None
