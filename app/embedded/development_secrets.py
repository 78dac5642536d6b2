"""Random secrets of a development installation, made once and kept with its data."""

from __future__ import annotations

import base64
import json
import os
import secrets
from pathlib import Path

KEY_BYTES = 32


def development_secrets(path: Path) -> dict[str, str]:
    """SECRET_KEY, ENCRYPTION_KEYS and AUDIT_KEY from the file, made on first use (mode 0600)."""
    if not path.exists():
        write_private_file(path, json.dumps(_new_secrets(), indent=2))
    kept: dict[str, str] = json.loads(path.read_text(encoding="utf-8"))
    return kept


def write_private_file(path: Path, text: str) -> None:
    """Replaces the file in one step; nobody else may ever read it."""
    fresh = path.with_name(f"{path.name}.new")
    fresh.unlink(missing_ok=True)
    handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    fresh.rename(path)


def _new_secrets() -> dict[str, str]:
    return {
        "SECRET_KEY": secrets.token_urlsafe(KEY_BYTES),
        "ENCRYPTION_KEYS": f"1:{_key()}",
        "AUDIT_KEY": _key(),
    }


def _key() -> str:
    return base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode()
