"""An access key of AWS, and what it may do at one service."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from app.sandbox.accounts import Account


class AwsAccount(Account):
    """The key of one user."""

    identity_field: ClassVar[str] = "access_key_id"
    secret_fields: ClassVar[tuple[str, ...]] = ("secret_access_key",)

    access_key_id: str = Field(pattern=r"^[A-Za-z0-9_]{16,128}$")
    secret_access_key: str = Field(min_length=1)
    region: str = "us-east-1"
