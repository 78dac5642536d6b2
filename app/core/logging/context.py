"""What every record of a request, job or socket event says without being told: who, for which clinic, doing what."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter
from typing import Any

import structlog
from structlog.contextvars import bind_contextvars, bound_contextvars, clear_contextvars

CONTEXT_KEYS = frozenset(
    {"request_id", "trace_id", "span_id", "user_id", "clinic_id", "operation", "job_id", "event_id"}
)


def bind(**values: str | None) -> None:
    """Add to the context of this request, thread or greenlet. Raises ValueError for a key that is no context."""
    bind_contextvars(**_checked(values))


@contextmanager
def bound(**values: str | None) -> Iterator[None]:
    """`bind` for a block; the values before it come back."""
    with bound_contextvars(**_checked(values)):
        yield


def clear() -> None:
    """Forget the context; the first thing at each edge, so that nothing leaks from the request before."""
    clear_contextvars()


@contextmanager
def operation(name: str, *, log: Any = None, **fields: Any) -> Iterator[None]:
    """Name what happens in the block, and log once how long it took and whether it failed."""
    logger = log or structlog.get_logger()
    start = perf_counter()
    outcome = "failed"
    with bound(operation=name):
        try:
            yield
            outcome = "done"
        finally:
            duration_ms = round((perf_counter() - start) * 1000, 3)
            logger.info("operation finished", outcome=outcome, duration_ms=duration_ms, **fields)


def _checked(values: dict[str, str | None]) -> dict[str, str | None]:
    unknown = values.keys() - CONTEXT_KEYS
    if unknown:
        raise ValueError(f"no log context is named {', '.join(sorted(unknown))}")
    return values
