"""What a check finds: a figure, its target, and how it came about."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Literal


@dataclass(frozen=True)
class Effort:
    """How long checks measure: more calms the figures of a noisy machine."""

    rounds: int = 7
    seconds: float = 3.0
    clients: int = 8
    requests: int = 200
    warm_up_requests: int = 3
    warm_up_seconds: float = 1.0
    page_rounds: int = 2


@dataclass(frozen=True)
class Figure:
    """One line of the table. `bound` says on which side of the target the value has to be."""

    check: str
    what: str
    value: float
    unit: str
    bound: Literal[">=", "<"]
    target: float
    detail: str = ""

    @property
    def reached(self) -> bool:
        return self.value >= self.target if self.bound == ">=" else self.value < self.target

    @property
    def shown(self) -> str:
        return f"{self.value:.2f} {self.unit}" if self.unit == "×" else f"{self.value:.0f} {self.unit}".strip()

    @property
    def shown_target(self) -> str:
        return f"{'≥' if self.bound == '>=' else '<'} {self.target:g} {self.unit}".strip()


def side_by_side(ours: Callable[[], float], theirs: Callable[[], float], rounds: int) -> tuple[float, float, float]:
    """The median ratio of rounds in which both sides ran one after the other, and the median of each side.

    Each side begins every other round: a machine that slows down favours nobody.
    """
    pairs: list[tuple[float, float]] = []
    for number in range(rounds):
        if number % 2:
            other = theirs()
            pairs.append((ours(), other))
        else:
            pairs.append((ours(), theirs()))
    return median(a / b for a, b in pairs), median(a for a, _ in pairs), median(b for _, b in pairs)


def percentile(values: Sequence[float], share: float) -> float:
    """The value that `share` of all values do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]
