from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from prometheus_client import REGISTRY
from redis import Redis

from app.core.cache import Cache, Region, connect, remote
from app.core.crypto import Keyring
from tests.core.redis_process import RedisProcess

ROOT = Path(__file__).parents[2]
PLANS = Region("billing_plans", ttl=1800)
ALERTS = Region("critical_alerts", ttl=300)
RECORD = Region("ehr:comprehensive", ttl=1800, encrypted=True)
SUNRISE, LAKESIDE = "0199a2b4-7c1e-7f00-8a11-2b3c4d5e6f70", "0199a2b4-7c1e-7f00-8a11-2b3c4d5e6f71"
KEYRING = Keyring.parse("1:" + base64.b64encode(b"k" * 32).decode())


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


class Clock:
    def __init__(self) -> None:
        self.moved = 0.0

    def __call__(self) -> float:
        return time.time() + self.moved


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def redis(server):
    with Redis.from_url(server.url) as client:
        client.flushall()
        yield client


@pytest.fixture
def process(server, redis, clock):
    """Each call is the cache of one more process."""
    clients = []

    def make(**options) -> Cache:
        clients.append(connect(server.url))
        return Cache(clients[-1], **{"keyring": KEYRING, "now": clock, **options})

    yield make
    for client in clients:
        client.close()


class Source:
    """The database: a value, and how often it was asked for."""

    def __init__(self, value) -> None:
        self.value = value
        self.asked = 0

    def __call__(self):
        self.asked += 1
        return self.value


def reads(region: Region, layer: str, result: str) -> float:
    labels = {"region": region.name, "layer": layer, "result": result}
    return REGISTRY.get_sample_value("clinic_cache_reads_total", labels) or 0.0


