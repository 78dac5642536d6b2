"""The API's list of appointments by a token user, against a bare route that runs the same join by hand."""

from __future__ import annotations

from bench import client
from bench.figures import Effort, Figure, side_by_side
from bench.installation import Installation
from bench.processes import Running, beside

PATH = "/api/v1/appointments"
SMALLEST_SHARE = 0.6


def list_of_visits(installation: Installation, effort: Effort) -> list[Figure]:
    environment = {**installation.environment, "BENCH_CLINIC": installation.house.clinic_id}
    raw = client.request("GET", PATH, installation.house.logins["RECEPTIONIST"].bearer())
    bare = client.request("GET", "/appointments")
    with beside("bench.bare:create_app()", environment, installation.directory) as (ours, theirs):
        for side, asked in ((ours, raw), (theirs, bare)):
            _rate(side, asked, effort, effort.warm_up_seconds)
        ratio, mine, other = side_by_side(
            lambda: _rate(ours, raw, effort), lambda: _rate(theirs, bare, effort), effort.rounds
        )
    detail = f"{mine:.0f} requests/s, bare {other:.0f}"
    return [
        Figure("list", "API list of appointments / bare route with the join", ratio, "×", ">=", SMALLEST_SHARE, detail)
    ]


def _rate(side: Running, raw: bytes, effort: Effort, seconds: float | None = None) -> float:
    found = client.run(side.port, lambda _: raw, clients=effort.clients, seconds=seconds or effort.seconds)
    return found.per_second
