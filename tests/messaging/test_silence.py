"""Whom we write to appears in no log and in nothing that lies in Redis."""

from __future__ import annotations

import pickle
import zlib
from typing import Any

import pytest

from app.core.jobs import QUEUES, queue_named, redis_connection
from app.core.logging import flush
from app.messaging.delivery import send
from app.messaging.jobs import send_mail, send_notifications, sweep_messages
from app.messaging.models import MessageStatus
from tests.messaging.conftest import MAIL, PHONE, VARIABLES

# The person, their number in any spelling, and what the message says.
PRIVATE = (MAIL, MAIL.partition("@")[0], PHONE, PHONE[3:], VARIABLES["patient"], VARIABLES["amount"], "Meera")


def everything_in_redis() -> str:
    redis = redis_connection()
    found = []
    for key in redis.scan_iter("*"):
        found.append(repr(key))
        kind = redis.type(key)
        if kind == b"hash":
            found += [_readable(value) for value in redis.hgetall(key).values()]
        elif kind == b"zset":
            found += [_readable(value) for value in redis.zrange(key, 0, -1)]
        elif kind == b"list":
            found += [_readable(value) for value in redis.lrange(key, 0, -1)]
        elif kind == b"string":
            found.append(_readable(redis.get(key)))
    return "\n".join(found)


def _readable(value: bytes) -> str:
    """RQ packs the arguments of a job."""
    for unpack in (lambda raw: repr(pickle.loads(zlib.decompress(raw))), lambda raw: repr(pickle.loads(raw))):  # noqa: S301 our own jobs
        try:
            return unpack(value)
        except Exception:  # not packed this way
            continue
    return repr(value)


@pytest.mark.parametrize("fault", [None, "500", "reset", "malformed", "429"])
def test_nobody_is_named_in_logs_or_jobs(
    reachable: Any, queued: Any, look: Any, capfd: Any, caplog: Any, fault: str | None
) -> None:
    if fault:
        reachable.fault("whatsapp", fault, count=5)
    ids = [queued("whatsapp", PHONE, key="w"), queued("email", MAIL, key="e")]
    in_redis = everything_in_redis()
    assert "send_mail" in in_redis
    send_mail()
    send_notifications()
    sweep_messages()
    in_redis += everything_in_redis()
    flush()
    printed = capfd.readouterr()
    logged = printed.out + printed.err + caplog.text + "".join(str(vars(record)) for record in caplog.records)
    assert look(ids[1]).status == MessageStatus.SENT
    assert look(ids[0]).provider == "whatsapp_cloud"
    assert [word for word in PRIVATE if word in logged] == []
    assert [word for word in PRIVATE if word in in_redis] == []


def test_a_job_of_messages_takes_no_arguments(clinic: Any, reachable: Any, queued: Any) -> None:
    queued("whatsapp", PHONE, key="w"), queued("email", MAIL, key="e")
    jobs = [job for name in QUEUES for job in queue_named(name).jobs if ".messaging." in job.func_name]
    assert {job.func_name.rpartition(".")[2] for job in jobs} == {"send_mail", "send_notifications"}
    assert {(job.args, tuple(job.kwargs)) for job in jobs} == {((), ())}


def test_what_a_provider_answers_is_stored_without_the_address(
    clinic: Any, reachable: Any, queued: Any, look: Any
) -> None:
    reachable.post("/_control/recipients", {"provider": "whatsapp", "to": PHONE, "code": 131026})
    message_id = queued("whatsapp", PHONE)
    send(clinic.id, message_id)
    assert look(message_id).status == MessageStatus.FAILED
    assert PHONE not in look(message_id).reason
    assert PHONE[1:] not in look(message_id).reason
