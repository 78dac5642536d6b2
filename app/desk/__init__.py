"""Desk: the home pages of roles, which span slices."""
