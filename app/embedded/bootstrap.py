"""Makes .venv and node_modules. Runs with the bare system Python, before any package exists: standard library only."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
VENV = ROOT / ".venv"
VENV_PYTHON = VENV / "bin" / "python"
VENV_STAMP = VENV / ".stamp.json"
NODE_MODULES = ROOT / "node_modules"
NODE_STAMP = NODE_MODULES / ".stamp.json"
LOG_NAME = "setup.log"
NEEDED_MEGABYTES = 1500
NODE_FILES = ("package.json", "package-lock.json", ".npmrc")
CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
# The shell first: the same engine without what draws a window, which opens a page in half the time.
CHROMIUM_NAMES = ("chromium-headless-shell", "chromium", "chromium-browser")

NETWORK_SIGNS = (
    "name resolution",
    "name or service not known",
    "nodename nor servname",
    "failed to establish a new connection",
    "connection refused",
    "network is unreachable",
    "read timed out",
    "connecttimeout",
    "enotfound",
    "eai_again",
    "econnrefused",
    "enetunreach",
    "etimedout",
    "err_socket_timeout",
)
DISK_SIGNS = ("no space left on device", "enospc", "disk quota exceeded")


class SetupFailed(Exception):
    """The set-up cannot go on; the text tells the person what to do."""


def main(arguments: Sequence[str]) -> int:
    """Entry of the Makefile: `setup [--dev]` or `test [pytest arguments]`."""
    verb, rest = (arguments[0], list(arguments[1:])) if arguments else ("setup", [])
    try:
        set_up(development=verb == "test" or "--dev" in rest)
        return run_tests(rest) if verb == "test" else 0
    except SetupFailed as failure:
        print(f"\n✗ {failure}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nInterrupted; run it again to go on.", file=sys.stderr)
        return 130


def set_up(development: bool) -> None:
    """Brings both package trees to the pinned versions. Does nothing where the stamps already match."""
    check_python()
    with one_at_a_time():
        wanted = python_packages(development)
        if not is_installed(wanted):
            step("Python environment", make_environment)
            step("Python packages", lambda: install_python_packages(wanted))
        if read_json(NODE_STAMP) != node_fingerprint():
            step("Browser libraries", install_node_packages)


def check_python() -> None:
    if sys.version_info < (3, 11):  # noqa: UP036 - this file runs with whatever Python the machine has
        have = ".".join(str(part) for part in sys.version_info[:3])
        raise SetupFailed(f"Python 3.11 or newer is needed, this is {have}. Name another one: make PYTHON=python3.11")


@contextmanager
def one_at_a_time() -> Iterator[None]:
    """Two `make` in one clone take turns. The lock sits on a file that is always there."""
    with (ROOT / "requirements.txt").open(encoding="utf-8") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def step(title: str, work: Callable[[], None]) -> None:
    print(f"• {title} …", flush=True)
    started = time.monotonic()
    work()
    print(f"  {title}: {time.monotonic() - started:.1f} s", flush=True)


# --- Python packages -------------------------------------------------------------------------------------------------


def python_packages(development: bool) -> dict[str, str]:
    """The lists of pins that the environment must hold, with their digests."""
    names = ["requirements.txt", "requirements-dev.txt"] if development else ["requirements.txt"]
    return {name: digest(ROOT / name) for name in names}


def is_installed(wanted: dict[str, str]) -> bool:
    have = read_json(VENV_STAMP)
    return all(have.get(name) == value for name, value in wanted.items()) and environment_works()


def environment_works() -> bool:
    """Whether .venv is a working environment of this place: a moved clone or a removed interpreter break it."""
    activate = "\n".join(read_lines(VENV / "bin" / "activate"))
    if not VENV_PYTHON.exists() or str(VENV.resolve()) not in activate:
        return False
    question = "import sys; sys.exit(sys.version_info < (3, 11))"
    return subprocess.run([VENV_PYTHON, "-c", question], check=False, capture_output=True).returncode == 0


def make_environment() -> None:
    if environment_works() and (VENV / "bin" / "pip").exists():
        return
    check_disk()
    shutil.rmtree(VENV, ignore_errors=True)
    if has_module("ensurepip"):
        run([sys.executable, "-m", "venv", VENV], "create the Python environment")
    elif has_module("pip"):
        run([sys.executable, "-m", "venv", "--without-pip", VENV], "create the Python environment")
        run([sys.executable, "-m", "pip", "--python", VENV_PYTHON, "install", "pip"], "install pip")
    else:
        raise SetupFailed("This Python has neither venv nor pip. On Debian or Ubuntu: apt-get install python3-venv")


def install_python_packages(wanted: dict[str, str]) -> None:
    check_disk()
    pip_install(list(wanted)[-1])  # the development list includes the other one
    VENV_STAMP.write_text(json.dumps({**read_json(VENV_STAMP), **wanted}), encoding="utf-8")


def pip_install(name: str) -> None:
    command = [VENV_PYTHON, "-m", "pip", "install", "--disable-pip-version-check", "--no-input", "--retries", "2"]
    run([*command, "-r", ROOT / name], f"install the packages of {name}")


# --- browser libraries -----------------------------------------------------------------------------------------------


def node_fingerprint() -> dict[str, str]:
    return {name: digest(ROOT / name) for name in NODE_FILES}


def install_node_packages() -> None:
    npm = find_npm()
    with npm_cache() as cache:
        run([npm, "ci"], "install the browser libraries", {**cache, **trusted_certificates()})
    NODE_MODULES.mkdir(exist_ok=True)
    NODE_STAMP.write_text(json.dumps(node_fingerprint()), encoding="utf-8")


def find_npm() -> str:
    """The machine's npm if it can read our lock file (npm 7 or newer), else the one that pip brings."""
    npm = shutil.which("npm")
    if npm and shutil.which("node") and npm_major(npm) >= 7:
        return npm
    pip_install("requirements-node.txt")
    return str(VENV / "bin" / "npm")


