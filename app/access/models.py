"""Users, their place in clinics, and their log-in sessions."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Boolean, ForeignKey, Index, Integer, String, UniqueConstraint, Uuid
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.access.roles import Role
from app.core.models import AwareTime, Base, TenantModel, one_of, tenant_reference


class User(Base):
    """A person who can log in; belongs to no clinic by itself."""

    __tablename__ = "user_account"

    username: Mapped[str] = mapped_column(String(120), nullable=False, unique=True)
    first_name: Mapped[str] = mapped_column(String(80), nullable=False)
    last_name: Mapped[str] = mapped_column(String(80), nullable=False, default="")
    email: Mapped[str | None] = mapped_column(String(254))
    phone: Mapped[str | None] = mapped_column(String(20))
    language: Mapped[str] = mapped_column(String(5), nullable=False, default="en")
    active: Mapped[bool] = mapped_column(Boolean, nullable=False, default=True)
    super_admin: Mapped[bool] = mapped_column(Boolean, nullable=False, default=False)
    demo: Mapped[bool] = mapped_column(Boolean, nullable=False, default=False)
    password_hash: Mapped[str] = mapped_column(String(200), nullable=False)
    failed_logins: Mapped[int] = mapped_column(Integer, nullable=False, default=0)
    locked_until: Mapped[datetime | None] = mapped_column(AwareTime)

    @property
    def name(self) -> str:
        return f"{self.first_name} {self.last_name}".strip()

    def __str__(self) -> str:
        return self.name


def person_behind(column: str) -> Any:
    """The user of an id column. No foreign key: people work in several clinics, and the row outlives their log-in."""
    return relationship(User, primaryjoin=f"foreign({column}) == User.id", viewonly=True)


class Member(TenantModel):
    """A user's role in a clinic; a PATIENT's or DOCTOR's link to their own record there."""

    __tablename__ = "member"
    __table_args__ = (
        UniqueConstraint("clinic_id", "user_id", name="uq_member_clinic_user"),
        Index("ix_member_user", "user_id"),
        one_of("role", Role, "ck_member_role"),
    )

    user_id: Mapped[str] = mapped_column(Uuid(as_uuid=False), ForeignKey("user_account.id"), nullable=False)
    role: Mapped[str] = mapped_column(String(20), nullable=False)
    patient_id: Mapped[str | None] = tenant_reference("patient", nullable=True)
    doctor_id: Mapped[str | None] = tenant_reference("doctor", nullable=True)
    location_id: Mapped[str | None] = tenant_reference("location", nullable=True)
    active: Mapped[bool] = mapped_column(Boolean, nullable=False, default=True)

    user: Mapped[User] = relationship(User)

    def __str__(self) -> str:
        return f"{self.user} ({self.role})"


class LoginSession(Base):
    """One log-in: a refresh family. `generation` counts rotations; an older one presented again revokes the family."""

    __tablename__ = "login_session"
    __table_args__ = (Index("ix_login_session_user", "user_id", "revoked_at"),)

    user_id: Mapped[str] = mapped_column(Uuid(as_uuid=False), ForeignKey("user_account.id"), nullable=False)
    clinic_id: Mapped[str | None] = mapped_column(Uuid(as_uuid=False), ForeignKey("clinic.id"))
    generation: Mapped[int] = mapped_column(Integer, nullable=False, default=0)
    expires_at: Mapped[datetime] = mapped_column(AwareTime, nullable=False)
    last_used_at: Mapped[datetime] = mapped_column(AwareTime, nullable=False)
    revoked_at: Mapped[datetime | None] = mapped_column(AwareTime)
    revoked_reason: Mapped[str | None] = mapped_column(String(40))
    address: Mapped[str | None] = mapped_column(String(45))
    user_agent: Mapped[str | None] = mapped_column(String(200))

    user: Mapped[User] = relationship(User)
