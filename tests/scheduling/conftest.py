"""Fixtures of the schedule's tests."""

from tests.api_caller import caller

__all__ = ["caller"]
