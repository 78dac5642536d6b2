"""Workers die, Redis is emptied, providers fail in every way, and events go on being published: none is lost, and no
message leaves twice. The suite weathers a short storm in haste, `make chaos` the whole one.
"""

from __future__ import annotations

import os
import random
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.chaos.storm import IN_HASTE
from tests.conftest import TEMPLATE, migrate_template
from tests.embedded_servers import clone_database, drop_database
from tests.forked import Forked
from tests.scripted_server import answer, scripted_server
from tests.walk.installation import Installation, open_installation
from tests.walk.zygote import ROOT

SEED = 20261121
DOCUMENT = ROOT / "docs" / "operations.md"
BEGINS, ENDS = "<!-- make chaos writes from here -->", "<!-- to here -->"
FAULTS = ("timeout", "429", "500", "malformed", "reset", "slow")
AMBIGUOUS = ("timeout", "malformed", "reset")  # carried out or not: the caller cannot know
PROVIDERS = ("whatsapp", "whatsapp", "smtp")
WORKERS = 2
LEASE_SECONDS = 400  # past every claim
STALL_SECONDS = 150  # longer than any breaker, back-off and time-out in which nothing moves
GONE_OUT = ("SENT", "DELIVERED", "READ")
ENDED = (*GONE_OUT, "PARKED", "FAILED", "SUPPRESSED")
OVER = frozenset({"delivery DONE", "calls", *(f"message {status}" for status in ENDED)})
# Asked again and again; of the installation's own database, in which nobody else is.
PROGRESS = """
select 'delivery ' || status, count(*) from event_delivery where listener like '%storm.write%' group by status
union all select 'message ' || status, count(*) from message where dedupe_key like 'storm:%' group by status
union all select 'calls', count(*) from message_attempt
"""


@dataclass
class Storm:
    """The processes, and what befell them."""

    installation: Installation
    database_url: str
    house: dict[str, Any]
    directory: Path
    haste: bool
    lot: random.Random = field(default_factory=lambda: random.Random(SEED))
    workers: list[Forked] = field(default_factory=list)
    befell: Counter[str] = field(default_factory=Counter)

    def start(self, *command: str) -> Forked:
        environment = {**os.environ, **self.installation.zygote.environment, IN_HASTE: "1" if self.haste else ""}
        with (self.directory / "workers.log").open("ab") as log:
            return Forked(command, environment, log.fileno())

    def start_worker(self) -> None:
        self.workers.append(self.start("-m", "tests.chaos.storm", "event", "notification", "email"))

    def publish(self, first: int, count: int) -> None:
        self.installation.zygote.call("tests.chaos.storm:publish_some", self.house["clinic_id"], first, count)

    def strike(self, deadly: float) -> None:
        """A provider fails for some calls; with the probability `deadly` a worker is killed as well."""
        sandbox, fault = self.installation.sandbox, self.lot.choice(FAULTS)
        options: dict[str, Any] = {"429": {"seconds": 1}, "slow": {"seconds": 1}}.get(fault, {})
        if fault in AMBIGUOUS:
            options["before"] = self.lot.random() < 0.5
        count = 1 if fault in ("timeout", "slow") else self.lot.randint(1, 4)
        sandbox.fault(self.lot.choice(PROVIDERS), fault, count, **options)
        self.befell[f"fault {fault}"] += count
        if self.lot.random() < deadly:
            self.kill_worker()

    def kill_worker(self) -> None:
        worker = self.workers.pop(self.lot.randrange(len(self.workers)))
        worker.kill()
        worker.wait()
        self.befell["worker killed"] += 1
        self.start_worker()

    def lose_redis(self) -> None:
        self.installation.redis.kill()
        self.installation.redis.start()
        self.befell["Redis restarted empty"] += 1

    def books(self) -> dict[str, Any]:
        found: dict[str, Any] = self.installation.zygote.call("tests.chaos.storm:books", self.house["clinic_id"])
        return found

    def progress(self) -> dict[str, int]:
        """Deliveries and messages by their status, and how many calls to providers there were."""
        with psycopg.connect(self.database_url.replace("+psycopg", "", 1)) as connection:
            return dict(connection.execute(PROGRESS).fetchall())

    def settle(self) -> None:
        """Nobody dies any more; faults that are armed go on until they are spent. What a dead worker had claimed comes
        back when its lease runs out.
        """
        for _ in self._while_it_goes_on(but=frozenset({"message SENDING"})):
            time.sleep(0.5)
        for _ in self._while_it_goes_on():
            self.installation.zygote.call("tests.chaos.steps:sweep", later=LEASE_SECONDS)

    def _while_it_goes_on(self, but: frozenset[str] = frozenset()) -> Iterator[None]:
        """Until nothing is unfinished. A slow machine may take its time; one on which nothing moves fails."""
        seen, moved_at = self.progress(), time.monotonic()
        while set(seen) - OVER - but:
            yield
            now = self.progress()
            if now != seen:
                seen, moved_at = now, time.monotonic()
            assert time.monotonic() < moved_at + STALL_SECONDS, f"nothing moves any more: {now}"


