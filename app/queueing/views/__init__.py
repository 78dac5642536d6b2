"""Screens of the live queue."""
