"""Fixtures of the schedule's tests."""

from tests.api_caller import caller, visitor

__all__ = ["caller", "visitor"]
