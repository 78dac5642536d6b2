"""In-app messages to the people of a clinic who can do something about a matter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import select

from app.access.models import Member, User
from app.core.tenant import db
from app.messaging.models import Channel, Message

ADMINS = ("CLINIC_ADMIN",)


def alert_members(
    template: str, variables: Mapping[str, str], key: str, roles: Sequence[str] = ADMINS, *, priority: str = "HIGH"
) -> list[Message]:
    """One message per active member of the roles; the same `key` alerts nobody twice."""
    from app.messaging.services import queue_message

    members = select(User.id, User.language).join(Member, Member.user_id == User.id)
    wanted = members.where(Member.role.in_(roles), Member.active.is_(True)).order_by(User.id)
    return [
        queue_message(
            Channel.IN_APP,
            user_id,
            template,
            variables,
            dedupe_key=f"{key}:{user_id}",
            user_id=user_id,
            language=language,
            priority=priority,
        )
        for user_id, language in db.session.execute(wanted)
    ]
