"""What every provider promises, over real HTTP and SMTP against the provider sandbox."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import app.core
from app.core.credentials import MASK, InvalidCredentials, credential_fields
from app.core.providers import ConnectionResult, Provider
from tests.contract.providers.rigs import HASTY, PROVIDERS, RIGS, every_provider, opened
from tests.sandbox_server import RunningSandbox
from tests.scripted_server import RefusingPort


def test_every_provider_has_a_rig_and_a_code_of_its_own() -> None:
    codes = [adapter.code for adapter in PROVIDERS]
    assert sorted(codes) == sorted(set(codes)) == sorted(RIGS)


@every_provider
def test_a_provider_introduces_itself(adapter: type[Provider[Any]]) -> None:
    assert adapter.code.isidentifier() and adapter.code == adapter.code.lower()
    assert adapter.label
    assert adapter.channel in {"payment", "email", "sms", "whatsapp", "push", "video", "payer"}
    assert "://" in adapter.default_base_url


@every_provider
def test_its_form_names_every_field_and_hides_its_secrets(adapter: type[Provider[Any]]) -> None:
    fields = credential_fields(adapter.Credentials)
    assert all(item.title and item.title != item.name for item in fields)
    secret = {item.name for item in fields if item.secret}
    credentials = adapter.Credentials.load(RIGS[adapter.code].credentials)
    masked = credentials.masked()
    assert secret
    assert all(masked[name] is None or masked[name].startswith(MASK) for name in secret)
    assert adapter.Credentials.load(credentials.plain()) == credentials
    assert adapter.Credentials.merge(credentials.plain(), masked).items() <= credentials.plain().items()
    with pytest.raises(InvalidCredentials):
        adapter.Credentials.load({})


@every_provider
def test_it_shows_no_secret_when_printed(adapter: type[Provider[Any]], sandbox: RunningSandbox) -> None:
    provider = opened(adapter, sandbox)
    shown = f"{provider!r} {provider.credentials!r} {provider.credentials.model_dump_json()}"
    assert not [secret for secret in provider.credentials.secrets() if secret in shown]


@every_provider
@pytest.mark.parametrize("url", ["not an address", "file:///etc/passwd", "https://user:secret@host"])
def test_it_takes_only_an_address_as_base_url(adapter: type[Provider[Any]], url: str) -> None:
    with pytest.raises(InvalidCredentials) as caught:
        adapter.open(RIGS[adapter.code].credentials, base_url=url)
    assert "secret" not in str(caught.value.fields)


@every_provider
def test_its_test_connection_tells_success_wrong_key_silence_and_nobody_apart(
    adapter: type[Provider[Any]], sandbox: RunningSandbox
) -> None:
    rig = RIGS[adapter.code]
    good = opened(adapter, sandbox).test_connection()
    wrong = opened(adapter, sandbox, **rig.wrong, **rig.wrong_told(sandbox)).test_connection()
    sandbox.fault(rig.simulator, "timeout", count=rig.reads_again, seconds=20, operation=rig.probe)
    silent = opened(adapter, sandbox, HASTY).test_connection()
    scheme = rig.base_url(sandbox).partition(":")[0]
    nobody = adapter.open(rig.credentials, base_url=RefusingPort().url.replace("http", scheme)).test_connection()
    reports = [good, wrong, silent, nobody]
    assert [report.result for report in reports] == [
        ConnectionResult.CONNECTED,
        ConnectionResult.WRONG_CREDENTIALS,
        ConnectionResult.TIMED_OUT,
        ConnectionResult.UNREACHABLE,
    ]
    assert len({report.text for report in reports}) == len(reports)
    assert sandbox.messages() == []


ADAPTER_FOLDERS = [Path(app.core.__file__).parents[1] / name for name in ("payments/gateways", "messaging/channels")]
ADAPTER_FILES = [
    *(Path(app.core.__file__).parent / f"{name}.py" for name in ("http", "money", "providers", "credentials")),
    *(file for folder in ADAPTER_FOLDERS for file in sorted(folder.glob("*.py"))),
]
PLAIN_MODULES = {"boto3", "botocore", "certifi", "cryptography", "pydantic", "requests", "twilio", "urllib3"}
PLAIN_PARTS = (
    "app.core.http", "app.core.ids", "app.core.money", "app.core.providers", "app.core.credentials", "app.core.clock",
    "app.core.storable",
)  # fmt: skip


@pytest.mark.parametrize("file", ADAPTER_FILES, ids=lambda file: file.name)
def test_an_adapter_knows_no_framework_database_or_slice(file: Path) -> None:
    own = f"app.{file.parents[1].name}.{file.parent.name}" if file.parent in ADAPTER_FOLDERS else "app.core"
    allowed = (*PLAIN_PARTS, own)
    for name in _imports(file):
        top = name.partition(".")[0]
        assert top in sys.stdlib_module_names | PLAIN_MODULES or name == "app.core" or name.startswith(allowed), name


def _imports(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0
            yield node.module or ""
