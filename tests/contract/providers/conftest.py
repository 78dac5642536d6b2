from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.contract.providers.rigs import RIGS
from tests.sandbox_server import RunningSandbox, running_sandbox
from tests.scripted_server import Server, answer, scripted_server


@pytest.fixture(scope="module")
def running() -> Iterator[RunningSandbox]:
    with running_sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def clinic() -> Iterator[Server]:
    """The address that webhooks go to."""
    with scripted_server() as server:
        server.will(answer(200, {}))
        yield server


@pytest.fixture
def sandbox(running: RunningSandbox, clinic: Server) -> RunningSandbox:
    running.reset()
    for rig in RIGS.values():
        hook = {} if rig.simulator == "smtp" else {"webhookUrl": clinic.url + "/hook"}
        running.account(rig.simulator, **rig.account, **hook)
    return running
