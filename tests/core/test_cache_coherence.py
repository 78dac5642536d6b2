"""Random histories of several processes against the rule that a read is at most half a second behind the database."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from redis import Redis

from app.core.cache import Cache, Region, connect, remote
from tests.core.redis_process import RedisProcess

REGIONS = {"plans": Region("billing_plans", ttl=1800), "alerts": Region("critical_alerts", ttl=300)}
TAGS = {"plans": ["plan", "clinic"], "alerts": ["alert", "clinic"]}
PROCESSES, BOUND = 3, 0.5

clinics = st.sampled_from(["sunrise", "lakeside"])
kinds = st.sampled_from(list(REGIONS))
processes = st.integers(0, PROCESSES - 1)
steps = st.one_of(
    st.tuples(st.just("read"), processes, clinics, kinds),
    st.tuples(st.just("write"), processes, clinics, kinds, st.booleans()),
    st.tuples(st.just("wait"), st.sampled_from([0.1, 0.3, 0.6, 5, 61, 250, 1500])),
    st.tuples(st.just("empty")),
)


@pytest.fixture(scope="module", autouse=True)
def _patience():
    """A machine that is busy with tests is slow, not away."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(remote, "TIMEOUT_SECONDS", 30)
        yield


@pytest.fixture(scope="module")
def server():
    process = RedisProcess()
    yield process
    process.close()


class History:
    """The database, with the moment of each write."""

    def __init__(self, server: RedisProcess) -> None:
        self.moment = time.time()
        self.redis = Redis.from_url(server.url)
        self.redis.flushall()
        self.clients = [connect(server.url) for _ in range(PROCESSES)]
        self.caches = [Cache(client, now=lambda: self.moment) for client in self.clients]
        self.written: dict[tuple[str, str], list[tuple[float, int]]] = {}

    def close(self) -> None:
        for client in (*self.clients, self.redis):
            client.close()

    def read(self, process: int, clinic: str, kind: str) -> None:
        versions = self.written.setdefault((clinic, kind), [(self.moment, 0)])
        value = self.caches[process].get(REGIONS[kind], clinic, "x", lambda: versions[-1][1], tags=TAGS[kind])
        replaced = [later for (later, _), (_, version) in zip(versions[1:], versions, strict=False) if version == value]
        assert value in [version for _, version in versions]
        assert all(self.moment - later <= BOUND for later in replaced), (value, versions)

    def write(self, process: int, clinic: str, kind: str, *, whole_clinic: bool) -> None:
        versions = self.written.setdefault((clinic, kind), [(self.moment, 0)])
        versions.append((self.moment, len(versions)))
        assert self.caches[process].invalidate(clinic, "clinic" if whole_clinic else TAGS[kind][0])
        value = self.caches[process].get(REGIONS[kind], clinic, "x", lambda: versions[-1][1], tags=TAGS[kind])
        assert value == versions[-1][1], "the writer reads its own write"

    def run(self, step: tuple) -> None:
        match step:
            case ("read", process, clinic, kind):
                self.read(process, clinic, kind)
            case ("write", process, clinic, kind, whole_clinic):
                self.write(process, clinic, kind, whole_clinic=whole_clinic)
            case ("wait", seconds):
                self.moment += seconds
            case ("empty",):
                self.redis.flushall()


@settings(max_examples=400, deadline=None)
@given(history=st.lists(steps, max_size=40))
def test_no_read_is_more_than_half_a_second_behind(server, history):
    world = History(server)
    try:
        for step in history:
            world.run(step)
    finally:
        world.close()
