"""SMTP: a mail server that accepts everything, keeps it, and fails on demand."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from app.sandbox.accounts import Account

CODE = "smtp"
REPLIES = ("421", "451", "550")


class SmtpAccount(Account):
    """A log-in of the mail server."""

    identity_field: ClassVar[str] = "username"
    secret_fields: ClassVar[tuple[str, ...]] = ("password",)

    username: str = Field(min_length=1)
    password: str = Field(min_length=1)


class Smtp:
    """Reply codes: RFC 5321 and RFC 3463."""

    code = CODE
    account_schema = SmtpAccount
    extra_faults = REPLIES
