"""Structured logs that never hold a request up and never hold a patient's data (SPEC AUD-3)."""

from __future__ import annotations

from app.core.logging.buffer import BufferedWriter, DescriptorSink
from app.core.logging.context import bind, bound, clear, operation
from app.core.logging.kinds import Kind
from app.core.logging.masking import allow_keys, mask, scrub
from app.core.logging.setup import configure_logging, flush, get_logger

__all__ = [
    "BufferedWriter",
    "DescriptorSink",
    "Kind",
    "allow_keys",
    "bind",
    "bound",
    "clear",
    "configure_logging",
    "flush",
    "get_logger",
    "mask",
    "operation",
    "scrub",
]
