"""Routes that compile late: the same addresses, and nothing compiled that nobody asked for."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
from werkzeug.routing import Map, Rule

from app.core.late_rules import LateRule

ROUTES = [
    ("/desk/", {}, "/desk/"),
    ("/visits/<int:number>", {"number": 7}, "/visits/7"),
    ("/files/<path:name>", {"name": "a b/c"}, "/files/a%20b/c"),
    ("/visits/<int:number>", {"number": 7, "rule": "x", "page": 2}, "/visits/7?rule=x&page=2"),
]


@pytest.mark.parametrize(("path", "values", "address"), ROUTES)
def test_an_address_is_what_a_plain_rule_makes_of_it(path: str, values: dict[str, Any], address: str) -> None:
    made = [
        Map([rule(path, endpoint="here")]).bind("localhost").build("here", dict(values)) for rule in (Rule, LateRule)
    ]
    assert made == [address, address]


def test_a_route_with_a_fixed_value_is_built_from_it() -> None:
    rules = [LateRule("/days/", defaults={"day": 1}, endpoint="day"), LateRule("/days/<int:day>", endpoint="day")]
    adapter = Map(rules).bind("localhost")
    assert [adapter.build("day", {"day": day}) for day in (1, 2)] == ["/days/", "/days/2"]


def test_a_start_compiles_no_addresses(settings: Any) -> None:
    """But the one of Flask itself, which is there before the application says how its routes are made."""
    ask = """
from werkzeug.routing import Rule
compiled, plain = [], Rule._compile_builder
Rule._compile_builder = lambda rule, *more: compiled.append(rule.rule) or plain(rule, *more)
from app import create_app
app = create_app()
print(len(list(app.url_map.iter_rules())) > 500, set(compiled))
"""
    told = subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True, check=True)
    assert told.stdout.splitlines()[-1] == "True {'/static/<path:filename>'}"
