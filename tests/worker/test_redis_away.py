"""Workers and the scheduler are started whenever somebody starts them: before Redis, or with a wrong password."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import IO, Any

import pytest
from redis import Redis
from rq import Queue, Worker
from rq.cron import CronScheduler
from rq.exceptions import StopRequested
from rq.worker import WorkerStatus

from tests.core.redis_process import RedisProcess
from tests.forked import Forked
from tests.waiting import wait_until
from worker import HeavyWorker, LightWorker

WORKER, CRON = ("work", "event"), ("cron",)
SECONDS = 60


@pytest.fixture
def redis() -> Iterator[RedisProcess]:
    """Not running, until the test starts it."""
    process = RedisProcess()
    process.kill()
    yield process
    process.close()


class Started(Forked):
    """A worker or scheduler, and what it says."""

    def __init__(self, command: tuple[str, ...], environment: dict[str, str]) -> None:
        reading, writing = os.pipe()
        super().__init__(command, environment, writing)
        os.close(writing)
        self.stdout = os.fdopen(reading)

    def communicate(self, timeout: float) -> str:
        """What it says until its end, which must come in time."""
        self.wait(timeout)
        return self.stdout.read()


@pytest.fixture
def start(settings: Any) -> Iterator[Callable[..., Started]]:
    running: list[Started] = []

    def begin(arguments: tuple[str, ...], redis_url: str) -> Started:
        running.append(Started(("worker.py", *arguments), {**os.environ, "REDIS_URL": redis_url}))
        return running[-1]

    yield begin
    for process in running:
        process.kill()
        process.wait()
        process.stdout.close()


def said(output: IO[str], words: str) -> str:
    """All lines up to the one with these words; all there are where none has them."""
    lines = []
    for line in output:
        lines.append(line)
        if words in line:
            break
    return "".join(lines)


def at_work(arguments: tuple[str, ...], url: str) -> bool:
    with Redis.from_url(url) as connection:
        if arguments == CRON:
            return len(CronScheduler.all(connection)) == 1
        return [worker.get_state() for worker in Worker.all(connection=connection)] == [WorkerStatus.IDLE]


@pytest.mark.parametrize("arguments", [WORKER, CRON], ids=["worker", "scheduler"])
def test_it_waits_for_redis_in_words(redis: RedisProcess, start: Any, arguments: tuple[str, ...]) -> None:
    process = start(arguments, redis.url)
    before = said(process.stdout, "does not answer; work begins once it does")
    assert str(redis.socket) in before
    assert process.poll() is None
    redis.start()
    before += said(process.stdout, "answers; work begins")
    wait_until(lambda: at_work(arguments, redis.url), seconds=SECONDS)
    process.send_signal(signal.SIGTERM)
    rest = process.communicate(timeout=SECONDS)
    assert process.returncode == 0
    assert "Traceback" not in before + rest
    assert (before + rest).count("does not answer") == 1


@pytest.mark.parametrize(("stop", "status"), [(signal.SIGTERM, -signal.SIGTERM), (signal.SIGINT, 130)])
def test_it_can_be_stopped_while_it_waits(redis: RedisProcess, start: Any, stop: signal.Signals, status: int) -> None:
    process = start(WORKER, redis.url)
    before = said(process.stdout, "does not answer")
    process.send_signal(stop)
    rest = process.communicate(timeout=SECONDS)
    assert process.returncode == status
    assert "Traceback" not in before + rest


@pytest.mark.parametrize("arguments", [WORKER, CRON], ids=["worker", "scheduler"])
def test_a_wrong_password_is_said_and_not_repeated(redis: RedisProcess, start: Any, arguments: tuple[str, ...]) -> None:
    redis.start()
    with Redis.from_url(redis.url) as connection:
        connection.config_set("requirepass", "of-somebody-else")
    process = start(arguments, f"unix://:guessed@{redis.socket}")
    output = process.communicate(timeout=SECONDS)
    assert process.returncode == 2
    assert f"Redis at {redis.socket} refuses the user or password of REDIS_URL" in output
    assert "Traceback" not in output
    assert "guessed" not in output


def test_a_stop_that_was_swallowed_is_remembered(settings: Any) -> None:
    with Redis.from_url(settings.redis_url) as connection:
        for kind in (LightWorker, HeavyWorker):
            worker = kind([Queue("event-queue", connection=connection)], connection=connection)
            with suppress(StopRequested):  # as logging does
                worker._shutdown()
            with pytest.raises(StopRequested):
                worker.heartbeat()
            worker.set_state(WorkerStatus.BUSY)
            worker.heartbeat()  # a job at work is let finish


def test_a_worker_that_cannot_take_its_leave_of_redis_says_so_in_a_line(redis: RedisProcess, start: Any) -> None:
    """RQ's own loop outlives Redis while it waits for jobs."""
    redis.start()
    process = start(WORKER, redis.url)
    wait_until(lambda: at_work(WORKER, redis.url), seconds=SECONDS)
    redis.kill()
    said(process.stdout, "could not connect to Redis")
    process.send_signal(signal.SIGTERM)
    output = process.communicate(timeout=SECONDS)
    assert process.returncode == 1
    assert f"Redis at {redis.socket} went away" in output


def test_the_scheduler_outlives_redis(redis: RedisProcess, start: Any) -> None:
    redis.start()
    process = start(CRON, redis.url)
    wait_until(lambda: at_work(CRON, redis.url), seconds=SECONDS)
    redis.kill()
    output = said(process.stdout, "does not answer; work begins once it does")
    redis.start()  # empty
    wait_until(lambda: at_work(CRON, redis.url), seconds=SECONDS)
    redis.kill()
    output += said(process.stdout, "does not answer; work begins once it does")
    process.send_signal(signal.SIGTERM)
    rest = process.communicate(timeout=SECONDS)
    assert process.returncode == 0
    assert "Traceback" not in output + rest