@contextmanager
def open_storm(database_url: str, directory: Path, *, haste: bool) -> Iterator[Storm]:
    with open_installation(database_url, directory) as installation, scripted_server() as inbox:
        inbox.will(answer(200, {}))
        storm = Storm(installation, database_url, installation.house(inbox.url), directory, haste)
        installation.zygote.call("tests.chaos.storm:prepare", storm.house["clinic_id"])
        cron = storm.start("worker.py", "cron")
        for _ in range(WORKERS):
            storm.start_worker()
        try:
            yield storm
        finally:
            for process in [cron, *storm.workers]:
                process.kill()
                process.wait()


@pytest.fixture
def storm(request: pytest.FixtureRequest, servers: tuple[str, str], worker_id: str, tmp_path: Path) -> Iterator[Storm]:
    name, whole = f"clinic_storm_{worker_id}", request.node.get_closest_marker("chaos") is not None
    url = clone_database(servers[0], TEMPLATE, name, migrate_template)
    with open_storm(url, tmp_path, haste=not whole) as opened:
        yield opened
    drop_database(servers[0], name)


def rage(storm: Storm, events: int, *, at_once: int = 25, deadly: float = 0.3) -> None:
    """Publish all, with a blow after each handful; Redis is lost after a third and after two thirds."""
    lost_at = {events // 3, 2 * events // 3}
    for first in range(1, events + 1, at_once):
        storm.publish(first, min(at_once, events + 1 - first))
        storm.strike(deadly)
        if any(first <= place < first + at_once for place in lost_at):
            storm.lose_redis()


def count_spent(storm: Storm) -> None:
    """Faults that no call met befell nobody."""
    for fault in storm.installation.sandbox.get("/_control/faults")["items"]:
        storm.befell[f"fault {fault['fault']}"] -= fault["count"]


def judge(storm: Storm, events: int) -> Counter[tuple[str, str, int]]:
    """Every event handled, every message at one end, none twice; how many came to which end with how many copies."""
    count_spent(storm)
    books = storm.books()
    copies = Counter(_reference(item) for item in storm.installation.sandbox.messages(limit=10 * events))
    assert books["events"] == events
    assert storm.progress()["delivery DONE"] == events
    assert sorted(row["dedupe_key"] for row in books["messages"]) == sorted(f"storm:{n}" for n in range(1, events + 1))
    ends: Counter[tuple[str, str, int]] = Counter()
    for row in books["messages"]:
        left = copies.pop(row["id"], 0)
        assert left <= 1, f"{row} left {left} times"
        assert row["status"] not in GONE_OUT or left == 1, f"{row} is told as sent and never left"
        assert row["status"] in GONE_OUT or row["reason"], row
        ends[(row["status"], row["reason"] if row["status"] not in GONE_OUT else "", left)] += 1
    assert not copies, "messages left that no row knows of"
    return ends


def table(storm: Storm, events: int, ends: Counter[tuple[str, str, int]], seconds: float) -> str:
    """As docs/operations.md shows it."""
    blows = ", ".join(f"{number} × {name}" for name, number in sorted(storm.befell.items()))
    lines = [
        f"{events:,} events published in {seconds:.0f} s:",
        f"{blows}.",
        "",
        "| messages | end | copies at the provider | why |",
        "|---:|---|---:|---|",
    ]
    lines += [
        f"| {number:,} | {status} | {left} | {reason or '–'} |" for (status, reason, left), number in ends.most_common()
    ]
    return "\n".join(lines)


def write_down(told: str) -> None:
    """The document shows the last storm that was weathered."""
    before, _, rest = DOCUMENT.read_text().partition(BEGINS)
    _, _, after = rest.partition(ENDS)
    DOCUMENT.write_text(f"{before}{BEGINS}\n{told}\n{ENDS}{after}")


def _reference(message: dict[str, Any]) -> str:
    """Our id in what the provider was given."""
    return str(message["reference"]).strip("<>").partition("@")[0]


@pytest.mark.slow
@pytest.mark.timeout(1800)  # one that moves is not hung: settle() notices when nothing does
def test_a_short_storm(storm: Storm) -> None:
    events = 100
    rage(storm, events, at_once=20)
    storm.kill_worker()
    storm.settle()
    ends = judge(storm, events)
    assert sum(ends.values()) == events
    gone = sum(number for (status, _, _), number in ends.items() if status in GONE_OUT)
    assert gone > events // 2, table(storm, events, ends, 0)
    assert storm.befell["Redis restarted empty"] == 2 and storm.befell["worker killed"] >= 1
    assert sum(number for name, number in storm.befell.items() if name.startswith("fault")) > 0


@pytest.mark.chaos
@pytest.mark.timeout(7200)
def test_the_whole_storm(storm: Storm, capsys: pytest.CaptureFixture[str]) -> None:
    events, started = 5_000, time.monotonic()
    rage(storm, events, at_once=50, deadly=0.15)
    raged = time.monotonic() - started
    storm.settle()
    told = table(storm, events, judge(storm, events), raged)
    write_down(told)
    with capsys.disabled():
        print(f"\n{told}")
