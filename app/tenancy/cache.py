"""The one cache of a process, sealed with the same keys as provider accounts, and what of this slice it keeps."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import orjson
from sqlalchemy import select

from app.core.api import dump
from app.core.cache.changes import STALENESS_SECONDS
from app.core.cache.layers import Cache
from app.core.cache.regions import CLINIC_SETTINGS, PROVIDER_ACCOUNT_COPIES, PROVIDER_ACCOUNTS, Region
from app.core.cache.rows import changed_here, hangs_on, listen
from app.core.redis_guard import guarded_redis
from app.core.tenant import all_tenants, db, require_clinic
from app.core.transaction import in_transaction
from app.tenancy.keys import keyring
from app.tenancy.models import Clinic, GlobalProviderAccount, ProviderAccount
from config import get_settings


def shared_cache() -> Cache:
    return _cache(get_settings().redis_url, get_settings().redis_answer_seconds)


@lru_cache(maxsize=1)
def _cache(redis_url: str, seconds: float) -> Cache:
    return Cache(guarded_redis(redis_url, seconds), keyring=keyring())


def kept(
    region: Region,
    name: str,
    load: Callable[[], Any],
    *,
    part: str = "",
    read: Callable[[bytes], Any] = orjson.loads,
) -> Any:
    """A value of the clinic in scope as JSON has it, or as `read` makes it of the JSON; `part` (an id) is what
    `hangs_on(by=)` drops it by.

    A transaction that has changed what the value hangs on reads the database; nobody sees what it has not committed.
    """
    clinic_id = require_clinic()
    tags = [f"{region.name}:{part}"] if part else []
    if in_transaction() and changed_here(db.session(), clinic_id, [region.name, *tags]):
        return read(dump(load()))
    return shared_cache().get(region, clinic_id, name, lambda: orjson.loads(dump(load())), tags=tags, read=read)


def wait_until_heard() -> None:
    """Come back when no process holds a copy from before the last commit: for rules that must hold from now on."""
    time.sleep(STALENESS_SECONDS)


def _drop(changed: dict[str | None, set[str]]) -> None:
    if None in changed:
        shared_cache().clear()
        return
    for clinic_id, tags in changed.items():
        shared_cache().invalidate(str(clinic_id), *tags)


def _every_clinic(_account_id: str) -> list[str]:
    with all_tenants():
        return list(db.session.scalars(select(Clinic.id)))


listen(_drop)
hangs_on(CLINIC_SETTINGS, Clinic)
for region in (PROVIDER_ACCOUNTS, PROVIDER_ACCOUNT_COPIES):
    hangs_on(region, ProviderAccount)
    hangs_on(region, GlobalProviderAccount, clinics=_every_clinic)
