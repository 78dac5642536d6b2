"""How well the cache does, for /metrics."""

from __future__ import annotations

from app.core import metrics

READS = metrics.Counter(
    "clinic_cache_reads",
    "Cache reads by region, layer and result (hit, miss, stale, error)",
    ["region", "layer", "result"],
)
LOADS = metrics.Histogram("clinic_cache_load_seconds", "Time that loading a missing value took", ["region"])
CHANGES = metrics.Counter("clinic_cache_changes", "Invalidations by outcome (sent, kept)", ["outcome"])
