"""Every generated list × addresses that nobody's browser makes: an answer, never an error, never unfiltered rows."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import zip_longest
from typing import Any
from urllib.parse import quote

import pytest

from app.access.roles import MATRIX, role_may
from app.core.views import CrudView
from app.core.views.crud import orders_asked_of

# For every filter of every column: no such word, day, number, id or text.
ODD_VALUES = ("abc", "\x00", "9" * 40, "1e999", "nan", "10000-99-99", "true", "", "'", "%", "\\")
ENDS_OF_TIME = ("0001-01-01", "9999-12-31", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00")
DATES = ("day", "on", "at", "week", "from", "to", "until", "first", "last", "date", "starts_on", "ends_on", "period")


@pytest.fixture
def screens(app: Any) -> list[CrudView]:
    from app.extensions import appbuilder

    return [view for view in appbuilder.baseviews if isinstance(view, CrudView)]


def odd_addresses(view: CrudView) -> Iterator[str]:
    """Every odd part at least once. Several travel in one address, each about something else: none stops another."""
    name = type(view).__name__
    other = min({*view.model.__mapper__.columns.keys()} - {*view.order_columns})
    columns = [*view.order_columns, other, "no_such_column"]
    kinds = (
        [f"page_{name}={odd}" for odd in ("abc", "-1", "1.5", "9" * 30, "²")],
        [f"psize_{name}={odd}" for odd in ("abc", "-1", "0", "9" * 30)],
        [f"_flt_{place}_{view.search_columns[0]}=a" for place in (9, 99, "00", "x", "")],
        [f"_oc_{name}={column}&_od_{name}=asc" for column in columns],
        list(odd_filters(view)),
    )
    yield from ("&".join(filter(None, parts)) for parts in zip_longest(*kinds, fillvalue=""))


def odd_filters(view: CrudView) -> Iterator[str]:
    """Each odd value for every filter of the list at once: one that breaks breaks the whole query."""
    known = view.datamodel.get_filters(view.search_columns).get_search_filters()
    names = [f"_flt_{place}_{column}" for column, filters in sorted(known.items()) for place in range(len(filters))]
    yield from ("&".join(f"{name}={quote(odd)}" for name in names) for odd in ODD_VALUES)


@pytest.mark.timeout(900)  # hundreds of requests: two minutes on a calm machine; only what hangs is to end
def test_no_address_breaks_a_list(client_as: Any, screens: list[CrudView]) -> None:
    failed = []
    for view in screens:
        if not role_may("CLINIC_ADMIN", str(view.class_permission_name), "read"):
            continue
        client = client_as("CLINIC_ADMIN")  # one person alone would meet the limit of requests
        for query in odd_addresses(view):
            answer = client.get(f"{view.route_base}/list/?{query}", headers={"Accept": "text/html"})
            if answer.status_code not in (200, 400):
                failed.append((view.route_base, query, answer.status_code))
    assert failed == []


def test_a_list_is_ordered_by_columns_that_allow_it_and_by_no_others(app: Any, screens: list[CrudView]) -> None:
    """What else an address asks for is left out before the database hears of it."""
    wrong = []
    for view in screens:
        name = type(view).__name__
        for column in {*view.list_columns, *view.model.__mapper__.columns.keys(), "no_such_column"}:
            with app.test_request_context(f"/?_oc_{name}={column}&_od_{name}=asc"):
                expected = {name: (column, "asc")} if column in view.order_columns else {}
                if orders_asked_of([view]) != expected:
                    wrong.append((name, column))
    assert wrong == []


def test_no_address_breaks_an_export(client_as: Any, screens: list[CrudView]) -> None:
    """A stream that fails has told "200" already: only its end shows it."""
    client = client_as("CLINIC_ADMIN")
    exported = 0
    for view in screens:
        if not role_may("CLINIC_ADMIN", str(view.class_permission_name), "read"):
            continue
        query = next(item for item in odd_filters(view) if "%00" in item)
        lines = client.get(f"{view.route_base}/export?{query}").text.splitlines()
        assert len(lines) >= 1, view.route_base
        exported += 1
    assert exported > 20


def test_what_is_exported_needs_the_resources_own_permission(screens: list[CrudView]) -> None:
    guarded = [view for view in screens if "export" in MATRIX[str(view.class_permission_name)]]
    assert "PatientView" in {type(view).__name__ for view in guarded}
    assert [type(view).__name__ for view in guarded if view.method_permission_name["export"] != "export"] == []


@pytest.mark.parametrize("end", ENDS_OF_TIME)
def test_no_date_in_an_address_breaks_a_page(app: Any, client_as: Any, screens: list[CrudView], end: str) -> None:
    lists = {f"{type(view).__name__}." for view in screens}
    pages = sorted(
        rule.rule
        for rule in app.url_map.iter_rules()
        if "GET" in rule.methods and not rule.arguments and not any(map(rule.endpoint.startswith, lists))
    )
    assert {"/desk/", "/calendar/", "/day-close/", "/doctor-week/"} <= set(pages)
    query = "&".join(f"{name}={quote(end)}" for name in DATES)
    client = client_as("CLINIC_ADMIN")
    answers = {page: client.get(f"{page}?{query}").status_code for page in pages if not page.startswith("/logout")}
    assert {page for page, status in answers.items() if status == 500} == set()
