"""Verbs on users and members. Callers commit."""

from __future__ import annotations

from typing import Any

from email_validator import EmailNotValidError, validate_email
from flask_babel import gettext as _
from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError

from app.access.events import UserCreated, UserDeleted, UserUpdated
from app.access.models import Member, User
from app.access.passwords import check_new_password, hash_password, password_matches
from app.access.principals import forget_session, forget_user
from app.access.roles import Role
from app.access.sessions import revoke_all_sessions
from app.core.errors import Conflict, Forbidden, Invalid, NotFound
from app.core.ids import is_id
from app.core.principal import current_principal, find_principal
from app.core.tenant import all_tenants, db, require_clinic
from app.core.transaction import after_commit, unit_of_work
from app.events.services import publish
from config import get_settings

LANGUAGES = ("en", "hi")
# Who is tried first comes first; super-admin@demo, who belongs to no clinic, comes last.
DEMO_ORDER = (
    "receptionist",
    "doctor",
    "finance-billing",
    "patient",
    "clinic-admin",
    "nurse",
    "location-head",
    "accountant",
    "pharmacist",
    "lab-technician",
    "inventory-manager",
    "system-auditor",
)


class UsernameTaken(Conflict):
    """Another user has this name."""

    code = "USERNAME_TAKEN"


class WorksElsewhere(Forbidden):
    """The account opens another clinic too."""

    code = "WORKS_ELSEWHERE"


def create_user(
    *, username: str, password: str, first_name: str, last_name: str = "", email: str | None = None, **columns: Any
) -> User:
    """A new user without membership. Raises UsernameTaken or Invalid."""
    check_new_password(password)
    user = User(
        username=username.strip().lower(),
        password_hash=hash_password(password),
        first_name=first_name,
        last_name=last_name,
        email=_read_email(email),
        **columns,
    )
    try:
        with db.session.begin_nested():
            db.session.add(user)
            db.session.flush()
    except IntegrityError:
        raise UsernameTaken(_("This user name is taken."), fields={"username": _("taken")}) from None
    publish(UserCreated(user_id=user.id))
    return user


def user_to_add(user_id: str) -> User:
    """Whom whoever acts may make a member: people whom the clinic knows; a SUPER_ADMIN anybody. Raises NotFound."""
    user = db.session.get(User, user_id) if is_id(user_id) else None
    known = db.session.scalar(select(Member.id).where(Member.user_id == user_id)) if user else None
    if user is None or not (known or current_principal().super_admin):
        raise NotFound
    return user


def add_member(user: User, role: str, **links: str | None) -> Member:
    """Give a user a role in the clinic in scope, again if they left. Raises Invalid, Forbidden or Conflict."""
    check_role(role)
    member = db.session.scalar(select(Member).where(Member.user_id == user.id).with_for_update())
    if member is None:
        member = Member(user_id=user.id)
        db.session.add(member)
    elif member.active:
        raise Conflict(_("This user is already a member."), code="ALREADY_MEMBER")
    member.role, member.active = role, True
    for name, value in links.items():
        setattr(member, name, value)
    db.session.flush()
    user_id = user.id
    after_commit(lambda: forget_user(user_id))
    return member


def forget_members_of(patient_id: str) -> None:
    """After the commit, look anew at who the users are that this patient is linked to."""
    user_ids = list(db.session.scalars(select(Member.user_id).where(Member.patient_id == patient_id)))

    def forget() -> None:
        for user_id in user_ids:
            forget_user(user_id)

    after_commit(forget)


def check_role(role: str) -> None:
    """Raises Invalid for a role that does not exist and Forbidden for one that nobody may hand out in a clinic."""
    if role not in set(Role):
        raise Invalid(fields={"role": _("There is no such role.")})
    if role == Role.SUPER_ADMIN:
        raise Forbidden(_("A SUPER_ADMIN is not made in a clinic."))


