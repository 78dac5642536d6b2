"""Fixtures of the queue's tests."""

from tests.api_caller import caller, visitor

__all__ = ["caller", "visitor"]
