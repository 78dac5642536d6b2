"""The cache: asks this process, then Redis, then the loader; tells every process what changed.

How old can a read be? In the process that invalidated, and in every read that reaches Redis: not at all. In other
processes a local copy outlives the change by at most half a second (`changes.STALENESS_SECONDS`): before serving one, a
process reads the stream of changes if it has not done so within that time. If it cannot, because Redis is away, it
serves no copies older than that. Regions without copies are never behind.
"""

from __future__ import annotations

import json
import logging
import os
import time
import weakref
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any, NamedTuple

import orjson
from redis import Redis

from app.core.cache.changes import Changes
from app.core.cache.envelope import Entry, UnusableEntry, digest, pack, unpack
from app.core.cache.figures import LOADS, READS
from app.core.cache.flights import Flight, Flights
from app.core.cache.local import LOCAL_SECONDS, Copy, LocalCopies
from app.core.cache.place import EVERYTHING, Place, place_of, tag_key
from app.core.cache.regions import Region
from app.core.cache.remote import Away, RemoteStore
from app.core.crypto import Keyring

log = logging.getLogger(__name__)

PATIENCE_SECONDS = 3.0
FIRST_PAUSE, LONGEST_PAUSE = 0.005, 0.1
LARGEST_BYTES = 4 * 1024 * 1024

Load = Callable[[], Any]
Spawn = Callable[[str, Callable[[], object]], None]


class Turn(NamedTuple):
    """The right to load a value: the lock that grants it and the versions of the tags that it was granted for."""

    lock: str
    token: str
    versions: bytes


