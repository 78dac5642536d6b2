"""Where the sandbox listens and keeps its state, read from the environment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from app.sandbox.errors import CannotStart

HOST = "127.0.0.1"
RETRY_SECONDS = (1.0, 2.0, 4.0, 8.0, 15.0, 30.0, 60.0, 120.0, 300.0)
HIGHEST_PORT = 65535


@dataclass(frozen=True)
class SandboxSettings:
    """`port` and `smtp_port` 0 take a free one; without `data_dir` everything is kept in memory."""

    port: int = 8001
    smtp_port: int = 9001
    data_dir: Path | None = None
    smtp_auth_required: bool = False
    retry_seconds: tuple[float, ...] = RETRY_SECONDS
    webhook_timeout: float = 5.0


def read_settings(environment: Mapping[str, str]) -> SandboxSettings:
    """Raises CannotStart in production and for values that are not what they should be."""
    if environment.get("APP_ENV") == "production":
        raise CannotStart("The provider sandbox never runs with APP_ENV=production: it takes payments nobody made.")
    port = _port(environment, "SANDBOX_PORT", 8001)
    return SandboxSettings(
        port=port,
        smtp_port=_port(environment, "SANDBOX_SMTP_PORT", port + 1000 if port + 1000 <= HIGHEST_PORT else port - 1000),
        data_dir=Path(environment.get("DATA_DIR") or ".data"),
        smtp_auth_required=environment.get("SANDBOX_SMTP_AUTH") == "required",
        retry_seconds=_seconds(environment.get("SANDBOX_WEBHOOK_RETRY_SECONDS", "")),
    )


def _port(environment: Mapping[str, str], name: str, default: int) -> int:
    text = environment.get(name) or str(default)
    if not text.isdigit() or int(text) > HIGHEST_PORT:
        raise CannotStart(f"{name} must be a port number, not {text!r}.")
    return int(text)


def _seconds(text: str) -> tuple[float, ...]:
    if not text.strip():
        return RETRY_SECONDS
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError:
        raise CannotStart("SANDBOX_WEBHOOK_RETRY_SECONDS must be seconds separated by commas, like 1,2,4.") from None
