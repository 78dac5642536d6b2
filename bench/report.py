"""The table of figures: on the terminal, as JSON, and in the documentation."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from bench.data import Sizes
from bench.figures import Figure

BEGIN, END = "<!-- bench: begin -->", "<!-- bench: end -->"
HEAD = ("Check", "Measured", "Target", "", "How")
RESULTS = "results.json"


def table(figures: Sequence[Figure]) -> str:
    """Markdown whose columns also line up on a terminal."""
    rows = [
        (figure.what, figure.shown, figure.shown_target, "yes" if figure.reached else "NO", figure.detail)
        for figure in figures
    ]
    widths = [max(len(row[column]) for row in (HEAD, *rows)) for column in range(len(HEAD))]
    rule = tuple("-" * width for width in widths)
    return "\n".join(_line(row, widths) for row in (HEAD, rule, *rows))


def save(figures: Sequence[Figure], sizes: Sizes, directory: Path, document: Path) -> None:
    """Keep the figures as JSON and put the table between the marks of the document."""
    found = {
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine(),
        "sizes": asdict(sizes),
        "figures": [{**asdict(figure), "reached": figure.reached} for figure in figures],
    }
    (directory / RESULTS).write_text(json.dumps(found, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    words = f"Measured on {found['measured_at'][:10]}: {machine()}, {sizes.patients:,} patients, "
    words += f"{sizes.appointments:,} appointments."
    text = document.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    document.write_text(f"{before}{BEGIN}\n{words}\n\n{table(figures)}\n{END}{after}", encoding="utf-8")


def machine() -> str:
    return f"{os.cpu_count()} cores, Python {platform.python_version()}"


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    return f"| {' | '.join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))} |"
