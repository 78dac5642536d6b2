"""Clinic Console: the wiring, and nothing else."""

from __future__ import annotations

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
    from app import wiring

    return wiring.build(SLICES, overrides, edges=edges)
