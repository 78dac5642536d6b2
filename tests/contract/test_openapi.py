"""The API's documentation is whole and true: every body has an example that it takes, every money endpoint an answer.

That the answers are real ones, tests/billing/test_api_examples.py checks.
"""

from __future__ import annotations

import typing
from collections.abc import Callable
from types import UnionType
from typing import Any

import orjson
import pytest
from pydantic import BaseModel

from app.core.api import ENDPOINTS, Endpoint
from app.core.api_examples import documented_path, example_file, example_key, example_of
from app.core.ids import new_id
from tests.factories.people import make_patient

MONEY = ("app.billing.api", "app.payments.api", "app.reports.api")
FILES = {"GET /api/v1/billing/invoices/download/{file_name}", "GET /api/v1/reports/export"}


@pytest.fixture
def endpoints(app: Any) -> list[Endpoint]:
    return ENDPOINTS


@pytest.fixture
def document(app: Any) -> dict[str, Any]:
    answer = app.test_client().get("/api/v1/openapi.json")
    assert answer.status_code == 200
    return dict(answer.get_json())


def operation(document: dict[str, Any], item: Endpoint) -> dict[str, Any]:
    return dict(document["paths"][documented_path(item)][item.method.lower()])


def test_every_body_has_an_example_that_it_takes(endpoints: list[Endpoint], document: dict[str, Any]) -> None:
    with_body = [item for item in endpoints if item.body is not None]
    assert len(with_body) > 50
    for item in with_body:
        shown = operation(document, item)["requestBody"]["content"]["application/json"]
        assert "example" in shown, example_key(item)
        assert item.body is not None
        item.body.model_validate(shown["example"])
        assert unknown_members(item.body, shown["example"]) == [], example_key(item)


def test_every_query_that_is_shown_is_taken(endpoints: list[Endpoint], document: dict[str, Any]) -> None:
    shown = 0
    for item in endpoints:
        told = {part["name"]: part["example"] for part in operation(document, item)["parameters"] if "example" in part}
        assert told == example_of(item).get("query", {}), example_key(item)
        if told and item.query is not None:
            item.query.model_validate(told)
            shown += 1
    assert shown >= 10


def test_every_money_endpoint_shows_an_answer(endpoints: list[Endpoint], document: dict[str, Any]) -> None:
    shown = [item for item in endpoints if item.module.startswith(MONEY) and item.status != 204]
    assert len(shown) > 70
    for item in shown:
        if example_key(item) in FILES:
            continue
        content = operation(document, item)["responses"][str(item.status)]["content"]["application/json"]
        assert content["example"], example_key(item)


def test_no_example_is_of_an_endpoint_that_is_gone(endpoints: list[Endpoint]) -> None:
    keys = {example_key(item) for item in endpoints}
    for path in {example_file(item.module) for item in endpoints}:
        if path.exists():
            assert set(orjson.loads(path.read_bytes())) <= keys, path


def test_two_bodies_do_not_share_a_name(endpoints: list[Endpoint]) -> None:
    known: dict[str, type[BaseModel]] = {}
    for item in endpoints:
        if item.body is not None:
            assert known.setdefault(item.body.__name__, item.body) is item.body, item.body


def test_an_example_is_of_its_own_method_and_path(endpoints: list[Endpoint]) -> None:
    capture = next(item for item in endpoints if item.path.endswith("/capture"))
    assert example_of(capture)["request"] == {"amount": 800}
    assert example_of(capture)["answer"]["status"] == "COMPLETED"


def unknown_members(model: type[BaseModel], value: dict[str, Any], where: str = "") -> list[str]:
    """Members that the model would ignore."""
    named: dict[str, Any] = {}
    for name, field in model.model_fields.items():
        named[field.alias or name] = field.annotation
    found = [f"{where}{name}" for name in value if name not in named]
    for name, part in value.items():
        for inner in inner_models(named.get(name)):
            for at in part if isinstance(part, list) else [part]:
                found += unknown_members(inner, at, f"{where}{name}.") if isinstance(at, dict) else []
    return found


def inner_models(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    if typing.get_origin(annotation) in (list, typing.Union, UnionType):
        return [model for part in typing.get_args(annotation) for model in inner_models(part)]
    return []


@pytest.mark.parametrize(
    ("status", "role", "path"),
    [
        ("401", None, "/patients"),
        ("403", "DOCTOR", "/billing/config"),
        ("404", "CLINIC_ADMIN", "/patients/{patient_id}"),
    ],
)
def test_errors_look_as_shown(
    app: Any, caller: Callable[..., Any], document: dict[str, Any], status: str, role: str | None, path: str
) -> None:
    shown = document["paths"][f"/api/v1{path}"]["get"]["responses"][status]["content"]["application/json"]["example"]
    url = path.format(patient_id=new_id())
    answer = caller(role).get(url) if role else app.test_client().get(f"/api/v1{url}")
    assert str(answer.status_code) == status
    real = answer.get_json()["error"]
    assert (real["code"], set(real)) == (shown["error"]["code"], set(shown["error"]))


def example_for(endpoints: list[Endpoint], key: str) -> Any:
    return example_of(next(item for item in endpoints if example_key(item) == key))["request"]


@pytest.mark.parametrize(
    ("role", "key"),
    [
        ("SUPER_ADMIN", "POST /clinics"),
        ("CLINIC_ADMIN", "PUT /clinics/{clinic_id}"),
        ("CLINIC_ADMIN", "POST /users"),
        ("CLINIC_ADMIN", "PUT /users/{user_id}"),
        ("CLINIC_ADMIN", "PUT /clinics/{clinic_id}/communication/config"),
        ("RECEPTIONIST", "POST /patients"),
        ("RECEPTIONIST", "PUT /patients/{patient_id}"),
    ],
)
def test_what_is_shown_is_accepted(
    caller: Callable[..., Any], in_clinic: Any, endpoints: list[Endpoint], role: str, key: str
) -> None:
    method, path = key.split(" ")
    person = caller(role)
    url = path.format(clinic_id=in_clinic.id, user_id=person.user.id, patient_id=make_patient().id)
    answer = getattr(person, method.lower())(url, json=example_for(endpoints, f"{method} /api/v1{path}"))
    assert answer.status_code in (200, 201), answer.get_json()
