"""PostgreSQL refuses to run as root, so root starts it as an unprivileged account of the system."""

from __future__ import annotations

import os
import pwd
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.embedded.errors import StartFailed

NAMES = ("nobody", "daemon", "bin")


@dataclass(frozen=True)
class Account:
    """A user of this machine. `None` in its place means: run as whoever we are."""

    name: str
    user: int
    group: int


def service_account() -> Account | None:
    """Who runs PostgreSQL: an unprivileged account when we are root, else ourselves. initdb needs one with a name."""
    if os.geteuid() != 0:
        return None
    for entry in filter(None, map(_find, NAMES)):
        return Account(entry.pw_name, entry.pw_uid, entry.pw_gid)
    raise StartFailed("PostgreSQL cannot run as root, and this machine has no account 'nobody'. Run as another user.")


def _find(name: str) -> pwd.struct_passwd | None:
    try:
        return pwd.getpwnam(name)
    except KeyError:
        return None


def run_as(account: Account | None) -> dict[str, Any]:
    """Arguments of subprocess that drop our rights for that account's."""
    return {"user": account.user, "group": account.group, "extra_groups": []} if account else {}


def give_to(account: Account | None, path: Path) -> None:
    if account:
        os.chown(path, account.user, account.group)


def can_enter(account: Account | None, path: Path) -> bool:
    """Whether the account reaches the directory, asked of the kernel (modes alone do not tell: ACLs, mounts)."""
    return _try(account, 'cd "$1"', path)


def can_execute(account: Account | None, path: Path) -> bool:
    """Whether the account may run the file; also false on a mount without execution."""
    return _try(account, 'test -x "$1"', path)


def _try(account: Account | None, script: str, path: Path) -> bool:
    command = ["/bin/sh", "-c", script, "sh", str(path)]
    return subprocess.run(command, cwd="/", check=False, capture_output=True, **run_as(account)).returncode == 0
