"""One read beyond this process at a time per key; everybody else of the process waits for it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from threading import Event, Lock, get_ident

from app.core.cache.place import Place

WAIT_SECONDS = 30.0


class Flight:
    """A read under way. `cancelled`: what it brings may be older than a change, so it is not to be kept here.

    `then` runs after the others were served; if it brings something newer, the leader gets that.
    """

    def __init__(self, place: Place, *, cancelled: bool = False) -> None:
        self.place = place
        self.cancelled = cancelled
        self.owner = get_ident()
        self.landed = Event()
        self.payload: bytes | None = None
        self.error: Exception | None = None
        self.then: Callable[[], bytes | None] | None = None


Fill = Callable[[Flight], bytes]


class Flights:
    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        self._lock = Lock()
        self._flights: dict[str, Flight] = {}

    def join(self, place: Place, fill: Fill) -> bytes:
        """Run `fill`, or wait for the one who does. An exception of `fill` reaches everybody who waited for it."""
        with self._lock:
            flight = self._flights.get(place.key)
            if flight is None:
                leading = self._flights[place.key] = Flight(place)
        if flight is None:
            return self._lead(leading, fill)
        if flight.owner == get_ident():  # a loader that asks for its own key
            return self.alone(place, fill)
        return _wait(flight) or self.alone(place, fill)

    def alone(self, place: Place, fill: Fill) -> bytes:
        """Run `fill` for oneself; what it brings is not kept here."""
        flight = Flight(place, cancelled=True)
        return _afterwards(flight, fill(flight))

    def cancel(self, tag_keys: Iterable[str]) -> None:
        """Nobody who comes after a change may be given what was read before it."""
        changed = frozenset(tag_keys)
        with self._lock:
            for key, flight in tuple(self._flights.items()):
                if not changed.isdisjoint(flight.place.tag_keys):
                    flight.cancelled = True
                    del self._flights[key]

    def unless_cancelled(self, flight: Flight, keep: Callable[[], None]) -> None:
        """`keep` runs before any `cancel` that would have forbidden it."""
        with self._lock:
            if not flight.cancelled:
                keep()

    def _lead(self, flight: Flight, fill: Fill) -> bytes:
        try:
            flight.payload = fill(flight)
        except Exception as error:
            flight.error = error
            raise
        finally:
            with self._lock:
                if self._flights.get(flight.place.key) is flight:
                    del self._flights[flight.place.key]
            flight.landed.set()
        return _afterwards(flight, flight.payload)


def _afterwards(flight: Flight, payload: bytes) -> bytes:
    newer = flight.then() if flight.then else None
    return payload if newer is None else newer


def _wait(flight: Flight) -> bytes | None:
    """What the other one brought; None if it takes too long or was killed."""
    flight.landed.wait(WAIT_SECONDS)
    if flight.error is not None:
        raise flight.error
    return flight.payload
