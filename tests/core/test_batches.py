"""What greenlets hand over goes on in few lots and in order; without greenlets each goes at once."""

from __future__ import annotations

import subprocess
import sys

from app.core.batches import Batches

PROGRAM = """
from gevent import monkey; monkey.patch_all()
import gevent
from app.core.batches import Batches

lots = []

def send(lot):
    lots.append(lot)
    gevent.sleep(0.01)
    if len(lots) == 1:
        raise RuntimeError("the first one fails")

batches = Batches(send)
asked = [gevent.spawn(batches.add, [number]) for number in range(100)]
gevent.joinall(asked)
print("nobody waited", len(lots) <= 1)
gevent.sleep(0.05)
batches.add([100])
gevent.sleep(0.05)
print("lots", len(lots), "all", sorted(sum(lots, [])) == list(range(101)))
print("in order", sum(lots, []) == list(range(101)))
"""


def test_without_greenlets_it_is_sent_before_add_returns() -> None:
    sent: list[list[int]] = []
    batches = Batches(sent.append)
    batches.add([1, 2])
    batches.add([3])
    assert sent == [[1, 2], [3]]


def test_greenlets_do_not_wait_and_share_lots() -> None:
    told = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=60, check=False)
    assert told.stdout.splitlines() == ["nobody waited True", "lots 2 all True", "in order True"], told.stderr
