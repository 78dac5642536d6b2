"""The console's processes as `make run` has them: web, workers and scheduler, beside a provider sandbox.

The web server starts as it does there; workers and scheduler are forked from a process that has loaded their modules.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests
from redis import Redis
from redis.exceptions import RedisError
from rq import Worker

from tests.core.redis_process import RedisProcess
from tests.forked import Forked
from tests.sandbox_server import RunningSandbox, running_sandbox
from tests.waiting import wait_until
from tests.walk.zygote import ROOT, Zygote

START_SECONDS = 90
STOP_SECONDS = 20
WEB = ("-m", "gunicorn", "--config", "gunicorn.conf.py", "app:create_app()")
WORKERS = (("worker.py", "work"), ("worker.py", "work", "--forking"))
CRON = ("worker.py", "cron")


@dataclass
class Installation:
    """A database and a Redis of its own, and the outside world. `house()` founds a clinic that lives in both."""

    sandbox: RunningSandbox
    redis: RedisProcess
    zygote: Zygote
    address: str
    web: subprocess.Popen[bytes] | None = None
    workers: list[Forked] = field(default_factory=list)

    def house(self, webhook_address: str | None = None) -> dict[str, Any]:
        """A clinic whose vendors send their webhooks to the console, or elsewhere."""
        vendors = {
            "razorpay_url": self.sandbox.razorpay_url,
            "whatsapp_url": self.sandbox.whatsapp_url,
            "smtp_url": f"smtp://{self.sandbox.smtp_host}:{self.sandbox.smtp_port}",
        }
        house: dict[str, Any] = self.zygote.call("tests.walk.house:make_house", vendors)
        own, query = webhook_address or self.address, f"clinicId={house['clinic_id']}"
        razorpay, whatsapp = house["razorpay"], house["whatsapp"]
        self.sandbox.account(
            "razorpay",
            keyId=razorpay["key_id"],
            keySecret=razorpay["key_secret"],
            webhookSecret=razorpay["webhook_secret"],
            webhookUrl=f"{own}/api/payments/razorpay/webhook?{query}",
        )
        self.sandbox.account(
            "whatsapp",
            phoneNumberId=whatsapp["phone_number_id"],
            accessToken=whatsapp["access_token"],
            appSecret=whatsapp["app_secret"],
            verifyToken=whatsapp["verify_token"],
            webhookUrl=f"{own}/api/messaging/whatsapp_cloud/webhook?{query}",
            deliverySeconds=0,
        )
        return house

    def person(self, house: dict[str, Any]) -> dict[str, Any]:
        person: dict[str, Any] = self.zygote.call("tests.walk.house:make_person", house)
        return person

    def facts(self, house: dict[str, Any], person: dict[str, Any]) -> dict[str, Any]:
        found: dict[str, Any] = self.zygote.call("tests.walk.books:facts", house["clinic_id"], person["patient_id"])
        return found

    def clinic_facts(self, house: dict[str, Any]) -> dict[str, Any]:
        found: dict[str, Any] = self.zygote.call("tests.walk.books:clinic_facts", house["clinic_id"])
        return found

    @property
    def processes(self) -> list[subprocess.Popen[bytes] | Forked]:
        return [*([self.web] if self.web else []), *self.workers]

    def signal_workers(self, number: signal.Signals) -> None:
        for worker in self.workers:
            worker.send_signal(number)


@contextmanager
def open_installation(database_url: str, directory: Path) -> Iterator[Installation]:
    """Database, Redis, sandbox and an application to be forked; nothing runs yet."""
    with ExitStack() as stack:
        redis = RedisProcess()
        stack.callback(redis.close)
        sandbox = stack.enter_context(running_sandbox())
        address = f"http://127.0.0.1:{_free_port()}"
        environment = {
            "APP_ENV": "test",
            "DATABASE_URL": database_url,
            "REDIS_URL": redis.url,
            "DATA_DIR": str(directory),
            "PORT": address.rpartition(":")[2],
            "SANDBOX_PORT": str(sandbox.port),
            "SANDBOX_SMTP_PORT": str(sandbox.smtp_port),
            "PUBLIC_URL": address,
            "POOL_SIZE": "4",
            "REDIS_ANSWER_SECONDS": "1",
        }
        zygote = Zygote(environment, directory / "zygote.log")
        stack.callback(zygote.close)
        yield Installation(sandbox, redis, zygote, address)


@contextmanager
def running(installation: Installation, directory: Path) -> Iterator[Installation]:
    """Its web server, workers and scheduler, until the end of the block."""
    environment = {
        **os.environ,
        **installation.zygote.environment,
        "HOST": "127.0.0.1",
        "WEB_CONCURRENCY": "1",
    }
    try:
        installation.web = _start(WEB, environment, directory / "web.log")
        for command in (*WORKERS, CRON):
            with (directory / f"{command[1]}{len(installation.workers)}.log").open("ab") as log:
                installation.workers.append(Forked(command, environment, log.fileno()))
        wait_until(lambda: _answers(installation.address), START_SECONDS)
        wait_until(lambda: _workers(installation.redis.url) >= len(WORKERS), START_SECONDS)
        yield installation
    finally:
        _stop(installation.processes)
        installation.web = None
        installation.workers.clear()


def _start(command: Sequence[str], environment: Mapping[str, str], log: Path) -> subprocess.Popen[bytes]:
    with log.open("ab") as output:
        return subprocess.Popen(
            [sys.executable, *command], cwd=ROOT, env=dict(environment), stdout=output, stderr=output
        )


def _stop(processes: Sequence[subprocess.Popen[bytes] | Forked]) -> None:
    """All at once. SIGINT: gunicorn then waits for no open connection."""
    for process in processes:
        process.send_signal(signal.SIGCONT)
        process.send_signal(signal.SIGINT)
    for process in processes:
        try:
            process.wait(STOP_SECONDS)
        except (subprocess.TimeoutExpired, AssertionError):
            process.kill()
            process.wait()


def _answers(address: str) -> bool:
    try:
        return requests.get(f"{address}/healthz", timeout=5).ok
    except requests.RequestException:
        return False


def _workers(redis_url: str) -> int:
    try:
        with Redis.from_url(redis_url) as client:
            return int(Worker.count(connection=client))
    except RedisError:
        return 0


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
