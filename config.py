"""Every setting of the console, typed and checked once at start."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

import click
from pydantic import Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from app.core.crypto import BadKeyring, Keyring

DEVELOPMENT_KEY = base64.b64encode(b"development-only-key-0123456789a").decode()

LEAST_SECRET_LENGTH = 32
LEAST_DIFFERENT = 10
FREE_TEXT = ("SECRET_KEY", "METRICS_TOKEN")  # the others are base64
# What stands in examples and in people's first tries.
KNOWN_WORDS = (b"development", b"changeme", b"change-me", b"change_me", b"example", b"secret", b"password", b"default")

# What makes an account only together.
ACCOUNT_PAIRS = (
    ("razorpay_key_id", "razorpay_key_secret"),
    ("phonepe_client_id", "phonepe_client_secret"),
    ("whatsapp_phone_number_id", "whatsapp_access_token"),
    ("zeptomail_token", "zeptomail_from_address"),
    ("ses_access_key_id", "ses_secret_access_key"),
    ("ses_access_key_id", "ses_from_address"),
    ("twilio_account_sid", "twilio_auth_token"),
    ("sns_access_key_id", "sns_secret_access_key"),
    ("sns_access_key_id", "sns_platform_application_arn"),
)
MAIL_SCHEMES = ("smtp://", "smtp+starttls://", "smtps://")


class MissingSetting(click.ClickException, RuntimeError):
    """The environment lacks or misspells a setting; the text says which, in words for the operator.

    Flask's command line shows it without a traceback.
    """


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
    private_hosts: str = ""

    pool_size: int = Field(20, ge=1, le=50)
    pool_overflow: int = Field(10, ge=0, le=50)
    pool_wait_seconds: float = Field(4, gt=0, le=30)
    redis_answer_seconds: float = Field(1, gt=0, le=30)
    access_token_seconds: int = 15 * 60
    refresh_token_seconds: int = 7 * 24 * 3600
    session_seconds: int = 24 * 3600
    requests_per_minute: int = 1000
    logins_per_minute: int = 20
    lock_out_after: int = 10
    lock_out_seconds: int = 15 * 60
    failed_login_seconds: float = 0.3
    event_payload_days: int = Field(30, ge=1, le=3650)

    # Global provider accounts, used by clinics that have none of their own.
    zeptomail_token: SecretStr | None = None
    zeptomail_from_address: str | None = None
    zeptomail_base_url: str | None = None
    zeptomail_webhook_key: SecretStr | None = None
    ses_access_key_id: str | None = None
    ses_secret_access_key: SecretStr | None = None
    ses_region: str = "us-east-1"
    ses_from_address: str | None = None
    ses_configuration_set: str = ""
    ses_topic_arn: str = ""
    smtp_url: SecretStr | None = None
    razorpay_key_id: str | None = None
    razorpay_key_secret: SecretStr | None = None
    razorpay_webhook_secret: SecretStr | None = None
    phonepe_client_id: str | None = None
    phonepe_client_secret: SecretStr | None = None
    phonepe_hmac_secret: SecretStr | None = None
    stripe_secret_key: SecretStr | None = None
    stripe_webhook_secret: SecretStr | None = None
    whatsapp_phone_number_id: str | None = None
    whatsapp_access_token: SecretStr | None = None
    whatsapp_app_secret: SecretStr | None = None
    whatsapp_verify_token: SecretStr | None = None
    twilio_account_sid: str | None = None
    twilio_auth_token: SecretStr | None = None
    twilio_messaging_service_sid: str = ""
    twilio_sms_sender: str | None = None
    twilio_whatsapp_sender: str | None = None
    twilio_content_sids: str = ""
    fcm_service_account: SecretStr | None = None
    sns_access_key_id: str | None = None
    sns_secret_access_key: SecretStr | None = None
    sns_region: str = "us-east-1"
    sns_platform_application_arn: str | None = None

    @property
    def production(self) -> bool:
        return self.app_env == "production"

    @property
    def base_url(self) -> str:
        """The address that patients and providers reach us at, without a trailing slash."""
        return (self.public_url or f"http://127.0.0.1:{self.port}").rstrip("/")

    @property
    def own_hosts(self) -> frozenset[str]:
        """Hosts of the operator's network that provider accounts may name, in production too: those of PRIVATE_HOSTS
        and of the accounts that the environment makes.
        """
        mail = self.smtp_url.get_secret_value() if self.smtp_url else ""
        named = {urlsplit(url).hostname or "" for url in (mail, self.zeptomail_base_url or "")}
        return frozenset(name.strip().lower() for name in (*self.private_hosts.split(","), *named) if name.strip())

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
        _check_secrets(self)
        return self

    @model_validator(mode="after")
    def _keys_can_be_read(self) -> Settings:
        """Here, as the first record that needs a key may come days after the start."""
        try:
            Keyring.parse(self.encryption_keys.get_secret_value())
        except BadKeyring as error:
            raise ValueError(f"ENCRYPTION_KEYS: {error}") from None
        if _octets(self.audit_key.get_secret_value()) is None:
            raise ValueError("AUDIT_KEY is not base64")
        return self


def _check_secrets(settings: Settings) -> None:
    """Raises ValueError for a secret that somebody could guess, or that does two jobs; it never repeats one."""
    seen: dict[bytes, str] = {}
    for name, text in _named_secrets(settings):
        secret = _octets(text)
        if secret is None and name not in FREE_TEXT:
            raise ValueError(f"{name} is not base64")
        _check_strength(name, text.encode(), secret or b"")
        # The same key once as it is written and once as its octets is still the same key.
        for form in {text.encode(), secret or text.encode()}:
            if form in seen:
                raise ValueError(f"{seen[form]} and {name} are equal: each needs a secret of its own")
            seen[form] = name


def _named_secrets(settings: Settings) -> Iterator[tuple[str, str]]:
    yield "SECRET_KEY", settings.secret_key.get_secret_value()
    yield "AUDIT_KEY", settings.audit_key.get_secret_value()
    entries = [entry.strip() for entry in settings.encryption_keys.get_secret_value().split(",")]
    for place, entry in enumerate(filter(None, entries) if any(entries) else [""], start=1):
        yield f"ENCRYPTION_KEYS, entry {place},", entry.partition(":")[2]
    if settings.metrics_token is not None:
        yield "METRICS_TOKEN", settings.metrics_token.get_secret_value()


def _octets(text: str) -> bytes | None:
    """What the text says in base64, if it does."""
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        return None


def _check_strength(name: str, text: bytes, secret: bytes) -> None:
    length = len(text) if name in FREE_TEXT else len(secret)
    if length < LEAST_SECRET_LENGTH:
        raise ValueError(f"{name} is too short for production: it needs {LEAST_SECRET_LENGTH} random bytes or more")
    if DEVELOPMENT_KEY.encode() in text or any(word in part for word in KNOWN_WORDS for part in (text.lower(), secret)):
        raise ValueError(f"{name} is one of development or of an example")
    if len(set(text)) < LEAST_DIFFERENT:
        raise ValueError(f"{name} can be guessed: it needs random bytes")


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
        words = item["msg"].removeprefix("Value error, ")  # pydantic's own, which tells an operator nothing
        lines.append(f"{name}: {words}" if name else words)
    return "Clinic Console cannot start: " + "; ".join(lines)
