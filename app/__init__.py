"""Clinic Console: the wiring, and nothing else."""

from __future__ import annotations

from typing import Any

from flask import Flask

# Lower slices first: a slice imports only what stands before it (import-linter holds this, pyproject.toml).
SLICES = (
    "events",
    "tenancy",
    "access",
    "audit",
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


def create_app(**overrides: Any) -> Flask:
    """The web application. `overrides` are Flask settings, for tests. Raises MissingSetting with words for the
    operator.
    """
    from app import wiring

    return wiring.build(SLICES, overrides)
