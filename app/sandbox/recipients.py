"""Bad addresses on demand: which recipients a channel refuses, and how."""

from __future__ import annotations

from typing import Any

from app.sandbox.documents import Documents
from app.sandbox.errors import SandboxError
from app.sandbox.messages import recipient_key

KIND = "recipient"
MOMENTS = ("send", "status")


class RecipientBook:
    """`code` is the vendor's own error code; `moment` says whether the call fails or a later status does."""

    def __init__(self, documents: Documents) -> None:
        self._documents = documents

    def set(self, provider: str, to: str, code: int | None, moment: str) -> dict[str, Any]:
        """No code makes the address good again. Raises SandboxError."""
        if not to or moment not in MOMENTS or isinstance(code, bool) or not isinstance(code, int | None):
            raise SandboxError(f"to, code (a number or null) and at ({' or '.join(MOMENTS)}) are needed")
        key = _key(provider, to)
        entry: dict[str, Any] = {"id": key, "provider": provider, "to": to, "code": code, "at": moment}
        if code is None:
            self._documents.delete(KIND, key)
            return entry
        return self._documents.put(KIND, entry)

    def code(self, provider: str, to: str, moment: str) -> int | None:
        entry = self._documents.get(KIND, _key(provider, to))
        return entry["code"] if entry is not None and entry["at"] == moment else None


def _key(provider: str, to: str) -> str:
    return f"{provider}:{recipient_key(to)}"
