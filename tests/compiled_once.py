"""Modules of a fresh checkout are compiled once per run: every worker its share of them, the others find it done.

All workers load all tests, in the same order and at the same time. Each would rewrite the assertions of every file for
itself, which takes a worker longer than all the rest of its start.
"""

from __future__ import annotations

import compileall
from collections.abc import Iterator
from pathlib import Path

import pytest
from _pytest.assertion import rewrite

ROOT = Path(__file__).resolve().parents[1]


def pytest_configure(config: pytest.Config) -> None:
    worker = getattr(config, "workerinput", None)
    if worker is None:
        return
    number, count = int(worker["workerid"].removeprefix("gw")), worker["workercount"]
    for path in _tests_in(config.args)[number::count]:
        compile_test(path, config)
    for path in sorted((ROOT / "app").rglob("*.py"))[number::count]:
        compileall.compile_file(path, quiet=2)


def compile_test(path: Path, config: pytest.Config) -> Path:
    """Keep the module as pytest itself would when it loads it; nothing to do where that is kept already."""
    kept = rewrite.get_cache_dir(path) / (path.stem + rewrite.PYC_TAIL)
    if rewrite._read_pyc(path, kept) is None and rewrite.try_makedirs(kept.parent):
        source_hash, code = rewrite._rewrite_test(path, config)
        rewrite._write_pyc(config.stash[rewrite.assertstate_key], code, source_hash, kept)
    return kept


def _tests_in(arguments: list[str]) -> list[Path]:
    """In the order in which they are collected."""
    return list(dict.fromkeys(path for argument in arguments for path in _files(Path(argument.partition("::")[0]))))


def _files(place: Path) -> Iterator[Path]:
    place = place.resolve()
    if place.is_dir():
        yield from sorted(place.rglob("test_*.py"))
    elif place.suffix == ".py":
        yield place
