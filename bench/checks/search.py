"""The search box of the console, letter by letter as people type."""

from __future__ import annotations

from itertools import cycle, islice
from urllib.parse import quote

from bench import client
from bench.figures import Effort, Figure, percentile
from bench.installation import Installation
from bench.processes import console

LONGEST_MS = 30
TYPED = (
    "me", "mee", "meera", "meera iy", "iyer me", "patel", "kavya nair verma", "ra kh", "zz",
    "9800012345", "+91 98000", "000123", "123", "1985-03-02", "02/03/1985", "rahul 1985-03-02", "INV 12",
)  # fmt: skip


def patient_search(installation: Installation, effort: Effort) -> list[Figure]:
    cookie = installation.house.logins["RECEPTIONIST"].cookie(installation.app)
    asked = [client.request("GET", f"/console/search?q={quote(text)}", cookie) for text in TYPED]
    with console(installation.environment, installation.directory) as running:
        client.timed(running.port, asked)
        rounds = max(effort.requests, len(asked))
        milliseconds = [1000 * seconds for seconds in client.timed(running.port, islice(cycle(asked), rounds))]
    slowest = max(range(len(TYPED)), key=lambda number: percentile(milliseconds[number :: len(TYPED)], 0.5))
    detail = f"median {percentile(milliseconds, 0.5):.1f} ms; slowest text: {TYPED[slowest]!r}"
    return [Figure("search", "patient search box, p95", percentile(milliseconds, 0.95), "ms", "<", LONGEST_MS, detail)]