class Cache:
    """Values are plain JSON data. Reads never raise for a fault of Redis, only what the loader itself raises.

    `now` gives seconds since the epoch. `spawn(clinic_id, refresh)` runs a refresh in the background with that clinic
    in scope; without it the one reader that finds a value stale refreshes it itself, all others are served meanwhile.
    """

    def __init__(
        self,
        redis: Redis,
        *,
        keyring: Keyring | None = None,
        now: Callable[[], float] = time.time,
        spawn: Spawn | None = None,
    ) -> None:
        self._remote = RemoteStore(redis, now)
        self._keyring = keyring
        self._now = now
        self._spawn = spawn
        self._local = LocalCopies()
        self._flights = Flights()
        self._changes = Changes(self._remote, now, self._drop)
        myself = weakref.ref(self)
        os.register_at_fork(after_in_child=lambda: _start_over(myself()))

    def get(
        self,
        region: Region,
        clinic_id: str,
        name: str,
        load: Load,
        *,
        tags: Iterable[str] = (),
        read: Callable[[bytes], Any] = orjson.loads,
    ) -> Any:
        """The value, loaded if nobody has it. `load` must read committed data of this clinic only; `read` makes the
        value of its JSON and may keep it.
        """
        place = place_of(region, clinic_id, name, tuple(tags))
        self._changes.hear()
        if not region.copies:
            return read(self._flights.alone(place, lambda flight: self._fill(flight, load)))
        copy = self._local.get(place.key, self._now())
        if copy is not None and self._changes.covers(copy.taken_at):
            _count(place, "local", "hit")
            return read(copy.payload)
        _count(place, "local", "miss")
        return read(self._flights.join(place, lambda flight: self._fill(flight, load)))

    def invalidate(self, clinic_id: str, *tags: str) -> bool:
        """Make worthless what hangs on the tags (a region's name is one); call it after the commit.

        False if Redis could not be told: this process tells it as soon as it can, but a listener that is delivered at
        least once should fail, to be called again.
        """
        return self._changes.tell([tag_key(clinic_id, tag) for tag in tags])

    def forget(self, region: Region, clinic_id: str, name: str) -> bool:
        """`invalidate` for one entry."""
        return self.invalidate(clinic_id, f"{region.name}:{name}")

    def clear(self) -> bool:
        """`invalidate` for everything of every clinic."""
        return self._changes.tell([EVERYTHING])

    def start_over(self) -> None:
        """Forget what this process holds; a forked child shares no copies, flights or locks with its parent."""
        self._local.clear()
        self._flights.clear()
        self._changes.start_over()
        self._remote.start_over()

    def _drop(self, tag_keys: Iterable[str]) -> None:
        changed = tuple(tag_keys)
        self._flights.cancel(changed)
        self._local.drop(changed)

    def _fill(self, flight: Flight, load: Load) -> bytes:
        try:
            return self._fill_through_redis(flight, load)
        except Away:
            _count(flight.place, "redis", "error")
            return self._take(flight, _load(flight.place, load))

    def _fill_through_redis(self, flight: Flight, load: Load) -> bytes:
        place = flight.place
        entry = self._read(place)
        if entry is None:
            _count(place, "redis", "miss")
            return self._load_once(flight, load)
        if self._now() < entry.stale_from:
            _count(place, "redis", "hit")
            return self._take(flight, entry.payload)
        _count(place, "redis", "stale")
        if turn := self._take_turn(place):
            flight.then = lambda: self._refresh(place, load, turn)
        return entry.payload

    def _read(self, place: Place) -> Entry | None:
        octets, versions = self._remote.read(place.key, place.tag_keys)
        if octets is None:
            return None
        try:
            entry = unpack(place, octets, self._keyring)
        except UnusableEntry as error:
            log.warning("an entry of the region %s is unusable: %s", place.region.name, error)
            _count(place, "redis", "error")
            return None
        return entry if entry.versions == digest(versions) else None

    def _take(self, flight: Flight, payload: bytes) -> bytes:
        """Keep a local copy, unless a tag changed since the flight began."""
        now = self._now()
        copy = Copy(payload, flight.place.tag_keys, now, now + LOCAL_SECONDS)
        self._flights.unless_cancelled(flight, lambda: self._local.put(flight.place.key, copy))
        return payload

    def _load_once(self, flight: Flight, load: Load) -> bytes:
        """Load, unless another process is at it: then wait, with patience, for what it brings."""
        place, pause, deadline = flight.place, FIRST_PAUSE, time.monotonic() + PATIENCE_SECONDS
        while (turn := self._take_turn(place)) is None and time.monotonic() < deadline:
            time.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE)
            if entry := self._read(place):
                return self._take(flight, entry.payload)
        return self._take(flight, self._load_and_write(place, load, turn) if turn else _load(place, load))

    def _take_turn(self, place: Place) -> Turn | None:
        """The right to load. It is bound to the versions of the tags: after a change nobody waits for who began before.

        The versions are read before the value is loaded, so that a change in between shows.
        """
        versions = digest(self._remote.versions(place.tag_keys))
        if versions is None:
            raise Away  # Redis evicts what was just written: it is of no use now
        lock = f"{place.key}:lock:{versions.hex()}"
        token = self._remote.lock(lock)
        return Turn(lock, token, versions) if token else None

    def _refresh(self, place: Place, load: Load, turn: Turn) -> bytes | None:
        """Load anew what is stale; if that fails, the stale value is still better than none."""

        def refresh() -> bytes | None:
            try:
                return self._load_and_write(place, load, turn)
            except Exception:
                log.exception("the region %s could not be refreshed", place.region.name)
                return None

        if self._spawn is None:
            return refresh()
        self._spawn(place.clinic_id, refresh)
        return None

    def _load_and_write(self, place: Place, load: Load, turn: Turn) -> bytes:
        try:
            payload = _load(place, load)
            octets = pack(place, Entry(payload, self._now() + place.region.fresh_seconds, turn.versions), self._keyring)
            self._write(place, octets)
            return payload
        finally:
            with suppress(Away):  # the lock ends by itself
                self._remote.unlock(turn.lock, turn.token)

    def _write(self, place: Place, octets: bytes) -> None:
        if len(octets) > LARGEST_BYTES:
            log.warning("a value of the region %s has %d bytes and is not kept", place.region.name, len(octets))
            return
        with suppress(Away):  # the value is good all the same
            self._remote.write(place.key, octets, place.region.ttl, place.tag_keys)


def _load(place: Place, load: Load) -> bytes:
    try:
        with LOADS.time(region=place.region.name):
            value = load()
    except Exception:
        _count(place, "loader", "error")
        raise
    _count(place, "loader", "hit")
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def _count(place: Place, layer: str, result: str) -> None:
    READS.inc(region=place.region.name, layer=layer, result=result)


def _start_over(cache: Cache | None) -> None:
    if cache is not None:
        cache.start_over()
