"""Where embedded servers keep data, programs and sockets. Nothing outside our own directories changes mode or owner."""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
import tempfile
import uuid
from dataclasses import dataclass
from pathlib import Path

from app.embedded.accounts import Account, can_enter, give_to, service_account
from app.embedded.errors import StartFailed

# The last resort where TMPDIR is too long or closed to other accounts.
TEMPORARY_DIRECTORY = Path("/tmp")  # noqa: S108 - used with an owner check, see private_directory
SYSTEM_DIRECTORY = Path("/var/lib/clinic-console")
INSIDE = "inside"
# sun_path holds 108 bytes; "/.s.PGSQL.5432.lock" takes 19 of them.
LONGEST_SOCKET_DIRECTORY = 85


@dataclass(frozen=True)
class DataDirectory:
    """DATA_DIR with its random id: a directory that was deleted and made again is another one."""

    path: Path
    id: str

    @property
    def key(self) -> str:
        """Names its processes and sockets: a copy of the directory has the same id but is not the same place."""
        return hashlib.sha256(f"{self.id} {self.path}".encode()).hexdigest()[:16]

    def folder(self, name: str) -> Path:
        """A private directory inside."""
        return _own_directory(self.path / name, 0o700)


@dataclass(frozen=True)
class Home:
    """The directory that the account running PostgreSQL may reach."""

    path: Path
    account: Account | None

    def private(self, name: str) -> Path:
        """A directory inside that only the account may enter."""
        return private_directory(self.path / name, self.account)


def open_data_directory(path: Path) -> DataDirectory:
    """Makes DATA_DIR if need be. Raises StartFailed where it cannot be written."""
    path = path.expanduser().absolute()
    try:
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            _own_directory(path, 0o711 if os.geteuid() == 0 else 0o700)
        with tempfile.TemporaryFile(dir=path):
            pass
        return DataDirectory(path.resolve(), _identity(path / "id"))
    except OSError as error:
        reason = "a file is in its way" if isinstance(error, FileExistsError | NotADirectoryError) else error.strerror
        raise StartFailed(
            f"DATA_DIR {path} cannot be written: {reason}. Choose another one: DATA_DIR=~/clinic-data make run"
        ) from None


def find_home(data: DataDirectory) -> Home:
    """DATA_DIR itself, or, when root keeps it where nobody else may look, a directory of ours elsewhere."""
    account = service_account()
    pointer = data.path / "home"
    if pointer.exists():
        return Home(_known_home(data, pointer.read_text(encoding="utf-8").strip(), account), account)
    path = _choose_home(data, account)
    pointer.write_text(INSIDE if path.parent == data.path else str(path), encoding="utf-8")
    return Home(path, account)


def private_directory(path: Path, account: Account | None) -> Path:
    """Makes a directory that only the account may enter; one that is there and belongs to others is refused."""
    owner = account.user if account else os.geteuid()
    try:
        path.mkdir(mode=0o700)
        give_to(account, path)
    except FileExistsError:
        found = path.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != owner:
            raise StartFailed(f"{path} belongs to somebody else. Remove it, or run as its owner.") from None
    path.chmod(0o700)
    return path


def socket_directory(home: Home, identity: str) -> Path:
    """A private directory with a path short enough for unix sockets."""
    inside = home.path / "sockets"
    if len(os.fsencode(inside)) <= LONGEST_SOCKET_DIRECTORY:
        return home.private("sockets")
    base = Path(tempfile.gettempdir())
    if len(os.fsencode(base)) > LONGEST_SOCKET_DIRECTORY - 40 or not can_enter(home.account, base):
        base = TEMPORARY_DIRECTORY
    return private_directory(base / f"clinic-console-{identity}", home.account)


def remove_socket_directory(path: Path, home: Home) -> None:
    """Leaves nothing behind in the machine's temporary directory."""
    if path.parent != home.path:
        shutil.rmtree(path, ignore_errors=True)


def _identity(path: Path) -> str:
    if path.exists() and (known := path.read_text(encoding="utf-8").strip()):
        return known
    path.write_text(uuid.uuid4().hex[:16], encoding="utf-8")
    return path.read_text(encoding="utf-8")


def _choose_home(data: DataDirectory, account: Account | None) -> Path:
    if can_enter(account, data.path):
        return _own_directory(data.path / "servers", 0o711)
    for base in (SYSTEM_DIRECTORY, Path(tempfile.gettempdir()), TEMPORARY_DIRECTORY):
        path = _try_home(base, data.id)
        if path and can_enter(account, path):
            return path
    raise StartFailed(f"{account.name if account else 'This user'} can reach neither {data.path} nor a temporary one.")


def _try_home(base: Path, identity: str) -> Path | None:
    try:
        if base == SYSTEM_DIRECTORY:
            return _own_directory(_own_directory(base, 0o711) / identity, 0o711)
        return _own_directory(base / f"clinic-console-data-{identity}", 0o711)
    except OSError:
        return None


def _known_home(data: DataDirectory, text: str, account: Account | None) -> Path:
    path = data.path / "servers" if text == INSIDE else Path(text)
    _own_directory(path, 0o711)
    if not can_enter(account, path):
        raise StartFailed(f"The database of {data.path} lies in {path}, which its account cannot enter.")
    return path


def _own_directory(path: Path, mode: int) -> Path:
    """Makes it with exactly this mode whatever the umask. Raises PermissionError where it is another user's."""
    path.mkdir(mode=mode, exist_ok=True)
    if path.lstat().st_uid != os.geteuid():
        raise PermissionError(13, "it belongs to another user", str(path))
    path.chmod(mode)
    return path
