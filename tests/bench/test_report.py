"""The table: what is in it, and that it is written where the documentation wants it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bench.__main__ import main
from bench.data import Sizes
from bench.figures import Figure, percentile, side_by_side
from bench.report import BEGIN, END, RESULTS, save, table

GOOD = Figure("list", "list / bare", 0.7, "×", ">=", 0.6, "70 requests/s, bare 100")
BAD = Figure("memory", "web process", 230.0, "MB", "<", 220)


def test_a_figure_knows_whether_it_reached_its_target() -> None:
    assert (GOOD.reached, BAD.reached) == (True, False)
    assert (GOOD.shown, GOOD.shown_target) == ("0.70 ×", "≥ 0.6 ×")
    assert (BAD.shown, BAD.shown_target) == ("230 MB", "< 220 MB")


def test_the_table_lines_up_and_says_what_is_missed() -> None:
    lines = table([GOOD, BAD]).splitlines()
    assert len({len(line) for line in lines}) == 1
    assert "| yes |" in lines[2]
    assert "| NO  |" in lines[3]


def test_the_table_replaces_the_one_before_and_nothing_else(tmp_path: Path) -> None:
    document = tmp_path / "performance.md"
    document.write_text(f"# Speed\n\n{BEGIN}\nan old table\n{END}\n\nWhat follows.\n", encoding="utf-8")
    for figures in ([BAD], [GOOD, BAD]):
        save(figures, Sizes(10, 20), tmp_path, document)
    text = document.read_text(encoding="utf-8")
    assert text.startswith("# Speed\n")
    assert text.endswith(f"{END}\n\nWhat follows.\n")
    assert "an old table" not in text
    assert text.count("list / bare") == 1
    kept = json.loads((tmp_path / RESULTS).read_text(encoding="utf-8"))
    assert [figure["reached"] for figure in kept["figures"]] == [True, False]
    assert kept["sizes"]["patients"] == 10


def test_sides_take_turns_at_going_first() -> None:
    order: list[str] = []

    def side(name: str, value: float) -> float:
        order.append(name)
        return value

    ratio, mine, other = side_by_side(lambda: side("a", 3.0), lambda: side("b", 6.0), 3)
    assert (ratio, mine, other) == (0.5, 3.0, 6.0)
    assert order == ["a", "b", "b", "a", "a", "b"]


def test_percentiles() -> None:
    assert percentile(list(range(1, 101)), 0.95) == 96
    assert percentile([7.0], 0.95) == 7.0


def test_an_unknown_check_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["speed-of-light"])
    assert "speed-of-light" in capsys.readouterr().err
