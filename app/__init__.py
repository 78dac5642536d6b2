"""Clinic Console: the wiring, and nothing else."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from flask import Flask

from app.core import lean

lean.hide()

# Lower slices first: a slice imports only what stands before it (import-linter holds this, pyproject.toml).
SLICES = (
    "events",
    "tenancy",
    "access",
    "audit",
    "integrations",
    "jobs",
    "ledger",
    "messaging",
    "payments",
    "people",
    "catalog",
    "scheduling",
    "queueing",
    "billing",
    "reports",
    "desk",
    "demo",
)


def create_app(*, edges: bool = True, **overrides: Any) -> Flask:
    """The application. `edges=False` leaves out screens and API, which a worker never answers by (20 MB).

    `overrides` are Flask settings, for tests. Raises MissingSetting with words for the operator.
    """
    with _collector_resting():
        from app import wiring

        return wiring.build(SLICES, overrides, edges=edges)


@contextmanager
def _collector_resting() -> Iterator[None]:
    """What is made at the start stays: to look through all of it dozens of times takes a fifth of the start.

    In a process that holds nothing else yet it is set aside for good: then its end does not look through it either,
    which took a second.
    """
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            if not gc.get_freeze_count():
                gc.freeze()
            gc.enable()
