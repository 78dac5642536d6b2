"""`flask demo walk` for each gateway, against the processes of `make run`; and what it says where one is away."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from click.testing import Result

from app.demo.walk import GATEWAYS
from config import get_settings
from tests.conftest import TEMPLATE, migrate_template
from tests.embedded_servers import clone_database, drop_database
from tests.factories.payments import closed_port
from tests.sandbox_server import running_sandbox
from tests.security.conftest import production_environment
from tests.walk.installation import Installation, open_installation, running

STEPS = (
    "log in as patient, receptionist and finance",
    "books a video visit",
    "an order over",
    "is COMPLETED, told by webhook",
    "is PAID, the visit CONFIRMED",
    "on the patient's telephone (WhatsApp) and in the mail",
    "asks at the desk to refund",
    "approves",
    "the refund is SETTLED, the payment PARTIALLY_REFUNDED",
    "credit note",
    "nothing is owed on either side",
    "the trial balance balances",
    "pays out to the bank",
    "without an exception",
    "All as it should be",
)


@pytest.fixture(scope="module")
def installation(
    servers: tuple[str, str], worker_id: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Installation]:
    name = f"clinic_demo_walk_{worker_id}"
    url = clone_database(servers[0], TEMPLATE, name, migrate_template)
    directory = tmp_path_factory.mktemp("demo-walk")
    with open_installation(url, directory) as opened:
        connected = opened.zygote.call("tests.demo.clinics:found_clinics")
        assert connected == ["Sunrise Clinic", "Lakeside Clinic"]
        with running(opened, directory) as console:
            yield console
    drop_database(servers[0], name)


@pytest.mark.parametrize("gateway", GATEWAYS)
def test_the_walk_through_a_gateway_ends_well(installation: Installation, gateway: str) -> None:
    code, output = installation.zygote.call("tests.demo.clinics:walk", gateway)
    assert code == 0, output
    assert [step for step in STEPS if step not in output] == []
    assert ("PayPal takes no rupees" in output and "USD" in output) == (gateway == "paypal")
    assert ("tells its payouts as a whole only" in output) == (gateway == "phonepe")


def test_a_second_walk_on_the_same_day_fits_as_well(installation: Installation) -> None:
    """PayPal lists a day, which grows while one looks at it."""
    code, output = installation.zygote.call("tests.demo.clinics:walk", "paypal")
    assert code == 0, output
    assert "is there from an earlier walk" in output


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