@contextmanager
def npm_cache() -> Iterator[dict[str, str]]:
    """npm insists on a cache; without a home directory it gets one for the moment."""
    if is_writable_home():
        yield {}
        return
    with tempfile.TemporaryDirectory(prefix="npm-") as directory:
        yield {"npm_config_cache": directory}


def trusted_certificates() -> dict[str, str]:
    """Makes pip's Node.js trust what the machine trusts, a company's own proxy for instance."""
    if "NODE_EXTRA_CA_CERTS" in os.environ or not CERTIFICATES.exists():
        return {}
    return {"NODE_EXTRA_CA_CERTS": str(CERTIFICATES)}


def npm_major(npm: str) -> int:
    answer = subprocess.run([npm, "--version"], check=False, capture_output=True, text=True, cwd=ROOT)
    major = answer.stdout.strip().split(".")[0]
    return int(major) if major.isdigit() else 0


def is_writable_home() -> bool:
    home = os.environ.get("HOME", "")
    return bool(home) and Path(home).is_dir() and os.access(home, os.W_OK)


# --- tests -----------------------------------------------------------------------------------------------------------


def run_tests(arguments: list[str]) -> int:
    """Becomes pytest, so that its summary is the last line and its exit code ours."""
    environment = dict(os.environ)
    if not find_chromium() and not install_chromium():
        environment["CLINIC_NO_BROWSER"] = "1"
        print_without_browser()
    sys.stdout.flush()
    os.chdir(ROOT)
    os.execve(VENV_PYTHON, [str(VENV_PYTHON), "-m", "pytest", *arguments], environment)  # noqa: S606
    return 1


def find_chromium() -> str | None:
    own = os.environ.get("CHROMIUM", "")
    return own or next((path for path in map(shutil.which, CHROMIUM_NAMES) if path), None)


