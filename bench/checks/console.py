"""The generated screens: lists against a bare Flask-AppBuilder list, add forms and charts against the clock."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from statistics import median
from typing import Any

import psycopg

from bench import client
from bench.data import connection_arguments
from bench.figures import Effort, Figure, percentile, side_by_side
from bench.installation import Installation
from bench.processes import Running, beside

MOST_TIMES = 3
LONGEST_MS = 150
ROWS = 20
BARE = "bench.bare_fab:create_app()"


@dataclass(frozen=True)
class Screen:
    """A generated screen and what can be asked of it."""

    name: str
    path: str
    table: str
    has_form: bool
    has_charts: bool

    @property
    def list_path(self) -> str:
        return f"{self.path}/list/?psize_{self.name}={ROWS}"


def console_pages(installation: Installation, effort: Effort) -> list[Figure]:
    found = screens(installation.app)
    charts = [f"{item.path}/chart/" for item in found if item.has_charts]
    cookie = installation.house.logins["CLINIC_ADMIN"].cookie(installation.app)
    with beside(BARE, installation.environment, installation.directory) as (ours, theirs):
        return [
            _lists([screen for screen in found if _is_full(installation, screen)], ours, theirs, cookie, effort),
            _slowest("add forms", [f"{item.path}/add" for item in found if item.has_form], ours, cookie, effort),
            _first_charts(charts, ours, cookie, installation.app),
            _slowest("charts", charts, ours, cookie, effort),
        ]


def screens(app: Any) -> list[Screen]:
    """Every generated screen that a CLINIC_ADMIN may read."""
    from app.access.roles import Role, role_may
    from app.core.views import CrudView

    def may(view: CrudView, action: str) -> bool:
        return role_may(Role.CLINIC_ADMIN, str(view.class_permission_name), action)

    return [
        Screen(
            type(view).__name__,
            view.route_base,
            view.model.__tablename__,
            "add" not in view.exclude_route_methods and may(view, "create"),
            bool(view.charts),
        )
        for view in app.appbuilder.baseviews
        if isinstance(view, CrudView) and may(view, "read")
    ]


def console_paths(installation: Installation) -> list[str]:
    """Lists, forms and charts of all screens."""
    return [path for screen in screens(installation.app) for path in _paths(screen)]


def _paths(screen: Screen) -> Iterator[str]:
    yield screen.list_path
    if screen.has_form:
        yield f"{screen.path}/add"
    if screen.has_charts:
        yield f"{screen.path}/chart/"


def _is_full(installation: Installation, screen: Screen) -> bool:
    """Whether a page of ROWS rows can be shown."""
    with psycopg.connect(**connection_arguments(installation.database_url)) as connection:
        statement = f'select count(*) from (select from "{screen.table}" where clinic_id = %s limit {ROWS}) first_rows'
        row = connection.execute(statement, (installation.house.clinic_id,)).fetchone()  # type: ignore[arg-type]
    return row is not None and row[0] == ROWS


def _lists(full: list[Screen], ours: Running, theirs: Running, cookie: dict[str, str], effort: Effort) -> Figure:
    """The screen whose list is slowest of all that have ROWS rows."""
    bare = client.request("GET", "/barerowview/list/")
    pages = {screen.name: client.request("GET", screen.list_path, cookie) for screen in full}
    client.timed(theirs.port, [bare] * effort.warm_up_requests)
    first = {
        name: median(client.timed(ours.port, [raw] * (2 * effort.warm_up_requests))) for name, raw in pages.items()
    }
    slowest = max(first, key=lambda name: first[name])
    repeat = max(1, effort.requests // effort.rounds)
    ratio, mine, other = side_by_side(
        lambda: median(client.timed(ours.port, [pages[slowest]] * repeat)),
        lambda: median(client.timed(theirs.port, [bare] * repeat)),
        effort.rounds,
    )
    others = ", ".join(f"{name} {1000 * seconds:.0f}" for name, seconds in first.items())
    detail = f"{slowest}: {1000 * mine:.1f} ms, bare {1000 * other:.1f} ms (of: {others})"
    return Figure("console", f"list of {ROWS} rows, slowest screen / bare list", ratio, "×", "<", MOST_TIMES, detail)


def _slowest(what: str, paths: list[str], running: Running, cookie: dict[str, str], effort: Effort) -> Figure:
    """p95 of the slowest of the pages."""
    repeat = max(1, effort.requests // 4)
    milliseconds: dict[str, float] = {}
    for path in paths:
        raw = client.request("GET", path, cookie)
        client.timed(running.port, [raw] * effort.warm_up_requests)
        milliseconds[path] = 1000 * percentile(client.timed(running.port, [raw] * repeat), 0.95)
    path = max(milliseconds, key=lambda item: milliseconds[item])
    detail = f"{path}; median of {len(paths)} screens {median(milliseconds.values()):.0f} ms"
    return Figure("console", f"{what}, p95 of the slowest screen", milliseconds[path], "ms", "<", LONGEST_MS, detail)


def _first_charts(paths: list[str], running: Running, cookie: dict[str, str], app: Any) -> Figure:
    """What the first person waits who opens a chart that is in no cache."""
    from app.tenancy.cache import shared_cache

    with app.app_context():
        shared_cache().clear()
    milliseconds = {path: 1000 * client.timed(running.port, [client.request("GET", path, cookie)])[0] for path in paths}
    path = max(milliseconds, key=lambda item: milliseconds[item])
    return Figure("console", "charts in no cache, slowest screen", milliseconds[path], "ms", "<", LONGEST_MS, path)
