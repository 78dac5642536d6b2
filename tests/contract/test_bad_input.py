"""Every endpoint × what no client should send: a clear refusal, never a 500 and never a success.

Targets come from ENDPOINTS and the fields of their pydantic models, so that a new endpoint or field is covered.
"""

from __future__ import annotations

import base64
import json
import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from io import BytesIO
from typing import Any

import pytest
from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

from app.access.roles import Role, role_may
from app.access.tokens import make_access_token
from app.billing.models import BulkInvoiceRun, Subscription
from app.core import clock
from app.core.api import BODY_LIMIT, ENDPOINTS, Endpoint, ListQuery
from app.core.ids import new_id
from app.core.tenant import tenant_scope
from config import get_settings
from tests.contract.any_row import make_any_row
from tests.factories.access import bearer, make_clinic, make_member, make_session, make_user
from tests.factories.people import make_patient

PREFERRED = (Role.CLINIC_ADMIN, *(role for role in Role if role is not Role.CLINIC_ADMIN))
METHODS = frozenset({"GET", "POST", "PUT", "DELETE", "PATCH", "BREW"})
NUL = "a\x00b"
TOO_DEEP = 100_000
# Values of which at least one is wrong for any field.
CANDIDATES: tuple[Any, ...] = ({"a": [1]}, [{"a": None}], "no such thing", -7, True)
HUGE: tuple[Any, ...] = (1e308, -1e308, 2**63, 10**25, "9" * 400, "x" * 100_000, 1e-300, [[]] * 2000)
# Fixed, because the names of test cases must be the same in every process.
NOBODY = "019b0000-0000-7000-8000-000000000000"
MALFORMED_IDS = (
    "abc",
    "1",
    "0" * 36,
    f"{NOBODY}0",
    NOBODY[:-1],
    "%00",
    "%C3%A9",
    "null",
    "'--",
    NOBODY.replace("-", ""),
)
LIKE_CURSORS = (
    b"[]", b"{}", b"7", b"null", b'["x"]', b"[1,2,3,4,5]", b"[null,null]", b'["2026-01-01T00:00:00","x"]',
    b'["\\u0000","\\u0000"]', b"\xff",
)  # fmt: skip
BAD_CURSORS = ("x", "!!", "é", "=", "A" * 5000, *(base64.urlsafe_b64encode(raw).decode() for raw in LIKE_CURSORS))


@dataclass(frozen=True)
class Home:
    """A clinic, and the headers of somebody of each role in it."""

    clinic_id: str
    patient_id: str
    headers: dict[Role, dict[str, str]]
    owners: dict[str, str]

    def headers_for(self, item: Endpoint) -> dict[str, str]:
        if item.public:
            return {}
        if item.resource is None or item.action is None:
            return self.headers[Role.CLINIC_ADMIN]
        resource, action = item.resource, item.action
        return self.headers[next(role for role in PREFERRED if role_may(role, resource, action))]


@pytest.fixture(scope="module")
def home(app: Any, settings: Any) -> Home:
    with app.app_context():
        clinic_id = make_clinic().id
        made = {role: bearer(make_member(clinic_id, role), clinic_id) for role in Role if role is not Role.SUPER_ADMIN}
        made[Role.SUPER_ADMIN] = {**bearer(make_user(super_admin=True)), "X-Clinic-Id": clinic_id}
        with tenant_scope(clinic_id):
            return Home(clinic_id, make_patient().id, made, _owners(settings.database_url, clinic_id))


def _owners(url: str, clinic_id: str) -> dict[str, str]:
    """Rows that have a list of their own, by the name of their id in paths."""
    models = {"subscription_id": Subscription, "run_id": BulkInvoiceRun}
    tables = {name: model.metadata.tables[model.__tablename__] for name, model in models.items()}
    return {name: make_any_row(url, table, clinic_id) for name, table in tables.items()}


