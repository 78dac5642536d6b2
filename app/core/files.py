"""Documents that we made or were given, kept in the database: same transaction, same walls, same backup."""

from __future__ import annotations

import hashlib

from sqlalchemy import Index, Integer, LargeBinary, String, Uuid
from sqlalchemy.orm import Mapped, mapped_column

from app.core.models import TenantModel
from app.core.tenant import db


class StoredFile(TenantModel):
    """One file of a clinic. `owner_id` is the row it belongs to, `kind` what it is ("invoice-pdf")."""

    __tablename__ = "stored_file"
    __table_args__ = (Index("ix_stored_file_owner", "clinic_id", "owner_id", "kind"),)
    __secret_columns__ = frozenset({"content"})

    kind: Mapped[str] = mapped_column(String(40), nullable=False)
    owner_id: Mapped[str | None] = mapped_column(Uuid(as_uuid=False))
    name: Mapped[str] = mapped_column(String(200), nullable=False)
    mime_type: Mapped[str] = mapped_column(String(100), nullable=False)
    size: Mapped[int] = mapped_column(Integer, nullable=False)
    sha256: Mapped[str] = mapped_column(String(64), nullable=False)
    content: Mapped[bytes] = mapped_column(LargeBinary, nullable=False, deferred=True)

    def __str__(self) -> str:
        return self.name


def store_file(kind: str, owner_id: str | None, name: str, mime_type: str, content: bytes) -> StoredFile:
    stored = StoredFile(
        kind=kind,
        owner_id=owner_id,
        name=name,
        mime_type=mime_type,
        size=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        content=content,
    )
    db.session.add(stored)
    db.session.flush()
    return stored
