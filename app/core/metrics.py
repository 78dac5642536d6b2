"""Figures for Prometheus, summed over all processes of this host.

Every process keeps its figures in memory-mapped files of one directory (prometheus-client's multi-process mode), so
that a scrape of any web process sees web, workers and scheduler. Forked workers live for one job: their files are
folded into an archive at the next scrape, or the directory would grow for ever.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from time import perf_counter
from typing import Any, ClassVar, Literal

import prometheus_client
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest, multiprocess, values
from prometheus_client.metrics_core import Metric
from prometheus_client.mmap_dict import MmapedDict

DIRECTORY_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
ARCHIVE = "archive"
SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)

GaugeMode = Literal["livesum", "livemax", "livemin", "livemostrecent"]
Source = Callable[[], Iterable[Metric]]

_sources: list[Source] = []
_declared: list[_Declared] = []


@cache
def _process_id() -> int:
    """The client asks at each count; the system's answer costs more than the count."""
    return os.getpid()


os.register_at_fork(after_in_child=_process_id.cache_clear)


class _Declared:
    """A declared metric. The real one is made at first use, when the directory is known."""

    factory: ClassVar[Callable[..., Any]]

    def __init__(self, name: str, help_text: str, labels: Iterable[str] = (), **options: Any) -> None:
        self._arguments = (name, help_text, tuple(labels))
        self._options = options
        self._metric: Any = None
        self._children: dict[tuple[tuple[str, str], ...], Any] = {}
        _declared.append(self)

    def bind(self) -> Any:
        if self._metric is None:
            self._metric = type(self).factory(*self._arguments, **self._options)
        return self._metric

    def _of(self, labels: dict[str, str]) -> Any:
        """The figure of these labels; the client's own look-up costs more than the figure."""
        if not labels:
            return self._metric or self.bind()
        key = tuple(labels.items())
        child = self._children.get(key)
        if child is None:
            child = self._children[key] = self.bind().labels(**labels)
        return child

    @property
    def bound(self) -> bool:
        return self._metric is not None


class Counter(_Declared):
    """Only goes up; the exposed name ends in `_total`."""

    factory = prometheus_client.Counter

    def inc(self, amount: float = 1, **labels: str) -> None:
        self._of(labels).inc(amount)


class Histogram(_Declared):
    """A distribution; `buckets` are upper bounds, seconds by default."""

    factory = prometheus_client.Histogram

    def __init__(
        self, name: str, help_text: str, labels: Iterable[str] = (), buckets: Iterable[float] = SECONDS
    ) -> None:
        super().__init__(name, help_text, labels, buckets=tuple(buckets))

    def observe(self, value: float, **labels: str) -> None:
        self._of(labels).observe(value)

    @contextmanager
    def time(self, **labels: str) -> Iterator[None]:
        """Observe the seconds that the block takes, also when it raises."""
        start = perf_counter()
        try:
            yield
        finally:
            self.observe(perf_counter() - start, **labels)


class Gauge(_Declared):
    """A level, combined over the processes that are alive as `mode` says."""

    factory = prometheus_client.Gauge

    def __init__(self, name: str, help_text: str, labels: Iterable[str] = (), mode: GaugeMode = "livesum") -> None:
        super().__init__(name, help_text, labels, multiprocess_mode=mode)

    def set(self, value: float, **labels: str) -> None:
        self._of(labels).set(value)

    def inc(self, amount: float = 1, **labels: str) -> None:
        self._of(labels).inc(amount)


def use_directory(directory: Path) -> None:
    """Share figures through `directory`, one per host. Raises RuntimeError once a metric was used."""
    if any(metric.bound for metric in _declared):
        raise RuntimeError("a metric was used before the metrics directory was set")
    directory.mkdir(parents=True, exist_ok=True)
    os.environ[DIRECTORY_VARIABLE] = str(directory)
    values.ValueClass = values.MultiProcessValue(_process_id)


def clear_directory(directory: Path) -> None:
    """Start all figures from nothing; for the launcher, before any process of the installation runs."""
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)


def add_source(source: Source) -> Source:
    """Ask `source` for more figures at each scrape (queue lengths, say); usable as a decorator."""
    _sources.append(source)
    return source


def exposition() -> tuple[bytes, str]:
    """The answer of /metrics and its content type. A source that fails is left out and counted."""
    for metric in _declared:
        metric.bind()
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Sources())
    text = generate_latest(registry)
    directory = os.environ.get(DIRECTORY_VARIABLE)
    text += _shared(Path(directory)) if directory else generate_latest(prometheus_client.REGISTRY)
    return text, CONTENT_TYPE_LATEST


class _Sources:
    def collect(self) -> Iterator[Metric]:
        for source in _sources:
            try:
                yield from list(source())
            except Exception:  # one broken source must not hide all other figures
                SCRAPE_FAILURES.inc(source=source.__qualname__)


def _shared(directory: Path) -> bytes:
    with (directory / "lock").open("a") as lock:
        _compact_alone(directory, lock.fileno())
        fcntl.flock(lock, fcntl.LOCK_SH)
        registry = CollectorRegistry()
        multiprocess.MultiProcessCollector(registry, path=str(directory))
        return generate_latest(registry)


def _compact_alone(directory: Path, lock: int) -> None:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return
    compact(directory)


def compact(directory: Path) -> None:
    """Fold the files of processes that are gone into one archive per kind; drop their levels."""
    gone: dict[str, list[Path]] = {}
    for file in directory.glob("*_*.db"):
        kind, _, owner = file.stem.rpartition("_")
        if owner.isdigit() and not _alive(int(owner)):
            gone.setdefault(kind, []).append(file)
    for kind, files in gone.items():
        if not kind.startswith("gauge"):
            _archive(directory / f"{kind}_{ARCHIVE}.db", files)
        for file in files:
            file.unlink(missing_ok=True)


def _archive(archive: Path, files: list[Path]) -> None:
    totals: dict[str, float] = {}
    for file in [*files, *([archive] if archive.exists() else [])]:
        for key, value, _timestamp, _place in MmapedDict.read_all_values_from_file(str(file)):
            totals[key] = totals.get(key, 0.0) + value
    fresh = archive.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    sums = MmapedDict(str(fresh))
    for key, value in totals.items():
        sums.write_value(key, value, 0.0)
    sums.close()
    fresh.replace(archive)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


SCRAPE_FAILURES = Counter("clinic_scrape_failures", "Sources of figures that failed at a scrape", ["source"])