@pytest.fixture
def no_limit(app: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Some tests send more than a desk may in a minute."""
    with monkeypatch.context() as patch:
        patch.setenv("REQUESTS_PER_MINUTE", "1000000")
        get_settings.cache_clear()
        yield
    get_settings.cache_clear()


@pytest.fixture
def send(app: Any, home: Home, no_limit: None) -> Callable[..., Any]:
    """`send(endpoint, data=...)` as somebody who may call it; a list has its clinic or patient."""
    client, known = app.test_client(), {"clinic_id": home.clinic_id, "user_id": home.patient_id}
    listed = lists()

    def call(item: Endpoint, path: str = "", **options: Any) -> Any:
        path = path or path_of(item, **known, **(home.owners if item in listed else {}))
        return client.open(path, method=item.method, headers=home.headers_for(item), **options)

    return call


def path_of(item: Endpoint, **known: str) -> str:
    """The path with ids that nothing has, where none is given."""
    path = re.sub(r"<id:(\w+)>", lambda match: known.get(match[1]) or known.get("any") or new_id(), item.path)
    return re.sub(r"<\w+>", "x", path)


def endpoints(wanted: Callable[[Endpoint], Any]) -> list[Endpoint]:
    """Those that fit, each once; there must be some."""
    found = sorted({(item.path, item.method): item for item in ENDPOINTS if wanted(item)}.items())
    assert found
    return [item for _, item in found]


def with_body() -> list[Endpoint]:
    return endpoints(lambda item: item.body)


def lists() -> list[Endpoint]:
    return endpoints(lambda item: item.query is not None and issubclass(item.query, ListQuery))


def refusal(answer: Any) -> tuple[int, str]:
    """Status and code of an error in the shape of SPEC 0; anything else is told as it is."""
    told = answer.get_json(silent=True)
    if (
        not isinstance(told, dict)
        or set(told) != {"error"}
        or not {"code", "message", "requestId"} <= set(told["error"])
    ):
        return answer.status_code, f"not an error object: {answer.text[:200]}"
    return answer.status_code, told["error"]["code"]


def check(items: list[Endpoint], ask: Callable[[Endpoint], Any], *expected: tuple[int, str]) -> None:
    answers = [(f"{item.method} {item.path}", refusal(ask(item))) for item in items]
    assert [answer for answer in answers if answer[1] not in expected] == []


# ---- bodies ----

JSON = {"content_type": "application/json"}


@pytest.mark.parametrize("raw", [b"{", b'{"a":}', b"\xff\xfe{}", b"nonsense", b"{}{}", b'{"a": "\\ud800"}', b"NaN"])
def test_malformed_json_is_400(send: Any, raw: bytes) -> None:
    check(with_body(), lambda item: send(item, data=raw, **JSON), (400, "MALFORMED_JSON"))


@pytest.mark.parametrize("raw", [b"[]", b'[{"a": 1}]', b'"text"', b"7", b"null", b"true"])
def test_anything_but_an_object_is_400(send: Any, raw: bytes) -> None:
    check(with_body(), lambda item: send(item, data=raw, **JSON), (400, "MALFORMED_JSON"))


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "", "text/json"]
)
def test_another_content_type_is_415(send: Any, kind: str) -> None:
    check(with_body(), lambda item: send(item, data=b"{}", content_type=kind), (415, "UNSUPPORTED_MEDIA_TYPE"))


def test_a_body_of_a_megabyte_is_413(send: Any) -> None:
    raw = json.dumps({"notes": "x" * 1_000_000}).encode()
    check(with_body(), lambda item: send(item, data=raw, **JSON), (413, "PAYLOAD_TOO_LARGE"))


def test_a_large_body_without_a_length_is_413(send: Any) -> None:
    """As with chunked transfer: nobody says beforehand how much will come."""
    raw = json.dumps({"notes": "x" * (BODY_LIMIT + 1)}).encode()
    endless = {"wsgi.input_terminated": True}
    check(
        with_body(),
        lambda item: send(item, input_stream=BytesIO(raw), environ_overrides=endless, **JSON),
        (413, "PAYLOAD_TOO_LARGE"),
    )


@pytest.mark.parametrize("depth", [64, 500, 980, 1000, 1020, 1023, TOO_DEEP])
def test_a_deeply_nested_body_is_400(send: Any, depth: int) -> None:
    """Also between what a recursive reader bears (about 1000 levels) and what the parser takes (1024)."""
    raw = b'{"a":' + b"[" * depth + b"]" * depth + b"}"
    check(with_body(), lambda item: send(item, data=raw, **JSON), (400, "MALFORMED_JSON"))


@pytest.mark.parametrize("inner", [b'{"a":', b"["], ids=["objects", "lists"])
def test_what_a_form_of_ours_never_needs_is_too_deep(send: Any, inner: bytes) -> None:
    close = b"}" if inner.startswith(b"{") else b"]"
    raw = b'{"a":' + inner * 40 + b"1" + close * 40 + b"}"
    check(with_body(), lambda item: send(item, data=raw, **JSON), (400, "MALFORMED_JSON"))


def test_unstorable_characters_are_422(send: Any) -> None:
    for value in (NUL, {"a": [NUL]}, {NUL: "a"}):
        check(with_body(), lambda item, value=value: send(item, json={"extra": value}), (422, "INVALID"))


def test_a_value_of_the_wrong_type_is_422_and_named(send: Any) -> None:
    wrong, checked = [], 0
    for item in with_body():
        assert item.body is not None
        for name, value in wrong_values(item.body):
            answer = send(item, json={name: value})
            checked += 1
            fields = (answer.get_json(silent=True) or {}).get("error", {}).get("fields", {})
            if answer.status_code != 422 or not any(key.partition(".")[0] == name for key in fields):
                wrong.append((item.method, item.path, name, value, answer.status_code, answer.text[:200]))
    assert wrong == []
    assert checked > 100


@pytest.mark.parametrize("value", HUGE, ids=lambda value: f"{value!r:.12}")
def test_a_huge_value_is_refused_or_harmless(send: Any, value: Any) -> None:
    """In every field at once, where each that refuses it is told of, and by itself in each that takes it."""
    wrong = []
    for item in with_body():
        assert item.body is not None
        names = [name for name, _ in fields_of(item.body)]
        takers = [name for name in names if not _refuses(item.body, name, value)]
        for body in (dict.fromkeys(names, value), *({name: value} for name in takers)):
            status, code = refusal(send(item, json=body))
            if status >= 500:
                wrong.append((item.method, item.path, list(body), status, code))
    assert wrong == []


# ---- queries ----


@pytest.mark.parametrize("cursor", BAD_CURSORS, ids=lambda cursor: cursor[:12])
def test_a_cursor_that_is_not_ours_is_400(send: Any, cursor: str) -> None:
    check(lists(), lambda item: send(item, query_string={"cursor": cursor}), (400, "BAD_CURSOR"))


@pytest.mark.parametrize("limit", ["0", "101", "-1", "abc", "1e9", "1.5", "9" * 400, ""])
def test_a_limit_out_of_range_is_422(send: Any, limit: str) -> None:
    check(lists(), lambda item: send(item, query_string={"limit": limit}), (422, "INVALID"))


def test_a_query_value_of_the_wrong_type_is_422_and_named(send: Any) -> None:
    wrong, checked = [], 0
    for item in endpoints(lambda item: item.query):
        assert item.query is not None
        for name, value in wrong_values(item.query, ("no such thing", NUL, "-7", "x" * 100_000)):
            answer = send(item, query_string={name: value})
            checked += 1
            fields = (answer.get_json(silent=True) or {}).get("error", {}).get("fields", {"body": ""})
            if answer.status_code != 422 or not fields:
                wrong.append((item.method, item.path, name, value[:20], answer.status_code, answer.text[:200]))
    assert wrong == []
    assert checked > 60


@pytest.mark.parametrize("value", ["\x00", "%", "_", "\\", "'", "\ud7ff\uffff", "(" * 200, "é" * 100, "‮", "0" * 200])
def test_odd_characters_in_a_query_are_refused_or_harmless(send: Any, value: str) -> None:
    wrong = []
    for item in endpoints(lambda item: item.query):
        assert item.query is not None
        for name, _ in fields_of(item.query):
            status = send(item, query_string={name: value}).status_code
            if status >= 500 or (status < 400 and "\x00" in value):
                wrong.append((item.method, item.path, name, status))
    assert wrong == []


# ---- paths, methods, tokens ----


@pytest.mark.parametrize("bad", MALFORMED_IDS)
def test_a_malformed_id_in_the_path_is_404(send: Any, bad: str) -> None:
    items = endpoints(lambda item: "<id:" in item.path)
    check(items, lambda item: send(item, path_of(item, any=bad), json={}), (404, "NOT_FOUND"))


def test_a_method_that_the_path_does_not_know_is_405(app: Any, home: Home) -> None:
    client, known = app.test_client(), defaultdict[str, set[str]](set)
    for item in ENDPOINTS:
        known[path_of(item, any=home.clinic_id)].add(item.method)
    wrong = []
    for path, methods in known.items():
        for method in METHODS - methods:
            told = refusal(client.open(path, method=method, headers=home.headers[Role.CLINIC_ADMIN]))
            if told != (405, "METHOD_NOT_ALLOWED"):
                wrong.append((method, path, told))
    assert wrong == []


@pytest.mark.parametrize(
    "path", ["/api/v1/nonsense", "/api/v1", "/api/", "/api/v2/appointments", "/api/v1/appointments/"]
)
def test_an_unknown_path_is_404(app: Any, path: str) -> None:
    assert refusal(app.test_client().get(path)) == (404, "NOT_FOUND")


def bad_tokens() -> Iterator[tuple[str, str]]:
    user = make_user()
    session = make_session(user)
    with clock.travel(timedelta(days=-1)):
        old = make_access_token(user.id, session)
    yield "expired", f"Bearer {old}"
    good = make_access_token(user.id, session)
    yield "changed", f"Bearer {good[:-2]}{'A' if good[-2] != 'A' else 'B'}{good[-1]}"
    yield "unsigned", f"Bearer {base64.urlsafe_b64encode(b'{}').decode()}.{good.split('.')[1]}."
    yield "of no session", f"Bearer {make_access_token(user.id, new_id())}"
    yield "garbage", "Bearer é\x7f.."
    yield "none", "Bearer "
    yield "another scheme", "Basic dXNlcjpwYXNz"


def test_a_bad_token_is_401_everywhere(app_context: Any) -> None:
    client, wrong = app_context.test_client(), []
    for number, (name, header) in enumerate(bad_tokens()):
        # Each from another address: one alone would meet the limit of wrong tokens.
        place = {"REMOTE_ADDR": f"127.0.1.{number}"}
        for item in endpoints(lambda item: not item.public):
            headers = {"Authorization": header}
            answer = client.open(path_of(item), method=item.method, json={}, headers=headers, environ_base=place)
            if refusal(answer) not in ((401, "INVALID_TOKEN"), (401, "SESSION_ENDED"), (401, "TOKEN_EXPIRED")):
                wrong.append((name, item.method, item.path, refusal(answer)))
    assert wrong == []


@pytest.mark.parametrize("wanted", ["abc", NOBODY, "\u00e9", "0"])
def test_a_clinic_that_one_is_no_member_of_is_403(app: Any, home: Home, wanted: str) -> None:
    headers = {**home.headers[Role.CLINIC_ADMIN], "X-Clinic-Id": wanted}
    assert refusal(app.test_client().get("/api/v1/auth/me", headers=headers))[0] == 403


# ---- what is wrong for a model ----


def fields_of(model: type[BaseModel]) -> Iterator[tuple[str, FieldInfo]]:
    for name, field in model.model_fields.items():
        alias = field.validation_alias or field.alias
        yield str(alias) if isinstance(alias, str) else _camel(name), field


def _camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(part.capitalize() for part in rest)


def wrong_values(model: type[BaseModel], candidates: tuple[Any, ...] = CANDIDATES) -> Iterator[tuple[str, Any]]:
    """Each field with each candidate that the model does not take there."""
    for name, _ in fields_of(model):
        for value in candidates:
            if _refuses(model, name, value):
                yield name, value


def _refuses(model: type[BaseModel], name: str, value: Any) -> bool:
    try:
        TypeAdapter(model).validate_python({name: value})
    except ValidationError as error:
        return any(item["loc"][:1] == (name,) for item in error.errors())
    return False