def in_threads(count: int, work) -> list:
    """What `work` gave in each thread, an exception included."""
    results: list = [None] * count

    def run(place: int) -> None:
        try:
            results[place] = work()
        except Exception as error:
            results[place] = error

    threads = [threading.Thread(target=run, args=(place,)) for place in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    return results


def test_the_source_is_asked_once_by_all_processes(process):
    first, second, source = process(), process(), Source([1, "₹"])
    before = [reads(PLANS, *what) for what in (("loader", "hit"), ("redis", "hit"), ("local", "hit"))]
    values = [cache.get(PLANS, SUNRISE, "all", source) for cache in (first, second, first, second)]
    after = [reads(PLANS, *what) for what in (("loader", "hit"), ("redis", "hit"), ("local", "hit"))]
    assert values == [[1, "₹"]] * 4
    assert source.asked == 1
    assert [new - old for new, old in zip(after, before, strict=True)] == [1, 1, 2]


def test_keys_start_with_the_clinic_and_live_as_long_as_the_region_says(process, redis):
    process().get(ALERTS, SUNRISE, "all", Source(1))
    assert 295 <= redis.ttl(f"{SUNRISE}:critical_alerts:all") <= 300
    assert all(key.startswith((SUNRISE.encode(), b"global:", b"cache:")) for key in redis.scan_iter())


def test_a_clinic_never_reads_another_ones(process):
    cache = process()
    assert cache.get(PLANS, SUNRISE, "all", Source("sun")) == "sun"
    assert cache.get(PLANS, LAKESIDE, "all", Source("lake")) == "lake"
    with pytest.raises(ValueError, match="clinic"):
        cache.get(PLANS, "", "all", Source("nobody's"))


def test_a_value_is_the_same_whoever_brings_it_and_cannot_be_spoilt(process):
    cache, source = process(), Source({"rows": (1, 2), 3: None})
    loaded = cache.get(PLANS, SUNRISE, "x", source)
    loaded["rows"].append(99)
    assert cache.get(PLANS, SUNRISE, "x", source) == process().get(PLANS, SUNRISE, "x", source)
    assert cache.get(PLANS, SUNRISE, "x", source) == {"rows": [1, 2], "3": None}


def test_nothing_is_a_value_too(process):
    cache, source = process(), Source(None)
    assert [cache.get(PLANS, SUNRISE, "x", source) for _ in range(3)] == [None] * 3
    assert source.asked == 1


def test_what_is_no_json_is_the_callers_mistake(process):
    with pytest.raises(TypeError):
        process().get(PLANS, SUNRISE, "x", Source(object()))


def test_a_change_shows_at_once_here_and_within_half_a_second_elsewhere(process, clock):
    here, elsewhere, source = process(), process(), Source("old")
    for cache in (here, elsewhere):
        cache.get(PLANS, SUNRISE, "x", source, tags=["plan:7"])
    source.value = "new"
    assert here.invalidate(SUNRISE, "plan:7")
    assert here.get(PLANS, SUNRISE, "x", source, tags=["plan:7"]) == "new"
    clock.moved += 0.5
    assert elsewhere.get(PLANS, SUNRISE, "x", source, tags=["plan:7"]) == "new"


@pytest.mark.parametrize(
    ("change", "kept"),
    [
        (lambda cache: cache.invalidate(SUNRISE, "patient:1"), {"b", "lake"}),
        (lambda cache: cache.invalidate(SUNRISE, "billing_plans"), {"lake"}),
        (lambda cache: cache.forget(PLANS, SUNRISE, "b"), {"a", "lake"}),
        (lambda cache: cache.invalidate(LAKESIDE, "patient:1"), {"a", "b"}),
        (lambda cache: cache.clear(), set()),
    ],
)
def test_a_change_touches_what_hangs_on_it_and_nothing_else(process, change, kept):
    cache, source = process(), Source(1)
    entries = {"a": (SUNRISE, ["patient:1"]), "b": (SUNRISE, ["patient:2"]), "lake": (LAKESIDE, ["patient:1"])}
    for name, (clinic, tags) in entries.items():
        cache.get(PLANS, clinic, name, source, tags=tags)
    change(cache)
    source.value = 2
    values = {name: cache.get(PLANS, clinic, name, source, tags=tags) for name, (clinic, tags) in entries.items()}
    assert {name for name, value in values.items() if value == 1} == kept


def test_what_was_read_before_a_change_is_never_kept_after_it(process, clock):
    reader, writer, source = process(), process(), Source("old")

    def read_while_it_changes():
        value = source()
        source.value = "new"
        writer.invalidate(SUNRISE, "plan:7")
        return value

    assert reader.get(PLANS, SUNRISE, "x", read_while_it_changes, tags=["plan:7"]) == "old"
    assert process().get(PLANS, SUNRISE, "x", source, tags=["plan:7"]) == "new"
    clock.moved += 0.5
    assert reader.get(PLANS, SUNRISE, "x", source, tags=["plan:7"]) == "new"


def test_who_comes_after_a_change_does_not_wait_for_a_read_from_before_it(process):
    cache, started, finish = process(), threading.Event(), threading.Event()

    def slow():
        started.set()
        finish.wait(30)
        return "old"

    early: list = []
    thread = threading.Thread(target=lambda: early.append(cache.get(PLANS, SUNRISE, "x", slow)))
    thread.start()
    started.wait(30)
    cache.invalidate(SUNRISE, "billing_plans")
    late = threading.Thread(target=lambda: early.append(cache.get(PLANS, SUNRISE, "x", lambda: "new")))
    late.start()
    late.join(30)
    assert early == ["new"]
    finish.set()
    thread.join(30)
    assert early == ["new", "old"]
    assert cache.get(PLANS, SUNRISE, "x", lambda: "newest") == "new"


def test_a_crowd_makes_one_load(process):
    caches = [process(), process()]
    source = Source("value")

    def slow():
        time.sleep(0.2)
        return source()

    turns = iter(range(40))
    values = in_threads(40, lambda: caches[next(turns) % 2].get(PLANS, SUNRISE, "x", slow))
    assert values == ["value"] * 40
    assert source.asked == 1


def test_a_failing_load_fails_for_all_who_waited_and_is_not_kept(process):
    cache, together = process(), threading.Barrier(2)

    def fail():
        together.wait(60)
        time.sleep(0.1)
        raise LookupError("no such plan")

    leader = threading.Thread(target=lambda: in_threads(1, lambda: cache.get(PLANS, SUNRISE, "x", fail)))
    leader.start()
    together.wait(60)
    outcomes = in_threads(3, lambda: cache.get(PLANS, SUNRISE, "x", lambda: "loaded again"))
    leader.join()
    assert {type(outcome) for outcome in outcomes} <= {LookupError, str}
    assert cache.get(PLANS, SUNRISE, "x", Source("fine")) in ("fine", "loaded again")


def test_a_loader_may_ask_for_its_own_key(process):
    cache = process()
    outer = cache.get(PLANS, SUNRISE, "x", lambda: [cache.get(ALERTS, SUNRISE, "x", lambda: "inner")])
    assert outer == ["inner"]


def test_a_stale_value_is_served_while_one_reader_loads_it_anew(process, clock):
    cache, other = process(), process()
    cache.get(PLANS, SUNRISE, "x", Source("old"))
    clock.moved += 1800 * 0.8
    started, finish, refreshed = threading.Event(), threading.Event(), []

    def slow():
        started.set()
        finish.wait(30)
        return "new"

    stale_before = reads(PLANS, "redis", "stale")
    refresher = threading.Thread(target=lambda: refreshed.append(cache.get(PLANS, SUNRISE, "x", slow)))
    refresher.start()
    started.wait(30)
    source = Source("nobody asks")
    assert [one.get(PLANS, SUNRISE, "x", source) for one in (cache, other, cache)] == ["old"] * 3
    finish.set()
    refresher.join(30)
    assert refreshed == ["new"]
    assert other.get(PLANS, SUNRISE, "x", source) == "new"
    assert (source.asked, reads(PLANS, "redis", "stale") - stale_before) == (0, 4)


def test_a_refresh_may_run_in_the_background_with_the_clinic_in_scope(process, clock):
    spawned: list = []
    cache, source = process(spawn=lambda clinic, refresh: spawned.append((clinic, refresh))), Source("old")
    cache.get(PLANS, SUNRISE, "x", source)
    clock.moved += 1500
    source.value = "new"
    assert [cache.get(PLANS, SUNRISE, "x", source) for _ in range(3)] == ["old"] * 3
    ((clinic, refresh),) = spawned
    refresh()
    assert (clinic, cache.get(PLANS, SUNRISE, "x", source), source.asked) == (SUNRISE, "new", 2)


def test_a_stale_value_is_better_than_a_failing_source(process, clock):
    cache = process()
    cache.get(PLANS, SUNRISE, "x", Source("old"))
    clock.moved += 1500

    def fail():
        raise ConnectionError("database away")

    assert cache.get(PLANS, SUNRISE, "x", fail) == "old"
    cache.invalidate(SUNRISE, "billing_plans")
    with pytest.raises(ConnectionError):
        cache.get(PLANS, SUNRISE, "x", fail)


def test_large_values_are_compressed_in_redis(process, redis):
    cache, large = process(), {"rows": ["paracetamol 500 mg"] * 2000}
    cache.get(PLANS, SUNRISE, "large", Source(large))
    assert redis.strlen(f"{SUNRISE}:billing_plans:large") < len(json.dumps(large)) / 20
    assert process().get(PLANS, SUNRISE, "large", Source("not asked")) == large


def test_what_is_far_too_large_is_served_and_not_kept(process, redis):
    noise = os.urandom(5_000_000).hex()
    assert process().get(PLANS, SUNRISE, "huge", Source(noise)) == noise
    assert not redis.exists(f"{SUNRISE}:billing_plans:huge")


def test_health_data_is_sealed_in_redis(process, redis):
    cache = process()
    cache.get(RECORD, SUNRISE, "p1", Source({"allergy": "penicillin"}))
    cache.get(PLANS, SUNRISE, "p1", Source({"name": "penicillin plan"}))
    assert b"penicillin" not in redis.get(f"{SUNRISE}:ehr:comprehensive:p1")
    assert b"penicillin" in redis.get(f"{SUNRISE}:billing_plans:p1")
    assert process().get(RECORD, SUNRISE, "p1", Source("not asked")) == {"allergy": "penicillin"}


def test_a_sealed_entry_moved_to_another_patient_or_altered_is_not_believed(process, redis):
    process().get(RECORD, SUNRISE, "p1", Source("of patient 1"))
    process().get(RECORD, SUNRISE, "p2", Source("of patient 2"))
    keys = [f"{SUNRISE}:ehr:comprehensive:{name}" for name in ("p1", "p2")]
    redis.set(keys[1], redis.get(keys[0]))
    assert process().get(RECORD, SUNRISE, "p2", Source("asked")) == "asked"
    redis.setrange(keys[0], redis.strlen(keys[0]) - 3, b"\x00\x01\x02")
    assert process().get(RECORD, SUNRISE, "p1", Source("asked")) == "asked"


def test_sealing_needs_keys(process):
    with pytest.raises(ValueError, match="keyring"):
        process(keyring=None).get(RECORD, SUNRISE, "p1", Source(1))


@pytest.mark.parametrize("rubbish", [b"", b"rubbish", b"\x01" * 200])
def test_rubbish_in_redis_is_a_miss(process, redis, rubbish):
    process().get(PLANS, SUNRISE, "x", Source(1))
    redis.set(f"{SUNRISE}:billing_plans:x", rubbish)
    assert process().get(PLANS, SUNRISE, "x", Source(2)) == 2


def test_processes_of_another_release_do_not_share_values(process):
    process().get(PLANS, SUNRISE, "x", Source("old shape"))
    newer = Region("billing_plans", ttl=1800, version=2)
    assert process().get(newer, SUNRISE, "x", Source("new shape")) == "new shape"


def test_a_region_lives_as_long_as_the_rules_allow():
    with pytest.raises(ValueError, match="300 to 1800"):
        Region("forever", ttl=86400)


@pytest.mark.parametrize("imports", ["", "from gevent import monkey; monkey.patch_all()\n"])
def test_it_works_in_threads_and_greenlets_and_after_a_fork(server, redis, imports):
    code = """
import os, sys, threading, time
from app.core.cache import Cache, Region, connect, remote
remote.TIMEOUT_SECONDS = 30
cache, region, asked = Cache(connect(sys.argv[1])), Region("billing_plans", ttl=1800), []
def load():
    asked.append(1)
    time.sleep(0.5)
    return "value"
threads = [threading.Thread(target=lambda: cache.get(region, "c", "x", load)) for _ in range(50)]
[thread.start() for thread in threads]
while not asked:
    time.sleep(0.01)
if os.fork() == 0:
    # The parent is in the middle of a load; the child must neither wait for ever nor have lost anything.
    print(cache.get(region, "c", "x", load), flush=True)
    os._exit(0)
[thread.join() for thread in threads]
os.wait()
print(cache.get(region, "c", "x", load), len(asked), flush=True)
"""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", imports + code, server.url],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stdout.splitlines() == ["value", "value 1"], done.stderr
