"""Every page that opens without an id × days at the ends of the calendar, where adding a day or a zone overflows."""

from __future__ import annotations

import re
from typing import Any

import pytest

# What our pages call a day in their addresses.
NAMES = ("day", "on", "at", "from", "until", "first", "last", "date", "to", "after", "before", "month")
HTML = {"Accept": "text/html"}


def pages(app: Any) -> list[str]:
    rules = (rule for rule in app.url_map.iter_rules() if "GET" in rule.methods and not rule.arguments)
    return sorted({rule.rule for rule in rules if not rule.rule.startswith(("/api/", "/static/", "/log"))})


@pytest.mark.parametrize("far", ["0001-01-01", "9999-12-31"])
def test_a_day_at_the_end_of_the_calendar_breaks_no_page(app: Any, client_as: Any, far: str) -> None:
    client, asked = client_as("CLINIC_ADMIN"), dict.fromkeys(NAMES, far)
    found = pages(app)
    statuses = {page: client.get(page, query_string=asked, headers=HTML).status_code for page in found}
    assert {page: status for page, status in statuses.items() if status >= 500 and page != "/readyz"} == {}
    assert len(found) > 60
    assert "/desk/" in found


def test_a_calendar_asked_for_such_a_day_shows_today(client_as: Any) -> None:
    client = client_as("CLINIC_ADMIN")
    far, today = (client.get(f"/calendar/{asked}", headers=HTML).text for asked in ("?on=9999-12-31", ""))
    [shown] = re.findall(r'id="calendar-on"[^>]+value="([\d-]+)"', far)
    assert f'value="{shown}"' in today


def test_a_day_close_says_that_it_is_no_date(client_as: Any) -> None:
    answer = client_as("FINANCE_BILLING").get("/day-close/?day=9999-12-31", headers=HTML)
    assert (answer.status_code, "This is not a date." in answer.text) == (422, True)
