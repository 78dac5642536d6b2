"""What the launcher reads from the environment. The app's own settings are checked by config.py."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from app.embedded.errors import StartFailed

ROOT = Path(__file__).resolve().parents[2]
EVERYWHERE = ("0.0.0.0", "::")  # noqa: S104 - recognised, never chosen by us
FALSE = ("0", "false", "no", "off")


@dataclass(frozen=True)
class LaunchSettings:
    """`make run`'s own settings; the defaults are those of the README."""

    host: str
    port: int
    sandbox_port: int
    sandbox_smtp_port: int
    data_dir: Path
    database_url: str
    redis_url: str
    app_env: str
    demo_data: bool

    @property
    def address(self) -> str:
        """Where a browser on this machine finds the console."""
        host = "127.0.0.1" if self.host in EVERYWHERE else self.host
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}"

    @property
    def sandbox_address(self) -> str:
        return f"http://127.0.0.1:{self.sandbox_port}"

    @property
    def production(self) -> bool:
        return self.app_env == "production"


def read_settings(environment: Mapping[str, str]) -> LaunchSettings:
    """Raises StartFailed naming the variable that is wrong."""
    sandbox_port = _port(environment, "SANDBOX_PORT", 8001)
    settings = LaunchSettings(
        host=environment.get("HOST") or "127.0.0.1",
        port=_port(environment, "PORT", 8000),
        sandbox_port=sandbox_port,
        sandbox_smtp_port=_port(environment, "SANDBOX_SMTP_PORT", _default_smtp_port(sandbox_port)),
        data_dir=Path(environment.get("DATA_DIR") or ROOT / ".data"),
        database_url=environment.get("DATABASE_URL", ""),
        redis_url=environment.get("REDIS_URL", ""),
        app_env=environment.get("APP_ENV") or "development",
        demo_data=environment.get("DEMO_DATA", "1").strip().lower() not in FALSE,
    )
    _check_different(settings)
    return settings


def _default_smtp_port(sandbox_port: int) -> int:
    return sandbox_port + 1000 if sandbox_port + 1000 <= 65535 else sandbox_port - 1000


def _port(environment: Mapping[str, str], name: str, default: int) -> int:
    text = environment.get(name, "").strip()
    if not text:
        return default
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= 65535:
        raise StartFailed(f"{name}={text} is no port; take a number from 1 to 65535, for instance {name}={default}.")
    return int(text)


def _check_different(settings: LaunchSettings) -> None:
    ports = {
        "PORT": settings.port,
        "SANDBOX_PORT": settings.sandbox_port,
        "SANDBOX_SMTP_PORT": settings.sandbox_smtp_port,
    }
    names_by_port: dict[int, list[str]] = {}
    for name, port in ports.items():
        names_by_port.setdefault(port, []).append(name)
    for port, names in names_by_port.items():
        if len(names) > 1:
            raise StartFailed(f"{' and '.join(names)} are both {port}; each needs its own.")
