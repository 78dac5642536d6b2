"""`kill -9` at every commit, provider call, wake-up and job of the main job: nothing is lost, nothing is done twice.

The suite dies at a sample of the points, `make chaos` at every one.
"""

from __future__ import annotations

import random
from collections import Counter, defaultdict

import pytest

from tests.chaos.conftest import Stage
from tests.chaos.verdict import Verdict, judge, judge_clinic
from tests.chaos.walk import Walk

SEED = 20261121
OTHERS = 2
EVERY_NTH_LOSES_REDIS = 3


def test_the_walk_passes_what_can_die(undisturbed: Walk) -> None:
    assert judge(undisturbed).parked == ()
    assert undisturbed.tries == 0
    kinds = Counter(undisturbed.points)
    assert kinds["before commit"] == kinds["after commit"] > 40
    for call in ("call POST razorpay/orders", "call POST payments/refund", "call POST whatsapp/media"):
        assert kinds[f"before {call}"] == kinds[f"after {call}"] == 1, call
    assert kinds["after call POST whatsapp/messages"] == 3
    assert kinds["after mail"] == 2


def test_a_process_dies_at_some_points(stage: Stage, undisturbed: Walk) -> None:
    """Before or after each kind of provider call, and at commits, wake-ups and jobs by lot."""
    lot = random.Random(SEED)
    calls: defaultdict[str, list[int]] = defaultdict(list)
    rest = []
    for number, name in enumerate(undisturbed.points, 1):
        what = name.partition(" ")[2]
        if what == "mail" or what.startswith("call POST"):
            calls[what].append(number)
        else:
            rest.append(number)
    assert len(calls) == 5, sorted(calls)
    die_at(stage, sorted([*(lot.choice(found) for found in calls.values()), *lot.sample(rest, OTHERS)]))


@pytest.mark.chaos
@pytest.mark.timeout(7200)
def test_a_process_dies_at_every_point(stage: Stage, undisturbed: Walk, capsys: pytest.CaptureFixture[str]) -> None:
    verdicts = die_at(stage, range(1, len(undisturbed.points) + 1))
    table = Counter((verdict.killed, str(verdict)) for verdict in verdicts)
    with capsys.disabled():
        print(f"\n{len(verdicts)} kill points:")
        for (killed, ended), number in sorted(table.items()):
            print(f"{number:5} x {killed:40} {ended}")


def die_at(stage: Stage, points: range | list[int]) -> list[Verdict]:
    before = stage.installation.clinic_facts(stage.house)["parked"]
    verdicts = []
    for point in points:
        walk = stage.walk(point, lose_redis=point % EVERY_NTH_LOSES_REDIS == 0)
        assert walk.killed, f"there is no point {point} any more"
        verdicts.append(judge(walk))
    parked = before + sum(len(verdict.parked) for verdict in verdicts)
    judge_clinic(stage.installation.clinic_facts(stage.house), stage.walks, parked)
    return verdicts
