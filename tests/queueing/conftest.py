"""Fixtures of the queue's tests."""

from tests.api_caller import caller

__all__ = ["caller"]
