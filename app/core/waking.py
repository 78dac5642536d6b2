"""What waits for a relay: a list in Redis for each queue, and one job that empties it.

A job for each row (an event's delivery, a webhook) would cost more than the row. So whoever wrote rows adds them to the
list and queues the job only when none is on its way, both in one command. An emptied Redis loses wake-ups, no rows: the
sweeper finds them.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cache
from hashlib import sha1
from typing import Any, NamedTuple

from redis.exceptions import NoScriptError, RedisError
from rq.job import Job as RqJob
from rq.utils import utcformat

from app.core.batches import Batches
from app.core.ids import new_id
from app.core.jobs import Job, queue_named
from app.core.round_trip import ask

log = logging.getLogger(__name__)

# A relay that was queued and never began (an emptied queue, a killed worker) is forgotten after these.
ON_ITS_WAY_SECONDS = 5
AT_ONCE = 1000  # names in one command: Lua unpacks no more than some thousands
_COMMANDS = {False: "RPUSH", True: "LPUSH"}

# Keys: the list, the mark of a relay on its way, the job's hash, RQ's set of queues, RQ's queue.
# Arguments: how names are added, how long the mark lasts, the job's id, the present moment; the names.
# What is the same of every job of a relay stands in its script, which Redis keeps: an argument costs more than a row.
_ADD_AND_WAKE = """
if #ARGV > 4 then redis.call(ARGV[1], KEYS[1], unpack(ARGV, 5)) end
if not redis.call('SET', KEYS[2], '1', 'NX', 'EX', ARGV[2]) then return 0 end
redis.call('HSET', KEYS[3], %s, 'created_at', ARGV[4], 'enqueued_at', ARGV[4])
redis.call('SADD', KEYS[4], KEYS[5])
redis.call('RPUSH', KEYS[5], ARGV[3])
return 1
"""


class Waiting(NamedTuple):
    """A row to be worked on, and whose it is."""

    clinic_id: str
    row_id: str


def add_waiting(relay: Job[..., Any], rows: Sequence[Waiting], *, urgent: bool = False) -> None:
    """Put rows on the relay's list, urgent ones in front, and queue the relay unless one is on its way.

    Whoever wrote them does not learn whether that worked, not even when Redis is away.
    """
    if rows:
        _batches(relay.name, urgent).add(f"{item.clinic_id} {item.row_id}" for item in rows)
    else:
        _add_all(relay, [], urgent=urgent)


@cache
def _batches(relay_name: str, urgent: bool) -> Batches[str]:
    from app.core.jobs import JOBS

    return Batches(lambda names: _add_all(JOBS[relay_name], names, urgent=urgent))


def _add_all(relay: Job[..., Any], names: list[str], *, urgent: bool) -> None:
    try:
        for start in range(0, max(len(names), 1), AT_ONCE):
            _add(relay, names[start : start + AT_ONCE], _COMMANDS[urgent])
    except RedisError:
        log.warning("rows could not be handed to their relay; the sweeper will find them")


def _add(relay: Job[..., Any], names: list[str], command: str) -> None:
    job_id, queue = new_id(), queue_named(relay.queue)
    keys = _list(relay.queue), _on_its_way(relay.queue), RqJob.key_for(job_id), queue.redis_queues_keys, queue.key
    told = len(keys), *keys, command, ON_ITS_WAY_SECONDS, job_id, utcformat(datetime.now(UTC)), *names
    script, digest = _script(relay.name)
    try:
        ask(("EVALSHA", digest, *told))
    except NoScriptError:
        ask(("EVAL", script, *told))


@cache
def _script(name: str) -> tuple[str, str]:
    """The script of one relay, and the digest that Redis knows it by once it has run."""
    from app.core.jobs import JOBS

    fields = [part for pair in JOBS[name].queued_fields().items() for part in pair]
    script = _ADD_AND_WAKE % ", ".join(map(_lua, fields))
    return script, sha1(script.encode(), usedforsecurity=False).hexdigest()


def _lua(value: Any) -> str:
    """A string of Lua, whatever is in it."""
    octets = value if isinstance(value, bytes) else (value if isinstance(value, str) else str(value)).encode()
    return "'" + "".join(f"\\{octet:03d}" for octet in octets) + "'"


def begin_relay(queue: str) -> None:
    """From now on whoever adds rows has to queue the next job: this one may have looked already. Raises RedisError."""
    ask(("DEL", _on_its_way(queue)))


def take_waiting(queue: str, most: int) -> dict[str, list[str]]:
    """The next rows by clinic, off the list. Raises RedisError."""
    (names,) = ask(("LPOP", _list(queue), most))
    found: dict[str, list[str]] = {}
    for name in names or ():
        waiting = Waiting(*name.decode().split(" ", 1))
        found.setdefault(waiting.clinic_id, []).append(waiting.row_id)
    return found


def count_waiting(queue: str) -> int:
    """How long the list is. Raises RedisError."""
    (length,) = ask(("LLEN", _list(queue)))
    return int(length)


def forget_waiting(queue: str) -> None:
    """Empty the list. Raises RedisError."""
    ask(("DEL", _list(queue), _on_its_way(queue)))


def _list(queue: str) -> str:
    return f"relay:{queue}"


def _on_its_way(queue: str) -> str:
    return f"relay:{queue}:on-its-way"
