"""The breaker and the pace, alone and between processes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from redis.exceptions import ConnectionError

from app.core import clock
from app.core.ids import new_id
from app.messaging import breaker, pace
from app.messaging.breaker import BreakerState, ask_breaker, close_breaker, look_at_breaker, report_call
from app.messaging.pace import take_turn, turns_taken

CLINIC = new_id()


@pytest.fixture
def account(app: Any) -> str:
    return new_id()


def fail(account: str, times: int) -> list[bool]:
    return [report_call(CLINIC, account, ok=False) for _ in range(times)]


def test_five_failures_open_it_and_its_time_lets_one_caller_through(account: str) -> None:
    assert fail(account, 5) == [False] * 4 + [True]
    assert ask_breaker(CLINIC, account).state is BreakerState.OPEN
    with clock.travel(timedelta(seconds=31)):
        assert [ask_breaker(CLINIC, account).state for _ in range(3)] == ["HALF_OPEN", "OPEN", "OPEN"]
        report_call(CLINIC, account, ok=True, probe=True)
        assert ask_breaker(CLINIC, account).state is BreakerState.CLOSED


def test_a_failed_probe_opens_it_for_twice_as_long(account: str, monkeypatch: pytest.MonkeyPatch) -> None:
    fail(account, 5)
    later = breaker._now_ms() + 31_000
    monkeypatch.setattr(breaker, "_now_ms", lambda: later)
    assert ask_breaker(CLINIC, account).probe
    assert report_call(CLINIC, account, ok=False, probe=True)
    assert ask_breaker(CLINIC, account).wait_ms == 60_000


def test_late_answers_of_before_neither_close_nor_lengthen_it(account: str, monkeypatch: pytest.MonkeyPatch) -> None:
    now = breaker._now_ms()
    monkeypatch.setattr(breaker, "_now_ms", lambda: now)
    fail(account, 5)
    report_call(CLINIC, account, ok=True)
    report_call(CLINIC, account, ok=False)
    assert ask_breaker(CLINIC, account).wait_ms == 30_000


def test_few_failures_among_many_successes_leave_it_closed(account: str) -> None:
    for _ in range(30):
        report_call(CLINIC, account, ok=True)
    assert fail(account, 10) == [False] * 10
    assert look_at_breaker(CLINIC, account).failures == 10


def test_several_successes_told_at_once_count_as_many(account: str) -> None:
    report_call(CLINIC, account, ok=True, times=7)
    report_call(CLINIC, account, ok=True)
    assert look_at_breaker(CLINIC, account).successes == 8
    assert fail(account, 8) == [False] * 7 + [True]


def test_failures_long_ago_do_not_count(account: str) -> None:
    fail(account, 4)
    with clock.travel(timedelta(seconds=61)):
        assert fail(account, 4) == [False] * 4


def test_a_refused_account_opens_it_at_once_and_a_person_closes_it(account: str) -> None:
    assert report_call(CLINIC, account, ok=False, fatal=True)
    assert look_at_breaker(CLINIC, account).state is BreakerState.OPEN
    close_breaker(CLINIC, account)
    assert ask_breaker(CLINIC, account).state is BreakerState.CLOSED


def test_a_probe_whose_worker_died_is_given_to_another(account: str) -> None:
    fail(account, 5)
    with clock.travel(timedelta(seconds=31)):
        assert ask_breaker(CLINIC, account).probe
    with clock.travel(timedelta(seconds=31 + breaker.PROBE_MS // 1000 + 1)):
        assert ask_breaker(CLINIC, account).probe


def test_other_accounts_and_clinics_are_not_touched(account: str) -> None:
    fail(account, 5)
    assert ask_breaker(CLINIC, new_id()).state is BreakerState.CLOSED
    assert ask_breaker(new_id(), account).state is BreakerState.CLOSED


def test_a_hundred_in_any_minute(account: str) -> None:
    assert [take_turn(CLINIC, account, 100) for _ in range(100)] == [0] * 100
    assert 0 < take_turn(CLINIC, account, 100) <= 60_000
    assert turns_taken(CLINIC, account) == 100
    assert take_turn(CLINIC, account, 100, always=True) == 0
    with clock.travel(timedelta(seconds=61)):
        assert take_turn(CLINIC, account, 100) == 0


@pytest.fixture
def no_redis(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    def away(*_commands: Any) -> Any:
        raise ConnectionError("away")

    monkeypatch.setattr(breaker, "ask", away)
    monkeypatch.setattr(pace, "ask", away)
    yield


def test_without_redis_messages_are_tried_and_each_process_keeps_the_pace(account: str, no_redis: None) -> None:
    assert fail(account, 20) == [False] * 20
    assert ask_breaker(CLINIC, account).allowed
    assert [take_turn(CLINIC, account, 3) for _ in range(3)] == [0, 0, 0]
    assert 0 < take_turn(CLINIC, account, 3) <= 60_000


CHILD = """
import json, sys
from datetime import timedelta
from app.core import clock
from app.messaging.breaker import ask_breaker, report_call
from app.messaging.pace import take_turn
clinic, account = sys.argv[1:]
ask_breaker(clinic, "warm"), take_turn(clinic, "warm", 1)
print("ready", flush=True)
sys.stdin.readline()
turns = sum(take_turn(clinic, account, 100) == 0 for _ in range(60))
with clock.travel(timedelta(seconds=31)):
    asked = [ask_breaker(clinic, account) for _ in range(50)]
    probes = sum(permit.probe for permit in asked)
    passed = sum(permit.allowed for permit in asked)
print(json.dumps({"turns": turns, "probes": probes, "passed": passed}), flush=True)
"""


def test_four_processes_share_one_pace_and_one_probe(account: str) -> None:
    fail(account, 5)
    command = [sys.executable, "-c", CHILD, CLINIC, account]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    children = [subprocess.Popen(command, env=dict(os.environ), text=True, **pipes) for _ in range(4)]  # type: ignore[call-overload]
    assert [child.stdout.readline() for child in children] == ["ready\n"] * 4
    for child in children:
        child.stdin.write("go\n")
        child.stdin.flush()
    answers = [json.loads(child.communicate(timeout=60)[0].splitlines()[-1]) for child in children]
    assert [child.returncode for child in children] == [0] * 4
    assert sum(answer["turns"] for answer in answers) == 100
    assert sum(answer["probes"] for answer in answers) == 1
    assert sum(answer["passed"] for answer in answers) == 1
