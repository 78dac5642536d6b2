"""The sandbox lives in real time: providers do not travel with a test's clock."""

from __future__ import annotations

import time
from datetime import UTC, datetime


def seconds() -> float:
    return time.time()


def timestamp() -> int:
    """Whole Unix seconds, as the vendors' `created_at` fields hold."""
    return int(time.time())


def iso() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
