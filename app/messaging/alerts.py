"""In-app messages to the people of a clinic who can do something about a matter."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from sqlalchemy import select

from app.access.models import Member, User
from app.core.i18n import written_for
from app.core.tenant import db
from app.messaging.models import Channel, Message

ADMINS = ("CLINIC_ADMIN",)


def alert_members(
    template: str,
    variables: Callable[[], Mapping[str, str]],
    key: str,
    roles: Sequence[str] = ADMINS,
    *,
    priority: str = "HIGH",
) -> list[Message]:
    """One message per active member of the roles; the same `key` alerts nobody twice. `variables` is asked in the
    language of each.
    """
    from app.messaging.services import queue_message

    members = select(User.id, User.language).join(Member, Member.user_id == User.id)
    wanted = members.where(Member.role.in_(roles), Member.active.is_(True)).order_by(User.id)
    queued = []
    for user_id, language in db.session.execute(wanted):
        with written_for(language):
            said = variables()
        message = queue_message(
            Channel.IN_APP,
            user_id,
            template,
            said,
            dedupe_key=f"{key}:{user_id}",
            user_id=user_id,
            language=language,
            priority=priority,
        )
        queued.append(message)
    return queued
