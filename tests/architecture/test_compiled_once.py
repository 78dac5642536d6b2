"""What a worker compiles for the others is what pytest would have made of the file and looks for."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from _pytest.assertion.rewrite import PYC_TAIL, _read_pyc

from tests import compiled_once
from tests.compiled_once import compile_test

ONE = "def test_it():\n    one = 1\n    assert one == 2\n"


def test_a_kept_module_is_the_rewritten_one_and_stays_until_its_source_changes(
    tmp_path: Path, pytestconfig: pytest.Config
) -> None:
    source = tmp_path / "test_one.py"
    source.write_text(ONE)
    kept = compile_test(source, pytestconfig)
    first = kept.stat()
    assert _read_pyc(source, kept) is not None
    assert b"_call_reprcompare" in kept.read_bytes()
    assert compile_test(source, pytestconfig).stat().st_ino == first.st_ino
    source.write_text(ONE.replace("2", "3"))
    assert _read_pyc(source, kept) is None
    compile_test(source, pytestconfig)
    assert _read_pyc(source, kept) is not None


def test_the_workers_shares_are_all_of_it(
    tmp_path: Path, pytestconfig: pytest.Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compiled_once, "ROOT", tmp_path)
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "one.py").write_text("ONE = 1\n")
    tests = tmp_path / "tests" / "deep"
    tests.mkdir(parents=True)
    for number in range(5):
        (tests / f"test_{number}.py").write_text(ONE)

    def kept(worker: Any) -> list[str]:
        arguments = [str(tests.parent), f"{tests / 'test_0.py'}::test_it"]
        values = {"workerinput": worker, "args": arguments, "stash": pytestconfig.stash, "getini": pytestconfig.getini}
        compiled_once.pytest_configure(cast(pytest.Config, SimpleNamespace(**values)))
        return sorted(path.name for path in tests.rglob("*.pyc"))

    assert kept(None) == []  # one process alone compiles what it loads
    assert kept({"workerid": "gw0", "workercount": 2}) == [f"test_{number}{PYC_TAIL}" for number in (0, 2, 4)]
    assert kept({"workerid": "gw1", "workercount": 2}) == [f"test_{number}{PYC_TAIL}" for number in range(5)]
    assert [path.name.partition(".")[0] for path in (tmp_path / "app").rglob("*.pyc")] == ["one"]
