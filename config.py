"""Every setting of the console, typed and checked once at start."""

from __future__ import annotations

import base64
from functools import lru_cache
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

DEVELOPMENT_KEY = base64.b64encode(b"development-only-key-0123456789a").decode()

# What makes an account only together.
ACCOUNT_PAIRS = (("razorpay_key_id", "razorpay_key_secret"), ("whatsapp_phone_number_id", "whatsapp_access_token"))
MAIL_SCHEMES = ("smtp://", "smtp+starttls://", "smtps://")


class MissingSetting(RuntimeError):
    """The environment lacks or misspells a setting; the text says which, in words for the operator."""


class Settings(BaseSettings):
    """Settings from the environment. Secrets have development defaults that production refuses."""

    model_config = SettingsConfigDict(env_prefix="", extra="ignore", frozen=True)

    app_env: Literal["development", "test", "production"] = "development"
    host: str = "127.0.0.1"
    port: int = 8000
    sandbox_port: int = 8001
    sandbox_smtp_port: int = 0
    data_dir: Path = Path(".data")
    public_url: str = ""
    database_url: str = "postgresql+psycopg://postgres@127.0.0.1/clinic"
    redis_url: str = "redis://127.0.0.1:6379/0"
    secret_key: SecretStr = SecretStr(DEVELOPMENT_KEY)
    encryption_keys: SecretStr = SecretStr(f"1:{DEVELOPMENT_KEY}")
    audit_key: SecretStr = SecretStr(DEVELOPMENT_KEY)
    metrics_token: SecretStr | None = None
    demo_data: bool = False
    proxy_hops: int = 0

    pool_size: int = Field(20, ge=1, le=50)
    pool_overflow: int = Field(10, ge=0, le=50)
    access_token_seconds: int = 15 * 60
    refresh_token_seconds: int = 7 * 24 * 3600
    session_seconds: int = 24 * 3600
    requests_per_minute: int = 1000
    logins_per_minute: int = 20
    lock_out_after: int = 10
    lock_out_seconds: int = 15 * 60
    failed_login_seconds: float = 0.3

    # Global provider accounts, used by clinics that have none of their own.
    smtp_url: SecretStr | None = None
    razorpay_key_id: str | None = None
    razorpay_key_secret: SecretStr | None = None
    razorpay_webhook_secret: SecretStr | None = None
    whatsapp_phone_number_id: str | None = None
    whatsapp_access_token: SecretStr | None = None
    whatsapp_app_secret: SecretStr | None = None
    whatsapp_verify_token: SecretStr | None = None

    @property
    def production(self) -> bool:
        return self.app_env == "production"

    @property
    def base_url(self) -> str:
        """The address that patients and providers reach us at, without a trailing slash."""
        return (self.public_url or f"http://127.0.0.1:{self.port}").rstrip("/")

    @property
    def smtp_port(self) -> int:
        return self.sandbox_smtp_port or self.sandbox_port + 1000

    @model_validator(mode="after")
    def _accounts_are_whole(self) -> Settings:
        """Half an account would be found out by the first patient who pays or is written to."""
        for first, second in ACCOUNT_PAIRS:
            if bool(getattr(self, first)) != bool(getattr(self, second)):
                raise ValueError(f"{first.upper()} and {second.upper()} go together")
        url = self.smtp_url.get_secret_value() if self.smtp_url else ""
        if url and not url.startswith(MAIL_SCHEMES):
            raise ValueError(f"SMTP_URL starts with one of {', '.join(MAIL_SCHEMES)}")
        number = self.whatsapp_phone_number_id
        if number and not (number.isascii() and number.isdigit()):
            raise ValueError("WHATSAPP_PHONE_NUMBER_ID is made of digits: the number's id, not the number itself")
        return self

    @model_validator(mode="after")
    def _production_has_its_own_secrets(self) -> Settings:
        if not self.production:
            return self
        needed = ("secret_key", "encryption_keys", "audit_key", "database_url", "redis_url", "public_url")
        missing = [name.upper() for name in needed if name not in self.model_fields_set]
        if missing:
            raise ValueError(f"production needs {', '.join(missing)}")
        if self.demo_data:
            raise ValueError("DEMO_DATA is never allowed in production")
        if not self.public_url.startswith("https://"):
            raise ValueError("production needs PUBLIC_URL to start with https://")
        return self


@lru_cache(maxsize=1)
def get_settings() -> Settings:
    """The settings of this process. Raises MissingSetting with a text for the operator."""
    try:
        return Settings()
    except ValidationError as error:
        raise MissingSetting(_explain(error)) from None


def _explain(error: ValidationError) -> str:
    """One line per wrong setting; values are never shown, they may be secrets."""
    lines = []
    for item in error.errors(include_input=False, include_url=False):
        name = ".".join(str(part) for part in item["loc"]).upper()
        lines.append(f"{name}: {item['msg']}" if name else item["msg"])
    return "Clinic Console cannot start. " + "; ".join(lines)
