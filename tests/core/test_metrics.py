from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PREPARE = """
import os, signal, sys
from pathlib import Path
from app.core import metrics
DONE = metrics.Counter("visits_done", "Visits", ["clinic"])
TOOK = metrics.Histogram("visit_seconds", "Seconds", buckets=[1, 5])
OPEN = metrics.Gauge("visits_open", "Open visits")
metrics.use_directory(Path(os.environ["FIGURES"]))
"""


@pytest.fixture
def figures(tmp_path):
    directory = tmp_path / "figures"

    def run(code: str) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "FIGURES": str(directory), "PYTHONPATH": str(ROOT)}
        return subprocess.run(
            [sys.executable, "-c", PREPARE + code], env=environment, capture_output=True, text=True, check=False
        )

    run.directory = directory
    return run


def sample(text: str, name: str) -> float | None:
    found = re.search(rf"^{re.escape(name)} (\S+)$", text, re.MULTILINE)
    return float(found.group(1)) if found else None


SHOW = "sys.stdout.write(metrics.exposition()[0].decode())\n"


def test_a_scrape_sums_what_other_processes_counted_even_killed_ones(figures):
    figures('DONE.inc(clinic="a"); DONE.inc(2, clinic="b"); TOOK.observe(3)')
    killed = figures('DONE.inc(4, clinic="a"); TOOK.observe(0.5); os.kill(os.getpid(), signal.SIGKILL)')
    text = figures('DONE.inc(10, clinic="a")\n' + SHOW).stdout
    assert killed.returncode == -signal.SIGKILL
    assert sample(text, 'visits_done_total{clinic="a"}') == 15
    assert sample(text, 'visits_done_total{clinic="b"}') == 2
    assert sample(text, 'visit_seconds_bucket{le="1.0"}') == 1
    assert sample(text, 'visit_seconds_bucket{le="+Inf"}') == 2
    assert sample(text, "visit_seconds_sum") == 3.5


def test_files_of_dead_processes_are_folded_and_counted_once(figures):
    for _ in range(3):
        figures('DONE.inc(clinic="a"); OPEN.set(7)')
    before = {file.name for file in figures.directory.glob("counter_*.db")}
    texts = [figures(SHOW).stdout for _ in range(3)]
    after = {file.name for file in figures.directory.glob("counter_*.db")}
    assert len(before) == 3
    assert len(after - {"counter_archive.db"}) <= 1  # the scraping process itself
    assert [sample(text, 'visits_done_total{clinic="a"}') for text in texts] == [3, 3, 3]
    assert sample(texts[-1], "visits_open") == 0  # a dead process has no open visit


def test_a_forked_worker_counts_in_a_file_of_its_own(figures):
    code = 'DONE.inc(clinic="a")\npid = os.fork()\nDONE.inc(clinic="a")\nif not pid: os._exit(0)\nos.waitpid(pid, 0)\n'
    assert sample(figures(code + SHOW).stdout, 'visits_done_total{clinic="a"}') == 3


def test_clearing_starts_from_nothing(figures):
    figures('DONE.inc(clinic="a")')
    text = figures('metrics.clear_directory(Path(os.environ["FIGURES"]))\n' + SHOW).stdout
    assert 'clinic="a"' not in text and "visits_open" in text


def test_a_failing_source_is_counted_and_hides_nothing(figures):
    code = """
from prometheus_client.core import GaugeMetricFamily
@metrics.add_source
def queue_lengths():
    yield GaugeMetricFamily("queue_length", "Jobs", value=4)
@metrics.add_source
def broken():
    raise ConnectionError("no redis")
"""
    text = figures(code + SHOW).stdout
    assert sample(text, "queue_length") == 4
    assert sample(text, 'clinic_scrape_failures_total{source="broken"}') == 1


def test_choosing_the_directory_too_late_is_refused(figures):
    late = figures('DONE.inc(clinic="a")\nmetrics.use_directory(Path(os.environ["FIGURES"]))')
    assert "before the metrics directory was set" in late.stderr


def test_a_block_is_timed_also_when_it_raises(figures):
    code = "try:\n    with TOOK.time():\n        raise KeyError\nexcept KeyError:\n    pass\n"
    assert sample(figures(code + SHOW).stdout, "visit_seconds_count") == 1
