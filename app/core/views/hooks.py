"""What generated screens need of slices above the kernel; the wiring installs it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class ConsoleHooks:
    """currency: of the clinic in scope. keep: cache of a chart's rows. note_export: writes the trail."""

    currency: Callable[[], str]
    keep: Callable[[str, Callable[[], Any]], Any]
    note_export: Callable[[str], None]


_installed: list[ConsoleHooks] = []


def install_hooks(hooks: ConsoleHooks) -> None:
    _installed[:] = [hooks]


def hooks() -> ConsoleHooks:
    return _installed[0]
