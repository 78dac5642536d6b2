"""Messaging: what we tell people, by which channel, and what became of it."""