def install_chromium() -> bool:
    """Debian's package, where apt-get exists and we may use it without a question."""
    prefix = administrator_prefix()
    if prefix is None or not shutil.which("apt-get"):
        return False
    try:
        step("Chromium for the browser tests (Debian's package)", lambda: apt_install(prefix))
    except SetupFailed as failure:
        print(failure, file=sys.stderr)
    return find_chromium() is not None


def apt_install(prefix: list[str]) -> None:
    """The shell; the whole browser where the machine's release has none."""
    apt = [*prefix, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-q"]
    install = [*apt, "install", "-y", "--no-install-recommends"]
    run([*apt, "update"], "read Debian's package lists")
    try:
        run([*install, CHROMIUM_NAMES[0]], "install Chromium")
    except SetupFailed:
        run([*install, "chromium"], "install Chromium")


def administrator_prefix() -> list[str] | None:
    if os.geteuid() == 0:
        return []
    asked = shutil.which("sudo") and subprocess.run(["sudo", "-n", "true"], check=False, capture_output=True)
    return ["sudo", "-n"] if asked and asked.returncode == 0 else None


def print_without_browser() -> None:
    line = "!" * 100
    print(
        f"{line}\n! No Chromium was found and none could be installed: EVERY BROWSER TEST (tests/browser) IS SKIPPED."
        f"\n! Install it (Debian: apt-get install {CHROMIUM_NAMES[0]}) or name one:"
        f" CHROMIUM=/path/to/chrome make test\n{line}"
    )


# --- running commands ------------------------------------------------------------------------------------------------


def run(command: Sequence[object], purpose: str, environment: dict[str, str] | None = None) -> None:
    """Runs quietly. Raises SetupFailed with one line for the person; the whole output goes to a log file."""
    words = [str(word) for word in command]
    try:
        done = subprocess.run(
            words,
            cwd=ROOT,
            check=False,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={**os.environ, **(environment or {})},
            text=True,
            errors="replace",
        )
    except OSError as error:
        raise SetupFailed(f"Could not {purpose}: {error.strerror} ({words[0]})") from None
    if done.returncode:
        raise SetupFailed(explain(purpose, done.stdout))


def explain(purpose: str, output: str) -> str:
    """The reason in one line: the disk, the network, or the tool's own last words."""
    log = save_log(output)
    text = output.lower()
    if any(sign in text for sign in DISK_SIGNS):
        return f"Could not {purpose}: the disk is full. Free some space and run it again. (Details: {log})"
    if any(sign in text for sign in NETWORK_SIGNS):
        return f"Could not {purpose}: the package registry cannot be reached. Check the network. (Details: {log})"
    return f"Could not {purpose}: {last_words(output)} (Details: {log})"


def last_words(output: str) -> str:
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [line for line in lines if "error" in line.lower() and "complete log" not in line]
    return (errors or lines or ["no output"])[-1][:300]


def save_log(output: str) -> Path:
    folder = VENV if VENV.is_dir() else Path(tempfile.mkdtemp(prefix="clinic-setup-"))
    path = folder / LOG_NAME
    try:
        path.write_text(output, encoding="utf-8")
    except OSError:
        print(output, file=sys.stderr)
    return path


def check_disk() -> None:
    free = shutil.disk_usage(ROOT).free // 1_000_000
    if free < NEEDED_MEGABYTES:
        raise SetupFailed(f"Only {free} MB are free at {ROOT}; the set-up needs about {NEEDED_MEGABYTES} MB.")
    if not os.access(ROOT, os.W_OK):
        raise SetupFailed(f"{ROOT} cannot be written to by this user; use a clone of your own.")


def has_module(name: str) -> bool:
    return subprocess.run([sys.executable, "-c", f"import {name}"], check=False, capture_output=True).returncode == 0


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.exists() else ""


def read_json(path: Path) -> dict[str, str]:
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return {}


def read_lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8").splitlines()
    except OSError:
        return []


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