def check_account(user: User) -> None:
    """Raises WorksElsewhere for an account that also opens what is not this clinic's: only a SUPER_ADMIN changes it.

    A membership that has ended counts: it may be given back.
    """
    principal = find_principal()
    if principal is None or principal.super_admin:
        return
    with all_tenants():
        clinics = set(db.session.scalars(select(Member.clinic_id).where(Member.user_id == user.id)))
    if user.super_admin or clinics != {require_clinic()}:
        raise WorksElsewhere(_("This person also works elsewhere: only they or a SUPER_ADMIN change their account."))


def update_user(user: User, **changes: Any) -> User:
    """Change a user's profile; a new password ends all their sessions. Raises Invalid, WorksElsewhere."""
    check_account(user)
    password = changes.pop("password", None)
    if password:
        check_new_password(password)
        user.password_hash = hash_password(password)
        revoke_all_sessions(user.id, "PASSWORD_CHANGED")
    if "email" in changes:
        changes["email"] = _read_email(changes["email"])
    for name, value in changes.items():
        setattr(user, name, value)
    publish(UserUpdated(user_id=user.id))
    user_id = user.id
    after_commit(lambda: forget_user(user_id))
    return user


def _read_email(text: str | None) -> str | None:
    """The address as it is written to, None for nothing. Raises Invalid."""
    if not text:
        return None
    try:
        return validate_email(text, check_deliverability=False, test_environment=True).normalized
    except EmailNotValidError:
        raise Invalid(fields={"email": _("This is not an e-mail address.")}) from None


def own_user() -> User:
    """The user who acts."""
    return db.session.get_one(User, current_principal().user_id)


def change_own_password(old: str, new: str, *, keep_session: str) -> None:
    """Raises Invalid for a wrong old password, for a new one that is too easy, and for one that is not new."""
    user = own_user()
    if not password_matches(user.password_hash, old):
        raise Invalid(fields={"old_password": _("This is not your present password.")})
    if old == new:
        raise Invalid(fields={"password": _("This is your present password.")})
    check_new_password(new)
    user.password_hash = hash_password(new)
    revoke_all_sessions(user.id, "PASSWORD_CHANGED", keep=keep_session)
    publish(UserUpdated(user_id=user.id))


def disable_user(user: User) -> None:
    """Lock a user out of everything at once; the history stays. Raises Conflict for oneself, WorksElsewhere."""
    if user.id == current_principal().user_id:
        raise Conflict(_("You cannot disable yourself."))
    check_account(user)
    user.active = False
    revoke_all_sessions(user.id, "USER_DISABLED")
    publish(UserDeleted(user_id=user.id))


def unlock_user(user: User) -> None:
    """Let a user try again before the lock-out is over. Raises WorksElsewhere."""
    check_account(user)
    user.failed_logins, user.locked_until = 0, None


def remove_member(member: Member) -> None:
    """Take a role away. Raises Conflict for one's own."""
    if member.user_id == current_principal().user_id:
        raise Conflict(_("You cannot remove your own membership."))
    member.active = False
    user_id = member.user_id
    after_commit(lambda: forget_user(user_id))


def set_language(language: str) -> str:
    """Remember the user's language; an unknown one becomes English."""
    language = language if language in LANGUAGES else LANGUAGES[0]
    principal = find_principal()
    if principal:
        with all_tenants(), unit_of_work():
            db.session.execute(update(User).where(User.id == principal.user_id).values(language=language))
        forget_session(principal.session_id)
    return language


def demo_log_ins() -> list[str]:
    """The demo users' names, for the log-in page; empty in production and wherever no demo data was loaded."""
    if get_settings().production:
        return []
    with all_tenants():
        names = db.session.scalars(select(User.username).where(User.demo.is_(True)).order_by(User.id)).all()
    return sorted(names, key=_place_among_demo_log_ins)


def _place_among_demo_log_ins(name: str) -> int:
    """Those of a first walk come first; one clinic's beside the other's, as they were made."""
    role = name.partition("@")[0]
    return DEMO_ORDER.index(role) if role in DEMO_ORDER else len(DEMO_ORDER)
