from __future__ import annotations

import ast
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from app.embedded import bootstrap

INPUTS = ("requirements.txt", "requirements-dev.txt", "package.json", "package-lock.json", ".npmrc")


@dataclass(frozen=True)
class Clone:
    """The files that the set-up reads, with packages that need no network; and what the set-up said there."""

    path: Path
    said: subprocess.CompletedProcess[str]


@pytest.fixture(scope="module")
def first(project_root: Path) -> Iterator[Clone]:
    """Set up once for all tests: an environment takes long to make."""
    path = Path(tempfile.mkdtemp(prefix="ce-"))
    for name in INPUTS:
        (path / name).write_text("")
    target = path / "app/embedded/bootstrap.py"
    target.parent.mkdir(parents=True)
    shutil.copy(project_root / "app/embedded/bootstrap.py", target)
    yield Clone(path, set_up(path))
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def clone(first: Clone) -> Iterator[Path]:
    """The clone as the first set-up left it."""
    stamps = (".venv/.stamp.json", "node_modules/.stamp.json", "npm-calls")
    kept = {first.path / name: (first.path / name).read_bytes() for name in (*INPUTS, *stamps)}
    yield first.path
    for path, content in kept.items():
        path.write_bytes(content)


def set_up(clone: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """With an npm that only notes that it was called."""
    npm = clone / "bin/npm"
    npm.parent.mkdir(exist_ok=True)
    npm.write_text(
        '#!/bin/sh\n[ "$1" = --version ] && echo 10.0.0 && exit\nmkdir -p node_modules; echo "$@" >> npm-calls\n'
    )
    npm.chmod(0o755)
    shutil.copy(npm, clone / "bin/node")
    command = [sys.executable, "-I", "app/embedded/bootstrap.py", *(arguments or ("setup",))]
    path = f"{clone / 'bin'}:{os.environ['PATH']}"
    return subprocess.run(
        command, cwd=clone, env={"PATH": path, **environment}, capture_output=True, text=True, check=False
    )


def test_it_needs_nothing_but_the_standard_library() -> None:
    tree = ast.parse(Path(bootstrap.__file__).read_text())
    imported = [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
    names = {alias.name for node in imported if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module for node in imported if isinstance(node, ast.ImportFrom) and node.module}
    assert {name.partition(".")[0] for name in names} <= sys.stdlib_module_names


def test_it_makes_both_trees_and_then_does_nothing(first: Clone, clone: Path) -> None:
    assert (first.said.returncode, first.said.stderr) == (0, "")
    assert (clone / ".venv/bin/python").exists()
    assert (clone / "npm-calls").read_text() == "ci\n"

    again = set_up(clone)
    assert (again.returncode, again.stdout, again.stderr) == (0, "", "")
    assert (clone / "npm-calls").read_text() == "ci\n"


def test_changed_pins_are_installed(clone: Path) -> None:
    (clone / "package-lock.json").write_text("{}")
    (clone / "requirements.txt").write_text("# changed\n")
    again = set_up(clone)
    assert "Python packages" in again.stdout
    assert (clone / "npm-calls").read_text() == "ci\nci\n"


def test_a_moved_clone_gets_a_new_environment(clone: Path, area: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the moved file itself; without pip in it, which takes longest and is the same everywhere."""
    moved = area / "moved"
    shutil.copytree(clone, moved, symlinks=True, ignore=shutil.ignore_patterns("pip"))
    assert str(moved) not in (moved / ".venv/bin/activate").read_text()
    there = loaded(moved / "app/embedded/bootstrap.py")
    run, asked = there.run, []

    def quickly(command: list[object], purpose: str) -> None:
        asked.append(purpose)
        if "venv" in command:
            run([*command, "--without-pip"], purpose)

    monkeypatch.setattr(there, "run", quickly)
    there.set_up(development=False)
    assert asked == ["create the Python environment", "install the packages of requirements.txt"]
    assert str(moved) in (moved / ".venv/bin/activate").read_text()
    assert there.environment_works()


def loaded(path: Path) -> Any:
    """The module in that file, which goes by its own place."""
    spec = importlib.util.spec_from_file_location("bootstrap_of_a_clone", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_without_a_network_it_says_so_in_one_line(clone: Path) -> None:
    (clone / "requirements.txt").write_text("clinic-console-needs-this==1.0\n")
    nowhere = {"PIP_INDEX_URL": "http://127.0.0.1:1/", "PIP_CONFIG_FILE": os.devnull, "PIP_RETRIES": "0"}
    done = set_up(clone, **nowhere)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 2
    assert (
        "✗ Could not install the packages of requirements.txt: the package registry cannot be reached." in done.stderr
    )


@pytest.mark.parametrize(
    ("output", "reason"),
    [
        ("OSError: [Errno 28] No space left on device", "the disk is full"),
        ("npm error code ENOTFOUND", "the package registry cannot be reached"),
        ("Collecting x\nERROR: No matching distribution found for x==9\n", "No matching distribution found for x==9"),
        ("", "no output"),
    ],
)
def test_a_failure_is_explained(output: str, reason: str, area: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bootstrap, "VENV", area)
    text = bootstrap.explain("install x", output)
    assert text.startswith("Could not install x: ")
    assert reason in text
    assert "\n" not in text
    assert (area / bootstrap.LOG_NAME).read_text() == output


def test_the_wheel_s_npm_is_taken_where_the_machine_has_none(clone: Path) -> None:
    (clone / "node_modules/.stamp.json").unlink()
    (clone / "requirements-node.txt").write_text("# none: so the wheel's npm is looked for and not there\n")
    done = set_up(clone, PATH="/nowhere")
    assert f"Could not install the browser libraries: No such file or directory ({clone}/.venv/bin/npm)" in done.stderr


def test_pins_are_exact_and_name_no_registry(project_root: Path) -> None:
    for path in project_root.glob("requirements*.txt"):
        lines = [line for line in path.read_text().splitlines() if line and not line.startswith(("#", "-r "))]
        assert lines
        assert [line for line in lines if "==" not in line or "://" in line] == []
    assert '"resolved"' not in (project_root / "package-lock.json").read_text()


def program(path: Path, text: str = "") -> Path:
    path.write_text(f"#!/bin/sh\n{text}")
    path.chmod(0o755)
    return path


def test_the_shell_is_preferred_to_the_whole_browser(area: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CHROMIUM", raising=False)
    monkeypatch.setenv("PATH", str(area))
    assert bootstrap.find_chromium() is None
    whole = program(area / "chromium")
    assert bootstrap.find_chromium() == str(whole)
    shell = program(area / "chromium-headless-shell")
    assert bootstrap.find_chromium() == str(shell)
    monkeypatch.setenv("CHROMIUM", "/opt/chrome")
    assert bootstrap.find_chromium() == "/opt/chrome"


@pytest.mark.parametrize(("has_shell", "installed"), [(1, ["shell"]), (0, ["shell", "chromium"])])
def test_the_whole_browser_is_installed_where_there_is_no_shell(
    has_shell: int, installed: list[str], area: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bootstrap, "VENV", area)
    monkeypatch.setenv("PATH", f"{area}:{os.environ['PATH']}")
    refuse = "" if has_shell else 'case "$*" in *shell*) exit 100;; esac\n'
    program(area / "apt-get", f'echo "$*" >> {area}/calls\n{refuse}')
    bootstrap.apt_install([])
    calls = (area / "calls").read_text().splitlines()
    assert calls[0] == "-q update"
    assert [line.split()[-1].removeprefix("chromium-headless-") for line in calls[1:]] == installed
