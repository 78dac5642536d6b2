"""Pushes of a stream arrive in its order, whichever way round they were told."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.push_order import MOST_STREAMS, PushOrder


class Screen:
    """What was delivered, and the clock of those that wait."""

    def __init__(self) -> None:
        self.shown: list[Any] = []
        self.waiting: list[Callable[[], None]] = []
        self.order = PushOrder(self._show, lambda _seconds, function: self.waiting.append(function))

    def _show(self, message: dict[str, Any]) -> None:
        self.shown.append(message["data"][0].get("revision"))

    def take(self, revision: int, previous: int, stream: str = "a") -> None:
        self.order.take({"data": [{"stream": stream, "revision": revision, "previous": previous}]})

    def time_passes(self) -> None:
        waiting, self.waiting = self.waiting, []
        for function in waiting:
            function()


@pytest.fixture
def screen() -> Screen:
    return Screen()


def test_what_came_too_early_waits_for_what_it_follows(screen: Screen) -> None:
    screen.take(1, 0)
    screen.take(4, 2)
    screen.take(5, 4)
    assert screen.shown == [1]
    screen.take(2, 1)
    assert screen.shown == [1, 2, 4, 5]
    screen.time_passes()
    assert screen.shown == [1, 2, 4, 5]


def test_what_is_lost_is_not_waited_for_long(screen: Screen) -> None:
    screen.take(1, 0)
    screen.take(3, 2)
    screen.take(4, 3)
    screen.time_passes()
    assert screen.shown == [1, 3, 4]
    screen.take(2, 1)
    assert screen.shown == [1, 3, 4]


def test_the_same_push_is_delivered_once(screen: Screen) -> None:
    for _ in range(2):
        screen.take(1, 0)
        screen.take(3, 2)
    screen.time_passes()
    assert screen.shown == [1, 3]


def test_streams_do_not_wait_for_each_other(screen: Screen) -> None:
    screen.take(1, 0, "a")
    screen.take(3, 2, "a")
    screen.take(7, 6, "b")
    screen.order.take({"data": [{"id": "x"}]})
    screen.order.take({"data": [{"stream": "a", "revision": 9, "previous": None}]})
    assert screen.shown == [1, 7, None, 9]


def test_old_streams_are_forgotten(screen: Screen) -> None:
    for number in range(MOST_STREAMS + 5):
        screen.take(1, 0, str(number))
    assert len(screen.order._streams) == MOST_STREAMS


@given(st.permutations(list(range(2, 12))))
def test_any_order_becomes_the_right_one(order: list[int]) -> None:
    screen = Screen()
    screen.take(1, 0)
    for revision in order:
        screen.take(revision, revision - 1)
    assert screen.shown == list(range(1, 12))
