"""Screens that span slices."""
