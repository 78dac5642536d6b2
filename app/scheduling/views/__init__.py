"""Screens of the schedule."""
