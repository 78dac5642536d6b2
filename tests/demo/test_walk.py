"""What `flask demo walk` says where it cannot go; it goes in tests/walk/test_demo_walk.py."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from click.testing import Result

from config import get_settings
from tests.factories.payments import closed_port
from tests.sandbox_server import running_sandbox
from tests.security.conftest import production_environment


@pytest.fixture
def walk(app: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """`walk("stripe", PORT=1)`: the command with other settings."""

    def run(gateway: str, **environment: object) -> Result:
        for name, value in environment.items():
            monkeypatch.setenv(name, str(value))
        get_settings.cache_clear()
        result: Result = app.test_cli_runner().invoke(args=["demo", "walk", "--gateway", gateway])
        return result

    yield run
    monkeypatch.undo()
    get_settings.cache_clear()


def test_without_a_sandbox_or_a_console_it_says_so(walk: Any) -> None:
    nobody = closed_port()
    result = walk("stripe", PORT=nobody, SANDBOX_PORT=nobody)
    assert result.exit_code == 1
    assert f"The provider sandbox does not answer at http://127.0.0.1:{nobody}" in result.output
    with running_sandbox() as sandbox:
        result = walk("stripe", PORT=nobody, SANDBOX_PORT=sandbox.port)
    assert result.exit_code == 1
    assert f"The console does not answer at http://127.0.0.1:{nobody}. Start it with `make run`" in result.output


def test_only_a_gateway_that_there_is(walk: Any) -> None:
    result = walk("barter")
    assert result.exit_code == 2 and "'barter'" in result.output


def test_production_refuses_it(walk: Any) -> None:
    result = walk("stripe", **production_environment())
    assert result.exit_code == 2
    assert "never loaded in production" in result.output
