"""Screens that open by a link: making and revoking the links of kiosks and waiting-room boards. Callers commit."""

from __future__ import annotations

from typing import TypeVar

from sqlalchemy import select

from app.core.errors import NotFound
from app.core.public_links import hash_of, new_token
from app.core.tenant import db
from app.queueing.models import Kiosk, WaitingBoard
from config import get_settings

Screen = TypeVar("Screen", Kiosk, WaitingBoard)


def make_link(screen: Kiosk | WaitingBoard) -> str:
    """A new address for the screen, known now and never again; the one before leads nowhere from now on."""
    token = new_token()
    screen.token_hash = hash_of(token)
    db.session.flush()
    return f"{get_settings().base_url}{screen.PAGE}/{token}"


def revoke_link(screen: Kiosk | WaitingBoard) -> None:
    """Whoever still has the screen's page open can do nothing with it, and hears nothing more."""
    screen.token_hash = None
    db.session.flush()


def get_screen(model: type[Screen], screen_id: str) -> Screen:
    """Raises NotFound."""
    return _one(db.session.scalar(select(model).where(model.id == screen_id)))


def screen_of_token(model: type[Screen], token: str) -> Screen:
    """The screen of a link of the clinic in scope. Raises NotFound for a link that was revoked or never was."""
    return _one(db.session.scalar(select(model).where(model.token_hash == hash_of(token))))


def _one(screen: Screen | None) -> Screen:
    if screen is None:
        raise NotFound
    return screen
