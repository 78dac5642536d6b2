"""Loading the data took no longer than three minutes."""

from __future__ import annotations

from bench.figures import Effort, Figure
from bench.installation import Installation

LONGEST_SECONDS = 180


def loader(installation: Installation, _effort: Effort) -> list[Figure]:
    sizes = installation.sizes
    what = f"load {sizes.patients:,} patients and {sizes.appointments:,} appointments"
    return [Figure("loader", what, installation.load_seconds, "s", "<", LONGEST_SECONDS)]
